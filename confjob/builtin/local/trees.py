"""All processes of a run: finding them, and ending them whatever they do.

A job is a tree of processes, and any of them may ignore TERM, change its process group, leave its
session or outlive its parent. Most are in the session that job.sh leads; the others carry the
run's folder in their environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from confjob.plugin import ProcessId, live_sessions

__all__ = ["Tree", "end", "leaders", "members", "send", "survivors"]

_POLL = 0.05

#: Seconds to wait for what was killed: a process in a hung file system dies when it can.
_STUCK = 5.0

_NAME = b"CONFJOB_RUN_DIR="


@frozen(kw_only=True)
class Tree:
    """The processes of one run.

    Args:
        leader: The leader of its session: the shell that runs job.sh; None where it is not known.
        run_dir: The run's folder, which is in their environment; None where it is not known.
    """

    leader: ProcessId | None
    run_dir: str | None = None


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
    process has the leader's number, nothing is left of the leader's session. That holds
    within one boot and one container: elsewhere a session of the same number is somebody else's.
    """
    here = ProcessId.current()
    if (leader.boot, leader.namespace) != (here.boot, here.namespace):
        return ()
    pids = sessions.get(leader.pid, ())
    return () if leader.pid in pids and not leader.alive() else pids


def survivors(trees: Iterable[Tree]) -> dict[Tree, list[int]]:
    """Return the live processes of runs in one scan; this process is never among them."""
    trees = list(trees)
    sessions = live_sessions()
    carrying = _carriers({_name(tree) for tree in trees} - {None}, sessions)
    found = {}
    for tree in trees:
        inside = members(tree.leader, sessions) if tree.leader is not None else ()
        pids = {*inside, *carrying.get(_name(tree), ())} - {os.getpid()}
        found[tree] = sorted(pids)
    return found


def send(trees: Iterable[Tree], number: signal.Signals) -> None:
    """Send a signal to all processes of runs."""
    for tree, pids in survivors(trees).items():
        leader = 0 if tree.leader is None else tree.leader.pid
        if leader and any(_group(pid) == leader for pid in pids):
            # The group at once: a shell must not go on to its next command when only its
            # child got the signal. Then those that left the group.
            _tried(os.killpg, leader, number)
        for pid in filter(lambda pid: _group(pid) not in (leader or None, None), pids):
            _tried(os.kill, pid, number)


def end(trees: Collection[Tree], grace: float) -> list[int]:
    """End all processes of runs: TERM to all, one shared grace, KILL.

    Returns:
        The processes that are still there: another user's, or stuck in the kernel.
    """
    send(trees, signal.SIGTERM)
    send(trees, signal.SIGCONT)  # a stopped process would not get its TERM
    _wait(trees, grace)
    deadline = time.monotonic() + _STUCK
    while (left := _left(trees)) and time.monotonic() < deadline:
        send(trees, signal.SIGKILL)  # again, for what was forked meanwhile
        time.sleep(_POLL)
    return sorted(left)


def _wait(trees: Collection[Tree], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _left(trees) and time.monotonic() < deadline:
        time.sleep(_POLL)


def _left(trees: Collection[Tree]) -> set[int]:
    return {pid for pids in survivors(trees).values() for pid in pids}


def _name(tree: Tree) -> bytes | None:
    # Never an empty name: every process that is in no run would seem to be in that one.
    return os.fsencode(tree.run_dir) if tree.run_dir else None


def _carriers(
    run_dirs: Collection[bytes | None], sessions: Mapping[int, Sequence[int]]
) -> dict[bytes | None, list[int]]:
    """Return the processes that were started with the folder of one of the runs, by folder."""
    found: dict[bytes | None, list[int]] = {}
    for pid in (pid for pids in sessions.values() for pid in pids) if run_dirs else ():
        run_dir = _run_dir(pid)
        if run_dir is not None and run_dir in run_dirs:
            found.setdefault(run_dir, []).append(pid)
    return found


def _run_dir(pid: int) -> bytes | None:
    """Return the run folder in a process's environment; only one's own processes can be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - thousands of them
            variables = file.read().split(b"\0")
    except OSError:
        return None
    return next((each[len(_NAME) :] for each in variables if each.startswith(_NAME)), None)


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
