"""`confjob capture`: a script whose calls only its run can tell gets a manifest from one run."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RAN = [sys.executable, "train.py"]

COMPUTED = """\
import json
import sys
import confjob

size = len(sys.argv[0]) and 64
confjob.manage_config({"lr": 10 ** -3, "model": {"size": size, "name": "vit"}}, include=["lr", "model"])
confjob.manage_config(exclude=[f"model.{'name'}"])
path = confjob.manage_config_file("conf" + "ig.yaml", exclude=["data_dir"])
print(json.dumps(confjob.load_config()), path.read_text())
"""


def manifest(project):
    return tomllib.loads((project.root / "launch.toml").read_text(encoding="utf-8"))


def capture(project, *options, code=0, command=RAN, **more):
    return project.confjob("capture", *options, "--", *command, code=code, **more)


def processes_in(folder):
    """Return the live processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_values_that_only_the_run_knows_become_a_manifest_that_launches(project):
    """Captured once, shown, and launched with overrides of the run config and the file."""
    project.write({"train.py": COMPUTED, "config.yaml": "batch: 8  # per device\ndata_dir: /data\n"})
    done = capture(project)
    assert "exit code 0" in done.stderr
    assert '"size": 64' in done.stderr, "the command's output is shown"
    job = manifest(project)["jobs"]["train"]
    assert job["command"] == RAN
    assert job["run-config"] == {
        "include": ["lr", "model"],
        "exclude": ["model.name"],
        "defaults": {"lr": 0.001, "model": {"size": 64, "name": "vit"}},
    }
    assert job["files"] == [{"path": "config.yaml", "exclude": ["data_dir"]}]
    shown = {row["path"] for row in project.json("show", "train")["inputs"]}
    assert {"lr", "model.size", "batch"} <= shown
    assert not {"model.name", "data_dir"} & shown
    run = project.launch("train", "--set", "model.size=128", "--set", "config.yaml:batch=16")
    printed = project.output(run["id"])
    assert '"size": 128' in printed
    assert "batch: 16  # per device" in printed
    assert "model.name" in project.confjob("plan", "train", "--set", "model.name=x", code=1).stderr


def test_capture_leaves_the_project_as_it_was_but_for_the_manifest(project):
    """No bytecode, no state folder, no change to the managed file."""
    files = {"train.py": COMPUTED, "config.yaml": "batch: 8\n"}
    project.write(files)
    capture(project)
    assert sorted(path.name for path in project.root.iterdir() if path.name != ".confjob") == [
        "config.yaml",
        "launch.toml",
        "train.py",
    ]
    assert (project.root / "config.yaml").read_text() == "batch: 8\n"


def test_print_writes_nothing_and_prints_the_tables(project):
    """--print is for reading, and for a project that has a manifest."""
    project.write({"train.py": COMPUTED, "config.yaml": "batch: 8\n"})
    text = capture(project, "--print").stdout
    assert not (project.root / "launch.toml").exists()
    assert list(tomllib.loads(text)["jobs"]) == ["train"]


def test_json_prints_what_was_recorded(project):
    """Each call in order, with paths as the project names them and where it stands."""
    project.write({"train.py": COMPUTED, "config.yaml": "batch: 8\n"})
    told = json.loads(capture(project, "--json").stdout)
    assert [call["call"] for call in told["calls"]] == [
        "manage_config",
        "manage_config",
        "manage_config_file",
    ]
    assert told["calls"][2] == {
        "call": "manage_config_file",
        "reader": "",
        "at": "train.py:8",
        "path": "config.yaml",
        "include": [],
        "exclude": ["data_dir"],
    }
    assert (told["job"], told["exit_code"], told["left_out"]) == ("train", 0, [])
    assert told["written"] == str(project.root / "launch.toml")


def test_an_existing_manifest_is_never_changed(project):
    """A job of that name is refused before anything is run; another is printed, to be added."""
    mine = '# mine\n[jobs.train]\ncommand = ["true"]\n'
    project.write({"launch.toml": mine, "train.py": f"open('ran', 'w')\n{COMPUTED}", "config.yaml": "a: 1\n"})
    assert "has a job 'train' already" in capture(project, code=1).stderr
    assert not (project.root / "ran").exists()
    done = capture(project, "--name", "fit two")
    assert list(tomllib.loads(done.stdout)["jobs"]) == ["fit two"]
    assert "add this table" in done.stderr
    assert (project.root / "launch.toml").read_text() == mine


IGNORING = """\
import confjob, os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
{call}
open("started", "w").close()
time.sleep(600)
"""


@pytest.mark.parametrize("call", ["confjob.manage_config({'lr': 0.1})", ""])
def test_the_time_limit_ends_all_processes_and_keeps_what_was_declared(project, call):
    """One that ignores TERM, its child, and a child in a session of its own."""
    project.write({"train.py": IGNORING.format(call=call)})
    done = capture(project, "--timeout", "2", code=0 if call else 1)
    assert "time limit of 2 s" in done.stderr
    assert processes_in(project.root) == []
    assert (project.root / "launch.toml").exists() == bool(call)


def test_ending_capture_ends_the_command(project):
    """TERM, as Ctrl-C: exit code 130, no manifest, and no process is left."""
    project.write({"train.py": IGNORING.format(call="confjob.manage_config({'lr': 0.1})")})
    process = project.start("capture", "--", *RAN)
    until = time.monotonic() + 60
    while not (project.root / "started").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert processes_in(project.root) == []
    assert not (project.root / "launch.toml").exists()


def test_a_helper_that_outlives_the_command_is_ended(project):
    """The command is over when its first process is."""
    text = COMPUTED + "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    project.write({"train.py": text, "config.yaml": "a: 1\n"})
    capture(project)
    assert processes_in(project.root) == []


def test_a_command_that_fails_after_its_declarations_gives_a_manifest_and_a_warning(project):
    """What it said before stands; its exit code is told."""
    project.write({"train.py": "import confjob\nconfjob.manage_config({'lr': 0.1})\nraise SystemExit(3)\n"})
    assert "ended with exit code 3, after it had declared inputs" in capture(project).stderr
    assert manifest(project)["jobs"]["train"]["run-config"]["defaults"] == {"lr": 0.1}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("print('hello')", "confjob.manage_config()"),
        ("raise SystemExit(7)", "see why it failed"),
    ],
)
def test_a_command_that_declares_nothing_is_refused_with_its_exit_code(project, text, hint):
    """Nothing is written, and the hint says what to do."""
    project.write({"train.py": text})
    done = capture(project, code=1)
    assert "declared no inputs; it ended with exit code" in done.stderr
    assert hint in done.stderr
    assert not (project.root / "launch.toml").exists()


def test_a_program_that_is_missing_is_refused(project):
    """With the program's name, and where it was looked for."""
    assert "no-such-program: No such file" in capture(project, code=1, command=["no-such-program"]).stderr


SCHEMA = """\
import dataclasses, enum, typing
import confjob

class Kind(enum.Enum):
    A = "a"
    B = "b"

def settings():
    @dataclasses.dataclass
    class Settings:
        lr: float = 0.1
        kind: Kind = Kind.A
        depth: typing.Optional[int] = None
    return Settings

given = {"lr": 0.2, "none": None, "f": print, "inf": float("inf")}
schema = {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"minimum": 0}}}
before = repr((given, schema))
confjob.manage_config(given, schema=settings()(lr=0.3))
confjob.manage_config_file("c.json", schema=schema)
assert repr((given, schema)) == before
"""


def test_schema_objects_become_json_schema_and_what_toml_cannot_say_is_told(project):
    """An instance's values lie under the defaults; null and functions are left out, and told."""
    project.write({"train.py": SCHEMA, "c.json": '{"a": 1}'})
    done = capture(project)
    job = manifest(project)["jobs"]["train"]
    assert job["run-config"]["defaults"] == {"lr": 0.2, "kind": "a", "inf": float("inf")}
    assert job["run-config"]["schema"] == "schemas/train.json"
    schema = json.loads((project.root / "schemas" / "train.json").read_text())
    assert schema["properties"]["kind"]["enum"] == ["a", "b"]
    assert job["files"][0]["schema"]["$defs"] == {"a": {"minimum": 0}}
    left_out = [line for line in done.stderr.splitlines() if "left out:" in line]
    assert any("run-config:none is null" in line for line in left_out)
    assert any(": defaults.f: builtin_function_or_method" in line for line in left_out)
    assert "one of a, b" in project.confjob("plan", "train", "--set", "kind=c", code=1).stderr


def test_a_pydantic_schema_is_captured(project):
    """In the job's process, by the job's own Pydantic."""
    pytest.importorskip("pydantic")
    project.write(
        {
            "train.py": "import confjob\nfrom pydantic import BaseModel, Field\n"
            "def make():\n    class S(BaseModel):\n        lr: float = Field(gt=0)\n    return S\n"
            "confjob.manage_config({'lr': 0.1}, schema=make())\n"
        }
    )
    capture(project)
    refused = project.confjob("plan", "train", "--set", "lr=-1", code=1)
    assert "greater than 0" in refused.stderr


def test_a_schema_file_that_exists_keeps_its_content(project):
    """A new one gets another name."""
    project.write({"train.py": SCHEMA, "c.json": '{"a": 1}', "schemas/train.json": "{}"})
    capture(project)
    assert (project.root / "schemas" / "train.json").read_text() == "{}"
    assert manifest(project)["jobs"]["train"]["run-config"]["schema"] == "schemas/train-2.json"


def test_the_environments_own_sitecustomize_still_runs(project):
    """It is what Python would have imported, under its name, and sees the same path."""
    project.write(
        {
            "site/sitecustomize.py": "import sys\nMARK = [p for p in sys.path if 'capture' in p]\n",
            "train.py": "import confjob, sitecustomize, sys\n"
            "confjob.manage_config({'file': sitecustomize.__file__, 'seen': sitecustomize.MARK,"
            " 'path': [p for p in sys.path if p.endswith('probes/capture')]})\n",
        }
    )
    environ = {**project.environ, "PYTHONPATH": str(project.root / "site")}
    capture(project, env=environ)
    defaults = manifest(project)["jobs"]["train"]["run-config"]["defaults"]
    assert defaults == {"file": str(project.root / "site" / "sitecustomize.py"), "seen": [], "path": []}


def test_calls_of_child_processes_count(project):
    """`accelerate launch` and the like start the script themselves; every rank says the same."""
    project.write(
        {
            "start.py": "import subprocess, sys\n"
            "for _ in range(2):\n    subprocess.run([sys.executable, 'train.py'], check=True)\n",
            "train.py": "import confjob\nconfjob.manage_config({'a': 1}, include=['a'])\n",
        }
    )
    capture(project, command=[sys.executable, "start.py"])
    assert manifest(project)["jobs"]["start"]["run-config"] == {"include": ["a"], "defaults": {"a": 1}}


def test_a_file_outside_the_project_is_told_and_left_out(project, tmp_path):
    """Inputs lie in the project."""
    (tmp_path / "away.yaml").write_text("a: 1\n")
    text = f"import confjob\nconfjob.manage_config({{}})\nconfjob.manage_config_file({str(tmp_path / 'away.yaml')!r})\n"
    project.write({"train.py": text})
    assert "away.yaml lies outside the project" in capture(project).stderr
    assert "files" not in manifest(project)["jobs"]["train"]


def test_the_config_is_captured_in_the_jobs_own_folder_wherever_it_stands(project):
    """A script that changes its folder means the file there."""
    project.write(
        {
            "train.py": "import confjob, os\nos.chdir('conf')\nconfjob.manage_config_file('a.yaml')\n",
            "conf/a.yaml": "a: 1\n",
        }
    )
    capture(project)
    assert manifest(project)["jobs"]["train"]["files"] == [{"path": "conf/a.yaml"}]


# -- other libraries -------------------------------------------------------------------

PLUGIN = """\
from pathlib import Path
from confjob.plugin import Calls, Delivery, hookimpl

@hookimpl
def confjob_calls():
    return [Calls(
        name="tracker",
        deliver=lambda document, changes: Delivery(),
        run_config={"tracker.manage": ("include",)},
        file={"tracker.manage_file": ("path",)},
        values={"tracker.init": ("config",)},
        watch=Path(__file__).parent / "watch_tracker.py",
    )]
"""

WATCH = """\
import functools
import importlib.abc
import importlib.util
import sys


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "tracker":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            wrap(module)

        spec.loader.exec_module = exec_module
        return spec


def wrap(module):
    def wrapped(name, call, key):
        function = getattr(module, name)

        @functools.wraps(function)
        def told(given=None):
            record({"call": call, "reader": "tracker", key: given})
            return function(given)

        setattr(module, name, told)

    wrapped("init", "values", "config")
    wrapped("manage", "manage_config", "include")
    wrapped("manage_file", "manage_config_file", "path")


sys.meta_path.insert(0, Finder())
"""

TRACKER = "def init(config=None): ...\ndef manage(include=None): ...\ndef manage_file(path): ...\n"

VALUES = "tracker.init({'lr': 0.1 * int('2'), 'n': 1})\n"
MANAGE = "tracker.manage([str('lr')])\n"
FILE = "tracker.manage_file(str('c.yaml'))\n"


@pytest.fixture
def tracked(project):
    """A project with a library of its own, its plugin, and a script of some of its calls."""

    def write(calls):
        return project.write(
            {
                "confjob_plugins.py": PLUGIN,
                "watch_tracker.py": WATCH,
                "tracker.py": TRACKER,
                "c.yaml": "a: 1\n",
                "train.py": f"import tracker\n{calls}",
            }
        )

    return write


@pytest.mark.parametrize(
    ("calls", "run_config", "files"),
    [
        (VALUES, {"reader": "tracker", "defaults": {"lr": 0.2, "n": 1}}, []),
        (VALUES + MANAGE, {"reader": "tracker", "include": ["lr"], "defaults": {"lr": 0.2, "n": 1}}, []),
        (MANAGE + VALUES, {"reader": "tracker", "include": ["lr"], "defaults": {"lr": 0.2, "n": 1}}, []),
        (VALUES + FILE, None, ["c.yaml"]),
        (
            FILE + VALUES + MANAGE,
            {"reader": "tracker", "include": ["lr"], "defaults": {"lr": 0.2, "n": 1}},
            ["c.yaml"],
        ),
    ],
)
def test_another_librarys_calls_follow_the_same_rules(tracked, calls, run_config, files):
    """Values alone are the run config; a lone file call hides it, and a run config call brings it back."""
    project = tracked(calls)
    capture(project)
    job = manifest(project)["jobs"]["train"]
    assert job.get("run-config") == run_config
    assert [file["path"] for file in job.get("files", [])] == files


def test_a_librarys_own_way_of_writing_schemas_becomes_json_schema(tracked):
    """Its plugin says how."""
    project = tracked("import confjob\nconfjob.manage_config({'a': 1})\n")
    text = (project.root / "confjob_plugins.py").read_text()
    project.write(
        {
            "confjob_plugins.py": text.replace(
                "watch=", 'schema=lambda given: {"title": given["label"]}, watch='
            ),
            "watch_tracker.py": "record({'call': 'manage_config', 'reader': 'tracker', 'schema': {'label': 'x'}})\n",
        }
    )
    capture(project)
    assert manifest(project)["jobs"]["train"]["run-config"]["schema"] == {"title": "x"}


def test_a_config_that_is_ours_and_handed_on_stays_ours(tracked):
    """What a tracker is told of the run config is not another declaration of it."""
    project = tracked(
        "import confjob\nconfjob.manage_config({'a': int('1')})\ntracker.init(confjob.load_config())\n"
    )
    capture(project)
    assert manifest(project)["jobs"]["train"]["run-config"] == {"defaults": {"a": 1}}


def test_a_broken_watch_script_does_not_fail_the_job(tracked):
    """It is told, and our own calls are recorded."""
    project = tracked("import confjob\nconfjob.manage_config({'a': 1})\n")
    project.write({"watch_tracker.py": "raise RuntimeError('broken watch')\n"})
    assert "broken watch" in capture(project).stderr
    assert manifest(project)["jobs"]["train"]["run-config"] == {"defaults": {"a": 1}}


def test_a_library_that_would_ask_for_an_account_is_kept_offline(tracked):
    """While it is watched, and in the job that is written; what the user says of it stands."""
    project = tracked("import os\ntracker.init({'mode': os.environ['WANDB_MODE']})\n")
    for name in ("confjob_plugins.py", "watch_tracker.py"):
        text = (project.root / name).read_text()
        project.write(
            {name: text.replace('"tracker", key', '"wandb", key').replace('name="tracker"', 'name="wandb"')}
        )
    blocked = ("-p", "no:confjob-wandb", "capture", "--print", "--", *RAN)
    job = tomllib.loads(project.confjob(*blocked).stdout)["jobs"]["train"]
    assert job["run-config"] == {"reader": "wandb", "defaults": {"mode": "offline"}}
    assert job["env"] == {"WANDB_MODE": "offline"}
    job = tomllib.loads(project.confjob(*blocked, env={**project.environ, "WANDB_MODE": "shared"}).stdout)[
        "jobs"
    ]
    assert job["train"]["run-config"]["defaults"] == {"mode": "shared"}
