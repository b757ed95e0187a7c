import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from confjob import __main__ as program
from confjob.errors import ExitCode

MANIFEST = '[jobs.t]\ncommand = ["python", "t.py"]\n[[jobs.t.files]]\npath = "c.json"\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "launch.toml").write_text(MANIFEST)
    (tmp_path / "t.py").write_text("")
    (tmp_path / "c.json").write_text('{"a": 1, "s": "x\\ud800y"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_command_that_works_exits_with_0(here, capsys):
    assert program.run(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["show"],
        ["show", "t", "--nope"],
        ["plan", "t", "lr=1"],
        ["plan", "t", "--file", "x"],
        ["-p", "x", "jobs"],
    ],
)
def test_a_wrong_command_line_exits_with_2(here, capsys, arguments):
    assert program.run(arguments) == ExitCode.USAGE
    assert capsys.readouterr().err


def test_a_misspelt_verb_is_met_with_the_right_one(here, capsys):
    program.run(["lanch"])
    assert "did you mean 'launch'" in capsys.readouterr().err


def test_a_refusal_exits_with_1_and_names_every_problem(here, capsys):
    assert program.run(["plan", "t", "--set", "a=x", "--set", "b=1"]) == ExitCode.REFUSED
    out, err = capsys.readouterr()
    assert out == ""
    assert "2 problems" in err


def test_a_refusal_as_json_is_on_stdout(here, capsys):
    assert program.run(["plan", "t", "--set", "a=x", "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert set(told) == {"error", "problems"}
    assert {"input", "path", "where", "message", "hint"} <= set(told["problems"][0])
    assert told["problems"][0]["where"] == "c.json:1:7"
    assert err == ""
    assert program.run(["show", "none", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["message"]


def test_the_job_s_own_json_flag_is_not_confjob_s(here, capsys):
    assert program.run(["plan", "t", "--set", "a=x", "--", "--json"]) == 1
    assert capsys.readouterr().out == ""


def test_a_fault_of_ours_exits_with_3_and_leaves_a_log_without_values(here, capsys, monkeypatch):
    monkeypatch.setattr("confjob.pipeline.list_jobs", lambda _: 1 // 0)
    assert program.run(["jobs", "--", "hunter2"]) in (ExitCode.USAGE, ExitCode.BUG)
    monkeypatch.setattr("confjob.pipeline.make_plan", lambda *_: 1 // 0)
    capsys.readouterr()
    assert program.run(["plan", "t", "--set", "token=hunter2", "--", "hunter2"]) == ExitCode.BUG
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    (log,) = [path for path in here.glob("confjob-*.log") if str(path) in err]
    text = log.read_text()
    assert "Traceback" in text
    assert "'token'" in text
    assert "hunter2" not in text


def test_something_that_leaves_the_process_is_a_fault_too(here, capsys, monkeypatch):
    monkeypatch.setattr("confjob.pipeline.list_jobs", lambda _: sys.exit(0))
    assert program.run(["jobs"]) == ExitCode.BUG


def test_an_interrupt_exits_with_130(here, capsys, monkeypatch):
    def interrupted(project):
        raise KeyboardInterrupt

    monkeypatch.setattr("confjob.pipeline.list_jobs", interrupted)
    assert program.run(["jobs"]) == ExitCode.INTERRUPTED


def process(*arguments, **options):
    code = "from confjob.__main__ import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_a_reader_that_has_enough_is_no_failure(here):
    read, write = os.pipe()
    os.close(read)
    code = "from confjob.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "schema"], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_half_a_surrogate_pair_or_another_encoding_is_no_failure(here, encoding):
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (
        ["show", "t"],
        ["show", "t", "--json"],
        ["plan", "t", "--set", "a=é"],
        ["plan", "t", "--set", "a=2"],
    ):
        with process(*arguments, env=environ) as running:
            out, err = running.communicate()
        assert running.returncode == (1 if "a=é" in arguments else 0), err
        if "--json" in arguments:
            assert json.loads(out)["inputs"][1]["value"] == "x\ud800y"


def test_the_module_can_be_run():
    done = subprocess.run(
        [sys.executable, "-m", "confjob", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("confjob")
    assert Path(program.__file__).name == "__main__.py"
