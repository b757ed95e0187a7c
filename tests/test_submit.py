import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from confjob.builtin.local import LOCAL, LocalOptions
from confjob.errors import BackendError
from confjob.jobscript import script
from confjob.model import Resources, State, Submission
from confjob.process import ProcessId, live_sessions
from confjob.store import Store
from confjob.submit import submit
from confjob.track import status


@pytest.fixture
def store(tmp_path):
    store = Store(state=tmp_path / ".confjob")
    yield store
    for run in store.runs():
        _kill(run)


def _kill(run):
    """End what a run left, by the sessions that it recorded."""
    for text in (run.handle, (run.start() or {}).get("process")):
        with contextlib.suppress(ValueError, ProcessLookupError):
            for pid in live_sessions().get(ProcessId.parse(str(text)).pid, ()):
                os.kill(pid, signal.SIGKILL)


def make(store, command):
    run = store.fresh()
    text = script(
        run_dir=run.path,
        run_id=run.id,
        unpack="mkdir -p workspace",
        cwd="",
        argv=["sh", "-c", command],
        tidy=None,
    )
    record = json.dumps({"id": run.id, "submitted": time.time()})
    store.create(
        run, {"run.json": record, "job.sh": text, "env": f"PATH='{os.environ['PATH']}'\nexport PATH\n"}
    )
    item = Submission(
        run=run.id, job="j", run_dir=run.path, script=run.path / "job.sh", resources=Resources()
    )
    return run, item


class Fake:
    """An engine that accepts some runs and then refuses."""

    def __init__(self, accepts, found=()):
        self.accepts = accepts
        self.found = found
        self.seen = []

    def submit(self, submissions):
        for item in submissions[: self.accepts]:
            self.seen.append((item.run_dir / "attempts/1/launch.json").exists())
            self.seen.append((item.run_dir / "handle.json").exists())
            yield {item.run: f"handle-{item.run}"}
        if self.accepts < len(submissions):
            raise BackendError("queue is full")

    def find(self, runs):
        if self.found is None:
            raise BackendError("no route")
        return {run: f"found-{run}" for run in runs if run in self.found}

    def poll(self, _handles):
        return {}


def test_the_launch_is_recorded_before_the_engine_and_the_handle_right_after(store):
    runs = [make(store, "true") for _ in range(3)]
    engine = Fake(3)
    handles = [
        (run, folder.handle)
        for (folder, _), run in zip(runs, submit(engine, [i for _, i in runs]), strict=True)
    ]
    assert handles == [(folder.id, f"handle-{folder.id}") for folder, _ in runs]
    assert engine.seen == [True, False] * 3
    assert runs[0][0].launch()["launcher"] == str(ProcessId.current())


def test_a_refusal_is_recorded_in_the_runs_it_met_and_only_there(store):
    runs = [make(store, "true") for _ in range(4)]
    engine = Fake(1, found=[runs[2][0].id])
    with pytest.raises(BackendError, match="queue is full"):
        list(submit(engine, [item for _, item in runs]))
    accepted, refused, found, also = (folder for folder, _ in runs)
    assert accepted.handle == f"handle-{accepted.id}"
    assert found.handle == f"found-{found.id}"
    assert (accepted.end(), found.end()) == (None, None)
    for folder in (refused, also):
        known = status(folder, engine)
        assert (known.state, known.reason) == (State.FAILED, "could not be submitted: queue is full")


def test_an_interruption_is_recorded_in_the_runs_that_were_not_accepted(store):
    runs = [make(store, "true") for _ in range(2)]
    engine = Fake(2)
    submitting = submit(engine, [item for _, item in runs])
    next(submitting)
    with pytest.raises(KeyboardInterrupt):
        submitting.throw(KeyboardInterrupt)
    assert runs[0][0].end() is None
    assert status(runs[1][0], engine).reason == "could not be submitted: KeyboardInterrupt"


def test_a_refusal_by_an_engine_that_cannot_be_asked_invents_nothing(store):
    run, item = make(store, "true")
    engine = Fake(0, found=None)
    with pytest.raises(BackendError, match="queue is full"):
        list(submit(engine, [item]))
    assert run.end() is None
    assert not status(run, engine).state.final


_FOREGROUND = """
import sys
from pathlib import Path
from confjob.builtin.local import LOCAL, LocalOptions
from confjob.model import Resources, Submission
from confjob.submit import foreground
path = Path(sys.argv[1])
item = Submission(run=path.name, job="j", run_dir=path, script=path / "job.sh", resources=Resources())
code = foreground(item, LOCAL.open(LocalOptions(grace=1.0)))
print("code", code)
"""

ENGINE = LOCAL.open(LocalOptions(grace=0.5))


def in_pipes(run, **kwargs):
    argv = [sys.executable, "-c", _FOREGROUND, run.path]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def wait_for(path, content, seconds=30):
    deadline = time.monotonic() + seconds
    while not (path.exists() and content in path.read_bytes()):
        assert time.monotonic() < deadline, f"{content!r} never came"
        time.sleep(0.01)


def test_in_pipes_the_output_is_teed_and_stdin_is_the_launchers(store):
    run, _ = make(store, "cat; echo err >&2; exit 3")
    with in_pipes(run, stdin=subprocess.PIPE) as launcher:
        out, err = launcher.communicate(b"typed\n", timeout=60)
    assert out == b"typed\ncode 3\n"
    assert err == b"err\n"
    assert sorted(run.log.read_bytes().split()) == [b"err", b"typed"]
    assert status(run, ENGINE).reason == "exit code 3"


def test_a_large_output_arrives_whole_before_the_exit_code(store):
    run, _ = make(store, "head -c 3000000 /dev/zero | tr '\\0' x")
    with in_pipes(run, stdin=subprocess.DEVNULL) as launcher:
        out, _ = launcher.communicate(timeout=60)
    assert out == b"x" * 3000000 + b"code 0\n"
    assert run.log.stat().st_size == 3000000


def test_a_daemon_that_holds_the_output_open_does_not_hold_up_the_end(store):
    run, _ = make(store, "sleep 60 & echo done")
    with in_pipes(run, stdin=subprocess.DEVNULL) as launcher:
        lines = [launcher.stdout.readline(), launcher.stdout.readline()]
        assert launcher.wait(30) == 0
        _kill(run)
    assert lines == [b"done\n", b"code 0\n"]
    assert status(run, ENGINE).state is State.SUCCEEDED


def test_a_reader_that_leaves_ends_neither_the_run_nor_its_log(store):
    run, _ = make(store, "echo one; sleep 0.3; echo two; sleep 0.2; echo three; exit 0")
    with in_pipes(run, stdin=subprocess.DEVNULL) as launcher:
        launcher.stdout.readline()
        launcher.stdout.close()
        launcher.wait(30)
    assert run.log.read_bytes() == b"one\ntwo\nthree\n"
    assert status(run, ENGINE).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("number", "by"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP")]
)
def test_a_signal_to_the_launcher_cancels_the_run(store, number, by):
    run, _ = make(store, "trap 'echo saving; exit 9' TERM; echo up; while :; do sleep 0.02; done")
    with in_pipes(run, stdin=subprocess.DEVNULL) as launcher:
        wait_for(run.log, b"up")
        launcher.send_signal(number)
        out, _ = launcher.communicate(timeout=60)
    assert out == b"up\nsaving\ncode 9\n"
    known = status(run, ENGINE)
    assert (known.state, known.reason) == (State.CANCELLED, f"cancelled by {by}")


def test_a_killed_launcher_leaves_the_truth_behind(store):
    run, _ = make(store, "echo up; while sleep 0.05; do echo more || exit 7; done")
    with in_pipes(run, stdin=subprocess.DEVNULL) as launcher:
        wait_for(run.log, b"up")
        assert status(run, ENGINE).state is State.RUNNING
        launcher.kill()
    deadline = time.monotonic() + 30
    while not status(run, ENGINE).state.final and time.monotonic() < deadline:
        time.sleep(0.02)
    assert status(run, ENGINE).state is State.FAILED  # nobody reads its output any more


class Terminal:
    """A launcher in a terminal of its own, driven from the test."""

    def __init__(self, run):
        self.run = run
        self.ours, self.theirs = pty.openpty()
        self.text = b""
        termios.tcsetwinsize(self.theirs, (33, 101)) if hasattr(termios, "tcsetwinsize") else None
        argv = [sys.executable, "-c", _FOREGROUND, run.path]
        self.launcher = subprocess.Popen(argv, stdin=self.theirs, stdout=self.theirs, stderr=self.theirs)

    def read_until(self, content, seconds=30):
        deadline = time.monotonic() + seconds
        while content not in self.text:
            assert time.monotonic() < deadline, self.text
            if select.select([self.ours], [], [], 0.1)[0]:
                self.text += os.read(self.ours, 1 << 16)

    def close(self):
        self.launcher.kill()
        self.launcher.wait()
        _kill(self.run)
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(store):
    opened = []

    def start(command):
        run, _ = make(store, command)
        opened.append(Terminal(run))
        return run, opened[-1]

    yield start
    for item in opened:
        item.close()


def test_in_a_terminal_the_job_has_one_too(terminal):
    run, screen = terminal(
        "test -t 0 -a -t 1 -a -t 2 && echo yes; (exec </dev/tty && echo its own); read x; echo got $x"
    )
    screen.read_until(b"its own")
    os.write(screen.ours, b"word\r")
    screen.read_until(b"code 0")
    assert b"yes\r\n" in screen.text
    assert b"got word" in screen.text
    assert run.log.read_bytes() == b"yes\nits own\nword\ngot word\n"


@pytest.mark.skipif(not hasattr(termios, "tcsetwinsize"), reason="Python 3.11 sets window sizes")
def test_the_window_size_is_the_terminals_and_follows_it(terminal):
    _, screen = terminal("trap 'stty size; exit' WINCH; stty size; echo up; while :; do sleep 0.02; done")
    screen.read_until(b"up")
    assert b"33 101" in screen.text
    termios.tcsetwinsize(screen.theirs, (44, 55))
    screen.launcher.send_signal(signal.SIGWINCH)  # not its controlling terminal, so nobody else tells
    screen.read_until(b"code 0")
    assert b"44 55" in screen.text


def test_ctrl_c_reaches_the_job_which_may_live_on(terminal):
    run, screen = terminal("trap 'echo caught' INT; echo up; read x; read x; echo end")
    screen.read_until(b"up")
    os.write(screen.ours, b"\x03")
    screen.read_until(b"caught")
    os.write(screen.ours, b"a\rb\r")
    screen.read_until(b"code 0")
    assert status(run, ENGINE).state is State.SUCCEEDED


def test_ctrl_c_ends_an_ordinary_job_as_cancelled_and_gives_the_terminal_back(terminal):
    run, screen = terminal("echo up; exec sleep 60")
    before = termios.tcgetattr(screen.theirs)
    screen.read_until(b"up")
    os.write(screen.ours, b"\x03")
    screen.read_until(b"code 130")
    known = status(run, ENGINE)
    assert (known.state, known.reason) == (State.CANCELLED, "interrupted with Ctrl-C")
    screen.launcher.wait(30)
    assert termios.tcgetattr(screen.theirs)[3] & termios.ECHO == before[3] & termios.ECHO


def test_when_the_launcher_is_killed_its_terminal_is_gone_and_the_run_tells_its_own_end(terminal):
    run, screen = terminal("echo up; while sleep 0.05; do echo more || exit 7; done")
    screen.read_until(b"up")
    screen.launcher.kill()
    deadline = time.monotonic() + 30
    while not status(run, ENGINE).state.final and time.monotonic() < deadline:
        time.sleep(0.02)
    assert status(run, ENGINE).reason == "exit code 7"
    assert run.end()["signal"] == "HUP"
