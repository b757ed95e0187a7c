"""Every phase of an attempt, as it is seen of real processes and their records."""

import os
import signal
import time

import pytest
from attrs import evolve

from confjob.builtin.local.queue.looks import look
from confjob.builtin.local.queue.tickets import Ticket
from confjob.builtin.local.shell import start_script
from confjob.builtin.local.trees import Tree, end, survivors
from confjob.jobscript import script
from confjob.plugin import ProcessId, Retry, live_sessions, read_record, write_record

BARE = {"PATH": os.environ["PATH"]}


@pytest.fixture
def started():
    """Start runs and other commands; at the end nothing of them is left."""
    shells, folders = [], []

    def start(ticket):
        shells.append(start_script(ticket.folder, BARE | {"CONFJOB_ATTEMPT": str(ticket.attempt)}))
        folders.append(ticket.run_dir)
        return shells[-1]

    yield start
    for shell in shells:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    assert end([Tree(leader=None, run_dir=folder) for folder in folders], 0) == []


@pytest.fixture
def run(tmp_path):
    """Return the ticket of a run with a command of sh, which waits."""

    def make(body, name="r", **values):
        path = tmp_path / "runs" / name
        path.mkdir(parents=True)
        text = script(
            run_dir=path, run_id=name, unpack="mkdir -p workspace", cwd="", argv=["/bin/sh", "-c", body]
        )
        (path / "job.sh").write_text(text)
        (path / "env").write_text("")
        given = {"run": name, "run_dir": str(path), "place": "here", "group": "g", "queued": 1.0}
        return Ticket(**{**given, **values})

    return make


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def seen(ticket):
    [found] = look([ticket])
    return found


def begun(ticket):
    wait(lambda: "up" in log(ticket))


def log(ticket):
    path = ticket.folder / "output.log"
    return path.read_text() if path.exists() else ""


SLEEPS = "echo up; sleep 60; echo not reached"


def test_nothing_is_seen_of_no_runs():
    assert look([]) == []


def test_a_run_that_nobody_started_waits(run):
    found = seen(ticket := run(SLEEPS))
    assert (found.ticket, found.phase, found.leader, found.slots, found.again) == (
        ticket,
        "waiting",
        None,
        (),
        None,
    )


def test_a_run_that_was_cancelled_before_it_started_waits_and_says_so(run):
    ticket = run(SLEEPS)
    write_record(ticket.folder / "cancel.json", {"at": 1.0})
    assert (seen(ticket).phase, seen(ticket).facts.cancel) == ("waiting", {"at": 1.0})


def test_a_shell_that_has_not_written_that_it_began_is_starting(run, started):
    """It is found by the script that it runs: an agent that died just then starts it only once."""
    ticket = run(SLEEPS)
    (ticket.folder / "job.sh").write_text("echo up; sleep 60; :")
    shell = started(ticket)
    begun(ticket)
    found = seen(ticket)
    assert (found.phase, found.leader) == ("starting", ProcessId.of(shell.pid))


def test_a_run_whose_shell_lives_runs(run, started):
    ticket = run(SLEEPS)
    write_record(ticket.records / "launch.json", {"slots": ["GPU-1", "GPU-2"]})
    shell = started(ticket)
    begun(ticket)
    found = seen(ticket)
    assert (found.phase, found.leader, found.slots) == (
        "running",
        ProcessId.of(shell.pid),
        ("GPU-1", "GPU-2"),
    )
    assert found.facts.start is not None


def test_a_run_whose_shell_was_killed_is_orphaned_while_its_command_lives_and_then_lost(run, started):
    ticket = run(SLEEPS, retry=Retry(attempts=2, on=("lost",)))
    shell = started(ticket)
    begun(ticket)
    leader = ProcessId.of(shell.pid)
    shell.kill()
    shell.wait()
    found = seen(ticket)
    assert (found.phase, found.leader, found.again) == ("orphaned", leader, None)
    for pid in survivors([tree := Tree(leader=leader)])[tree]:
        os.kill(pid, signal.SIGKILL)
    wait(lambda: not survivors([tree])[tree])
    found = seen(ticket)
    assert (found.phase, found.facts.end) == ("over", None)
    assert (found.again.attempt, found.again.resume) == (2, "lost")


def test_a_zombie_of_a_shell_is_no_shell(run, started):
    """Its parent, the agent, may not have asked how it ended."""
    ticket = run(SLEEPS)
    shell = started(ticket)
    begun(ticket)
    os.killpg(shell.pid, signal.SIGKILL)
    wait(lambda: not ProcessId.of(shell.pid).alive() and shell.pid not in live_sessions())
    assert seen(ticket).phase == "over"


@pytest.mark.parametrize(("code", "again"), [(0, None), (3, 2)])
def test_a_run_that_ended_is_over_and_it_is_said_whether_it_goes_on(run, started, code, again):
    ticket = run(f"exit {code}", retry=Retry(attempts=2))
    assert started(ticket).wait() == code
    found = seen(ticket)
    assert (found.phase, found.facts.exit_code) == ("over", code)
    assert (found.again.attempt if found.again else None) == again


def test_while_its_shell_lives_a_run_with_an_end_record_still_runs(run, started):
    """It tidies up; what it holds is not free yet."""
    ticket = run(SLEEPS)
    started(ticket)
    begun(ticket)
    write_record(ticket.records / "end.json", {"exit_code": 0, "at": 1.0})
    assert seen(ticket).phase == "running"


def test_leftovers_of_a_run_that_ended_do_not_make_it_run(run, started):
    ticket = run("sleep 60 & exit 0")
    shell = started(ticket)
    leader = ProcessId.of(shell.pid)
    assert shell.wait() == 0
    assert survivors([tree := Tree(leader=leader)])[tree]
    assert seen(ticket).phase == "over"


def test_a_run_that_ended_before_it_began_is_over(run):
    ticket = run(SLEEPS, retry=Retry(attempts=2))
    write_record(ticket.records / "end.json", {"exit_code": 2, "stage": "submit", "at": 1.0})
    assert (seen(ticket).phase, seen(ticket).again) == ("over", None)


def test_the_next_attempt_waits_whatever_the_one_before_did(run, started):
    ticket = run("exit 3", retry=Retry(attempts=2))
    started(ticket).wait()
    again = seen(ticket).again
    assert seen(again).phase == "waiting"
    assert started(again).wait() == 3
    assert (seen(again).phase, seen(again).again) == ("over", None)


def elsewhere(ticket, **values):
    write_record(
        ticket.records / "start.json", {"process": str(evolve(ProcessId.current(), **values)), "at": 1.0}
    )
    return ticket


@pytest.mark.parametrize(
    "place",
    [{"namespace": "1"}, {"host": "gpu1", "machine": "m", "boot": "b"}, {"host": "gpu1", "boot": "b"}],
)
def test_only_there_can_be_told_what_runs_in_another_container_or_on_another_machine(run, place):
    ticket = elsewhere(run(SLEEPS, retry=Retry(attempts=2)), **place)
    assert (seen(ticket).phase, seen(ticket).again) == ("foreign", None)
    write_record(ticket.records / "end.json", {"exit_code": 1, "at": 1.0})
    assert seen(ticket).phase == "over"
    assert seen(ticket).again.attempt == 2


def test_what_ran_before_a_reboot_is_over(run):
    here = ProcessId.current()
    if not (here.machine and here.boot):
        pytest.skip("this machine has no id or no boot id, so nothing can be told of earlier boots")
    ticket = elsewhere(run(SLEEPS, retry=Retry(attempts=2)), boot="earlier")
    assert seen(ticket).phase == "over"
    assert seen(ticket).again.resume == "lost"


@pytest.mark.parametrize("text", ["", "{", "{}", '{"process": 3}', '{"process": "a/b"}'])
def test_a_start_that_cannot_be_read_is_none(run, text):
    ticket = run(SLEEPS)
    ticket.records.mkdir(parents=True)
    (ticket.records / "start.json").write_text(text)
    assert seen(ticket).phase == "waiting"


def test_many_are_told_apart_in_the_order_in_which_they_were_asked_for(run, started):
    runs, waits, over = run(SLEEPS, "a"), run(SLEEPS, "b"), run("exit 0", "c")
    starts = run(SLEEPS, "d")
    (starts.folder / "job.sh").write_text("echo up; sleep 60; :")
    for ticket in (runs, starts):
        started(ticket)
        begun(ticket)
    started(over).wait()
    found = look([over, waits, starts, runs])
    assert [(each.ticket.run, each.phase) for each in found] == [
        ("c", "over"),
        ("b", "waiting"),
        ("d", "starting"),
        ("a", "running"),
    ]


def test_an_end_that_is_written_while_one_looks_is_believed(run, monkeypatch):
    """The shell was seen to be gone, and the record was not there a moment before."""
    ticket = elsewhere(run(SLEEPS, retry=Retry(attempts=2, on=("lost",))), start="1")
    really, asked = ProcessId.alive, []

    def alive(process):
        asked.append(process)
        write_record(ticket.records / "end.json", {"exit_code": 0, "stage": "run", "at": 2.0})
        return really(process)

    monkeypatch.setattr(ProcessId, "alive", alive)
    found = seen(ticket)
    assert asked
    assert (found.phase, found.facts.exit_code, found.again) == ("over", 0, None)


def test_looking_changes_nothing(run, started):
    ticket = run("exit 1", retry=Retry(attempts=2))
    started(ticket).wait()
    before = sorted(path.relative_to(ticket.folder) for path in ticket.folder.rglob("*"))
    look([ticket])
    assert sorted(path.relative_to(ticket.folder) for path in ticket.folder.rglob("*")) == before
    assert read_record(ticket.folder / "queue.json") is None
