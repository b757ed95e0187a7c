"""The agent: starts what may start, ends what must end, and runs again what shall be run again.

One process per user and machine, for all projects. It keeps nothing that it could lose: after a
`kill -9` the next one reads the tickets and records again, and goes on where this one was. It is
woken by whoever submits and by the ends of its runs, and sleeps in between.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import define, evolve, field

from confjob.builtin.local.queue import devices
from confjob.builtin.local.queue.capacity import capacity
from confjob.builtin.local.queue.door import agent_lock, holds_lock, sign
from confjob.builtin.local.queue.gates import EVERYTHING, Gates
from confjob.builtin.local.queue.index import Index
from confjob.builtin.local.queue.lives import Live, Lives
from confjob.builtin.local.queue.looks import Look, look
from confjob.builtin.local.queue.machine import here
from confjob.builtin.local.queue.schedule import Holder, Scene, decide
from confjob.builtin.local.queue.sleep import Sleep, sleeping
from confjob.builtin.local.queue.slots import Slot, holders, taken
from confjob.builtin.local.queue.tickets import Ticket
from confjob.builtin.local.shell import start_script
from confjob.builtin.local.trees import Tree
from confjob.plugin import BackendError, ProcessId, write_record

__all__ = ["Agent"]

_log = logging.getLogger(__name__)

#: Seconds between looks while something can change without a word: an orphaned run, a GPU that
#: another user holds.
_SOON: Final = 0.5

#: Seconds between looks while nothing should change.
_SELDOM: Final = 30.0

#: What job.sh ends with when it can't write that it begins.
_NO_RECORD: Final = 125

#: Seconds until a run that the disk did not let start is tried again.
_AGAIN: Final = 5.0


@define(kw_only=True)
class Agent:
    """The agent of the queue in `folder`.

    Args:
        folder: The queue's folder.
        idle: Seconds with nothing to do after which it leaves; None to stay.
    """

    folder: Path
    idle: float | None = None
    _index: Index = field(init=False)
    _gates: Gates = field(init=False)
    _lives: Lives = field(factory=Lives, init=False)
    _waiting: dict[str, Ticket] = field(factory=dict, init=False)
    _explained: dict[str, str] = field(factory=dict, init=False)
    #: why the disk did not let a run start, by run folder
    _refused: dict[str, str] = field(factory=dict, init=False)
    #: since when there is nothing to do
    _since: float = field(factory=time.monotonic, init=False)
    #: another's GPU is waited for, of whose end nobody will tell
    _unsure: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Open what it works with."""
        self._index = Index(folder=self.folder)
        self._gates = Gates(self.folder)

    def run(self) -> bool:
        """Work until there is nothing to do, or TERM comes; False if another agent works already."""
        lock = agent_lock(self.folder)
        if lock is None:
            return False
        try:
            with sleeping(self.folder) as sleep:
                self._adopt(self._known())
                _log.info("serving the queue in %s", self.folder)
                self._serve(lock, sleep)
        finally:
            self._lives.close()
            self._index.close()
            os.close(lock)
        return True

    def _serve(self, lock: int, sleep: Sleep) -> None:
        while not sleep.told_to_stop and holds_lock(self.folder, lock) and not self._may_leave(lock):
            sign(lock)
            seconds = self._work()
            rung = sleep.until_woken(self._lives.watches(), min(seconds, self._patience()))
            if rung:
                self._answer(rung)

    def _work(self) -> float:
        """Do what is to be done now; returns the seconds until there may be more."""
        for seen, live in self._lives.take_over():
            if seen.phase == "over":
                self._finish(seen)
            else:
                self._not_begun(seen, live)
        self._lives.enforce_time()
        self._lives.end_leftovers()
        self._start_ready()
        if self._has_work():
            self._since = time.monotonic()
        now = time.time()
        # Those among them that the disk has just refused.
        times = [at for ticket in self._waiting.values() if (at := ticket.not_before) > now]
        unsure = self._unsure or self._lives.may_surprise()
        waits = (max(at - now, 0.01) for at in (*times, *self._lives.times()))
        return min([_SOON if unsure else _SELDOM, *waits])

    def _has_work(self) -> bool:
        return bool(self._waiting or self._lives)

    def _patience(self) -> float:
        """Return the seconds after which an agent without work leaves."""
        if self.idle is None or self._has_work():
            return _SELDOM
        return max(self._since + self.idle - time.monotonic(), 0)

    # What is known

    def _known(self) -> list[Ticket]:
        try:
            fresh = not self._index.path.exists()
            return self._index.rebuild() if fresh else _current(self._index.live())
        except BackendError as error:
            _log.warning("%s", error.message)
            return []

    def _indexed(self) -> list[Ticket]:
        try:
            return _current(self._index.live())
        except BackendError as error:
            _log.warning("%s", error.message)
            return []

    def _answer(self, rung: Sequence[str]) -> None:
        """Take in the runs that somebody has told of; an empty name is to look at everything again."""
        told = [Ticket.read(Path(run_dir)) for run_dir in rung if run_dir]
        self._adopt([*filter(None, told), *(self._indexed() if "" in rung else ())])
        for ticket in list(self._waiting.values()):
            self._is_unwanted(ticket)

    def _adopt(self, tickets: Iterable[Ticket]) -> None:
        """Take over runs, whatever they are doing."""
        place = here()
        mine = [ticket for ticket in tickets if ticket.place == place and ticket.run_dir not in self._lives]
        for seen in look(mine):
            if seen.phase == "waiting":
                self._waiting[seen.ticket.run_dir] = seen.ticket
                if seen.ticket.attempt > 1:
                    # An earlier agent may have died before the last attempt's processes did.
                    self._lives.end_rest(Tree(leader=None, run_dir=seen.ticket.run_dir), seen.ticket.grace)
            elif seen.phase == "over":
                self._finish(seen)
            elif seen.phase != "foreign":
                self._waiting.pop(seen.ticket.run_dir, None)
                self._lives.add(
                    Live(ticket=seen.ticket, slots=seen.slots, leader=seen.leader, kill=_kill_time(seen))
                )

    # What has ended

    def _not_begun(self, seen: Look, live: Live) -> None:
        """Deal with a script that ended before it wrote that it had begun."""
        code = live.child.returncode if live.child is not None else None
        if code == _NO_RECORD:
            self._try_again(seen.ticket, "nothing can be written into its folder; is its disk full?")
            return
        error = f"its script ended with {code} before it began"
        end = {"exit_code": code, "stage": "submit", "error": error, "at": time.time()}
        with contextlib.suppress(OSError):
            write_record(seen.ticket.records / "end.json", end)
        self._finish(seen)

    def _finish(self, seen: Look) -> None:
        """Close a run that is over, or queue its next attempt."""
        ticket = seen.ticket
        _log.info("run %s: attempt %d is over", ticket.run, ticket.attempt)
        current = Ticket.read(ticket.folder)
        if current is not None and current.attempt > ticket.attempt:
            self._adopt([current])  # somebody was quicker to ask for another attempt
            return
        if seen.slots or seen.again is not None:
            self._lives.end_rest(Tree(leader=seen.leader, run_dir=ticket.run_dir), ticket.grace)
        try:
            if seen.again is not None:
                self._queue_again(seen.again)
            else:
                self._count(seen)
                self._index.close_runs([ticket.run_dir])
        except (OSError, BackendError) as error:
            _log.warning("run %s: %s", ticket.run, error)

    def _queue_again(self, ticket: Ticket) -> None:
        self._adopt([ticket])
        # Before it starts: the folder of an attempt without a ticket would look like one that
        # was never started.
        ticket.write()
        self._index.put([ticket])

    def _count(self, seen: Look) -> None:
        ticket, facts = seen.ticket, seen.facts
        if facts.cancel is not None:
            return
        if facts.exit_code == 0 and not facts.timed_out:
            self._gates.succeeded(ticket.group)
        else:
            self._gates.failed(ticket.group, ticket.run, ticket.most_failures)

    # What may start

    def _start_ready(self) -> None:
        self._unsure = False
        if not self._waiting:
            return
        running = self._lives.running()
        own = {slot: Holder(run=run.ticket.run) for run in running for slot in run.slots}
        others = self._held_by_others(own.keys())
        self._unsure = bool(others)
        scene = Scene(capacity=capacity(), held={**others, **own}, paused=self._paused(), now=time.time())
        ready = [ticket for ticket in self._waiting.values() if self._lives.is_clean(ticket.run_dir)]
        decision = decide(ready, running, scene)
        for ticket, slots in decision.starts:
            if not self._is_unwanted(ticket):
                self._try(ticket, slots)
        reasons = {ticket.run_dir: decision.reasons.get(ticket.run, "") for ticket in self._waiting.values()}
        self._explain(reasons)

    def _is_unwanted(self, ticket: Ticket) -> bool:
        """Whether nobody wants a run to start any more; it is taken out of the queue then."""
        if ticket.folder.is_dir() and not (ticket.folder / "cancel.json").exists():
            return False
        self._waiting.pop(ticket.run_dir, None)
        self._refused.pop(ticket.run_dir, None)
        with contextlib.suppress(BackendError):
            self._index.close_runs([ticket.run_dir])
        return True

    def _held_by_others(self, own: Iterable[str]) -> dict[str, Holder]:
        """Return who else has each GPU that somebody waits for."""
        wanted = {slot for ticket in self._waiting.values() if ticket.gpus for slot in ticket.slots}
        return holders(wanted - set(own))

    def _paused(self) -> dict[str, str]:
        paused = self._gates.paused()
        everywhere = paused.get(EVERYTHING)
        groups = {ticket.group for ticket in self._waiting.values()}
        return dict.fromkeys(groups, everywhere) if everywhere else paused

    def _explain(self, reasons: dict[str, str]) -> None:
        """Write down why runs wait; where the disk has refused one, that first."""
        told = {
            run_dir: "; ".join(filter(None, [self._refused.get(run_dir), why]))
            for run_dir, why in reasons.items()
        }
        if self._index.reopened():  # made anew, and so without what was written there
            self._explained = {}
        changed = {run_dir: why for run_dir, why in told.items() if self._explained.get(run_dir) != why}
        self._explained = told
        if changed:
            with contextlib.suppress(BackendError):
                self._index.explain(changed)

    def _try(self, ticket: Ticket, names: tuple[str, ...]) -> None:
        """Start a run, unless somebody was quicker to take a GPU or the disk refuses."""
        slots: list[Slot] = []
        try:
            slots.extend(_locked(names))
            if len(slots) == len(names):
                self._start(ticket, slots)
            else:
                self._unsure = True  # another user was quicker
        except (OSError, BackendError) as error:
            self._try_again(ticket, f"it could not be started: {error}")
        finally:
            for slot in slots:
                with contextlib.suppress(OSError):
                    slot.release()

    def _try_again(self, ticket: Ticket, why: str) -> None:
        """Let a run wait that the disk did not let start: it may have room again."""
        _log.warning("run %s: %s", ticket.run, why)
        self._refused[ticket.run_dir] = why
        self._waiting[ticket.run_dir] = evolve(ticket, not_before=time.time() + _AGAIN)

    def _start(self, ticket: Ticket, slots: Sequence[Slot]) -> None:
        names = tuple(slot.name for slot in slots)
        launch = {"launcher": str(ProcessId.current()), "at": time.time(), "slots": list(names)}
        write_record(ticket.records / "launch.json", launch)
        for slot in slots:
            slot.note(ticket.run, ticket.run_dir)
        child = start_script(
            ticket.folder,
            {**ticket.environment, **(devices.variables(names) if names else {}), **_told(ticket)},
            descriptors=[slot.descriptor for slot in slots],
            umask=ticket.umask,
        )
        leader = ProcessId.of(child.pid)  # not reaped yet, so it is there even if it has ended
        for slot in slots:
            with contextlib.suppress(OSError):  # it runs, and has the lock
                slot.note(ticket.run, ticket.run_dir, leader)
        del self._waiting[ticket.run_dir]
        self._refused.pop(ticket.run_dir, None)
        where = f" on {', '.join(names)}" if names else ""
        _log.info("run %s: attempt %d starts%s", ticket.run, ticket.attempt, where)
        self._lives.add(Live(ticket=ticket, slots=names, leader=leader, child=child))

    # When to leave

    def _may_leave(self, lock: int) -> bool:
        """Let go of the lock if there has been nothing to do for long enough; returns whether.

        Whoever submits writes to the index before looking for an agent. So within a
        transaction either the run is seen here, or the lock is seen free there.
        """
        if self.idle is None or self._has_work() or time.monotonic() - self._since < self.idle:
            return False
        with contextlib.suppress(BackendError), self._index.changing():
            # What is another container's, or has lost its folder, is nothing to wait for.
            if not any(ticket.place == here() for ticket in _current(self._index.live())):
                fcntl.flock(lock, fcntl.LOCK_UN)
                return True
        self._adopt(self._indexed())
        self._since = time.monotonic()
        return False


def _current(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Return tickets as the run folders have them; the index may be behind."""
    return [found for ticket in tickets if (found := Ticket.read(ticket.folder)) is not None]


def _kill_time(seen: Look) -> float | None:
    """Return when a run is ended by force that an earlier agent had asked to end."""
    if seen.facts.stop is None:
        return None
    at = seen.facts.stop.get("at")
    return (float(at) if isinstance(at, (int, float)) else time.time()) + seen.ticket.grace


def _told(ticket: Ticket) -> dict[str, str]:
    """Return what an attempt is told of itself."""
    resume = {"CONFJOB_RESUME": ticket.resume} if ticket.resume else {}
    return {"CONFJOB_ATTEMPT": str(ticket.attempt), **resume}


def _locked(names: Iterable[str]) -> Iterator[Slot]:
    """Yield locked GPUs, until one is somebody's."""
    for name in names:
        slot = taken(name)
        if isinstance(slot, Holder):
            return
        yield slot
