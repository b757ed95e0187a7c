"""The agent's door: one agent per user and machine, woken by whoever submits, started if missing."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from confjob.plugin import GPU_VARIABLES, ProcessId, bare_environment

__all__ = [
    "LOG",
    "agent_lives",
    "agent_lock",
    "agent_process",
    "agent_since",
    "holds_lock",
    "listening",
    "ring",
    "sign",
    "stop_agent",
    "tell",
]

#: The agent's own log.
LOG: Final = "agent.log"

_LOCK: Final = "agent.lock"
_BELL: Final = "bell"

#: What the agent is started with besides the bare environment: where its things lie.
_KEPT: Final = ("CONFJOB_MACHINE_DIR", "CONFJOB_SLOTS_DIR", "PYTHONPATH", "XDG_CONFIG_HOME")

#: Bytes that a pipe takes at once or not at all (POSIX allows no less).
_WHOLE: Final = 512

#: Agents that this process started, so that they are reaped and leave no zombie behind in a
#: notebook that launches for days.
_started: list[subprocess.Popen[bytes]] = []

#: Seconds after which whoever still holds the agent's lock is an agent.
_INSTANT: Final = 0.2

#: Seconds that a background agent waits with nothing to do before it leaves.
IDLE: Final = 30.0


def ring(folder: Path, run_dirs: Iterable[str] = ()) -> None:
    """Tell the agent of runs that wait, and start one if there is none.

    Args:
        folder: The queue's folder.
        run_dirs: The runs; none to make it look again at everything.
    """
    if not agent_lives(folder):
        _start(folder)  # it reads the whole index when it begins
    tell(folder, run_dirs)


def tell(folder: Path, run_dirs: Iterable[str] = ()) -> None:
    """Tell the agent of runs, if there is one; none to make it look again at everything."""
    lines = [json.dumps(run_dir) + "\n" for run_dir in run_dirs] or ["\n"]
    with contextlib.suppress(OSError), _bell(folder, os.O_WRONLY | os.O_NONBLOCK) as bell:
        os.set_blocking(bell, True)  # a full pipe is soon read
        for line in lines:
            # Whole, or two writers' lines would mix; what is longer is found in the index.
            os.write(bell, (line if len(line) <= _WHOLE else "\n").encode("ascii"))


def agent_lives(folder: Path) -> bool:
    """Whether an agent holds its lock."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    finally:
        os.close(descriptor)
    return False


def agent_lock(folder: Path) -> int | None:
    """Return the agent's lock, held until it is closed; None while another agent holds it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder / _LOCK, flags, 0o600)
    if not _locked(descriptor):
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    sign(descriptor)
    return descriptor


def sign(lock: int) -> None:
    """Write into the agent's lock who it is; on a full disk it works without, and may sign later."""
    with contextlib.suppress(OSError):
        if os.fstat(lock).st_size == 0:
            os.pwrite(lock, str(ProcessId.current()).encode("ascii"), 0)


def _locked(descriptor: int) -> bool:
    """Lock it for this agent alone. Whoever only looks (`agent_lives`) holds it for an instant."""
    until = time.monotonic() + _INSTANT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        else:
            return True


def holds_lock(folder: Path, descriptor: int) -> bool:
    """Whether a lock is the one that others would find; somebody may have emptied the folder."""
    try:
        there, ours = (folder / _LOCK).lstat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def agent_process(folder: Path) -> ProcessId | None:
    """Return the agent that works now; None where there is none."""
    if not agent_lives(folder):
        return None
    try:
        return ProcessId.parse((folder / _LOCK).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # it has the lock and is about to say so


def agent_since(folder: Path) -> float | None:
    """Return when the latest agent began, in epoch seconds; None where there was none."""
    try:
        return (folder / _LOCK).stat().st_mtime
    except OSError:
        return None


def stop_agent(folder: Path, seconds: float = 10.0) -> bool:
    """Let the agent leave; what runs goes on. Returns whether it is gone."""
    until = time.monotonic() + seconds
    while agent_lives(folder):
        if time.monotonic() >= until:
            return False
        process = agent_process(folder)
        if process is None:
            tell(folder)  # it could not sign when it came
        elif process.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[int]:
    """Yield the bell to listen at: a pipe that has something to read once it was rung."""
    path = folder / _BELL
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    # Both ways: while it is open for writing here, reading never says that all writers are gone.
    with _bell(folder, os.O_RDWR | os.O_NONBLOCK) as bell:
        yield bell


@contextlib.contextmanager
def _bell(folder: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(folder / _BELL, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _start(folder: Path) -> None:
    """Start an agent that outlives this process and its terminal; if another is quicker, it leaves."""
    environment = bare_environment() | {name: os.environ[name] for name in _KEPT if name in os.environ}
    # A session's own devices are for its jobs (the ticket has them), not for everyone's agent.
    environment = {name: value for name, value in environment.items() if name not in GPU_VARIABLES}
    _started[:] = [agent for agent in _started if agent.poll() is None]
    with (folder / LOG).open("ab") as log:
        agent = subprocess.Popen(
            [sys.executable, "-m", "confjob", "agent", "--idle", f"{IDLE:g}"],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started.append(agent)
