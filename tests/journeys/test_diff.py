"""Two runs beside each other tell what was different about them, and no secret."""

import pytest

MANIFEST = """
[jobs.train]
command = ["cat", "c.yaml"]
[[jobs.train.files]]
path = "c.yaml"
[[jobs.train.files]]
path = "s.yaml"
secret = ["token"]
"""


@pytest.fixture
def train(project):
    return project.write(
        {"launch.toml": MANIFEST, "c.yaml": "lr: 0.1\n", "s.yaml": "token: x\n", "train.py": "one\n"}
    )


def launched(project, *arguments, **options):
    run = project.json("launch", "train", *arguments, **options)["id"]
    project.wait(run)
    return run


def test_the_same_twice_differs_in_nothing(train):
    first, second = launched(train), launched(train)
    told = train.json("diff", first, second)
    assert told == {"facts": {}, "inputs": [], "files": {}, "environment": {"a": [], "b": []}}
    assert "nothing differs" in train.confjob("diff", first, second).stderr


def test_inputs_files_code_and_environment_names_are_told(train):
    first = launched(train, "--set", "lr=0.5")
    train.write({"train.py": "two\n", "new.bin": b"\xff\x00"})
    train.environ["MORE"] = "quiet"
    second = launched(train, "--set", "lr=0.7")
    told = train.json("diff", first, second)
    assert told["inputs"] == [{"input": "c.yaml", "path": "lr", "a": {"value": 0.5}, "b": {"value": 0.7}}]
    assert sorted(told["files"]) == ["c.yaml", "new.bin", "train.py"]
    assert "-one\n+two\n" in told["files"]["train.py"]
    assert "-lr: 0.5\n+lr: 0.7\n" in told["files"]["c.yaml"]
    assert told["environment"] == {"a": [], "b": ["MORE"]}
    text = train.confjob("diff", first, second).stdout
    assert "quiet" not in text
    for words in ("c.yaml:lr", "0.5", "0.7", "+two", "env MORE"):
        assert words in text
    assert "+two" not in train.confjob("diff", first, second, "--names").stdout


def test_a_change_against_the_default(train):
    told = train.json("diff", launched(train), launched(train, "--set", "lr=1"))
    assert told["inputs"] == [{"input": "c.yaml", "path": "lr", "a": None, "b": {"value": 1.0}}]


def test_no_secret_is_told(train):
    first = launched(train, "--set", "token=AAAA")
    train.write({"s.yaml": "token: BBBB\n"})
    second = launched(train)
    for form in ([], ["--json"]):
        text = train.confjob("diff", first, second, *form).stdout
        assert "AAAA" not in text
        assert "BBBB" not in text
        assert "holds a secret" in text


def test_an_unknown_run_is_refused(train):
    run = launched(train)
    assert "no run" in train.confjob("diff", run, "zzzzzzz", code=1).stderr
