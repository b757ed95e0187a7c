"""This machine's queue as a page shows it: what runs, what waits and why, and what there is to have."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

from confjob.builtin.local.queue import devices
from confjob.builtin.local.queue.board import Entry, entries
from confjob.builtin.local.queue.capacity import capacity
from confjob.builtin.local.queue.door import agent_lives
from confjob.builtin.local.queue.gates import EVERYTHING, Gates
from confjob.builtin.local.queue.machine import home
from confjob.builtin.local.queue.slots import seen
from confjob.project import Project
from confjob.words import plural

__all__ = ["Gpu", "Member", "QueueView", "queue_of"]

#: Letters of a GPU's UUID that tell it from the others.
_SHORT = 12


@frozen(kw_only=True)
class Member:
    """A run that runs or waits.

    Args:
        entry: What the queue says of it.
        place: Its place among those that wait, from 1; 0 for one that runs.
        ours: Whether it is of the project that is served, so that it has a page.
        since: Since when it runs or waits, in seconds until now.
        needs: What it has or needs, in words.
    """

    entry: Entry
    place: int
    ours: bool
    since: float
    needs: str


@frozen(kw_only=True)
class Gpu:
    """A GPU, and the run that has it, if one does."""

    name: str
    short: str
    holder: str = ""


@frozen(kw_only=True)
class QueueView:
    """The queue.

    Args:
        running: What runs.
        waiting: What waits, in order.
        paused: What is paused, in words, and why.
        stopped: Whether all of it is paused.
        alive: Whether somebody works at it.
        cpus: Cores that are taken, and all.
        memory: Bytes that are taken, and all.
        gpus: The GPUs that are known of.
        digest: What tells this from the same queue at another time, until the next minute.
    """

    running: tuple[Member, ...]
    waiting: tuple[Member, ...]
    paused: tuple[tuple[str, str], ...]
    stopped: bool
    alive: bool
    cpus: tuple[float, float]
    memory: tuple[int, int]
    gpus: tuple[Gpu, ...]
    digest: str


def queue_of(project: Project) -> QueueView:
    """Return this user's queue on this machine.

    Raises:
        BackendError: When it can't be read.
    """
    folder, now = home(), time.time()
    found, paused = entries(folder), Gates(folder).paused()
    own = project.store.folder.absolute().parent
    running = [entry for entry in found if entry.phase == "running"]
    waiting = [entry for entry in found if entry.phase == "waiting"]
    room, gpus = capacity(), tuple(_gpus(found))
    told = [*map(repr, found), repr(paused), repr(gpus), int(now // 60)]
    return QueueView(
        running=tuple(_member(entry, 0, own, now) for entry in running),
        waiting=tuple(_member(entry, place, own, now) for place, entry in enumerate(waiting, 1)),
        paused=tuple((_paused(group, own), why) for group, why in paused.items()),
        stopped=EVERYTHING in paused,
        alive=agent_lives(folder),
        cpus=(sum(entry.ticket.cpus for entry in running), room.cpus),
        memory=(sum(entry.ticket.memory for entry in running), room.memory),
        gpus=gpus,
        digest=hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16],
    )


def _member(entry: Entry, place: int, own: Path, now: float) -> Member:
    return Member(
        entry=entry,
        place=place,
        ours=entry.state_folder == own,
        since=max(now - (entry.started or entry.ticket.queued), 0.0),
        needs=", ".join(_needs(entry)),
    )


def _needs(entry: Entry) -> Iterator[str]:
    ticket = entry.ticket
    yield plural(ticket.cpus, "core")
    if ticket.memory:
        yield f"{ticket.memory / 2**30:.3g} GiB"
    if ticket.gpus:
        yield plural(ticket.gpus, "GPU")


def _gpus(found: Iterable[Entry]) -> Iterator[Gpu]:
    """Yield the GPUs that the driver names, then those that runs may have or that are locked."""
    held = {_lock_name(name): holder for name, holder in seen().items()}
    names = dict.fromkeys(devices.found())
    listing = list(found)
    for entry in listing:
        names |= dict.fromkeys((*entry.ticket.slots, *entry.slots))
    holders = {slot: entry.ticket.run for entry in listing for slot in entry.slots}
    known = {_lock_name(name) for name in names}
    for name in [*names, *(name for name in held if name not in known)]:
        other = held.get(_lock_name(name))
        words = "" if other is None else f"{other.run} of {other.user}" if other.user else other.run
        yield Gpu(name=name, short=name[:_SHORT], holder=holders.get(name, words))


def _lock_name(name: str) -> str:
    """Return a GPU's name as the file of its lock has it."""
    return "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "_" for each in name)


def _paused(group: str, own: Path) -> str:
    folder, _, target = group.rpartition(":")
    if not folder:
        return "Everything"
    if Path(folder) == own:
        return f"Target {target}"
    return f"Target {target} of {folder.removesuffix('/.confjob')}"
