"""A script that declares its inputs by another library's calls, which a plugin knows.

`tracker` stands for any such library; the real one is tested in plugins/confjob-wandb.
"""

import json

import pytest

PLUGIN = """
import json
from confjob.plugin import MISSING, Calls, Delivery, InvalidOverrides, Problem, RunFile, hookimpl

def deliver(document, changes):
    gone = [change for change in changes if change.after is MISSING]
    if gone:
        problem = Problem(code="tracker", input="run-config", path=gone[0].path, message="can't be deleted")
        raise InvalidOverrides.of([problem])
    content = json.dumps({str(change.path): change.after for change in changes})
    return Delivery(private={"tracker.json": content}, environment={"TRACKER": RunFile(name="tracker.json")})

@hookimpl
def confjob_calls():
    yield Calls(
        name="tracker",
        deliver=deliver,
        run_config={"tracker.manage": ("include", "exclude", "schema")},
        file={"tracker.manage_file": ("path", "include", "exclude", "schema")},
        values={"tracker.init": ("project", "config")},
    )

@hookimpl
def confjob_links(folder):
    found = folder / "tracked"
    return {"tracker": str(found)} if found.is_dir() else None
"""
TRACKER = """
import json, os, pathlib

def manage(include=None, exclude=None, schema=None): ...
def manage_file(path, include=None, exclude=None, schema=None): ...
def init(project, config):
    pathlib.Path("tracked").mkdir()
    pathlib.Path("tracked", "project").write_text(project)
    told = os.environ.get("TRACKER")
    return {**config, **(json.loads(pathlib.Path(told).read_text()) if told else {})}
"""
SCRIPT = """
import tracker
CONFIG = {"lr": 0.1, "seed": 1}
config = tracker.init("mine", CONFIG)
print(config)
"""
MANAGED = SCRIPT + "tracker.manage(include=['lr'], schema={'properties': {'lr': {'minimum': 0}}})\n"
MANIFEST = '[jobs.train]\ncommand = ["python", "train.py"]\n'


@pytest.fixture
def tracked(project):
    return project.write(
        {
            "confjob_plugins.py": PLUGIN,
            "tracker.py": TRACKER,
            "train.py": MANAGED,
            "launch.toml": MANIFEST,
            "c.yaml": "a: 1\n",
        }
    )


def inputs(project, job="train"):
    return [(each["input"], each["path"]) for each in project.json("show", job)["inputs"]]


def test_the_library_s_calls_declare_and_its_run_gets_the_changes(tracked):
    assert inputs(tracked) == [("run-config", "lr")]
    run = tracked.json("launch", "train", "--set", "lr=0.5")["id"]
    ended = tracked.wait(run)
    assert ended["state"] == "SUCCEEDED"
    assert tracked.output(run) == "{'lr': 0.5, 'seed': 1}\n"
    # Nobody calls load_config() here, and nobody is warned that it was not called.
    assert "never read" not in tracked.confjob("status", run).stderr


def test_a_run_tells_where_else_it_is_recorded(tracked):
    run = tracked.json("launch", "train")["id"]
    ended = tracked.wait(run)
    place = ended["links"]["tracker"]
    assert place.endswith("tracked")
    assert place in tracked.confjob("status", run).stdout
    listed = tracked.confjob("runs").stdout
    assert "RECORDED IN" in listed
    assert place in listed


def test_its_filter_and_schema_are_enforced(tracked):
    refused = tracked.json("plan", "train", "--set", "seed=2", "--set", "lr=-1", code=1)
    assert sorted(problem["path"] for problem in refused["problems"]) == ["lr", "seed"]


def test_what_the_library_can_t_be_told_is_one_of_the_problems(tracked):
    refused = tracked.json("plan", "train", "--set", "lr-", code=1)
    assert [problem["message"] for problem in refused["problems"]] == ["can't be deleted"]


def test_values_alone_are_all_inputs_and_a_file_call_alone_hides_them(tracked):
    tracked.write({"train.py": SCRIPT})
    assert inputs(tracked) == [("run-config", "lr"), ("run-config", "seed")]
    tracked.write({"train.py": SCRIPT + "tracker.manage_file('c.yaml')\n"})
    assert inputs(tracked) == [("c.yaml", "a")]
    tracked.write({"train.py": SCRIPT + "tracker.manage_file('c.yaml')\ntracker.manage()\n"})
    assert inputs(tracked) == [("run-config", "lr"), ("run-config", "seed"), ("c.yaml", "a")]


def test_the_manifest_may_name_the_reader_that_no_text_shows(tracked):
    table = '[jobs.train.run-config]\nreader = "tracker"\ndefaults = { lr = 0.1 }\n'
    script = "import importlib; t = importlib.import_module('tracker'); print(t.init('p', {'lr': 0.1}))\n"
    tracked.write({"train.py": script, "launch.toml": MANIFEST + table})
    run = tracked.json("launch", "train", "--set", "lr=3")["id"]
    tracked.wait(run)
    assert tracked.output(run) == "{'lr': 3.0}\n"
    tracked.write({"launch.toml": MANIFEST + table.replace("tracker", "trakcer")})
    refused = tracked.json("show", "train", code=1)["problems"]
    assert "trakcer" in refused[0]["message"]
    assert "tracker" in refused[0]["hint"]


def test_a_launch_config_s_args_and_entry_point_are_the_command(tracked):
    tracked.write(
        {
            "other.py": "import sys; print(sys.argv[1:])\n",
            "spec.json": json.dumps(
                {
                    "overrides": {
                        "run_config": {"lr": 2},
                        "entry_point": ["python", "other.py"],
                        "args": ["--a", "$x"],
                    }
                }
            ),
        }
    )
    run = tracked.json("launch", "train", "--inputs", "spec.json", "--", "-z")["id"]
    tracked.wait(run)
    assert tracked.output(run) == "['--a', '$x', '-z']\n"
    tracked.write({"spec.json": '{"overrides": {"args": "--a"}}'})
    refused = tracked.json("plan", "train", "--inputs", "spec.json", code=1)["problems"]
    assert "must be a list of texts" in refused[0]["message"]


def test_our_own_run_config_may_be_handed_on_to_a_library(tracked):
    own = "import confjob, tracker\nconfjob.manage_config({'a': 1})\n"
    tracked.write({"train.py": own + "print(tracker.init('p', confjob.load_config()))\n"})
    shown = tracked.json("show", "train")
    assert [(each["path"], each["value"]) for each in shown["inputs"]] == [("a", 1)]
    assert shown["warnings"] == []
    run = tracked.json("launch", "train", "--set", "a=2")["id"]
    tracked.wait(run)
    assert tracked.output(run) == "{'a': 2}\n"


def test_what_the_manifest_makes_good_is_no_warning(tracked):
    script = "import tracker\nprint(tracker.init('p', {'lr': 10 ** -1, 'n': len('ab')}))\n"
    tracked.write({"train.py": script})
    assert len(tracked.json("show", "train")["warnings"]) == 2
    table = "[jobs.train.run-config]\ndefaults = { lr = 0.1 }\n"
    tracked.write({"launch.toml": MANIFEST + table})
    (left,) = tracked.json("show", "train")["warnings"]
    assert left["path"] == "n"
