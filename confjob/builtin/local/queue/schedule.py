"""Who starts next, and why the others wait: a decision, made without touching anything.

By priority, then first come, first served. What does not fit is passed over, so that nothing
lies idle; but for the first that does not fit, what is free of its needs is held back. Else a
stream of small jobs would let a large one wait for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import localtime, strftime

from attrs import Factory, define, frozen

from confjob.builtin.local.queue.tickets import Ticket

__all__ = ["Capacity", "Decision", "Holder", "Running", "Scene", "decide"]


@frozen(kw_only=True)
class Capacity:
    """What the machine has.

    Args:
        cpus: Cores.
        memory: Bytes.
    """

    cpus: float
    memory: int


@frozen(kw_only=True)
class Running:
    """A run that holds something.

    Args:
        ticket: Its ticket.
        slots: The GPUs that it holds.
    """

    ticket: Ticket
    slots: tuple[str, ...] = ()


@frozen(kw_only=True)
class Holder:
    """Who holds a GPU that can't be had.

    Args:
        run: The run's id.
        user: Whose it is, where it is another user's.
    """

    run: str
    user: str = ""

    def __str__(self) -> str:
        return f"run {self.run} of {self.user}" if self.user else f"run {self.run}"


@frozen(kw_only=True)
class Scene:
    """What there is besides the queue.

    Args:
        capacity: What the machine has.
        held: GPUs that can't be had, by name; also those of other users.
        paused: Groups of which none starts, and why.
        now: Epoch seconds.
    """

    capacity: Capacity
    held: Mapping[str, Holder] = Factory(dict)
    paused: Mapping[str, str] = Factory(dict)
    now: float = 0.0


@frozen(kw_only=True)
class Decision:
    """What is to be done.

    Args:
        starts: The tickets to start, each with the GPUs it gets, in this order.
        reasons: Why each other one waits, by run.
        wake: When the next one may start for no other reason than the time; None if none.
    """

    starts: tuple[tuple[Ticket, tuple[str, ...]], ...]
    reasons: Mapping[str, str]
    wake: float | None


@define(kw_only=True)
class _Free:
    """What is left while the queue is gone through."""

    cpus: float
    memory: int
    slots: dict[str, None]
    #: who has the GPUs that are not free
    holders: dict[str, Holder] = Factory(dict)
    #: the runs of each group that run or start
    members: dict[str, list[str]] = Factory(dict)
    #: the first run that does not fit, for which something is held back
    head: str = ""


def decide(waiting: Iterable[Ticket], running: Sequence[Running], scene: Scene) -> Decision:
    """Return which of those that wait start now.

    Args:
        waiting: The tickets that wait.
        running: The runs of this queue that run.
        scene: All else that matters.
    """
    queue = sorted(waiting, key=lambda ticket: ticket.rank)
    free = _free(queue, running, scene)
    starts: list[tuple[Ticket, tuple[str, ...]]] = []
    reasons: dict[str, str] = {}
    for ticket in queue:
        reason = _kept(ticket, free, scene) or _lacking(ticket, free, scene)
        if reason:
            reasons[ticket.run] = reason
        else:
            slots = tuple(slot for slot in ticket.slots if slot in free.slots)[: ticket.gpus]
            starts.append((ticket, slots))
            _take(free, ticket, slots)
    times = [ticket.not_before for ticket in queue if ticket.not_before > scene.now]
    return Decision(starts=tuple(starts), reasons=reasons, wake=min(times, default=None))


def _free(queue: Iterable[Ticket], running: Iterable[Running], scene: Scene) -> _Free:
    slots = dict.fromkeys(slot for ticket in queue for slot in ticket.slots)
    free = _Free(
        cpus=scene.capacity.cpus,
        memory=scene.capacity.memory,
        slots={slot: None for slot in slots if slot not in scene.held},
        holders=dict(scene.held),
    )
    for run in running:
        _take(free, run.ticket, run.slots)
    return free


def _take(free: _Free, ticket: Ticket, slots: Iterable[str]) -> None:
    free.cpus -= ticket.cpus
    free.memory -= ticket.memory
    for slot in slots:
        free.slots.pop(slot, None)
        free.holders[slot] = Holder(run=ticket.run)
    free.members.setdefault(ticket.group, []).append(ticket.run)


def _kept(ticket: Ticket, free: _Free, scene: Scene) -> str:
    """Return why a run may not start, whatever the machine has; nothing where it may."""
    if ticket.not_before > scene.now:
        at = strftime("%H:%M:%S", localtime(ticket.not_before))
        return f"attempt {ticket.attempt} of {ticket.retry.attempts} starts at {at}"
    if ticket.group in scene.paused:
        return scene.paused[ticket.group]
    others = free.members.get(ticket.group, [])
    if ticket.parallel is not None and len(others) >= ticket.parallel:
        return f"its target runs {ticket.parallel} at a time ({_some(others)})"
    return ""


def _lacking(ticket: Ticket, free: _Free, scene: Scene) -> str:
    """Return what a run needs and can't have now; what is free of it is held back for the first."""
    usable = [slot for slot in ticket.slots if slot in free.slots]
    lacks = []
    if len(usable) < ticket.gpus:
        lacks.append(_gpus_words(ticket, len(usable), free.holders))
    # Less than nothing is free while something is held back: who needs nothing does not lack it.
    if ticket.cpus > max(free.cpus, 0) + 1e-9:
        lacks.append(
            f"needs {_number(ticket.cpus, 'core')}; {max(free.cpus, 0):g} of {scene.capacity.cpus:g} are free"
        )
    if ticket.memory > max(free.memory, 0):
        lacks.append(f"needs {_gib(ticket.memory)} of memory; {_gib(max(free.memory, 0))} are free")
    if not lacks:
        return ""
    behind = f"; what is free is held for run {free.head}" if free.head else ""
    if not free.head and _may_fit(ticket, scene.capacity):
        _hold_back(free, ticket, usable)
    return "; ".join(lacks) + behind


def _may_fit(ticket: Ticket, capacity: Capacity) -> bool:
    """Whether an empty machine would do; it may have become smaller, and others need not wait for that."""
    return ticket.cpus <= capacity.cpus + 1e-9 and ticket.memory <= capacity.memory


def _hold_back(free: _Free, ticket: Ticket, usable: Sequence[str]) -> None:
    free.head = ticket.run
    free.cpus -= ticket.cpus
    free.memory -= ticket.memory
    for slot in usable[: ticket.gpus]:
        free.slots.pop(slot)
    # Its place in its group, too: a stream of others of the group would take it again and again.
    free.members.setdefault(ticket.group, []).append(ticket.run)


def _gpus_words(ticket: Ticket, usable: int, held: Mapping[str, Holder]) -> str:
    holders = [f"GPU {slot} is held by {held[slot]}" for slot in ticket.slots if slot in held]
    shown = "; ".join([*holders[:4], *(["…"] if len(holders) > 4 else [])])
    free = "" if not usable else f", {usable} of them free" if not holders else f", {usable} free"
    return f"needs {_number(ticket.gpus, 'GPU')}{free}" + (f"; {shown}" if shown else "")


def _number(count: float, what: str) -> str:
    return f"{count:g} {what}{'' if count == 1 else 's'}"


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
