"""Laws of the job's environment: the submitter's, led to the workspace, exact in any shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.workspace.environment import Interpreter, RunPlace, captured, env_file, size

SHELLS = [
    argv
    for argv in (["sh"], ["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"])
    if shutil.which(argv[0])
]
SNAPSHOT = {".", "src", "src/p", "scripts", "conf/a.yaml"}
ROOT, RUN = Path("/home/me/project"), Path("/state/runs/r1")


def environment(
    environ: dict[str, str], *, root: Path = ROOT, python: Path = Path("/opt/py/bin/python"), **more
):
    place = RunPlace(
        run="r1",
        run_dir=RUN,
        root=root,
        workspace=RUN / "workspace",
        exists=lambda path: str(path) in SNAPSHOT,
    )
    return captured(environ, place, Interpreter(python), **more)


def seen_by_a_command(shell, tmp_path: Path, variables, given=None, forced=()) -> dict[bytes, bytes]:
    file = tmp_path / "env"
    file.write_bytes(env_file(variables, forced))
    show = "import os,json,sys; print(json.dumps({os.fsdecode(k): os.fsdecode(v) for k, v in os.environb.items()}))"
    script = '. "$0"; exec "$1" -S -c "$2"'
    argv = [*shell, "-c", script, str(file), sys.executable, show]
    done = subprocess.run(argv, env=given or {}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return {os.fsencode(name): os.fsencode(value) for name, value in json.loads(done.stdout).items()}


def test_what_belongs_to_the_place_or_moment_of_the_launch_is_not_carried():
    never = [
        "SLURM_JOB_ID",
        "SBATCH_X",
        "PMI_RANK",
        "PMIX_ID",
        "CUDA_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
    ]
    never += [
        "HIP_X",
        "TMPDIR",
        "HOSTNAME",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION",
        "SSH_AUTH_SOCK",
        "DISPLAY",
        "PWD",
    ]
    never += ["SHLVL", "_", "BASH_FUNC_x%%", "a.b", "1A", "A B", "ü", "GIT_DIR", "GIT_INDEX_FILE"]
    kept = {
        "HOME": "/home/me",
        "HF_TOKEN": "x",
        "CUDA_HOME": "/cuda",
        "GIT_AUTHOR_NAME": "A",
        "PYTHONHOME": "/x",
    }
    found = environment(dict.fromkeys(never, "x") | kept)
    assert not set(never) & set(found)
    assert kept.items() <= found.items()


def test_values_that_point_into_the_checkout_are_led_to_the_workspace_if_the_snapshot_has_them():
    found = environment(
        {
            "PATH": f"{ROOT}/.venv/bin:{ROOT}/scripts:/usr/bin",
            "CONFIG": f"{ROOT}/conf/a.yaml",
            "TOP": str(ROOT),
            "TOP_SLASH": f"{ROOT}/",
            "LIST": f"/a:{ROOT}:{ROOT}/src/:{ROOT}/src/../scripts",
            "OUT": f"{ROOT}/out",
            "ESCAPES": f"{ROOT}/../other",
            "SIBLING": f"{ROOT}-2/src",
            "INSIDE_TEXT": f"--x={ROOT}/src",
            "HOME": str(ROOT),
        }
    )
    assert found["PATH"] == f"/opt/py/bin:{ROOT}/.venv/bin:{RUN}/workspace/scripts:/usr/bin"
    assert found["CONFIG"] == f"{RUN}/workspace/conf/a.yaml"
    assert (found["TOP"], found["TOP_SLASH"]) == (f"{RUN}/workspace", f"{RUN}/workspace/")
    assert found["LIST"] == f"/a:{RUN}/workspace:{RUN}/workspace/src/:{RUN}/workspace/src/../scripts"
    unchanged = {"OUT": f"{ROOT}/out", "ESCAPES": f"{ROOT}/../other", "SIBLING": f"{ROOT}-2/src"}
    assert (unchanged | {"INSIDE_TEXT": f"--x={ROOT}/src", "HOME": str(ROOT)}).items() <= found.items()


@pytest.mark.parametrize("below", ["", "/src"])
def test_every_spelling_of_the_root_counts(tmp_path, below):
    (tmp_path / "real/src").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    environ = {"PWD": f"{tmp_path}/link{below}", "A": f"{tmp_path}/link/src", "B": f"{tmp_path}/real/src"}
    found = environment(environ, root=tmp_path / "real")
    assert (found["A"], found["B"]) == (f"{RUN}/workspace/src", f"{RUN}/workspace/src")


def test_a_virtual_environment_is_active(tmp_path):
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/pyvenv.cfg").touch()
    (tmp_path / "venv/bin/python").symlink_to(sys.executable)
    found = environment({"PATH": "/usr/bin", "VIRTUAL_ENV": "/other"}, python=tmp_path / "venv/bin/python")
    assert found["PATH"] == f"{tmp_path}/venv/bin:/usr/bin"
    assert found["VIRTUAL_ENV"] == found["UV_PROJECT_ENVIRONMENT"] == str(tmp_path / "venv")
    assert found["UV_NO_SYNC"] == "1"


def test_an_interpreter_outside_leaves_no_virtual_environment_active():
    found = environment({"PATH": "/usr/bin", "VIRTUAL_ENV": "/other"})
    assert found["PATH"] == "/opt/py/bin:/usr/bin"
    assert not {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"} & set(found)


def test_the_path_is_left_alone_where_it_leads_to_the_interpreter_already(tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    (tmp_path / "second/python").touch(0o755)
    path = f"{tmp_path}/first:{tmp_path}/second"
    assert environment({"PATH": path}, python=tmp_path / "second/python")["PATH"] == path
    (tmp_path / "first/python").touch(0o755)
    assert (
        environment({"PATH": path}, python=tmp_path / "second/python")["PATH"]
        == f"{tmp_path}/second:{tmp_path}/first"
    )


def test_the_python_path_begins_with_the_counterparts_and_keeps_the_rest_once():
    found = environment(
        {"PYTHONPATH": f"/lib:{ROOT}/src"}, python_path=[f"{RUN}/workspace/src", f"{RUN}/imports"]
    )
    assert found["PYTHONPATH"] == f"{RUN}/workspace/src:{RUN}/imports:/lib"
    assert "PYTHONPATH" not in environment({})


def test_the_jobs_own_variables_win_and_defaults_yield():
    found = environment(
        {"PYTHONUNBUFFERED": "0", "A": "1"}, job={"A": "2", "PATH": "/mine", "B": f"{ROOT}/src"}
    )
    expected = {"PYTHONUNBUFFERED": "0", "A": "2", "PATH": "/mine", "B": f"{ROOT}/src"}
    expected |= {"CONFJOB_RUN_DIR": str(RUN), "CONFJOB_RUN_ID": "r1"}
    assert expected.items() <= found.items()
    assert environment({})["PYTHONUNBUFFERED"] == "1"


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_hostile_values_arrive_byte_for_byte_in_every_shell(shell, tmp_path):
    variables = {
        "A": "a'b\"c$(x)`y`\\ \n\n",
        "B": "",
        "C": os.fsdecode(b"\xff\xfe\n"),
        "D": "é\u2028",
        "IFS": ",",
        "LC_ALL": "C",
        "E": "*?[a]~ !x",
        "PATH": "/usr/bin:/bin",
        "F": "x" * 100_000,
    }
    found = seen_by_a_command(shell, tmp_path, variables, forced=("IFS",))
    assert {
        os.fsencode(name): os.fsencode(value) for name, value in variables.items()
    }.items() <= found.items()


@settings(max_examples=20, deadline=None)
@given(value=st.binary(max_size=40).filter(lambda value: b"\0" not in value))
@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_any_bytes_arrive(shell, tmp_path_factory, value):
    found = seen_by_a_command(shell, tmp_path_factory.mktemp("run"), {"VALUE": os.fsdecode(value)})
    assert found[b"VALUE"] == value


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_the_engine_set_stays_but_for_the_forced_ones(shell, tmp_path):
    variables = {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "HOME": "/home/me",
        "PATH": "/mine:/bin",
        "PYTHONPATH": "/p",
        "X": "job",
    }
    variables |= {"VIRTUAL_ENV": "/v", "CONFJOB_RUN_ID": "r1", "EMPTY": "not"}
    engine = {
        "CUDA_VISIBLE_DEVICES": "7",
        "HOME": "/root",
        "PATH": "/bin",
        "PYTHONPATH": "/q",
        "X": "engine",
        "EMPTY": "",
    }
    found = seen_by_a_command(shell, tmp_path, variables, {**engine, "CONFJOB_RUN_ID": "r0"}, forced=("X",))
    expected = {**variables, "CUDA_VISIBLE_DEVICES": "7", "HOME": "/root", "EMPTY": ""}
    assert {name.encode(): value.encode() for name, value in expected.items()}.items() <= found.items()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_variables_that_shells_keep_for_themselves_do_not_end_them(shell, tmp_path):
    names = [
        "UID",
        "EUID",
        "PPID",
        "GROUPS",
        "SHELLOPTS",
        "BASHOPTS",
        "BASH_VERSINFO",
        "LINENO",
        "OPTIND",
        "PS4",
        "ENV",
    ]
    variables = dict.fromkeys(names, "x") | {"LAST": "arrived"}
    assert seen_by_a_command(shell, tmp_path, variables, forced=names)[b"LAST"] == b"arrived"


def test_a_name_that_is_no_identifier_is_refused():
    for name in ("a b", "1", "", "x=y", "$(x)", "a\n"):
        with pytest.raises(ValueError, match="is no name"):
            env_file({name: "1"})


def test_the_size_is_what_the_kernel_counts():
    assert size({"A": "bc", "D": os.fsdecode(b"\xff")}) == len(b"A=bc\0D=\xff\0") + 16
    assert size({}) == 0


def test_a_two_megabyte_environment_is_captured():
    many = {f"V{number}": f"{ROOT}/src:" + "x" * 10_000 for number in range(200)}
    found = environment(many)
    assert found["V7"].startswith(f"{RUN}/workspace/src:")
    assert size(found) > 2_000_000


def test_an_exists_that_gets_project_relative_paths():
    asked = []
    place = RunPlace(
        run="r", run_dir=RUN, root=ROOT, workspace=RUN, exists=lambda path: bool(asked.append(path))
    )
    captured({"A": f"{ROOT}/x/y"}, place, Interpreter(Path("/p/python")))
    assert asked[0] == PurePosixPath("x/y")
