"""The agent: starts what may start, ends what must end, and runs again what shall be run again.

One process per user and machine, for all projects. It keeps nothing that it could lose: after a
`kill -9` the next one reads the tickets and records again, and goes on where this one was. It is
woken by whoever submits and by the ends of its runs, and sleeps in between.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import define, evolve, field

from confjob.builtin.local.queue import devices
from confjob.builtin.local.queue.capacity import capacity
from confjob.builtin.local.queue.door import agent_lock, holds_lock, listening, sign
from confjob.builtin.local.queue.gates import EVERYTHING, Gates
from confjob.builtin.local.queue.index import Index
from confjob.builtin.local.queue.looks import Look, look
from confjob.builtin.local.queue.machine import here
from confjob.builtin.local.queue.schedule import Holder, Running, Scene, decide
from confjob.builtin.local.queue.slots import Slot, holders, taken
from confjob.builtin.local.queue.tickets import Facts, Ticket
from confjob.builtin.local.shell import start_script
from confjob.builtin.local.trees import Tree, send, survivors
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

#: Seconds until what was ended by force and lives is ended by force again.
_ANEW: Final = 1.0

#: Seconds until a run that the disk did not let start is tried again.
_AGAIN: Final = 5.0


@define(kw_only=True)
class _Live:
    """A run that has been started.

    Args:
        ticket: Its ticket.
        slots: The GPUs that it holds.
        leader: The shell that runs job.sh.
        child: The same, if this process started it.
        watch: A descriptor that can be read once the shell has ended.
        kill: When it is ended by force, once it has been asked to end.
    """

    ticket: Ticket
    slots: tuple[str, ...]
    leader: ProcessId | None
    child: subprocess.Popen[bytes] | None = None
    watch: int | None = None
    kill: float | None = None

    @property
    def tree(self) -> Tree:
        """Its processes."""
        return Tree(leader=self.leader, run_dir=self.ticket.run_dir)

    def close(self) -> None:
        """Let go of what watches it."""
        if self.watch is not None:
            os.close(self.watch)
            self.watch = None


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
    _waiting: dict[str, Ticket] = field(factory=dict, init=False)
    _live: dict[str, _Live] = field(factory=dict, init=False)
    #: ended runs with GPUs whose last processes are being ended: when by force
    _leftovers: dict[Tree, float] = field(factory=dict, init=False)
    _explained: dict[str, str] = field(factory=dict, init=False)
    #: why the disk did not let a run start, by run folder
    _refused: dict[str, str] = field(factory=dict, init=False)
    _since: float = field(init=False)
    _stopped: bool = field(default=False, init=False)
    _is_out: bool = field(default=False, init=False)
    #: another's GPU is waited for, of whose end nobody will tell
    _unsure: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Open what it works with."""
        self._index = Index(folder=self.folder)
        self._gates = Gates(self.folder)
        self._since = time.monotonic()

    def run(self) -> bool:
        """Work until there is nothing to do, or TERM comes; False if another agent works already."""
        lock = agent_lock(self.folder)
        if lock is None:
            return False
        try:
            with listening(self.folder) as bell, _noticing_ends(self) as ends:
                self._adopt(self._known())
                _log.info("serving the queue in %s", self.folder)
                while not self._stopped and holds_lock(self.folder, lock) and not self._left(lock):
                    sign(lock)
                    self._sleep(bell, ends, self._work())
        finally:
            for live in self._live.values():
                live.close()
            self._index.close()
            if not self._is_out:
                os.close(lock)
        return True

    def stop(self) -> None:
        """Leave as soon as may be; what runs goes on, and what waits waits."""
        self._stopped = True

    def _work(self) -> float:
        """Do what is to be done now; returns the seconds until there may be more."""
        self._reap()
        self._enforce()
        self._end_leftovers()
        wake = self._start_ready()
        if self._waiting or self._live or self._leftovers:
            self._since = time.monotonic()
        now = time.time()
        times = [
            *([wake] if wake else []),
            *(at for live in self._live.values() if (at := live.kill or self._deadline(live))),
            *self._leftovers.values(),
        ]
        unsure = self._unsure or self._leftovers or any(map(self._may_surprise, self._live.values()))
        return min([_SOON if unsure else _SELDOM, *(max(at - now, 0.01) for at in times)])

    def _may_surprise(self, live: _Live) -> bool:
        """Whether a run may come to an end, or to the beginning of its time, that nobody tells of."""
        return live.watch is None or (live.ticket.time is not None and self._deadline(live) is None)

    # What is known

    def _known(self) -> list[Ticket]:
        try:
            fresh = not self._index.path.exists()
            return self._index.rebuild() if fresh else self._current(self._index.live())
        except BackendError as error:
            _log.warning("%s", error.message)
            return []

    def _current(self, tickets: Iterable[Ticket]) -> list[Ticket]:
        """Return tickets as the run folders have them; the index may be behind."""
        return [found for ticket in tickets if (found := Ticket.read(ticket.folder)) is not None]

    def _adopt(self, tickets: Iterable[Ticket]) -> None:
        """Take over runs, whatever they are doing."""
        place = here()
        mine = [ticket for ticket in tickets if ticket.place == place]
        for seen in look([ticket for ticket in mine if ticket.run_dir not in self._live]):
            run_dir = seen.ticket.run_dir
            if seen.phase == "waiting":
                self._waiting[run_dir] = seen.ticket
                if seen.ticket.attempt > 1 and not any(tree.run_dir == run_dir for tree in self._leftovers):
                    # An earlier agent may have died before the last attempt's processes did.
                    self._end_what_is_left(Tree(leader=None, run_dir=run_dir), seen.ticket.grace)
            elif seen.phase == "over":
                self._finish(seen)
            elif seen.phase != "foreign":
                self._waiting.pop(run_dir, None)
                self._live[run_dir] = self._watched(
                    _Live(ticket=seen.ticket, slots=seen.slots, leader=seen.leader)
                )
                self._continue_stopping(self._live[run_dir], seen)

    def _watched(self, live: _Live) -> _Live:
        if live.leader is not None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                live.watch = os.pidfd_open(live.leader.pid)
                if not live.leader.alive():  # another process may have got the number meanwhile
                    live.close()
        return live

    def _continue_stopping(self, live: _Live, seen: Look) -> None:
        """Go on with an end that an earlier agent had begun."""
        if seen.facts.stop is not None:
            at = seen.facts.stop.get("at")
            live.kill = (float(at) if isinstance(at, (int, float)) else time.time()) + live.ticket.grace

    # What has ended

    def _reap(self) -> None:
        """Find out which runs are over."""
        for live in self._live.values():
            if live.child is not None:
                live.child.poll()
        suspects = [live.ticket for live in self._live.values() if not self._surely_lives(live)]
        for seen in look(suspects) if suspects else ():
            if seen.phase == "over":
                self._live.pop(seen.ticket.run_dir).close()
                self._finish(seen)
            elif seen.phase == "waiting":
                self._not_begun(seen)
            elif seen.phase == "orphaned":
                self._live[seen.ticket.run_dir].close()  # it would say for ever that the shell has ended

    def _not_begun(self, seen: Look) -> None:
        """Deal with a script that ended before it wrote that it had begun."""
        live = self._live.pop(seen.ticket.run_dir)
        live.close()
        code = live.child.returncode if live.child is not None else None
        if code == _NO_RECORD:
            self._try_again(seen.ticket, "nothing can be written into its folder; is its disk full?")
            return
        error = f"its script ended with {code} before it began"
        end = {"exit_code": code, "stage": "submit", "error": error, "at": time.time()}
        with contextlib.suppress(OSError):
            write_record(seen.ticket.records / "end.json", end)
        self._finish(seen)

    def _surely_lives(self, live: _Live) -> bool:
        if live.child is not None:
            return live.child.returncode is None
        return live.leader is not None and live.leader.alive() is True

    def _finish(self, seen: Look) -> None:
        """Close a run that is over, or queue its next attempt."""
        run_dir = seen.ticket.run_dir
        _log.info("run %s: attempt %d is over", seen.ticket.run, seen.ticket.attempt)
        current = Ticket.read(seen.ticket.folder)
        if current is not None and current.attempt > seen.ticket.attempt:
            self._adopt([current])  # somebody was quicker to ask for another attempt
            return
        if seen.slots or seen.again is not None:
            self._end_what_is_left(Tree(leader=seen.leader, run_dir=run_dir), seen.ticket.grace)
        try:
            if seen.again is not None:
                self._queue_again(seen.again)
                return
            self._count(seen)
            self._index.close_runs([run_dir])
        except (OSError, BackendError) as error:
            _log.warning("run %s: %s", seen.ticket.run, error)

    def _end_what_is_left(self, tree: Tree, grace: float) -> None:
        if survivors([tree])[tree]:
            send([tree], signal.SIGTERM)
            send([tree], signal.SIGCONT)
            self._leftovers[tree] = time.time() + grace

    def _queue_again(self, ticket: Ticket) -> None:
        # The ticket is the truth and comes first: the folder of the attempt without it would
        # look like one that was never started.
        self._waiting[ticket.run_dir] = ticket
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

    # What must end

    def _deadline(self, live: _Live) -> float | None:
        """Return when a run's time is over; None where it has no limit or has not begun."""
        if live.ticket.time is None:
            return None
        start = Facts.of(live.ticket).start
        at = (start or {}).get("at")
        return float(at) + live.ticket.time if isinstance(at, (int, float)) else None

    def _enforce(self) -> None:
        """End runs whose time is over: TERM, the grace, KILL."""
        now = time.time()
        for live in self._live.values():
            if live.kill is not None and now >= live.kill:
                send([live.tree], signal.SIGKILL)
                live.kill = now + _ANEW
            elif live.kill is None and (at := self._deadline(live)) is not None and now >= at:
                self._ask_to_end(live, now)

    def _ask_to_end(self, live: _Live, now: float) -> None:
        with contextlib.suppress(OSError):  # the end comes all the same
            write_record(
                live.ticket.records / "stop.json", {"why": "time", "limit": live.ticket.time, "at": now}
            )
        send([live.tree], signal.SIGTERM)
        send([live.tree], signal.SIGCONT)
        live.kill = now + live.ticket.grace

    def _end_leftovers(self) -> None:
        """End what ended runs with GPUs have left behind, so that their GPUs are free."""
        left = survivors(self._leftovers) if self._leftovers else {}
        for tree, pids in left.items():
            if not pids:
                del self._leftovers[tree]
            elif time.time() >= self._leftovers[tree]:
                send([tree], signal.SIGKILL)
                self._leftovers[tree] = time.time() + _ANEW

    # What may start

    def _start_ready(self) -> float | None:
        if not self._waiting:
            self._unsure = False
            return None
        running = [Running(ticket=live.ticket, slots=live.slots) for live in self._live.values()]
        scene = Scene(capacity=capacity(), held=self._held(running), paused=self._paused(), now=time.time())
        # The processes of an attempt and of the next one can't be told apart.
        unclean = {tree.run_dir for tree in self._leftovers}
        ready = [ticket for ticket in self._waiting.values() if ticket.run_dir not in unclean]
        decision = decide(ready, running, scene)
        for ticket, slots in decision.starts:
            if not self._is_cancelled(ticket):
                self._try(ticket, slots)
        by_dir = {ticket.run: ticket.run_dir for ticket in self._waiting.values()}
        told = {by_dir[run]: why for run, why in decision.reasons.items() if run in by_dir}
        told |= {run_dir: "" for run_dir in self._refused if run_dir not in told}
        self._explain({run_dir: self._with_refusal(run_dir, why) for run_dir, why in told.items()})
        # Those among them that the disk has just refused.
        times = [at for ticket in self._waiting.values() if (at := ticket.not_before) > scene.now]
        return min(times, default=None)

    def _with_refusal(self, run_dir: str, why: str) -> str:
        return "; ".join(filter(None, [self._refused.get(run_dir), why]))

    def _is_cancelled(self, ticket: Ticket) -> bool:
        """Whether nobody wants a run to start any more; it is taken out of the queue then."""
        if ticket.folder.is_dir() and not (ticket.folder / "cancel.json").exists():
            return False
        self._waiting.pop(ticket.run_dir, None)
        self._refused.pop(ticket.run_dir, None)
        with contextlib.suppress(BackendError):
            self._index.close_runs([ticket.run_dir])
        return True

    def _held(self, running: Iterable[Running]) -> dict[str, Holder]:
        """Return who has each GPU that somebody waits for."""
        own = {slot: Holder(run=run.ticket.run) for run in running for slot in run.slots}
        wanted = {slot for ticket in self._waiting.values() if ticket.gpus for slot in ticket.slots}
        others = holders(wanted - own.keys())
        self._unsure = bool(others)
        return {**others, **own}

    def _paused(self) -> dict[str, str]:
        paused = self._gates.paused()
        everywhere = paused.get(EVERYTHING)
        groups = {ticket.group for ticket in self._waiting.values()}
        return dict.fromkeys(groups, everywhere) if everywhere else paused

    def _explain(self, reasons: dict[str, str]) -> None:
        if self._index.reopened():  # made anew, and so without what was written there
            self._explained = {}
        changed = {run_dir: why for run_dir, why in reasons.items() if self._explained.get(run_dir) != why}
        self._explained = reasons
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

    def _start(self, ticket: Ticket, slots: list[Slot]) -> None:
        names = tuple(slot.name for slot in slots)
        launch = {"launcher": str(ProcessId.current()), "at": time.time(), "slots": list(names)}
        write_record(ticket.records / "launch.json", launch)
        for slot in slots:
            slot.note(ticket.run, ticket.run_dir)
        shell = start_script(
            ticket.folder,
            {
                **ticket.environment,
                **(devices.variables(names) if names else {}),
                "CONFJOB_ATTEMPT": str(ticket.attempt),
                **({"CONFJOB_RESUME": ticket.resume} if ticket.resume else {}),
            },
            descriptors=[slot.descriptor for slot in slots],
            umask=ticket.umask,
        )
        leader = ProcessId.of(shell.pid)  # not reaped yet, so it is there even if it has ended
        for slot in slots:
            with contextlib.suppress(OSError):  # it runs, and has the lock
                slot.note(ticket.run, ticket.run_dir, leader)
        del self._waiting[ticket.run_dir]
        self._refused.pop(ticket.run_dir, None)
        _log.info(
            "run %s: attempt %d starts%s", ticket.run, ticket.attempt, f" on {', '.join(names)}" * bool(names)
        )
        live = _Live(ticket=ticket, slots=names, leader=leader, child=shell)
        self._live[ticket.run_dir] = self._watched(live)

    # When to wake and when to leave

    def _sleep(self, bell: int, ends: int, seconds: float) -> None:
        watches = [live.watch for live in self._live.values() if live.watch is not None]
        idle = [] if self.idle is None else [max(self._since + self.idle - time.monotonic(), 0)]
        quiet = not (self._waiting or self._live or self._leftovers)
        poll = select.poll()
        for descriptor in (bell, ends, *watches):
            poll.register(descriptor, select.POLLIN)
        limit = min([seconds, *(idle if quiet else [])])
        ready = [descriptor for descriptor, _ in poll.poll(limit * 1000 + 1)]
        if ends in ready:
            os.read(ends, 4096)
        if bell in ready:
            self._answer(bell)

    def _answer(self, bell: int) -> None:
        """Take in the runs that the bell was rung for."""
        text = b""
        with contextlib.suppress(BlockingIOError):
            while True:  # whoever writes writes whole lines
                text += os.read(bell, 65536)
        lines = text.decode("ascii").splitlines()
        if "" in lines:
            self._adopt(self._current(self._live_tickets()))
        tickets = (Ticket.read(Path(json.loads(line))) for line in dict.fromkeys(lines) if line)
        self._adopt(ticket for ticket in tickets if ticket is not None)
        for ticket in list(self._waiting.values()):
            self._is_cancelled(ticket)

    def _live_tickets(self) -> list[Ticket]:
        try:
            return self._index.live()
        except BackendError as error:
            _log.warning("%s", error.message)
            return []

    def _left(self, lock: int) -> bool:
        """Leave if there has been nothing to do for long enough; returns whether the lock is let go.

        Whoever submits writes to the index before looking for an agent. So within a
        transaction either the run is seen here, or the lock is seen free there.
        """
        if self.idle is None or self._waiting or self._live or self._leftovers:
            return False
        if time.monotonic() - self._since < self.idle:
            return False
        with contextlib.suppress(BackendError), self._index.changing():
            # What is another container's, or has lost its folder, is nothing to wait for.
            if not any(ticket.place == here() for ticket in self._current(self._index.live())):
                os.close(lock)
                self._is_out = True
                return True
        self._adopt(self._current(self._live_tickets()))
        self._since = time.monotonic()
        return False


def _locked(names: Iterable[str]) -> Iterator[Slot]:
    """Yield locked GPUs, until one is somebody's."""
    for name in names:
        slot = taken(name)
        if isinstance(slot, Holder):
            return
        yield slot


@contextlib.contextmanager
def _noticing_ends(agent: Agent) -> Iterator[int]:
    """Yield what can be read once a child has ended or a signal came; TERM and INT stop the agent."""
    reader, writer = os.pipe()
    for descriptor in (reader, writer):
        os.set_blocking(descriptor, False)
    before = {
        number: signal.signal(number, handler)
        for number, handler in (
            (signal.SIGCHLD, lambda *_: None),
            (signal.SIGTERM, lambda *_: agent.stop()),
            (signal.SIGINT, lambda *_: agent.stop()),
        )
    }
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
