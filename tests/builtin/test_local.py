import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from attrs import evolve

from confjob.builtin.local import LOCAL, LocalOptions, confjob_backends
from confjob.plugin import BackendError, ProcessId, Resources, State, Submission, live_sessions


@pytest.fixture(autouse=True)
def usual_sigint():
    """Started with `&`, pytest itself would ignore it, and so would what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def engine():
    return LOCAL.open(LocalOptions(grace=0.5))


@pytest.fixture
def launch(tmp_path, engine):
    """Start scripts; at the end nothing of their sessions is left."""
    handles = []

    def start(body, name="run"):
        path = tmp_path / name
        path.mkdir()
        (path / "job.sh").write_text(textwrap.dedent(body))
        item = Submission(run=name, job="j", run_dir=path, script=path / "job.sh", resources=Resources())
        [chunk] = engine.submit([item])
        handles.append(chunk[name])
        return path, chunk[name]

    yield start
    for handle in handles:
        for pid in live_sessions().get(ProcessId.parse(handle).pid, ()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def wait(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def state(engine, handle):
    return engine.poll([handle])[handle].state


def members(handle):
    return live_sessions().get(ProcessId.parse(handle).pid, [])


def test_the_backend_is_registered_by_its_hook():
    assert [backend.name for backend in confjob_backends()] == ["local"]
    assert LocalOptions() == LocalOptions(slots=None, grace=10.0)
    assert list(LOCAL.open(LocalOptions()).check()) == []


def test_preview_starts_nothing(engine, tmp_path):
    item = Submission(run="r", job="j", run_dir=tmp_path, script=tmp_path / "job.sh", resources=Resources())
    assert engine.preview([item]) == f"/bin/sh {tmp_path}/job.sh"
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_a_session_of_its_own_without_terminal_and_submitters_environment(
    launch, engine, monkeypatch
):
    monkeypatch.setenv("SECRET", "s3cret")
    path, handle = launch("env; cat; ls -l /proc/$$/fd/ | grep -v pipe; echo ready; sleep 60")
    wait(lambda: b"ready" in (path / "output.log").read_bytes())
    assert os.getsid(ProcessId.parse(handle).pid) == ProcessId.parse(handle).pid
    log = (path / "output.log").read_text()
    assert "s3cret" not in log
    assert "CONFJOB_ATTEMPT=1" in log
    assert "0 -> /dev/null" in log
    assert state(engine, handle) is State.RUNNING


def test_a_run_launched_from_a_background_shell_can_still_be_interrupted(launch):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path, handle = launch("trap 'echo interrupted; exit' INT\necho up\nwhile :; do sleep 0.02; done")
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    wait(lambda: b"up" in (path / "output.log").read_bytes())
    os.killpg(ProcessId.parse(handle).pid, signal.SIGINT)
    wait(lambda: b"interrupted" in (path / "output.log").read_bytes())


def test_what_the_shell_complains_about_is_in_the_log(launch, engine):
    path, handle = launch("no-such-command")
    wait(lambda: state(engine, handle) is State.LOST)
    assert "no-such-command" in (path / "output.log").read_text()


def test_the_attempt_is_the_latest_that_was_recorded(launch, tmp_path, engine):
    path, _ = launch("echo attempt $CONFJOB_ATTEMPT")
    (path / "attempts" / "3").mkdir(parents=True)
    item = Submission(run="run", job="j", run_dir=path, script=path / "job.sh", resources=Resources())
    [again] = engine.submit([item])
    wait(lambda: b"attempt 3" in (path / "output.log").read_bytes())
    wait(lambda: state(engine, again["run"]) is State.LOST)


def test_handles_that_cannot_be_judged_are_left_out(engine):
    here = ProcessId.current()
    elsewhere = str(evolve(here, host="gpu1", boot="other"))
    assert engine.poll([elsewhere, "nonsense", "", str(here)]) == engine.poll([str(here)])
    assert list(engine.poll([str(here)])) == [str(here)]


def test_a_run_that_cannot_start_is_refused(engine, tmp_path):
    item = Submission(
        run="r", job="j", run_dir=tmp_path / "no", script=tmp_path / "no", resources=Resources()
    )
    with pytest.raises(BackendError, match="can't start run r"):
        list(engine.submit([item]))


def test_find_knows_a_run_by_its_record_and_by_its_process_alone(launch, engine, tmp_path):
    recorded, first = launch("sleep 60", "recorded")
    bare, second = launch("sleep 60", "bare")
    gone = tmp_path / "gone"
    gone.mkdir()
    (recorded / "attempts/1").mkdir(parents=True)
    (recorded / "attempts/1/start.json").write_text(json.dumps({"process": first}))
    (bare / "attempts/1").mkdir(parents=True)
    (bare / "attempts/1/start.json").write_text('{"process": "half')
    runs = {"recorded": recorded, "bare": bare, "gone": gone}
    # A process that has just begun has no command line for an instant.
    wait(lambda: len(engine.find(runs)) == 2)
    assert engine.find(runs) == {"recorded": first, "bare": second}


def test_cancel_ends_the_whole_tree_even_what_ignores_term_and_left_the_group(launch, engine):
    path, handle = launch(
        """
        trap '' TERM
        setsid sh -c 'echo $$ >escaped; exec sleep 61' &
        (trap '' TERM; while :; do sleep 62; done) &
        bash -c 'set -m; sleep 63 & wait' &
        echo up
        while :; do sleep 64; done
        """
    )
    # setsid makes a session of its own: the one thing that is not of this run any more.
    wait(lambda: (path / "escaped").exists() and (path / "escaped").read_text().strip())
    wait(lambda: b"up" in (path / "output.log").read_bytes() and len(members(handle)) >= 5)
    engine.cancel([handle])
    os.kill(int((path / "escaped").read_text()), signal.SIGKILL)
    assert members(handle) == []
    assert state(engine, handle) is State.LOST


def test_cancel_gives_a_grace(launch, engine):
    path, handle = launch("trap 'sleep 0.2; echo saved; exit' TERM\necho up\nwhile :; do sleep 0.02; done")
    wait(lambda: b"up" in (path / "output.log").read_bytes())
    engine.cancel([handle])
    assert b"saved" in (path / "output.log").read_bytes()


def test_a_stopped_run_can_be_cancelled(launch, engine):
    path, handle = launch("trap 'echo asked; exit' TERM\necho up\nwhile :; do sleep 0.02; done")
    wait(lambda: b"up" in (path / "output.log").read_bytes())
    os.killpg(ProcessId.parse(handle).pid, signal.SIGSTOP)
    engine.cancel([handle])
    assert b"asked" in (path / "output.log").read_bytes()


def test_many_runs_share_one_grace(launch, tmp_path):
    stubborn = "trap '' TERM\necho up\nwhile :; do sleep 0.05; done"
    runs = [launch(stubborn, f"run{number}") for number in range(4)]
    for path, _ in runs:
        wait(lambda path=path: b"up" in (path / "output.log").read_bytes())
    began = time.monotonic()
    LOCAL.open(LocalOptions(grace=1.0)).cancel([handle for _, handle in runs])
    assert time.monotonic() - began < 4 * 1.0
    assert not any(members(handle) for _, handle in runs)


def test_a_run_without_its_shell_is_ending_until_its_processes_are_gone(launch, engine):
    path, handle = launch("sleep 60 &\nsleep 60 &\necho up\nwait")
    wait(lambda: b"up" in (path / "output.log").read_bytes() and len(members(handle)) == 3)
    os.kill(ProcessId.parse(handle).pid, signal.SIGKILL)
    wait(lambda: state(engine, handle) is State.ENDING)
    engine.cancel([handle])
    assert members(handle) == []
    assert state(engine, handle) is State.LOST


def test_cancel_of_what_has_ended_or_another_with_its_number_touches_nothing(launch, engine):
    _, handle = launch("sleep 60")
    former = str(evolve(ProcessId.parse(handle), start="1"))
    engine.cancel([former, "nonsense"])
    assert state(engine, handle) is State.RUNNING
    assert state(engine, former) is State.LOST


def test_runs_of_other_machines_are_named_and_the_rest_cancelled(launch, engine):
    _, handle = launch("sleep 60")
    elsewhere = str(evolve(ProcessId.parse(handle), host="gpu1", boot="other"))
    with pytest.raises(BackendError, match="gpu1"):
        engine.cancel([elsewhere, handle])
    assert members(handle) == []


_LAUNCH_AND_WAIT = """
import sys, time
from pathlib import Path
from confjob.builtin.local import LOCAL, LocalOptions
from confjob.plugin import Resources, Submission
path = Path(sys.argv[1])
item = Submission(run="r", job="j", run_dir=path, script=path / "job.sh", resources=Resources())
print(next(LOCAL.open(LocalOptions()).submit([item]))["r"], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_a_run_outlives_its_launcher_and_its_launchers_group(tmp_path, engine, number):
    (tmp_path / "job.sh").write_text("while ! [ -e go ]; do sleep 0.02; done; echo survived")
    argv = [sys.executable, "-c", _LAUNCH_AND_WAIT, tmp_path]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as launcher:
        handle = launcher.stdout.readline().decode().strip()
        os.killpg(launcher.pid, number)
    assert state(engine, handle) is State.RUNNING
    (tmp_path / "go").touch()
    wait(lambda: state(engine, handle) is State.LOST)
    assert (tmp_path / "output.log").read_text() == "survived\n"
