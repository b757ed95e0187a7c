"""The local engine: starts job.sh as a session of its own, and watches by looking.

A handle is the identity of the session's leader, which is the shell that runs job.sh. The
engine keeps no state: after any `kill -9` the process table and the run folders say it all.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from attrs import frozen

from confjob.builtin.local import sessions
from confjob.plugin import (
    BackendError,
    Problem,
    ProcessId,
    State,
    Status,
    Submission,
    bare_environment,
    live_sessions,
)

__all__ = ["LocalEngine"]

_SHELL = "/bin/sh"

_INTERRUPTS = (signal.SIGINT, signal.SIGQUIT)

#: Shells that this process started, so that they are reaped and leave no zombie behind
#: in a notebook that launches for days.
_started: list[subprocess.Popen[bytes]] = []


@frozen(kw_only=True)
class LocalEngine:
    """Runs of this machine.

    Args:
        grace: Seconds between TERM and KILL.
    """

    grace: float = 10.0

    def preview(self, submissions: Sequence[Submission]) -> str:
        """Return the commands that `submit` would start."""
        return "\n".join(f"{_SHELL} {item.script}" for item in submissions)

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Mapping[str, str]]:
        """Start every run at once; yields each as soon as it is started."""
        for item in submissions:
            yield {item.run: str(_start(item))}

    def find(self, runs: Mapping[str, Path]) -> Mapping[str, str]:
        """Return the handles of runs that started, by their start record or their process."""
        found = {run: _recorded(path) for run, path in runs.items()}
        missing = {os.fsencode(path / "job.sh"): run for run, path in runs.items() if not found[run]}
        if missing:
            found |= {missing[script]: str(leader) for script, leader in sessions.leaders(missing).items()}
        return {run: handle for run, handle in found.items() if handle}

    def poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        """Return which runs live; those of other machines and containers are left out."""
        _reap()
        alive = {handle: process.alive() for handle, process in _parsed(handles)}
        gone = [handle for handle, lives in alive.items() if lives is False]
        left = live_sessions() if gone else {}
        running = {handle: Status(state=State.RUNNING) for handle, lives in alive.items() if lives}
        return running | {handle: _without_leader(handle, left) for handle in gone}

    def cancel(self, handles: Collection[str]) -> None:
        """End all processes of the runs: TERM, one grace for all, KILL.

        Raises:
            BackendError: Naming the runs that can't be ended from here; the others are.
        """
        parsed = dict(_parsed(handles))
        foreign = {handle for handle, process in parsed.items() if process.alive() is None}
        left = sessions.end(
            [process for handle, process in parsed.items() if handle not in foreign], self.grace
        )
        _reap()
        if foreign:
            hosts = ", ".join(sorted({parsed[handle].host for handle in foreign}))
            raise BackendError(f"can't end processes of {hosts} from here", hint="cancel where the run runs")
        if left:
            raise BackendError(f"could not end process {', '.join(map(str, left))}: another user's, or stuck")

    def fetch(self, handle: str, run_dir: Path) -> None:
        """Do nothing: the run folder is where the run wrote."""

    def check(self) -> Iterable[Problem]:
        """Yield what keeps runs from starting here."""
        if not os.access(_SHELL, os.X_OK):
            yield Problem(
                code="no-shell", message=f"there is no {_SHELL}", hint="the local backend runs sh scripts"
            )


def _start(item: Submission) -> ProcessId:
    """Start job.sh so that it outlives this process and its terminal."""
    _reap()
    environment = {**bare_environment(), "CONFJOB_ATTEMPT": str(_attempt(item.run_dir))}
    try:
        # What sh itself complains about (a full disk) belongs where people look.
        with (item.run_dir / "output.log").open("ab") as log, _interruptible():
            shell = _popen(item, environment, log)
    except OSError as error:
        raise BackendError(f"can't start run {item.run}: {error}") from error
    _started.append(shell)
    return ProcessId.of(shell.pid)  # not reaped yet, so it is there even if it has ended


def _popen(item: Submission, environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [_SHELL, str(item.script)],
        cwd=item.run_dir,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Give a child the usual SIGINT and SIGQUIT, which `confjob launch &` in a script ignores.

    A shell can't trap what was ignored when it started, nor could any command of the job.
    """
    main = threading.current_thread() is threading.main_thread()
    ignored = [number for number in _INTERRUPTS if main and signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def _reap() -> None:
    _started[:] = [shell for shell in _started if shell.poll() is None]


def _parsed(handles: Iterable[str]) -> Iterator[tuple[str, ProcessId]]:
    for handle in handles:
        with contextlib.suppress(ValueError):
            yield handle, ProcessId.parse(handle)


def _without_leader(handle: str, left: Mapping[int, Sequence[int]]) -> Status:
    """Return the state of a run whose shell is gone: perhaps its command goes on."""
    if sessions.members(ProcessId.parse(handle), left):
        return Status(state=State.ENDING, reason="its shell is gone, but processes it started live")
    return Status(state=State.LOST, reason="its process is gone and left no end record")


def _attempt(run_dir: Path) -> int:
    """Return the number of the latest attempt, which the launcher has recorded."""
    numbers = [int(path.name) for path in (run_dir / "attempts").glob("[0-9]*") if path.name.isdigit()]
    return max(numbers, default=1)


def _recorded(run_dir: Path) -> str | None:
    try:
        start = json.loads((run_dir / "attempts" / str(_attempt(run_dir)) / "start.json").read_bytes())
        return str(ProcessId.parse(start["process"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
