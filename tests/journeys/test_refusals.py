"""Bad requests: every problem at once, each with its place and a hint, and nothing created."""

from __future__ import annotations

import pytest

FILES = {
    "launch.toml": """\
[jobs.train]
command = ["python", "train.py"]

[[jobs.train.files]]
path = "config.yaml"
exclude = ["trainer.private"]

[jobs.train.files.schema.properties]
learning_rate = { exclusiveMinimum = 0 }
dataset = { enum = ["cifar10", "cifar100"] }

[jobs.both]
command = ["python", "train.py"]
run-config.defaults = { batch_size = 8 }
files = [{ path = "config.yaml" }]
""",
    "config.yaml": "learning_rate: 0.01\nbatch_size: 32\ndataset: cifar10\ntrainer:\n  private: {key: 1}\n  depth: 3\n",
    "train.py": "print('ran')\n",
}


def test_all_problems_of_a_request_come_at_once(project):
    """Wrong type, out of bounds, not a choice, misspelt: four problems, code 1, nothing created."""
    project.write(FILES)
    sets = ("batch_size=abc", "learning_rate=-1", "dataset=cifar11", "batchsize=64")
    arguments = ["launch", "train", *(word for text in sets for word in ("--set", text))]
    refused = project.json(*arguments, code=1)
    problems = {problem["path"]: problem for problem in refused["problems"]}
    assert problems.keys() == {"batch_size", "learning_rate", "dataset", "batchsize"}
    assert problems["batch_size"]["where"] == "config.yaml:2:13"
    assert problems["learning_rate"]["where"] == "config.yaml:1:16"
    assert problems["dataset"]["where"] == "config.yaml:3:10"
    assert problems["batchsize"]["where"] == "config.yaml:2:13"
    assert "must be greater than 0" in problems["learning_rate"]["message"]
    assert "'batch_size'" in problems["batchsize"]["hint"]
    assert "'cifar10'" in problems["dataset"]["hint"]
    assert all(problem["hint"] for problem in problems.values())
    assert project.runs() == []
    assert not (project.root / ".confjob" / "snapshots").exists()


def test_the_terminal_shows_path_place_and_hint(project):
    """What a person sees: input and path, the rule in words, file:line:column, and a hint."""
    project.write(FILES)
    shown = project.confjob("plan", "train", "--set", "batchsize=64", code=1)
    assert shown.stdout == ""
    assert shown.stderr.splitlines() == [
        "confjob: 1 problem in the requested inputs",
        "  config.yaml:batchsize: there is no input 'batchsize' in config.yaml (config.yaml:2:13)",
        "    hint: did you mean 'batch_size'?",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("trainer.private.key=2", "not-an-input"),
        ("trainer={}", "not-an-input"),
        ("trainer-", "not-an-input"),
        ("trainer.private.key-", "not-an-input"),
        ("+trainer.private.more=1", "not-an-input"),
        ("trainer={depth: 4}", "not-an-input"),
        ("+batch_size=1", "already-there"),
        ("nothing-", "unknown-path"),
        ("batch_size.deep=1", "unknown-path"),
        ("config.yml:batch_size=1", "unknown-input"),
        ("batch_size=1.5", "type"),
        ("batch_size=true", "type"),
        ("batch_size=null", "type"),
        ("batch_size=", "type"),
        ("batch_size=[1]", "type"),
        ("batch_size=*x", "unreadable-value"),
        ("batch_size=!!python/object:os.system 1", "unreadable-value"),
        (r"batch\size=1", "syntax"),
        ("batch_size", "syntax"),
        ("=1", "syntax"),
        ("learning_rate=.nan", "exclusiveMinimum"),
        ("resources:gpus=-1", "minimum"),
        ("resources:gpu=1", "unknown-path"),
        ("resources:memory=lots", "unreadable-value"),
        ("resources:time=soon", "unreadable-value"),
        ("env:A-B=1", "unknown-path"),
    ],
)
def test_a_bad_request_is_refused_by_its_kind(project, text, code):
    """Each kind of fault has its code, and creates nothing."""
    project.write(FILES)
    refused = project.json("launch", "train", "--set", text, code=1)
    assert [problem["code"] for problem in refused["problems"]] == [code], refused
    assert project.runs() == []


def test_a_path_in_two_inputs_must_be_qualified(project):
    """The refusal lists both places; qualified, either is meant."""
    project.write(FILES)
    (problem,) = project.json("plan", "both", "--set", "batch_size=1", code=1)["problems"]
    assert problem["code"] == "ambiguous-path"
    assert "run-config:batch_size (launch.toml:14)" in problem["message"]
    assert "config.yaml:batch_size (config.yaml:2)" in problem["message"]
    for name in ("run-config", "config.yaml"):
        (change,) = project.json("plan", "both", "--set", f"{name}:batch_size=1")["changes"]
        assert change["input"] == name


def test_set_any_accepts_what_only_inference_refuses(project):
    """An inferred type can be overruled for once; the author's schema can't."""
    project.write(FILES)
    (change,) = project.json("plan", "train", "--set-any", "batch_size=auto")["changes"]
    assert change["after"] == "auto"
    project.confjob("plan", "train", "--set-any", "learning_rate=-1", code=1)


def test_every_fault_of_a_manifest_comes_at_once(project):
    """Unknown keys and wrong types, each with its line and a suggestion."""
    project.write({**FILES, "launch.toml": FILES["launch.toml"].replace("exclude", "exlcude") + "env = 3\n"})
    refused = project.json("show", "train", code=1)
    problems = {problem["path"]: problem for problem in refused["problems"]}
    assert problems["jobs.train.files[0].exlcude"]["where"].startswith("launch.toml:6")
    assert "'exclude'" in problems["jobs.train.files[0].exlcude"]["hint"]
    assert problems["jobs.both.env"]["where"] == "launch.toml:16:7"


def test_a_prefix_that_matches_nothing_warns(project):
    """A filter that says nothing is most likely misspelt."""
    project.write({**FILES, "launch.toml": FILES["launch.toml"].replace("trainer.private", "trainr")})
    (warning,) = project.json("show", "train")["warnings"]
    assert "'trainr'" in warning["message"]


def test_usage_errors_exit_with_2(project):
    """A wrong command line is not a refused request."""
    project.write(FILES)
    assert "did you mean 'launch'" in project.confjob("lanch", code=2).stderr
    project.confjob("launch", "train", "batch_size=1", code=2)


def test_required_plugins_are_named_with_the_line_that_installs_them(project):
    """`plugins = […]` is a promise that is checked, not a remark."""
    project.write({**FILES, "launch.toml": 'plugins = ["some-farm", "yaml"]\n' + FILES["launch.toml"]})
    refused = project.json("show", "train", code=1)
    assert "not installed: some-farm" in refused["error"]
    assert refused["problems"][0]["hint"] == "pip install confjob-some-farm"


def test_a_broken_plugin_of_the_project_hurts_only_what_needs_it(project):
    """It is one warning; the job is shown, planned and launched all the same."""
    project.write({**FILES, "confjob_plugins.py": "import nothing_of_that_name\n"})
    shown = project.confjob("show", "train")
    assert "confjob_plugins.py cannot be imported" in shown.stderr
    assert "batch_size" in shown.stdout
    assert "cannot be imported" not in project.confjob("-p", "no:confjob_plugins", "show", "train").stderr
    assert project.launch("train")["state"] == "SUCCEEDED"


def test_a_plugin_that_fails_at_work_is_named(project):
    """Whatever a third party's format raises is that plugin's fault, not a bug of confjob's."""
    plugin = (
        "from confjob.plugin import hookimpl, text_format\n"
        "@hookimpl\ndef confjob_formats():\n"
        "    yield text_format('odd', ('.odd',), parse=lambda text, file: 1 / 0, edit=None)\n"
    )
    table = '[jobs.t]\ncommand = ["true"]\nfiles = [{ path = "a.odd" }]\n'
    project.write({"launch.toml": table, "a.odd": "x", "confjob_plugins.py": plugin})
    refused = project.json("show", "t", code=1)
    assert "format 'odd' of plugin 'confjob_plugins'" in refused["error"]
    assert "ZeroDivisionError" in refused["error"]
