"""The local engine: runs of this machine, queued for its agent, and watched by looking.

The engine keeps no state: after any `kill -9` the process table and the run folders say it all.
A handle of a queued run names the machine whose queue it is in, and the run's folder; that of a
run in somebody's terminal (`--fg`) is the identity of the shell that runs job.sh.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from confjob.builtin.local.queue.door import agent_lives, ring, tell
from confjob.builtin.local.queue.entering import Limits, ticket_of
from confjob.builtin.local.queue.holding import held
from confjob.builtin.local.queue.index import Index
from confjob.builtin.local.queue.looks import Look, look
from confjob.builtin.local.queue.machine import here, home
from confjob.builtin.local.queue.tickets import Ticket
from confjob.builtin.local.shell import SHELL
from confjob.builtin.local.trees import Tree, end, leaders, members
from confjob.plugin import (
    BackendError,
    Held,
    Problem,
    ProcessId,
    State,
    Status,
    Submission,
    latest_attempt,
    live_sessions,
    read_record,
)

__all__ = ["LocalEngine"]


@frozen(kw_only=True)
class LocalEngine:
    """Runs of this machine.

    Args:
        limits: What a target says of how its runs are queued.
    """

    limits: Limits = Limits()

    def preview(self, submissions: Sequence[Submission]) -> str:
        """Return the commands that the agent would start."""
        return "\n".join(f"{SHELL} {item.script}" for item in submissions)

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Mapping[str, str]]:
        """Queue the runs; yields all of them at once.

        Raises:
            BackendError: When one needs more than the machine has, and none is queued then; or
                when the disk refuses, and the runs before are queued.
        """
        folder = home()
        tickets = [ticket_of(item, self.limits) for item in submissions]
        written: list[Ticket] = []
        failure: OSError | None = None
        for ticket in tickets:
            try:
                ticket.write()
            except OSError as error:
                failure = error
                break
            written.append(ticket)
        if written:
            _enter(folder, written)
            yield {ticket.run: _handle(ticket) for ticket in written}
        if failure is not None:
            raise BackendError(f"can't queue run {tickets[len(written)].run}: {failure}") from failure

    def find(self, runs: Mapping[str, Path]) -> Mapping[str, str]:
        """Return the handles of runs that were accepted: by ticket, start record or process."""
        found = {run: _recorded(path) for run, path in runs.items()}
        missing = {os.fsencode(path / "job.sh"): run for run, path in runs.items() if not found[run]}
        if missing:
            found |= {missing[script]: str(leader) for script, leader in leaders(missing).items()}
        return {run: handle for run, handle in found.items() if handle}

    def poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        """Return what is known of runs; those of other machines and containers are left out."""
        tickets = dict(_tickets(handles))
        looks = {_handle(seen.ticket): seen for seen in look(list(tickets.values()))}
        live = [seen.ticket for seen in looks.values() if _is_live(seen)]
        reasons = _reasons(live) if live else {}
        shells = {handle: process for handle, process in _parsed(handles) if handle not in tickets}
        told = {handle: _status(seen, reasons) for handle, seen in looks.items()}
        return _shells(shells) | {handle: status for handle, status in told.items() if status is not None}

    def cancel(self, handles: Collection[str]) -> None:
        """End all processes of the runs: TERM, one grace for all, KILL; what waits does not start.

        Raises:
            BackendError: Naming the runs that can't be ended from here; the others are.
        """
        tickets = dict(_tickets(handles))
        looks = look(list(tickets.values()))
        queued = [Tree(leader=seen.leader, run_dir=seen.ticket.run_dir) for seen in looks]
        parsed = {handle: process for handle, process in _parsed(handles) if handle not in tickets}
        foreign = {process.host for process in parsed.values() if process.alive() is None}
        foreign |= {
            _host(handle) for handle in handles if ":" in handle and not handle.startswith(f"{here()}:")
        }
        shells = [Tree(leader=process) for process in parsed.values() if process.alive() is not None]
        if tickets:
            tell(home())  # what waits is taken out of the queue
        left = end([*queued, *shells], self.limits.grace)
        if foreign:
            raise BackendError(
                f"can't end processes of {', '.join(sorted(foreign))} from here",
                hint="cancel where the run runs",
            )
        if left:
            raise BackendError(f"could not end process {', '.join(map(str, left))}: another user's, or stuck")

    def hold(self, submission: Submission) -> contextlib.AbstractContextManager[Held]:
        """Take the GPUs of a run that somebody runs in a terminal."""
        return held(submission, self.limits)

    def fetch(self, handle: str, run_dir: Path) -> None:
        """Do nothing: the run folder is where the run wrote."""

    def check(self) -> Iterable[Problem]:
        """Yield what keeps runs from starting here."""
        if not os.access(SHELL, os.X_OK):
            yield Problem(
                code="no-shell", message=f"there is no {SHELL}", hint="the local backend runs sh scripts"
            )
        try:
            home()
        except BackendError as error:
            yield Problem(code="no-queue", message=error.message, hint=error.hint)


def _enter(folder: Path, tickets: Sequence[Ticket]) -> None:
    # The run folders have it already: without the index the agent finds it by the bell.
    with contextlib.suppress(BackendError), contextlib.closing(Index(folder=folder)) as index:
        index.put(tickets)
    ring(folder, [ticket.run_dir for ticket in tickets])


def _handle(ticket: Ticket) -> str:
    return f"{ticket.place}:{ticket.run_dir}"


def _host(handle: str) -> str:
    return handle.partition("/")[0]


def _tickets(handles: Iterable[str]) -> Iterator[tuple[str, Ticket]]:
    """Yield the tickets of this machine's queue that handles name."""
    place = here()
    for handle in handles:
        where, colon, run_dir = handle.partition(":")
        ticket = Ticket.read(Path(run_dir)) if colon and where == place else None
        if ticket is not None:
            yield handle, ticket


def _recorded(run_dir: Path) -> str | None:
    """Return the handle of a run by what its folder says."""
    ticket = Ticket.read(run_dir)
    if ticket is not None:
        return _handle(ticket)
    start = read_record(run_dir / "attempts" / str(latest_attempt(run_dir)) / "start.json") or {}
    try:
        return str(ProcessId.parse(str(start.get("process"))))
    except ValueError:
        return None


def _is_live(seen: Look) -> bool:
    """Whether an agent has something to do with a run, or will have."""
    waits = (seen.phase == "waiting" and seen.facts.cancel is None) or seen.again is not None
    return waits or seen.phase in ("starting", "running", "orphaned")


def _reasons(tickets: Sequence[Ticket]) -> Mapping[str, str]:
    """Return why runs wait, by run folder; sees to it that there is an agent who knows of them.

    Somebody may have emptied the queue's folder, and the agent may have been killed.
    """
    try:
        folder = home()
        with contextlib.closing(Index(folder=folder)) as index:
            known = index.reasons([ticket.run_dir for ticket in tickets])
        lost = [ticket for ticket in tickets if ticket.run_dir not in known]
        if lost:
            _enter(folder, lost)
        elif not agent_lives(folder):
            ring(folder)
    except (BackendError, OSError):
        return {}
    return known


def _status(seen: Look, reasons: Mapping[str, str]) -> Status | None:
    """Return what was seen as a status; None leaves it to the run's records."""
    if seen.again is not None:
        why = f"attempt {seen.ticket.attempt} is over; it is run again"
        return Status(state=State.QUEUED, reason=reasons.get(seen.ticket.run_dir) or why)
    if seen.phase == "waiting":
        if seen.facts.cancel is not None:
            return Status(state=State.CANCELLED, reason="cancelled before it started")
        return Status(state=State.QUEUED, reason=reasons.get(seen.ticket.run_dir, ""))
    if seen.phase in ("starting", "running"):
        return Status(state=State.RUNNING)
    if seen.phase == "orphaned":
        return Status(state=State.ENDING, reason="its shell is gone, but processes it started live")
    if seen.phase == "over":
        return Status(state=State.LOST, reason="its process is gone and left no end record")
    return None


def _parsed(handles: Iterable[str]) -> Iterator[tuple[str, ProcessId]]:
    for handle in handles:
        if ":" not in handle:  # else it names a queue, of this machine or another
            with contextlib.suppress(ValueError):
                yield handle, ProcessId.parse(handle)


def _shells(shells: Mapping[str, ProcessId]) -> dict[str, Status]:
    """Return how runs are that are known by their shell alone."""
    alive = {handle: process.alive() for handle, process in shells.items()}
    gone = [handle for handle, lives in alive.items() if lives is False]
    left = live_sessions() if gone else {}
    running = {handle: Status(state=State.RUNNING) for handle, lives in alive.items() if lives}
    return running | {handle: _without_leader(shells[handle], left) for handle in gone}


def _without_leader(leader: ProcessId, left: Mapping[int, Sequence[int]]) -> Status:
    """Return the state of a run whose shell is gone: perhaps its command goes on."""
    if members(leader, left):
        return Status(state=State.ENDING, reason="its shell is gone, but processes it started live")
    return Status(state=State.LOST, reason="its process is gone and left no end record")
