import json
from pathlib import Path, PurePosixPath

import pytest

from confjob.form import Form, Invocation, Plan
from confjob.keypath import KeyPath
from confjob.model import Change, Delivery, FunctionRef, JobSpec, Resources, RunFile, Target
from confjob.probe import Interpreter
from confjob.render import change_record, render
from confjob.render.command import FUNCTION, RUNNER
from confjob.render.folder import Ground
from confjob.store import RunFolder
from confjob.tree import MISSING
from confjob.workspace.layout import Layout


@pytest.fixture
def rendered(tmp_path):
    """A function that renders a plan made of its arguments."""

    def make(command=("python", "t.py"), delivery=Delivery(), patches=None, environ=None, **plan):
        job = JobSpec(name="j", inputs=(), command=("python", "t.py"), function=plan.pop("function", None))
        form = Form(job=job, documents={}, typing={}, fields=())
        made = Plan(
            form=form,
            changes=plan.pop("changes", ()),
            deliveries={"c": delivery},
            documents={},
            target=Target(name="local", backend="local"),
            command=command,
            resources=plan.pop("resources", Resources()),
            env=plan.pop("env", {}),
            invocation=Invocation(job="j"),
        )
        run = RunFolder(id="abc", path=tmp_path / "runs" / "abc")
        ground = Ground(
            run=run,
            root=tmp_path,
            layout=Layout(run_dir=run.path, tree=tmp_path / "snap" / "tree"),
            snapshot=tmp_path / "snap" / "tree",
            exists=lambda _: True,
            interpreter=Interpreter(
                path=Path("/opt/py/bin/python"), bin=Path("/opt/py/bin"), prefix=Path("/opt/py"), why="a test"
            ),
            imports={"paths": [], "mappings": {}, "prefix": "/opt/py"},
            environ={"PATH": "/bin", **(environ or {})},
        )
        return render(made, ground, patches or {}, {"id": "abc"})

    return make


def change(**more):
    return Change(input="c.yaml", path=KeyPath(("a",)), before=1, after=2, said="--set", **more)


def test_a_run_folder_has_record_script_environment_and_patches(rendered):
    files = rendered(
        patches={PurePosixPath("conf/c.yaml"): b"a: 2\r\n"}, delivery=Delivery(private={"x.json": "{}"})
    )
    assert {"run.json", "job.sh", "env", "patch/conf/c.yaml", "private/x.json"} <= files.files.keys()
    assert files.files["patch/conf/c.yaml"] == b"a: 2\r\n"
    assert json.loads(files.files["run.json"]) == {"id": "abc"}
    assert (files.submission.run, files.submission.job) == ("abc", "j")
    assert files.submission.script == files.submission.run_dir / "job.sh"


def test_python_is_the_job_s_own_and_private_files_stand_by_path(rendered):
    files = rendered(command=("python3", RunFile(name="x.json"), "python"))
    script = files.files["job.sh"]
    assert "/opt/py/bin/python" in script
    assert str(files.submission.run_dir / "private" / "x.json") in script
    other = rendered(command=("torchrun", "t.py")).files["job.sh"]
    assert "torchrun" in other


def test_a_function_brings_the_runner_and_what_it_shall_call(rendered):
    function = FunctionRef(module="a.b", file=PurePosixPath("src/a/b.py"), function="train", call="config")
    files = rendered(command=("python", RUNNER, FUNCTION), function=function).files
    assert json.loads(files["private/function.json"]) == {
        "version": 1,
        "module": "a.b",
        "file": "src/a/b.py",
        "function": "train",
        "call": "config",
    }
    assert b"import" in files["private/runner.py"]
    assert "private/runner.py" not in rendered(function=function).files


def test_environment_values_stand_in_the_environment_file_alone(rendered):
    delivery = Delivery(environment={"D": "hunter2-d", "F": RunFile(name="x.json")})
    files = rendered(env={"TOKEN": "hunter2-t"}, environ={"HOME_TOKEN": "hunter2-h"}, delivery=delivery)
    assert "hunter2" not in str({name: text for name, text in files.files.items() if name != "env"})
    assert "hunter2" not in str(files.submission)
    env = str(files.files["env"])
    for value in (
        "hunter2-d",
        "hunter2-t",
        "hunter2-h",
        str(files.submission.run_dir / "private" / "x.json"),
    ):
        assert value in env


def test_zero_gpus_hide_all_and_other_counts_are_the_engine_s(rendered):
    assert "CUDA_VISIBLE_DEVICES" in str(rendered(resources=Resources(gpus=0)).files["env"])
    for gpus in (None, 1):
        assert "CUDA_VISIBLE_DEVICES" not in str(rendered(resources=Resources(gpus=gpus)).files["env"])


def test_a_patch_that_may_hold_a_secret_is_for_its_owner_alone(rendered):
    patches = {PurePosixPath("c.yaml"): b""}
    assert rendered(patches=patches, changes=(change(),)).modes == {}
    assert rendered(patches=patches, changes=(change(), change(secret=True))).modes == {"patch/c.yaml": 0o600}


def test_a_change_in_the_record(rendered):
    assert change_record(change()) == {
        "input": "c.yaml",
        "path": "a",
        "before": 1,
        "after": 2,
        "origin": "--set",
        "where": "",
    }
    gone = Change(input="c.yaml", path=KeyPath(("a.b",)), before=None, after=MISSING, said="x")
    assert change_record(gone) == {
        "input": "c.yaml",
        "path": r"a\.b",
        "before": None,
        "origin": "x",
        "where": "",
    }
    assert change_record(change(secret=True)) == {
        "input": "c.yaml",
        "path": "a",
        "origin": "--set",
        "where": "",
        "secret": True,
    }
