"""Runs a command once, watched, and leaves none of its processes behind.

The command is a user's training script: it may go on for days, ignore TERM, or leave
helpers in sessions of their own. Whatever it starts carries the record's name in its
environment, and is found by that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from confjob.errors import InputError
from confjob.probe import PROBES, Interpreter
from confjob.process import live_sessions

__all__ = ["run_watched", "variables"]

_GRACE: Final = 3.0
_STUCK: Final = 5.0
_POLL: Final = 0.05
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def variables(
    environ: Mapping[str, str], interpreter: Interpreter, root: Path, record: Path, watch: Iterable[Path]
) -> dict[str, str]:
    """Return the environment of a watched command.

    Args:
        environ: The user's.
        interpreter: The job's Python, which goes first on the PATH.
        root: The project root.
        record: The file for what is declared.
        watch: Watch scripts.
    """
    # Inside a run, a capture is still by hand.
    found = {name: value for name, value in environ.items() if not name.startswith("CONFJOB_RUN_")}
    found.pop("VIRTUAL_ENV", None)
    if interpreter.prefix is not None:
        found["VIRTUAL_ENV"] = str(interpreter.prefix)
    path = environ.get("PATH", os.defpath)
    if shutil.which(interpreter.path.name, path=path) != str(interpreter.path):
        path = f"{interpreter.bin}{os.pathsep}{path}"
    python_path = [str(PROBES / "capture"), *filter(None, [environ.get("PYTHONPATH")])]
    return {
        **found,
        "PATH": path,
        "PYTHONPATH": os.pathsep.join(python_path),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CONFJOB_CAPTURE": str(record),
        "CONFJOB_CAPTURE_ROOT": os.path.realpath(root),
        "CONFJOB_CAPTURE_WATCH": os.pathsep.join(map(str, watch)),
    }


def run_watched(
    command: Sequence[str], root: Path, environment: Mapping[str, str], limit: float
) -> int | None:
    """Run a command in `root`, its output on stderr, and end whatever it leaves behind.

    Args:
        command: The words of the command.
        root: Its working directory.
        environment: Its environment, as `variables` made it.
        limit: Seconds until it is ended: a warning, a grace, then by force.

    Returns:
        The exit code (128 and the signal where one ended it), or None at the time limit.

    Raises:
        InputError: When there is no such program.
    """
    sys.stderr.flush()
    mark = f"CONFJOB_CAPTURE={environment['CONFJOB_CAPTURE']}".encode()
    with _signals_as_interrupts():
        process = _started(command, root, environment)
        try:
            finished = _waited(process.pid, limit)
        finally:
            # Not asked for its exit code before: so long, nobody else gets its number.
            _end(process.pid, mark)
            code = process.wait()
    return (128 - code if code < 0 else code) if finished else None


def _started(command: Sequence[str], root: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(command),
            cwd=root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=2,  # what capture itself prints is the result
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(
            f"{command[0]}: {error.strerror or error}",
            hint=f"the command is run in {root}, as a job would be",
        ) from None


def _waited(pid: int, limit: float) -> bool:
    """Whether a process ends within `limit` seconds; it stays to be asked for its exit code."""
    deadline = time.monotonic() + limit
    while not _is_over(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


def _is_over(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(leader: int, mark: bytes) -> None:
    try:
        if _signal(leader, mark, signal.SIGTERM):
            deadline = time.monotonic() + _GRACE
            while _left(leader, mark) and time.monotonic() < deadline:
                time.sleep(_POLL)
    finally:  # also when Ctrl-C comes a second time
        deadline = time.monotonic() + _STUCK
        while _signal(leader, mark, signal.SIGKILL) and time.monotonic() < deadline:
            time.sleep(_POLL)


def _signal(leader: int, mark: bytes, number: signal.Signals) -> bool:
    """Send a signal to all that is left; whether anything was."""
    left = _left(leader, mark)
    # The group at once: a shell must not go on to its next command.
    if left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) != leader:
                os.kill(pid, number)
    return bool(left)


def _left(leader: int, mark: bytes) -> set[int]:
    """Return the live processes of the command: of its session, and with its mark."""
    return {*live_sessions().get(leader, ()), *_marked(mark)}


def _marked(mark: bytes) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # Empty for a process that has ended.
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue


@contextlib.contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Let TERM and HUP end the command as Ctrl-C does, instead of leaving it alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
