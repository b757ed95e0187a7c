"""The index: which of all runs on this machine wait or run, in one file instead of thousands.

It is a cache over the run folders and nothing more. It may be deleted or broken at any time:
whoever opens it next makes it anew, from the run folders of the projects that are known
(`projects`, a text file beside it). Each change is a transaction of its own, begun IMMEDIATE, so
that two writers wait for one another instead of failing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from confjob.builtin.local.queue.tickets import TICKET, Facts, Ticket, next_attempt
from confjob.plugin import BackendError

__all__ = ["Index", "live_tickets"]

_log = logging.getLogger(__name__)

_VERSION: Final = 2
_TABLE: Final = """
CREATE TABLE runs (
    run_dir BLOB PRIMARY KEY,
    ticket  BLOB NOT NULL,
    reason  BLOB NOT NULL DEFAULT x''
) WITHOUT ROWID;
"""

_PUT: Final = (
    "INSERT INTO runs (run_dir, ticket) VALUES (?, ?) "
    "ON CONFLICT (run_dir) DO UPDATE SET ticket = excluded.ticket"
)

_LIVE: Final = "SELECT run_dir, ticket FROM runs"
_DELETE: Final = "DELETE FROM runs WHERE run_dir = ?"

#: Seconds to wait for another writer.
_PATIENCE: Final = 30.0


@define(kw_only=True)
class Index:
    """The index in `folder`; opened when it is first used."""

    folder: Path
    _connection: sqlite3.Connection | None = field(default=None, init=False)
    #: device and inode of the file that is open: another may have its name by now
    _opened: tuple[int, int] | None = field(default=None, init=False)

    @property
    def path(self) -> Path:
        """The database."""
        return self.folder / "index.sqlite"

    def put(self, tickets: Iterable[Ticket]) -> None:
        """Add tickets that wait or run, or replace those of the same runs."""
        tickets = list(tickets)
        self._know(ticket.folder.parent.parent for ticket in tickets)
        with self.changing() as database:
            database.executemany(f"{_PUT}, reason = x''", map(_row, tickets))

    def peek(self) -> list[Ticket]:
        """Return the tickets of all runs that wait or run, and change nothing, whatever is wrong.

        Raises:
            BackendError: When the index is broken.
        """
        if not self.path.exists():
            return []
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as database:
                verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
                rows = database.execute(_LIVE).fetchall() if verdict == "ok" else []
        except sqlite3.Error as error:
            raise self._failure(error) from None
        if verdict != "ok":
            raise self._failure(sqlite3.DatabaseError(verdict))
        return _parsed(rows)

    def close_runs(self, run_dirs: Iterable[str]) -> None:
        """Say that runs are over: nobody need look at them any more."""
        with self.changing() as database:
            database.executemany(_DELETE, [(_stored(run_dir),) for run_dir in run_dirs])

    def explain(self, reasons: Mapping[str, str]) -> None:
        """Write down why runs wait, by run folder."""
        with self.changing() as database:
            database.executemany(
                "UPDATE runs SET reason = ? WHERE run_dir = ?",
                [(_stored(reason), _stored(run_dir)) for run_dir, reason in reasons.items()],
            )

    def live(self) -> list[Ticket]:
        """Return the tickets of all runs that wait or run."""
        return _parsed(self._read(_LIVE))

    def reasons(self, run_dirs: Collection[str]) -> dict[str, str]:
        """Return why runs wait, as far as it is known; runs that the index lacks are left out."""
        wanted = set(run_dirs)
        rows = self._read("SELECT run_dir, reason FROM runs")
        texts = ((_text(run_dir), _text(reason)) for run_dir, reason in rows)
        return {run_dir: reason for run_dir, reason in texts if run_dir in wanted}

    def projects(self) -> list[Path]:
        """Return the state folders from which runs were submitted; lines that name none are left out."""
        try:
            raw = (self.folder / "projects").read_bytes()
        except OSError:
            return []
        named = map(_named, raw.decode("utf-8", "surrogateescape").splitlines())
        return [Path(text) for text in dict.fromkeys(named) if text is not None]

    def rebuild(self, states: Iterable[Path] = ()) -> list[Ticket]:
        """Make the index anew from the run folders of all projects; returns what waits or runs.

        Args:
            states: State folders of projects that may not be known yet.

        Raises:
            BackendError: When the disk refuses.
        """
        self._know(state for state in states if (state / "runs").is_dir())
        self._require_sound()
        with self.changing() as database:
            tickets = self._fill(database)
            over = {row[0] for row in database.execute("SELECT run_dir FROM runs")}
            over -= {_stored(ticket.run_dir) for ticket in tickets}
            database.executemany(_DELETE, [(run_dir,) for run_dir in over])
        return tickets

    def reopened(self) -> bool:
        """Open the file if that was not done, or another has its name by now; returns whether it was so."""
        before = self._connection
        with contextlib.suppress(sqlite3.Error):
            self._open()
        return self._connection is not before

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Change the index, all or nothing; waits for whoever is changing it now.

        Raises:
            BackendError: When the disk refuses, or another writer does not end.
        """
        try:
            database = self._open()
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # SQLite may have done it itself
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        except sqlite3.Error as error:
            self._discarded(error)
            raise self._failure(error) from None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        try:
            try:
                rows: list[tuple[Any, ...]] = self._open().execute(query).fetchall()
            except sqlite3.DatabaseError as error:
                if not self._discarded(error):
                    raise
                rows = self._open().execute(query).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise self._failure(error) from None
        return rows

    def _failure(self, error: sqlite3.Error) -> BackendError:
        return BackendError(f"{self.path}: {error}", hint="confjob doctor --repair makes it anew")

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._opened == _identity(self.path):
            return self._connection
        self.close()
        try:
            self._connection = self._connected()
        except sqlite3.DatabaseError as error:
            if not self._discarded(error):
                raise
            self._connection = self._connected()
        self._opened = _identity(self.path)
        return self._connection

    def _discarded(self, error: sqlite3.Error) -> bool:
        """Close the file, and remove it where the error says that it is broken; returns whether."""
        self.close()
        if type(error) is not sqlite3.DatabaseError:
            return False  # a full disk or a lock
        _log.warning("%s is broken (%s); it is made anew", self.path, error)
        # With its journal, which must not be played back into another file.
        for path in self.folder.glob(f"{self.path.name}*"):
            with contextlib.suppress(OSError):  # whoever opens it next is told
                path.unlink()
        return True

    def _require_sound(self) -> None:
        """Remove the file where any of its pages is broken."""
        try:
            verdict = self._read("PRAGMA quick_check(1)")[0][0]
        except BackendError:
            return  # removed, or refused again by whoever writes next
        if verdict != "ok":
            self._discarded(sqlite3.DatabaseError(verdict))

    def _fill(self, database: sqlite3.Connection) -> list[Ticket]:
        """Add what waits or runs in the known projects."""
        tickets = [ticket for state in self.projects() for ticket in live_tickets(state)]
        database.executemany(_PUT, map(_row, tickets))
        return tickets

    def _connected(self) -> sqlite3.Connection:
        # A rollback journal: WAL would leave two more files that can be deleted one by one.
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        try:
            # Only a cache: what a power failure breaks is made anew, so no write waits for the disk.
            connection.execute("PRAGMA synchronous = OFF")
            if _version(connection) != _VERSION:
                connection.execute("BEGIN IMMEDIATE")
                if _version(connection) != _VERSION:  # or somebody was quicker
                    connection.execute("DROP TABLE IF EXISTS runs")
                    connection.execute(_TABLE)
                    self._fill(connection)
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute("COMMIT")
            connection.execute("SELECT 1 FROM runs LIMIT 1")
        except BaseException:
            connection.close()
            raise
        return connection

    def _know(self, states: Iterable[Path]) -> None:
        """Remember projects in a file that outlives the database."""
        fresh = set(states) - set(self.projects())
        path = self.folder / "projects"
        try:
            if fresh:
                with path.open("ab") as file:
                    lines = "".join(f"\n{json.dumps(str(state))}\n" for state in sorted(fresh))
                    file.write(lines.encode("ascii"))  # after what may be half a line
        except OSError as error:
            raise BackendError(f"{path}: {error.strerror}") from None


def _parsed(rows: Iterable[tuple[Any, ...]]) -> list[Ticket]:
    return [ticket for run_dir, text in rows if (ticket := _ticket(run_dir, text)) is not None]


def _ticket(run_dir: bytes, text: bytes) -> Ticket | None:
    """Return a row's ticket; the folder's own where the row is damaged or of another version."""
    try:
        return Ticket.parse(_text(text))
    except (TypeError, KeyError, ValueError, RecursionError):
        return Ticket.read(Path(_text(run_dir)))


def _row(ticket: Ticket) -> tuple[bytes, bytes]:
    return _stored(ticket.run_dir), _stored(json.dumps(ticket.as_record()))


def _stored(text: str) -> bytes:
    """Return text as the database has it: SQLite refuses a path whose bytes are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogateescape")


def _named(line: str) -> str | None:
    """Return the path in a line of `projects`, which people may have edited."""
    try:
        path = json.loads(line)
        os.fsencode(path)  # half a surrogate pair names no file, and some Pythons fail to look for it
    except (ValueError, RecursionError, TypeError):
        return None
    return path if isinstance(path, str) and path.startswith("/") else None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def live_tickets(state: Path) -> Iterator[Ticket]:
    """Yield the tickets of a project's runs that are not certainly over."""
    for path in sorted((state / "runs").glob(f"[!.]*/{TICKET}")):
        ticket = Ticket.read(path.parent)
        if ticket is None:
            continue
        facts = Facts.of(ticket)
        if facts.end is None or next_attempt(ticket, facts, time.time()) is not None:
            yield ticket
