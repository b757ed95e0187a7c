"""Whole sessions of processes: finding their leaders, their members, and ending them.

A job is a tree of processes, and any of them may ignore TERM, change its process group or
outlive its parent. The session is what they have in common.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from confjob.plugin import ProcessId, live_sessions

__all__ = ["end", "leaders", "members"]

_POLL = 0.05

#: Seconds to wait for what was killed: a process in a hung file system dies when it can.
_STUCK = 5.0


def leaders(scripts: Collection[bytes]) -> dict[bytes, ProcessId]:
    """Return the live session leaders that run one of `scripts`, by script."""
    found = {}
    for session, pids in live_sessions().items():
        if session in pids:
            words = _command(session)
            script = words[1] if len(words) > 1 else b""
            if script in scripts:
                with contextlib.suppress(ProcessLookupError):
                    found[script] = ProcessId.of(session)
    return found


def members(leader: ProcessId, sessions: Mapping[int, Sequence[int]]) -> Sequence[int]:
    """Return the live processes of a session, among all `sessions` as scanned.

    The kernel gives out a number again only when no session has it. So if another
    process has the leader's number, nothing is left of the leader's session.
    """
    pids = sessions.get(leader.pid, ())
    return () if leader.pid in pids and not leader.alive() else pids


def end(processes: Sequence[ProcessId], grace: float) -> list[int]:
    """End the sessions of `processes`: TERM to all, one shared grace, KILL.

    Returns:
        The processes that are still there: another user's, or stuck in the kernel.
    """
    _signal(processes, signal.SIGTERM)
    _signal(processes, signal.SIGCONT)  # a stopped process would not get its TERM
    _wait(processes, grace)
    deadline = time.monotonic() + _STUCK
    while (left := _left(processes)) and time.monotonic() < deadline:
        _signal(processes, signal.SIGKILL)  # again, for what was forked meanwhile
        time.sleep(_POLL)
    return sorted(left)


def _wait(processes: Sequence[ProcessId], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _left(processes) and time.monotonic() < deadline:
        time.sleep(_POLL)


def _left(processes: Iterable[ProcessId]) -> set[int]:
    scanned = live_sessions()
    return {pid for leader in processes for pid in members(leader, scanned)}


def _signal(processes: Iterable[ProcessId], number: signal.Signals) -> None:
    scanned = live_sessions()
    for leader in processes:
        pids = members(leader, scanned)
        if pids:
            # The group at once: a shell must not go on to its next command when only its
            # child got the signal. Then those that left the group.
            _tried(os.killpg, leader.pid, number)
            for pid in filter(lambda pid: _group(pid) not in (leader.pid, None), pids):
                _tried(os.kill, pid, number)


def _tried(kill: Callable[[int, int], None], pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(pid, number)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _command(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
