"""Run folders: the truth about runs, as files that a person can read.

A run folder appears whole or not at all, every record in it is replaced by renaming, and
a record that can't be read counts as absent. So whatever is killed at whatever moment,
what stands here was meant, and nothing else is believed (`confjob.track`).

Layout of `<state>/runs/<id>/`: `run.json` (never changes), `job.sh`, `env`, `private/`,
`patch/`, `git/`, `imports/` as rendered; `attempts/N/{launch,start,end}.json`, `handle.json`,
`cancel.json`, `output.log`, `workspace/` and `reads/` as the run goes on.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob.errors import RunError, UnknownRun
from confjob.process import ProcessId
from confjob.records import (
    Record,
    attempts_of,
    latest_attempt,
    read_record,
    record_bytes,
    replace_file,
    sync_folders,
    write_new,
    write_record,
)

__all__ = ["Record", "RunFolder", "Store"]

_log = logging.getLogger(__name__)

#: Letters and digits that are not taken for one another when read aloud or retyped.
_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_ALPHABET = _LETTERS + "23456789"
_ID_LENGTH = 7

#: What confjob keeps in a state folder; with anything else in it, the folder is not ours alone.
_OURS = frozenset({"runs", "snapshots", "cache"})


@frozen(kw_only=True)
class RunFolder:
    """One run's folder; reads what stands there now.

    Args:
        id: The run's id.
        path: The folder's absolute path.
    """

    id: str
    path: Path

    @property
    def record(self) -> Record:
        """What was submitted (`run.json`).

        Raises:
            RunError: When it can't be read.
        """
        record = self.read_json("run.json")
        if record is None:
            raise RunError(
                f"run {self.id}: its record can't be read", hint=f"look at {self.path / 'run.json'}"
            )
        return record

    @property
    def log(self) -> Path:
        """What the job printed."""
        return self.path / "output.log"

    @property
    def attempts(self) -> tuple[int, ...]:
        """The numbers of the attempts so far, in order."""
        return attempts_of(self.path)

    @property
    def attempt(self) -> int:
        """The number of the latest attempt; 1 before there is one."""
        return latest_attempt(self.path)

    def launch(self, attempt: int | None = None) -> Record | None:
        """Return who launched an attempt (the latest by default), and when."""
        return self._of_attempt(attempt, "launch.json")

    def start(self, attempt: int | None = None) -> Record | None:
        """Return the start record that job.sh wrote."""
        return self._of_attempt(attempt, "start.json")

    def stop(self, attempt: int | None = None) -> Record | None:
        """Return why the engine asked an attempt to end, if it did."""
        return self._of_attempt(attempt, "stop.json")

    def end(self, attempt: int | None = None) -> Record | None:
        """Return the end record that job.sh wrote."""
        return self._of_attempt(attempt, "end.json")

    @property
    def handle(self) -> str | None:
        """The engine's name of the latest attempt, where it was recorded."""
        record = self.read_json("handle.json")
        if record is None or record.get("attempt") != self.attempt:
            return None
        return str(record.get("handle"))

    @property
    def cancel_request(self) -> Record | None:
        """Who asked for the run's end, and when."""
        return self.read_json("cancel.json")

    def request_cancel(self, by: str, *, between: bool = False) -> None:
        """Write down that `by` wants the run to end; an earlier request stands.

        Args:
            by: Who wants it.
            between: The latest attempt is over, and it is the next one that nobody wants.
        """
        if self.cancel_request is None:
            after = {"after": self.attempt} if between else {}
            self.write_json("cancel.json", {"by": by, "at": time.time(), **after})

    def record_launch(self) -> None:
        """Write down that this process launches the latest attempt."""
        self.write_json(f"attempts/{self.attempt}/launch.json", _launch())

    def begin_attempt(self) -> None:
        """Begin another attempt, launched by this process; an earlier request to end no longer counts."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / "cancel.json").rename(self.path / f"attempts/{self.attempt}/cancel.json")
        self.write_json(f"attempts/{self.attempt + 1}/launch.json", _launch())

    def record_handle(self, handle: str) -> None:
        """Write down what the engine calls the latest attempt."""
        self.write_json("handle.json", {"handle": handle, "attempt": self.attempt, "at": time.time()})

    def read_json(self, name: str) -> Record | None:
        """Return the object in file `name`; None when it is absent, unreadable or half-written."""
        return read_record(self.path / name)

    def write_json(self, name: str, data: Record) -> None:
        """Replace file `name` at once, durably, so that no reader sees half of it."""
        write_record(self.path / name, data)

    def _of_attempt(self, attempt: int | None, name: str) -> Record | None:
        return self.read_json(f"attempts/{self.attempt if attempt is None else attempt}/{name}")


@frozen(kw_only=True)
class Store:
    """All runs of one state folder (`.confjob/`).

    Args:
        state: The state folder; made when the first run is.
    """

    state: Path

    @property
    def folder(self) -> Path:
        """Where the run folders are."""
        return self.state / "runs"

    def ensure(self) -> None:
        """Make the state folder, ignored by git from inside, where it is missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # A scratch disk may be named as state folder; what else is on it is not ours to hide.
        if set(_names(self.state)) <= _OURS:
            replace_file(self.state / ".gitignore", b"*\n", 0o666)

    def fresh(self) -> RunFolder:
        """Return an unused id and the folder it will have; nothing is made yet."""
        while True:
            name = secrets.choice(_LETTERS) + "".join(
                secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH - 1)
            )
            path = self.folder.absolute() / name
            if not path.exists():
                return RunFolder(id=name, path=path)

    def create(
        self,
        run: RunFolder,
        files: Mapping[str, bytes | str],
        modes: Mapping[str, int] | None = None,
        links: Mapping[str, str] | None = None,
    ) -> RunFolder:
        """Make a run folder, whole or not at all.

        It names this process as the launcher of attempt 1 from its first instant.

        Args:
            run: What `fresh` returned.
            files: Content by name; a name that ends in `/` is an empty folder. Text is
                UTF-8, with surrogates for the bytes that are not.
            modes: Permissions that are not the usual ones (`env` and all below
                `private/` 0600, `job.sh` 0700).
            links: Symlinks: name to target.

        Raises:
            RunError: When another run took the id meanwhile; nothing was made.
        """
        self.ensure()
        draft = self.folder / f".new-{run.id}-{secrets.token_hex(4)}"
        draft.mkdir()
        try:
            _fill(draft, {"attempts/1/launch.json": record_bytes(_launch()), **files}, modes or {})
            for name, target in (links or {}).items():
                _below(draft, name).symlink_to(target)
            sync_folders(*(Path(folder) for folder, _, _ in os.walk(draft)))
            draft.rename(run.path)
        except OSError as error:
            taken = f"run {run.id} exists already" if run.path.exists() else None
            raise RunError(taken or f"can't make the run folder {run.path}: {error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        sync_folders(self.folder)
        return run

    def find(self, prefix: str) -> RunFolder:
        """Return the run whose id is `prefix` or alone begins with it.

        Raises:
            RunError: Naming the candidates, or the nearest ids.
        """
        ids = self._ids()
        found = [name for name in ids if name == prefix] or [
            name for name in ids if prefix and name.startswith(prefix)
        ]
        if len(found) == 1:
            return self._run(found[0])
        if found:
            raise RunError(f"run {prefix!r} is ambiguous", hint=f"it may be {_some(found)}")
        near = difflib.get_close_matches(prefix, ids, n=3)
        hint = f"did you mean {_some(near)}?" if near else "`confjob runs` lists them"
        raise UnknownRun(f"no run {prefix!r}", hint=hint)

    def every(self) -> list[RunFolder]:
        """Return all run folders, those among them whose record can't be read."""
        return [self._run(name) for name in self._ids()]

    def runs(self) -> list[RunFolder]:
        """Return all runs, the newest first; one that can't be read is skipped with a warning."""
        dated: list[tuple[float, str]] = []
        for name in self._ids():
            record = self._run(name).read_json("run.json")
            submitted = None if record is None else record.get("submitted")
            if isinstance(submitted, (int, float)):
                dated.append((submitted, name))
            else:
                _log.warning(
                    "%s: the record of run %s can't be read; it is left out", self.folder / name, name
                )
        return [self._run(name) for _, name in sorted(dated, reverse=True)]

    def _run(self, name: str) -> RunFolder:
        return RunFolder(id=name, path=self.folder.absolute() / name)

    def _ids(self) -> list[str]:
        return sorted(name for name in _names(self.folder) if not name.startswith("."))


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []


def _launch() -> Record:
    return {"launcher": str(ProcessId.current()), "at": time.time()}


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")


def _fill(folder: Path, files: Mapping[str, bytes | str], modes: Mapping[str, int]) -> None:
    for name, content in files.items():
        path = _below(folder, name)
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        if not name.endswith("/"):
            write_new(path, data, modes.get(name, _usual_mode(name)))


def _below(folder: Path, name: str) -> Path:
    """Return the path of file `name`, its folder made; of folder `name/`, itself made."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(f"{name!r} does not name a file of the run folder")
    made = folder
    for part in pure.parts if name.endswith("/") else pure.parts[:-1]:
        made = made / part
        made.mkdir(mode=0o700 if part == "private" else 0o777, exist_ok=True)
    return folder / pure


def _usual_mode(name: str) -> int:
    if name == "env" or name.startswith("private/"):
        return 0o600
    return 0o700 if name == "job.sh" else 0o666  # less the user's umask
