"""The queue as people see and change it: what runs, what waits and why, in which order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import evolve, frozen

from confjob.builtin.local.queue.door import agent_lives, ring
from confjob.builtin.local.queue.index import Index
from confjob.builtin.local.queue.looks import Look, look
from confjob.builtin.local.queue.machine import here
from confjob.builtin.local.queue.tickets import Ticket
from confjob.plugin import BackendError

__all__ = ["Entry", "entries", "entries_of", "reprioritise"]


@frozen(kw_only=True)
class Entry:
    """A run that runs or waits.

    Args:
        ticket: Its ticket.
        phase: `running` or `waiting`.
        reason: Why it waits.
        slots: The GPUs that it holds.
        started: When it started, in epoch seconds.
    """

    ticket: Ticket
    phase: str
    reason: str = ""
    slots: tuple[str, ...] = ()
    started: float | None = None

    @property
    def state_folder(self) -> Path:
        """The state folder of its project."""
        return self.ticket.folder.parent.parent

    @property
    def project(self) -> Path:
        """The folder of the project, or of its state where that lies elsewhere."""
        state = self.state_folder
        return state.parent if state.name == ".confjob" else state

    @property
    def target(self) -> str:
        """The target's name."""
        return self.ticket.group.rpartition(":")[2]


def entries(folder: Path) -> list[Entry]:
    """Return what this user's queue on this machine has: first what runs, then what waits, in order.

    Raises:
        BackendError: When the index can't be read.
    """
    with contextlib.closing(Index(folder=folder)) as index:
        tickets = index.live()
        reasons = index.reasons([ticket.run_dir for ticket in tickets])
    listing = entries_of(tickets, reasons)
    waiting = [entry for entry in listing if entry.phase == "waiting"]
    if waiting and not (agent_lives(folder) and all(entry.reason for entry in waiting)):
        ring(folder)  # after a reboot, say
    return listing


def entries_of(tickets: Iterable[Ticket], reasons: Mapping[str, str] | None = None) -> list[Entry]:
    """Return those of some tickets' runs that run or wait here, in order; changes nothing.

    Args:
        tickets: As the index has them; the run folders have the latest.
        reasons: Why they wait, by run folder.
    """
    current = [found for ticket in tickets if (found := Ticket.read(ticket.folder)) is not None]
    looks = look([ticket for ticket in current if ticket.place == here()])
    listed = (_entry(seen, (reasons or {}).get(seen.ticket.run_dir, "")) for seen in looks)
    return sorted(filter(None, listed), key=lambda entry: (entry.phase != "running", entry.ticket.rank))


def reprioritise(folder: Path, runs: Iterable[Entry], priority: str) -> None:
    """Give runs that wait another priority.

    Raises:
        BackendError: When the disk refuses.
    """
    tickets = [evolve(entry.ticket, priority=priority) for entry in runs]
    try:
        for ticket in tickets:
            ticket.write()
    except OSError as error:
        raise BackendError(f"the priority can't be changed: {error}") from None
    with contextlib.suppress(BackendError), contextlib.closing(Index(folder=folder)) as index:
        index.put(tickets)
    ring(folder, [ticket.run_dir for ticket in tickets])


def _entry(seen: Look, reason: str) -> Entry | None:
    if seen.again is not None:
        return Entry(ticket=seen.again, phase="waiting", reason=reason)
    if seen.phase == "waiting" and seen.facts.cancel is None:
        return Entry(ticket=seen.ticket, phase="waiting", reason=reason)
    if seen.phase in ("starting", "running", "orphaned"):
        at = (seen.facts.start or {}).get("at")
        started = float(at) if isinstance(at, (int, float)) else None
        return Entry(ticket=seen.ticket, phase="running", slots=seen.slots, started=started)
    return None
