"""A run is run again: as it was given then, with changes on top, or as the checkout is now."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
env = { MODE = "plain" }
[jobs.train.run-config]
defaults = { epochs = 3 }
[[jobs.train.files]]
name = "config"
path = "config.yaml"
choices = "*.yaml"
schema = { properties = { token = { type = "string", format = "secret" } } }
"""

CODE = """\
import json, os, pathlib, sys, yaml
config = yaml.safe_load(pathlib.Path("config.yaml").read_text())
pathlib.Path("result.json").write_text(json.dumps(
    {"code": "then", "config": config, "mode": os.environ["MODE"], "argv": sys.argv[1:]}))
"""


@pytest.fixture
def there(project):
    files = {
        "launch.toml": MANIFEST,
        "train.py": CODE,
        "config.yaml": "lr: 0.1   # step size\nmodel: {layers: 2}\ntoken: t0ken\n",
        "other.yaml": "lr: 0.7\nmodel: {layers: 9}\ntoken: t0ken\n",
        ".gitignore": ".confjob\n",
    }
    return project.write(files).commit()


def result(project, run):
    place = next(each for each in project.json("outputs", run) if each["path"] == "result.json")
    return json.loads(Path(place["place"]).read_text())


def launched(project, *arguments):
    run = project.json("launch", "train", *arguments)["id"]
    assert project.wait(run)["state"] == "SUCCEEDED", project.output(run)
    return run


def again(project, *arguments):
    run = project.json("rerun", *arguments)["id"]
    assert project.wait(run)["state"] == "SUCCEEDED", project.output(run)
    return run


def a_week_later(project):
    """Change code, config and manifest, and commit."""
    project.write(
        {
            "train.py": CODE.replace('"then"', '"now"'),
            "config.yaml": "lr: 5.0\nmodel: {layers: 3}\ndepth: 1\ntoken: t0ken\n",
            "launch.toml": MANIFEST.replace('"plain"', '"fancy"'),
        }
    )
    project.git("commit", "--quiet", "--all", "--message=later")


def test_a_week_later_the_result_is_the_same_as_then(there):
    first = launched(there, "--set", "lr=0.5", "--set", "env:MODE=odd", "--", "--flag", "a b")
    a_week_later(there)
    second = again(there, first)
    assert result(there, second) == result(there, first)
    assert result(there, second)["code"] == "then"
    told, before = there.json("status", second), there.json("status", first)
    assert told["rerun_of"] == first
    assert told["changes"] == before["changes"]
    assert (told["commit"], told["dirty"]) == (before["commit"], before["dirty"])
    compared = there.json("diff", first, second)
    assert not compared["files"]
    assert not compared["inputs"]


def test_current_makes_the_same_changes_to_what_is_there_now(there):
    first = launched(there, "--set", "lr=0.5", "--", "--flag")
    a_week_later(there)
    told = result(there, again(there, first, "--current"))
    assert told == {
        "code": "now",
        "config": {"lr": 0.5, "model": {"layers": 3}, "depth": 1, "token": "t0ken"},
        "mode": "fancy",
        "argv": ["--flag"],
    }


def test_changes_go_on_top_and_win(there):
    first = launched(there, "--set", "lr=0.5", "--set", "+config.yaml:model.new=1", "--set", "model.layers=4")
    a_week_later(there)
    second = again(there, first, "--set", "lr=0.25", "--set", "model.new=2", "--set", "epochs=9")
    assert result(there, second)["config"] == {
        "lr": 0.25,
        "model": {"layers": 4, "new": 2},
        "token": "t0ken",
    }
    third = again(there, second, "--set", "model.new-", "--", "now")
    assert result(there, third)["config"]["model"] == {"layers": 4}
    assert result(there, third)["argv"] == ["now"]
    assert {change["path"]: change.get("after") for change in there.json("status", third)["changes"]} == {
        "lr": 0.25,
        "model.layers": 4,
        "epochs": 9,
    }


def test_the_picked_file_is_picked_again(there):
    first = launched(there, "--file", "config=other.yaml")
    a_week_later(there)
    assert result(there, again(there, first))["config"]["lr"] == 0.7
    assert result(there, again(there, first, "--file", "config=config.yaml"))["config"]["lr"] == 0.1


def test_uncommitted_work_is_run_again_too(there):
    there.write({"train.py": CODE.replace('"then"', '"uncommitted"')})
    first = launched(there)
    there.git("checkout", "--quiet", "train.py")
    second = again(there, first)
    assert result(there, second)["code"] == "uncommitted"
    assert there.json("status", second)["dirty"]


def test_a_secret_is_not_recorded_and_must_be_given_again(there):
    first = launched(there, "--set", "token=hidden", "--set", "lr=0.5")
    refused = there.json("rerun", first, code=1)["problems"]
    assert [(each["input"], each["path"]) for each in refused] == [("config.yaml", "token")]
    assert "--set config.yaml:token=" in refused[0]["hint"]
    second = again(there, first, "--set", "token=other")
    assert result(there, second)["config"] == {"lr": 0.5, "model": {"layers": 2}, "token": "other"}
    text = (there.root / ".confjob/runs" / second / "run.json").read_text()
    assert "hidden" not in text
    assert "other" not in text


def test_all_that_is_wrong_with_the_changes_is_told_and_nothing_is_made(there):
    first = launched(there)
    refused = there.json("rerun", first, "--set", "lr=fast", "--set", "model.layrs=3", code=1)["problems"]
    assert len(refused) == 2
    assert [run["id"] for run in there.runs()] == [first]


def test_a_change_that_the_present_config_does_not_have_is_refused_with_current(there):
    first = launched(there, "--set", "model.layers=4")
    there.write({"config.yaml": "lr: 0.1\nmodel: {blocks: 2}\ntoken: t\n"})
    refused = there.json("rerun", first, "--current", code=1)["problems"]
    assert [each["path"] for each in refused] == ["model.layers"]


def test_what_was_added_or_deleted_then_and_is_so_by_now_is_no_reason_to_refuse(there):
    first = launched(there, "--set", "+config.yaml:model.new=1", "--set", "model.layers-")
    there.write({"config.yaml": "lr: 0.1\nmodel: {new: 5}\ntoken: t\n"})
    assert result(there, again(there, first, "--current"))["config"]["model"] == {"new": 1}


def test_dry_run_shows_the_plan_and_makes_nothing(there):
    first = launched(there, "--set", "lr=0.5")
    a_week_later(there)
    shown = there.confjob("rerun", first, "--set", "model.layers=7", "--dry-run").stdout
    assert "config.yaml:lr  0.1 -> 0.5  (--set, replaces config.yaml:1:5)" in shown
    assert "config.yaml:model.layers  2 -> 7" in shown
    assert [run["id"] for run in there.runs()] == [first]


def test_tags_stay_and_names_can_be_given(there):
    first = launched(there, "--tag", "a", "--name", "one")
    told = there.json("status", again(there, first))
    assert (told["name"], told["tags"]) == ("one", ["a"])
    told = there.json("status", again(there, first, "--name", "two", "--tag", "b"))
    assert (told["name"], told["tags"]) == ("two", ["a", "b"])


def test_a_job_named_by_its_code_from_a_subfolder_is_found_again(there):
    there.write({"sub/job.py": "def train(lr: float = 0.1) -> None:\n    print('lr', lr)\n"})
    run = json.loads(there.confjob("launch", "job.py:train", "--set", "lr=0.5", "--json", cwd="sub").stdout)[
        "id"
    ]
    there.wait(run)
    there.write({"sub/job.py": "raise SystemExit('gone')\n"})
    second = again(there, run, "--set", "lr=0.75")
    assert there.output(second) == "lr 0.75\n"


def test_a_snapshot_that_somebody_altered_is_not_run_as_if_it_were_then(there):
    first = launched(there)
    snapshot = json.loads((there.root / ".confjob/runs" / first / "run.json").read_text())["snapshot"]
    file = there.root / ".confjob/snapshots" / snapshot / "tree/train.py"
    file.chmod(0o600)
    file.write_text("print('altered')\n")
    refused = there.json("rerun", first, code=1)
    assert "no longer what the run was given" in refused["error"]


def test_git_in_the_run_shows_the_commit_of_then(there):
    manifest = MANIFEST.replace('["python", "train.py"]', '["git", "log", "--format=%s"]')
    there.write({"launch.toml": manifest})
    there.git("commit", "--quiet", "--all", "--message=then")
    first = launched(there)
    a_week_later(there)
    assert there.output(again(there, first)) == there.output(first)


def test_from_python(there):
    program = """
import confjob
first = confjob.launch("train", {"lr": 0.5})
first.wait()
second = first.rerun({"model.layers": 4})
second.wait()
found = confjob.Run.find(second.id[:5])
print(found.state, [(c["path"], c["after"]) for c in found.status["changes"]])
"""
    there.write({"program.py": program})
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=there.root,
        env=there.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "SUCCEEDED [('lr', 0.5), ('model.layers', 4)]\n"
