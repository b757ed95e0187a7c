"""`confjob explain` tells who set a value, what its type rests on, and what would change it."""

MANIFEST = """
[jobs.train]
command = ["cat", "{c}"]

[[jobs.train.files]]
name = "c"
path = "a.yaml"
choices = "*.yaml"
exclude = ["data"]
secret = ["token"]
schema.properties.lr.exclusiveMinimum = 0

[jobs.train.run-config]
defaults = { seed = 1 }
"""
FILES = {
    "launch.toml": MANIFEST,
    "a.yaml": "lr: 0.1\ndata: x\ntoken: HIDDEN\nn:\n",
    "b.yaml": "lr: 0.2\nn: 3\n",
}


def test_a_value_with_a_rule(project):
    project.write(FILES)
    known = project.json("explain", "train", "lr")
    assert (known["input"], known["value"], known["where"]) == ("a.yaml", 0.1, "a.yaml:1:5")
    assert (known["typed_by"], known["refusal"]) == ("author", None)
    assert known["ways"] == ["--set a.yaml:lr=…", "--file c=*.yaml", "--inputs FILE"]
    text = project.confjob("explain", "train", "c:lr").stdout
    for words in ("a.yaml:lr = 0.1", "the config file (a.yaml:1:5)", "float, > 0", "launch.toml:11"):
        assert words in text


def test_an_excluded_value_says_what_excludes_it(project):
    project.write(FILES)
    assert "excludes 'data' (launch.toml:5)" in project.confjob("explain", "train", "data").stdout
    assert project.json("explain", "train", "data")["ways"] == []


def test_a_null_is_known_by_its_sibling_and_a_secret_is_not_told(project):
    project.write(FILES)
    assert "b.yaml:2 has 3" in project.json("explain", "train", "n")["evidence"]
    for form in ([], ["--json"]):
        assert "HIDDEN" not in project.confjob("explain", "train", "token", *form).stdout


def test_the_manifest_s_default_and_a_typo(project):
    project.write(FILES)
    assert project.json("explain", "train", "seed")["set_by"] == "the manifest"
    refused = project.json("explain", "train", "sede", code=1)["problems"]
    assert "did you mean 'seed'?" in refused[0]["hint"]
    assert project.confjob("explain", "train", "a[", code=1).stderr
