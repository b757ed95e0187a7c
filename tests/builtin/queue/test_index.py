"""Laws of the index: a cache that may be lost at any moment, and then knows again what the folders say."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from attrs import evolve

from confjob.builtin.local.queue.index import Index, live_tickets
from confjob.builtin.local.queue.tickets import TICKET, Ticket
from confjob.plugin import BackendError, Retry, write_record


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "queue"
    path.mkdir()
    return path


@pytest.fixture
def index(folder):
    with closing(Index(folder=folder)) as opened:
        yield opened


@pytest.fixture
def state(tmp_path):
    return tmp_path / "project" / ".confjob"


def waits(state, run, **values):
    """Return the ticket of a run that is in its folder."""
    path = state / "runs" / run
    path.mkdir(parents=True)
    given = {"run": run, "run_dir": str(path), "place": "here", "group": f"{state}:t", "queued": 1.0}
    ticket = Ticket(**{**given, **values})
    ticket.write()
    return ticket


def end(ticket, code=0, attempt=1):
    write_record(
        ticket.folder / f"attempts/{attempt}/end.json", {"exit_code": code, "stage": "run", "at": 5.0}
    )


def runs(tickets):
    return sorted(ticket.run for ticket in tickets)


def test_what_was_put_lives_until_it_is_closed(index, state):
    first, second = waits(state, "a"), waits(state, "b", slots=("0",), environment={"A": "ä"})
    index.put([first, second])
    assert sorted(index.live(), key=lambda ticket: ticket.run) == [first, second]
    index.close_runs([first.run_dir, "/never/heard/of"])
    assert index.live() == [second]


def test_what_is_put_again_replaces_and_its_reason_is_forgotten(index, state):
    first = waits(state, "a")
    index.put([first])
    index.explain({first.run_dir: "needs 1 GPU"})
    again = evolve(first, attempt=2)
    index.put([again])
    assert index.live() == [again]
    assert index.reasons([first.run_dir]) == {first.run_dir: ""}


def test_reasons_are_given_for_those_that_are_known_and_asked_for(index, state):
    first, second = waits(state, "a"), waits(state, "b")
    index.put([first, second])
    index.explain({first.run_dir: "needs 1 GPU; GPU 0 is held by run ä", "/never/heard/of": "x"})
    assert index.reasons([first.run_dir, "/never/heard/of"]) == {
        first.run_dir: "needs 1 GPU; GPU 0 is held by run ä"
    }
    assert index.reasons([]) == {}


def test_what_one_has_written_another_reads(index, folder, state):
    with closing(Index(folder=folder)) as other:
        assert other.live() == []
        index.put([waits(state, "a")])
        assert runs(other.live()) == ["a"]


def test_paths_that_are_no_text_are_kept_to_the_byte(index, tmp_path):
    state = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe4 \n\xe2\x80\xa8"))
    first = waits(state, os.fsdecode(b"r\xfe"))
    index.put([first])
    index.explain({first.run_dir: "paused: \udcff"})
    assert index.live() == [first]
    assert index.reasons([first.run_dir]) == {first.run_dir: "paused: \udcff"}
    assert index.projects() == [state]
    index.close_runs([first.run_dir])
    assert index.live() == []
    assert runs(index.rebuild()) == [first.run]


# Projects


def test_projects_are_known_once_and_in_the_order_they_came(index, tmp_path):
    for name, run in (("b", "1"), ("a", "2"), ("b", "3")):
        index.put([waits(tmp_path / name, run)])
    assert index.projects() == [tmp_path / "b", tmp_path / "a"]


def test_odd_lines_among_the_projects_are_left_out_and_do_no_harm(index, folder, state):
    lines = [
        b"",
        b'"/good"',
        b'"/good"',
        b"/plain",
        b'"/torn',
        b'"/torn"/again"',
        b'"relative"',
        b'""',
        b"3",
        b"null",
        b'["/list"]',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'"/\\ud800"',
        b'  "/spaced"  ',
        b'"/half',
    ]
    (folder / "projects").write_bytes(b"\n".join(lines))
    assert index.projects() == [Path("/good"), Path("/spaced")]
    index.put([waits(state, "a")])  # behind half a line
    assert index.projects()[-1] == state


def test_a_file_of_projects_that_cannot_be_written_is_an_error_of_ours(index, folder, state):
    (folder / "projects").mkdir()
    assert index.projects() == []
    with pytest.raises(BackendError, match="projects"):
        index.put([waits(state, "a")])


# Rebuilding


def test_live_are_those_that_are_not_certainly_over(state):
    waits(state, "waits")
    end(waits(state, "over"))
    end(waits(state, "failed"), 1)
    end(waits(state, "again", retry=Retry(attempts=2)), 1)
    end(waits(state, "second", attempt=2), attempt=1)
    write_record(waits(state, "cancelled").folder / "cancel.json", {})
    (state / "runs" / "plain").mkdir()
    broken = waits(state, "broken")
    (broken.folder / TICKET).write_text("{")
    waits(state, ".draft")
    assert runs(live_tickets(state)) == ["again", "cancelled", "second", "waits"]
    assert list(live_tickets(state / "absent")) == []


def test_it_is_made_anew_from_the_run_folders_of_all_projects(index, tmp_path):
    states = [tmp_path / name / ".confjob" for name in ("one", "two")]
    tickets = [waits(state, f"r{number}") for number, state in enumerate(states)]
    index.put([*tickets, waits(states[0], "over")])
    end(evolve(tickets[0], run_dir=str(states[0] / "runs" / "over")))
    assert runs(index.rebuild()) == ["r0", "r1"]
    assert runs(index.live()) == ["r0", "r1"]


def test_a_project_that_is_gone_is_passed_over_and_its_runs_are_forgotten(index, tmp_path):
    for name in ("kept", "gone"):
        index.put([waits(tmp_path / name, name)])
    shutil.rmtree(tmp_path / "gone")
    assert runs(index.rebuild()) == ["kept"]
    assert runs(index.live()) == ["kept"]


def test_projects_that_are_not_known_yet_can_be_named(index, state, tmp_path):
    waits(state, "a")
    assert runs(index.rebuild([state, tmp_path / "absent"])) == ["a"]
    assert index.projects() == [state]


def test_rebuilding_keeps_the_reasons_of_those_that_wait(index, state):
    first = waits(state, "a")
    index.put([first])
    index.explain({first.run_dir: "why"})
    index.rebuild()
    assert index.reasons([first.run_dir]) == {first.run_dir: "why"}


# Whatever happens to the file


def broken(path, how):
    """Damage the database."""
    content = path.read_bytes()
    if how == "garbage":
        path.write_bytes(b"this is no database, and never was one" * 100)
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "one page":
        path.write_bytes(content[:-4096] + b"\xee" * 4096)
    elif how == "header":
        path.write_bytes(b"\0" * 100 + content[100:])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "deleted":
        path.unlink()
    else:
        version, table = {"newer": (99, "CREATE TABLE runs (x)"), "no table": (0, "CREATE TABLE other (x)")}[
            how
        ]
        path.unlink()
        with closing(sqlite3.connect(path)) as database:
            database.execute(table)
            database.execute(f"PRAGMA user_version = {version}")


DAMAGES = ["garbage", "truncated", "one page", "header", "empty", "deleted", "newer", "no table"]


@pytest.fixture
def filled(index, state):
    """An index with so many runs that it has many pages."""
    index.put([waits(state, f"r{number:02}", environment={"A": "x" * 1500}) for number in range(20)])
    assert index.path.stat().st_size > 5 * 4096
    return index


@pytest.mark.parametrize("how", DAMAGES)
def test_whoever_opens_a_broken_or_lost_file_knows_all_that_waits_again(filled, folder, how):
    known = filled.live()
    filled.close()
    broken(filled.path, how)
    with closing(Index(folder=folder)) as other:
        assert runs(other.live()) == runs(known)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_broken_or_lost_file_can_be_repaired_and_written_again(filled, folder, state, how):
    filled.close()
    broken(filled.path, how)
    with closing(Index(folder=folder)) as other:
        assert len(other.rebuild()) == 20
        other.put([waits(state, "new")])
        assert len(other.live()) == 21


@pytest.mark.parametrize("how", ["deleted", "garbage", "newer"])
def test_who_has_it_open_goes_on_in_the_file_that_others_use(filled, folder, state, how):
    """Deleted or repaired by somebody else, while the agent has it open."""
    broken(filled.path, how)
    with closing(Index(folder=folder)) as other:
        other.rebuild()
        new = waits(state, "new")
        other.put([new])
        assert len(filled.live()) == 21
        filled.explain({new.run_dir: "why"})
        assert other.reasons([new.run_dir]) == {new.run_dir: "why"}


def test_it_is_told_when_another_file_has_the_name(filled):
    assert not filled.reopened()
    filled.path.unlink()
    assert filled.reopened()
    assert not filled.reopened()


def test_a_journal_of_the_broken_file_is_not_played_back_into_the_new_one(filled, folder):
    filled.close()
    broken(filled.path, "garbage")
    journal = folder / "index.sqlite-journal"
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\xff" * 600)
    with closing(Index(folder=folder)) as other:
        assert len(other.live()) == 20
    assert not journal.exists()


def test_a_row_that_cannot_be_read_is_as_the_folder_says(filled, state):
    rows = {"r00": b'{"version": 7}', "r01": b"\xff", "r02": b"x"}
    with filled.changing() as database:
        for run, text in rows.items():
            key = os.fsencode(state / "runs" / run)
            database.execute("UPDATE runs SET ticket = ? WHERE run_dir = ?", (text, key))
    (state / "runs" / "r02" / TICKET).unlink()
    assert runs(filled.live()) == ["r00", "r01", *(f"r{number:02}" for number in range(3, 20))]
    assert runs(filled.peek()) == runs(filled.live())


# Looking without touching


def test_a_peek_sees_what_lives_and_changes_nothing_whatever_is_wrong(filled, folder):
    assert runs(filled.peek()) == runs(filled.live())
    filled.close()
    for how in ("garbage", "truncated", "newer"):
        broken(filled.path, how)
        before = filled.path.read_bytes()
        with pytest.raises(BackendError, match=r"index\.sqlite"):
            filled.peek()
        assert filled.path.read_bytes() == before
    filled.path.unlink()
    assert filled.peek() == []
    assert [path.name for path in folder.iterdir()] == ["projects"]


def everything(index, state):
    """Return what one may want of an index, each as a function."""
    ticket = waits(state, "x")
    return [
        lambda: index.put([ticket]),
        lambda: index.close_runs([ticket.run_dir]),
        lambda: index.explain({ticket.run_dir: "x"}),
        index.live,
        lambda: index.reasons([ticket.run_dir]),
        index.rebuild,
    ]


def test_a_folder_in_its_place_is_an_error_that_names_it_and_what_to_do(index, folder, state):
    index.path.mkdir()
    (index.path / "inside").write_text("")
    for want in everything(index, state):
        with pytest.raises(BackendError, match=r"index\.sqlite") as caught:
            want()
        assert "doctor --repair" in caught.value.hint
    assert (index.path / "inside").exists()


READER = """
import os, sys
from pathlib import Path
from confjob.builtin.local.queue.index import Index
from confjob.builtin.local.queue.tickets import Ticket
from confjob.plugin import BackendError

os.getuid() or os.setuid(65534)  # root may write everywhere
folder = Path(sys.argv[1])
index = Index(folder=folder)
ticket = Ticket(run="a", run_dir="/p/.confjob/runs/a", place="", group="", queued=1.0)
for want in (lambda: index.put([ticket]), lambda: index.close_runs(["a"]), index.live, index.rebuild):
    try:
        print("done", want())
    except BackendError as error:
        print(error.message)
"""


def test_a_folder_that_may_not_be_written_is_an_error_of_ours():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READER, folder], capture_output=True, text=True, check=True
        )
        Path(folder).chmod(0o755)
    first, *others = done.stdout.splitlines()
    assert first.startswith(f"{folder}/projects: ")
    assert [each.startswith(f"{folder}/index.sqlite: ") for each in others] == [True] * 3


def test_what_fails_within_a_change_leaves_nothing_of_it(filled):
    with pytest.raises(TypeError), filled.changing() as database:
        database.execute("DELETE FROM runs").fetchmany("no number")
    assert len(filled.live()) == 20


def test_whoever_changes_it_has_it_alone_from_the_beginning(filled):
    """Two that first read and then both want to write could only fail."""
    with filled.changing(), closing(sqlite3.connect(filled.path, timeout=0)) as other:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM runs").fetchone() == (20,)


def test_two_writers_wait_for_one_another(index, folder, state):
    """Within one's change the other's is not lost and does not fail: it comes after."""
    index.put([waits(state, "a")])
    second = waits(state, "b")

    def write():
        with closing(Index(folder=folder)) as other:
            other.put([second])

    writer = threading.Thread(target=write)
    with index.changing() as database:
        writer.start()
        (before,) = database.execute("SELECT count(*) FROM runs").fetchone()
    writer.join()
    assert before == 1
    assert runs(index.live()) == ["a", "b"]


WRITER = """
import sys
from contextlib import closing
from pathlib import Path
from confjob.builtin.local.queue.index import Index
from confjob.builtin.local.queue.tickets import Ticket

folder, state, name = map(Path, sys.argv[1:])
with closing(Index(folder=folder)) as index:
    for number in range(25):
        run_dir = state / "runs" / f"{name}{number}"
        index.put([Ticket(run=run_dir.name, run_dir=str(run_dir), place="", group="", queued=1.0)])
        if number % 2:
            index.close_runs([str(run_dir)])
"""


def test_processes_that_write_at_once_lose_nothing(folder, tmp_path, index):
    """From the first moment on, when each of them wants to make the file."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, folder, tmp_path / name, name]) for name in "abc"
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert runs(index.live()) == sorted(f"{name}{number}" for name in "abc" for number in range(0, 25, 2))
    assert sorted(index.projects()) == [tmp_path / name for name in "abc"]


def test_nothing_but_the_database_and_the_projects_is_left_in_the_folder(filled, folder):
    filled.close()
    assert sorted(path.name for path in folder.iterdir()) == ["index.sqlite", "projects"]
    lines = [line for line in (folder / "projects").read_text().splitlines() if line]
    assert len({json.loads(line) for line in lines}) == len(lines) == 1
