import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from attrs import evolve

from confjob.builtin.local import LOCAL, LocalOptions
from confjob.errors import BackendError
from confjob.jobscript import script
from confjob.model import Resources, State, Status, Submission
from confjob.process import ProcessId, live_sessions
from confjob.store import RunFolder, Store
from confjob.submit import submit
from confjob.track import follow, read_log, status, statuses, unread

ENGINE = LOCAL.open(LocalOptions(grace=0.5))
HERE = ProcessId.current()
ELSEWHERE = evolve(HERE, host="gpu1", boot="another")
GONE = evolve(HERE, start="1")


@pytest.fixture
def store(tmp_path):
    store = Store(state=tmp_path / ".confjob")
    yield store
    for run in store.runs():
        end_all(run)


def end_all(run):
    """End what a run left, by the sessions that it recorded or that run its script."""
    handles = {run.handle, (run.start() or {}).get("process"), *ENGINE.find({run.id: run.path}).values()}
    for text in handles:
        with contextlib.suppress(ValueError, ProcessLookupError):
            for pid in live_sessions().get(ProcessId.parse(str(text)).pid, ()):
                os.kill(pid, signal.SIGKILL)


def make(store, command="true", changes=(), unpack="mkdir -p workspace"):
    run = store.fresh()
    text = script(run_dir=run.path, run_id=run.id, unpack=unpack, cwd="", argv=["sh", "-c", command])
    record = json.dumps({"id": run.id, "submitted": time.time(), "changes": list(changes)})
    store.create(
        run, {"run.json": record, "job.sh": text, "env": f"PATH='{os.environ['PATH']}'\nexport PATH\n"}
    )
    return run


def submission(run):
    return Submission(
        run=run.id, job="j", run_dir=run.path, script=run.path / "job.sh", resources=Resources()
    )


def launched(store, command, **kwargs):
    run = make(store, command, **kwargs)
    assert list(submit(ENGINE, [submission(run)])) == [run.id]
    return run


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def final(run):
    until(lambda: status(run, ENGINE).state.final)
    return status(run, ENGINE)


class Fake:
    """An engine that says what it is told to."""

    def __init__(self, word=None, found="handle", error=None):
        self.word, self.found, self.error, self.polls = word, found, error, 0
        self.fetched = []

    def find(self, runs):
        return dict.fromkeys(runs, self.found) if self.found else {}

    def poll(self, handles):
        self.polls += 1
        if self.error:
            raise BackendError(self.error)
        return dict.fromkeys(handles, self.word) if self.word else {}

    def fetch(self, handle, run_dir):
        self.fetched.append(run_dir)


def started(run, process=ELSEWHERE, at=1000.0):
    run.write_json("attempts/1/start.json", {"process": str(process), "at": at})


def ended(run, code=0, at=2000.0, **more):
    record = {"exit_code": code, "stage": "run", "signal": None, "cancelled": False, "at": at}
    run.write_json("attempts/1/end.json", {**record, **more})


# The order of who is believed


@pytest.mark.parametrize("state", [State.QUEUED, State.STARTING, State.RUNNING])
def test_first_the_engine_that_says_it_lives_whatever_was_recorded(store, state):
    run = make(store)
    started(run)
    ended(run, 0)
    run.request_cancel("ann")
    assert not status(run, Fake(Status(state=state))).state.final


def test_then_a_cancel_request_that_the_job_saw_before_its_end(store):
    run = make(store)
    started(run)
    ended(run, 0, cancelled=True)
    run.request_cancel("ann")
    known = status(run, Fake(Status(state=State.SUCCEEDED)))
    assert (known.state, known.reason, known.exit_code) == (State.CANCELLED, "cancelled by ann", 0)


def test_a_cancel_request_after_the_end_changes_nothing(store):
    run = make(store)
    started(run)
    ended(run, 0)
    run.request_cancel("ann")
    assert status(run, Fake()).state is State.SUCCEEDED


def test_a_request_that_the_job_could_not_see_yet_counts_when_a_signal_came(store):
    """On NFS a file from another machine may show seconds late."""
    run = make(store)
    started(run)
    ended(run, 143, at=time.time() + 1, signal="TERM")
    run.request_cancel("ann")
    assert status(run, Fake()).state is State.CANCELLED


def test_then_the_end_record(store):
    run = make(store)
    started(run)
    ended(run, 0)
    assert status(run, Fake(Status(state=State.FAILED, reason="node failure"))).state is State.SUCCEEDED
    assert status(run, Fake(Status(state=State.LOST))).state is State.SUCCEEDED
    assert status(run, None).state is State.SUCCEEDED


def test_then_the_engines_word(store):
    run = make(store)
    started(run)
    word = Status(state=State.PREEMPTED, reason="by a higher priority")
    assert status(run, Fake(word), now=5.0) == evolve(word, as_of=5.0)
    run.request_cancel("ann")
    assert status(run, Fake(word)).state is State.CANCELLED


@pytest.mark.parametrize("state", [State.FAILED, State.PREEMPTED])
def test_the_engines_word_explains_an_end_that_the_script_saw_as_a_signal(store, state):
    run = make(store)
    started(run)
    ended(run, 143, signal="TERM")
    known = status(run, Fake(Status(state=state, reason="its node was claimed")))
    assert (known.state, known.reason, known.exit_code) == (state, "its node was claimed", 143)


@pytest.mark.parametrize(("code", "more"), [(3, {}), (0, {}), (0, {"signal": "TERM"})])
def test_an_end_that_explains_itself_needs_no_engine(store, code, more):
    run = make(store)
    started(run)
    ended(run, code, **more)
    known = status(run, Fake(Status(state=State.FAILED, reason="NonZeroExitCode")))
    assert known.reason != "NonZeroExitCode"
    assert (known.state is State.SUCCEEDED) is (code == 0)


def test_on_several_nodes_the_engine_knows_of_those_that_the_script_does_not(store):
    word = Status(state=State.FAILED, reason="on node 1: exit code 3")
    run = make(store)
    started(run)
    ended(run, 0)
    assert status(run, Fake(word)).state is State.SUCCEEDED
    run.write_json("run.json", {**run.record, "resources": {"nodes": 2}})
    known = status(run, Fake(word))
    assert (known.state, known.reason, known.exit_code) == (State.FAILED, "on node 1: exit code 3", None)


def test_what_an_engine_has_of_an_ended_run_is_brought_once(store):
    run = make(store)
    engine = Fake(Status(state=State.FAILED, reason="out of memory"))
    assert [status(run, engine).reason for _ in range(3)] == ["out of memory"] * 3
    assert engine.fetched == [run.path]
    run.begin_attempt()
    status(run, engine)
    assert engine.fetched == [run.path] * 2, "another attempt has something of its own"


def test_of_a_live_run_its_start_is_brought_and_of_one_that_ended_here_nothing(store):
    run, engine = make(store), Fake(Status(state=State.RUNNING))
    status(run, engine)
    assert engine.fetched == [run.path]
    started(run)
    status(run, engine)
    ended(run)
    status(run, Fake(Status(state=State.SUCCEEDED)))
    assert engine.fetched == [run.path]


def test_lost_only_after_a_grace_where_records_may_come_late(store):
    run = make(store)
    now = time.time()
    started(run, at=now)
    lost = Fake(Status(state=State.LOST, reason="its node is down"))
    assert not status(run, lost, now=now + 1).state.final
    known = status(run, lost, now=now + 60)
    assert known.state is State.LOST
    assert known.reason.startswith("its node is down; unknown since 2")


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Fake(), "on gpu1, as of 1970-01-01"),
        (Fake(error="no route to host"), "on gpu1, unknown since 2"),
        (None, "on gpu1, unknown since 2"),
    ],
)
def test_what_cannot_be_judged_is_the_last_record_and_never_an_end(store, engine, said):
    run = make(store)
    started(run, at=1000.0)
    known = status(run, engine, now=1e12)
    assert (known.state, known.as_of) == (State.RUNNING, None)
    assert said in known.reason
    run.request_cancel("ann")
    assert "cancel requested by ann" in status(run, engine).reason
    assert not status(run, engine).state.final


def test_a_launcher_elsewhere_or_alive_is_waited_for(store):
    run = make(store)
    run.write_json("attempts/1/launch.json", {"launcher": str(ELSEWHERE), "at": 1000.0})
    known = status(run, Fake(found=None), now=1e12)
    assert (known.state, known.as_of) == (State.STARTING, None)
    assert "on gpu1" in known.reason
    run.write_json("attempts/1/launch.json", {"launcher": str(HERE), "at": 1000.0})
    assert status(run, Fake(found=None), now=1e12).state is State.STARTING


def test_never_started_needs_a_dead_launcher_a_grace_and_an_engine_that_never_heard_of_it(store):
    run = make(store)
    run.write_json("attempts/1/launch.json", {"launcher": str(GONE), "at": 1000.0})
    assert not status(run, Fake(found=None), now=1004.0).state.final
    assert not status(run, Fake(error="no route"), now=1e12).state.final
    assert not status(run, Fake(), now=1e12).state.final  # it has a handle there
    assert not status(run, None, now=1e12).state.final
    known = status(run, Fake(found=None), now=1006.0)
    assert known.state is State.FAILED
    assert known.reason.startswith("never started")
    run.request_cancel("ann")
    assert status(run, Fake(found=None), now=1006.0).state is State.CANCELLED


def test_without_any_readable_record_nothing_is_claimed(store):
    run = make(store)
    (run.path / "attempts/1/launch.json").write_text('{"launcher": ')
    assert not status(run, Fake(found=None), now=1e12).state.final


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (3, "exit code 3"),
        (126, "exit code 126 (the command could not be run)"),
        (127, "exit code 127 (command not found?)"),
        (128, "exit code 128"),
        (137, "killed by signal 9 (out of memory?)"),
        (139, "killed by signal 11 (SIGSEGV)"),
        (143, "killed by signal 15 (SIGTERM)"),
        (255, "exit code 255"),
    ],
)
def test_failures_are_told_in_words(store, code, reason):
    run = make(store)
    started(run)
    ended(run, code)
    known = status(run, Fake())
    assert (known.state, known.reason, known.exit_code) == (State.FAILED, reason, code)


def test_many_runs_cost_one_poll_an_engine(store):
    first, second = Fake(Status(state=State.RUNNING)), Fake(Status(state=State.QUEUED))
    runs = [make(store) for _ in range(6)]
    for run in runs:
        started(run)
    known = statuses([(run, (first, second, None)[number % 3]) for number, run in enumerate(runs)])
    assert (first.polls, second.polls) == (1, 1)
    assert [known[run.id].state for run in runs] == [State.RUNNING, State.QUEUED, State.RUNNING] * 2


# Real processes


def test_a_run_goes_from_starting_to_its_end(store):
    run = launched(store, "sleep 0.3; exit 3")
    assert status(run, ENGINE).state in (State.QUEUED, State.STARTING, State.RUNNING)
    until(lambda: status(run, ENGINE).state is State.RUNNING)
    known = final(run)
    assert (known.state, known.reason, known.exit_code) == (State.FAILED, "exit code 3", 3)
    assert run.handle.endswith(f":{run.path}")


def test_a_workspace_that_cannot_be_made_is_told(store):
    run = launched(store, "true", unpack="echo no space >&2; exit 28")
    assert final(run).reason == "could not prepare the workspace (exit code 28); the log says why"
    assert run.log.read_bytes() == b"no space\n"


def test_a_cancelled_run_is_cancelled(store):
    run = launched(store, "echo up; sleep 60")
    until(lambda: run.log.exists() and run.log.read_bytes())
    run.request_cancel("ann")
    assert status(run, ENGINE).state is State.ENDING
    ENGINE.cancel([run.handle])
    known = status(run, ENGINE)
    assert (known.state, known.reason, known.exit_code) == (State.CANCELLED, "cancelled by ann", 143)


def test_a_cancel_by_force_is_a_cancel_too(store):
    run = launched(store, "trap '' TERM; echo up; while :; do sleep 1; done")
    until(lambda: run.log.exists() and run.log.read_bytes())
    run.request_cancel("ann")
    ENGINE.cancel([run.handle])
    assert run.end() is None
    assert status(run, ENGINE).state is State.CANCELLED


def test_job_sh_killed_is_lost_once_its_command_is_gone_too(store):
    run = launched(store, "echo up; sleep 60")
    until(lambda: run.log.exists() and run.log.read_bytes())
    leader = ProcessId.parse(run.start()["process"]).pid
    os.kill(leader, signal.SIGKILL)
    until(lambda: status(run, ENGINE).state is State.ENDING)
    end_all(run)
    known = final(run)
    assert known.state is State.LOST
    assert "its process is gone" in known.reason


def test_the_command_killed_is_a_failure_with_its_reason(store):
    run = launched(store, "kill -9 $$")
    assert final(run).reason == "killed by signal 9 (out of memory?)"


def test_killed_before_the_first_record_is_never_started(store):
    run = make(store)
    run.record_handle(str(GONE))
    known = status(run, ENGINE)
    assert known.state is State.FAILED
    assert known.reason.startswith("never started")


_LAUNCHER = """
import sys, time
from pathlib import Path
from confjob.builtin.local import LOCAL, LocalOptions
from confjob.jobscript import script
from confjob.model import Resources, Submission
from confjob.store import Store
from confjob.submit import submit
store = Store(state=Path(sys.argv[1]))
engine = LOCAL.open(LocalOptions())
print("ready", flush=True)
for number in range(40):
    run = store.fresh()
    argv = ["sh", "-c", "echo ran; exit 5"]
    text = script(run_dir=run.path, run_id=run.id, unpack="mkdir -p workspace", cwd="", argv=argv)
    files = {"run.json": '{"submitted": %d}' % number, "job.sh": text, "env": ""}
    store.create(run, files)
    item = Submission(run=run.id, job="j", run_dir=run.path, script=run.path / "job.sh", resources=Resources())
    list(submit(engine, [item]))
"""


def test_a_launcher_killed_at_any_moment_leaves_every_run_with_its_true_end(store):
    """Each run either ran to its end or never started, and status says which."""
    while len(store.runs()) < 20:
        with subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, store.state], stdout=subprocess.PIPE
        ) as launcher:
            launcher.stdout.readline()
            time.sleep(random.uniform(0, 0.15))
            launcher.kill()
    later = time.time() + 60
    runs = store.runs()
    until(
        lambda: all(known.state.final for known in statuses([(run, ENGINE) for run in runs], later).values()),
        seconds=120,
    )
    for run in runs:
        known = status(run, ENGINE, later)
        ran = run.log.exists() and run.log.read_bytes() == b"ran\n"
        expected = "exit code 5" if ran else "never started: its launcher is gone"
        assert (known.state, known.reason) == (State.FAILED, expected)


def test_any_process_killed_at_any_moment_never_makes_a_success_or_an_exit_code(store):
    """What was killed may be lost or failed; no run that was cut short counts as done."""
    for _ in range(12):
        run = launched(store, "for n in 1 2 3; do sleep 0.05; done; echo whole; exit 0")
        until(run.start)
        time.sleep(random.uniform(0, 0.1))
        pids = live_sessions().get(ProcessId.parse(run.start()["process"]).pid, [])
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(random.choice(pids), signal.SIGKILL)
        known = final(run)
        whole = run.log.exists() and run.log.read_bytes().endswith(
            b"whole\n"
        )  # a killed sleep is not the end
        assert known.state in (
            (State.SUCCEEDED, State.LOST, State.FAILED) if whole else (State.LOST, State.FAILED)
        )
        end = run.end()
        assert (end is not None and end["exit_code"] == 0) == (known.state is State.SUCCEEDED)


# What it prints


def test_following_streams_the_log_and_returns_the_end(store):
    run = launched(store, "for n in 1 2 3; do echo line $n; sleep 0.1; done; printf last; exit 4")
    seen = []

    class Out(io.BytesIO):
        def write(self, data):
            seen.append(bytes(data))
            return len(data)

    known = follow(run, ENGINE, Out())
    assert b"".join(seen) == b"line 1\nline 2\nline 3\nlast"
    assert len(seen) > 1  # as it came
    assert known.exit_code == 4


def test_following_sees_the_end_of_a_run_that_could_not_record_it(store):
    run = launched(store, "echo up; kill -9 $PPID; sleep 0.2")
    out = io.BytesIO()
    assert follow(run, ENGINE, out, every=0.1).state is State.LOST
    assert out.getvalue() == b"up\n"


def test_stopping_to_follow_leaves_the_run_alone(store):
    run = launched(store, "echo up; sleep 60")

    class Interrupted(io.BytesIO):
        def write(self, _data):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(run, ENGINE, Interrupted())
    assert status(run, ENGINE).state is State.RUNNING


def test_a_log_that_was_cut_is_followed_from_its_new_start(store):
    run = make(store)
    started(run)
    run.log.write_bytes(b"a long first part\n")

    class Out(io.BytesIO):
        def flush(self):
            if run.end() is None:
                run.log.write_bytes(b"new\n")
                ended(run)

    out = Out()
    follow(run, Fake(), out)
    assert out.getvalue() == b"a long first part\nnew\n"


@pytest.mark.parametrize(
    "text", [b"", b"a", b"a\n", b"a\nb\nc", b"a\nb\nc\n", b"\n\n\n", b"x" * 200000 + b"\ny\n" * 60000]
)
@pytest.mark.parametrize("lines", [0, 1, 2, 3, 10, 100000])
def test_the_last_lines_of_a_log(store, text, lines):
    run = make(store)
    run.log.write_bytes(text)
    expected = b"".join(text.splitlines(keepends=True)[-lines:] if lines else [])
    assert b"".join(read_log(run, lines)) == expected
    assert b"".join(read_log(run)) == text


def test_without_a_log_there_is_nothing_to_read(tmp_path):
    assert list(read_log(RunFolder(id="x", path=tmp_path))) == []


def test_overrides_of_the_run_config_that_nobody_read_are_told_after_the_end(store):
    run = make(store, changes=[{"input": "run-config", "path": "seed"}])
    assert not unread(run)  # it may still be read
    ended(run)
    assert unread(run)
    (run.path / "reads").mkdir()
    (run.path / "reads" / "run-config").touch()
    assert not unread(run)
    other = make(store, changes=[{"input": "config.yaml", "path": "seed"}])
    ended(other)
    assert not unread(other)
