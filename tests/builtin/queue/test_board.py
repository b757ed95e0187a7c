"""The queue as people see it: what runs, then what waits, in the order in which it will start."""

import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve

from confjob.builtin.local.queue import board
from confjob.builtin.local.queue.board import Entry, entries, entries_of, reprioritise
from confjob.builtin.local.queue.index import Index
from confjob.builtin.local.queue.machine import here
from confjob.builtin.local.queue.tickets import Ticket
from confjob.plugin import BackendError, ProcessId, Retry, write_record


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "queue"
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    """For what the agent was rung; there is one, as far as anyone can tell."""
    calls = []
    monkeypatch.setattr(board, "ring", lambda folder, run_dirs=(): calls.append((folder, list(run_dirs))))
    monkeypatch.setattr(board, "agent_lives", lambda _: True)
    return calls


@pytest.fixture
def queued(tmp_path, folder):
    """Return the ticket of a run that is in its folder and in the index."""

    def put(run, reason="because", **values):
        path = tmp_path / "project" / ".confjob" / "runs" / run
        path.mkdir(parents=True)
        given = {"run": run, "run_dir": str(path), "place": here(), "group": "/p:x:here", "queued": 1.0}
        ticket = Ticket(**{**given, **values})
        ticket.write()
        with closing(Index(folder=folder)) as index:
            index.put([ticket])
            index.explain({ticket.run_dir: reason})
        return ticket

    return put


@pytest.fixture
def lives():
    """The identity of a process that leads a session, as the shell of a run does."""
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield ProcessId.of(process.pid)
    process.kill()
    process.wait()


def begin(ticket, process, at=7.5, slots=()):
    write_record(ticket.records / "launch.json", {"slots": list(slots)})
    write_record(ticket.records / "start.json", {"process": str(process), "at": at})


def shown(found):
    return [(entry.ticket.run, entry.phase) for entry in found]


def test_an_empty_queue_is_nothing_and_nobody_is_rung(folder, rings):
    assert entries(folder) == []
    assert rings == []


def test_first_is_what_runs_and_then_what_waits_by_priority_and_time(folder, queued, lives):
    queued("late", queued=3.0)
    queued("early", queued=2.0)
    queued("strong", queued=9.0, priority="high")
    begin(queued("runs", queued=5.0, priority="low"), lives)
    assert shown(entries(folder)) == [
        ("runs", "running"),
        ("strong", "waiting"),
        ("early", "waiting"),
        ("late", "waiting"),
    ]


def test_what_runs_has_its_gpus_and_the_time_it_began(folder, queued, lives):
    begin(ticket := queued("r"), lives, slots=["GPU-1"])
    assert entries(folder) == [Entry(ticket=ticket, phase="running", slots=("GPU-1",), started=7.5)]


def test_what_waits_has_its_reason(folder, queued):
    ticket = queued("r", "needs 1 GPU; GPU 0 is held by run 7f3a")
    assert entries(folder) == [
        Entry(ticket=ticket, phase="waiting", reason="needs 1 GPU; GPU 0 is held by run 7f3a")
    ]


def test_what_is_over_cancelled_or_gone_is_not_in_the_queue(folder, queued):
    write_record(queued("over").records / "end.json", {"exit_code": 0, "at": 1.0})
    write_record(queued("cancelled").folder / "cancel.json", {"at": 1.0})
    (queued("gone").folder / "queue.json").unlink()
    queued("elsewhere", place="another/machine/1")
    assert entries(folder) == []


def test_a_run_that_goes_on_waits_as_its_next_attempt(folder, queued):
    write_record(queued("r", retry=Retry(attempts=2)).records / "end.json", {"exit_code": 1, "at": 4.0})
    [entry] = entries(folder)
    assert (entry.ticket.attempt, entry.phase, entry.reason) == (2, "waiting", "because")


def test_the_run_folder_has_the_last_word(folder, queued):
    ticket = queued("r")
    evolve(ticket, priority="critical").write()  # and the index was not told yet
    assert entries(folder)[0].ticket.priority == "critical"


def test_a_run_that_runs_though_it_was_cancelled_is_still_there(folder, queued, lives):
    ticket = queued("r")
    begin(ticket, lives)
    write_record(ticket.folder / "cancel.json", {"at": 1.0})
    assert shown(entries(folder)) == [("r", "running")]


@pytest.mark.parametrize(("reason", "rung"), [("why", 0), ("", 1)])
def test_an_agent_that_has_not_said_why_is_rung(folder, queued, rings, reason, rung):
    queued("r", reason)
    entries(folder)
    assert rings == [(folder, [])] * rung


def test_an_agent_that_is_gone_is_rung_for(folder, queued, rings, monkeypatch):
    queued("r")
    monkeypatch.setattr(board, "agent_lives", lambda _: False)
    entries(folder)
    assert rings == [(folder, [])]


def test_where_all_runs_nobody_need_be_rung(folder, queued, rings, lives):
    begin(queued("r", ""), lives)
    entries(folder)
    assert rings == []


def test_an_index_that_cannot_be_opened_is_an_error(folder):
    (folder / "index.sqlite").mkdir()
    with pytest.raises(BackendError, match=r"index\.sqlite"):
        entries(folder)


def test_tickets_alone_can_be_looked_at_without_an_index(queued, rings):
    tickets = [queued("a", queued=2.0), queued("b")]
    assert shown(entries_of(tickets)) == [("b", "waiting"), ("a", "waiting")]
    assert [entry.reason for entry in entries_of(tickets, {tickets[0].run_dir: "why"})] == ["", "why"]
    assert rings == []


@pytest.mark.parametrize(("state", "project"), [("/a/p/.confjob", "/a/p"), ("/scratch/p", "/scratch/p")])
def test_a_run_has_a_project_and_a_target(state, project):
    ticket = Ticket(run="r", run_dir=f"{state}/runs/r", place="", group=f"{state}:x:here", queued=1.0)
    entry = Entry(ticket=ticket, phase="waiting")
    assert (entry.state_folder, entry.project, entry.target) == (Path(state), Path(project), "here")


def test_another_priority_is_in_the_folder_in_the_index_and_told(folder, queued, rings):
    queued("a")
    second = queued("b", queued=2.0)
    reprioritise(folder, [entries(folder)[1]], "high")
    assert Ticket.read(second.folder).priority == "high"
    with closing(Index(folder=folder)) as index:
        assert {ticket.run: ticket.priority for ticket in index.live()} == {"a": "medium", "b": "high"}
    assert rings == [(folder, [second.run_dir])]
    assert shown(entries(folder)) == [("b", "waiting"), ("a", "waiting")]


def test_another_priority_of_a_run_that_goes_on_is_that_of_its_next_attempt(folder, queued):
    ticket = queued("r", retry=Retry(attempts=2))
    write_record(ticket.records / "end.json", {"exit_code": 1, "at": 4.0})
    reprioritise(folder, entries(folder), "low")
    again = Ticket.read(ticket.folder)
    assert (again.attempt, again.priority) == (2, "low")
    assert shown(entries(folder)) == [("r", "waiting")]


def test_without_an_index_the_folders_and_the_bell_do(folder, queued, rings):
    ticket = queued("r")
    found = entries(folder)
    (folder / "index.sqlite").unlink()
    (folder / "index.sqlite").mkdir()
    reprioritise(folder, found, "high")
    assert Ticket.read(ticket.folder).priority == "high"
    assert rings == [(folder, [ticket.run_dir])]


def test_a_disk_that_refuses_is_an_error_and_nobody_is_rung(folder, queued, rings):
    ticket = queued("r")
    found = entries(folder)
    ticket.folder.rename(ticket.folder.with_name("moved"))
    ticket.folder.write_text("in its place")
    with pytest.raises(BackendError, match="priority can't be changed"):
        reprioritise(folder, found, "high")
    assert rings == []
