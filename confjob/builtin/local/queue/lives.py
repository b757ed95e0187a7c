"""The runs that have been started, until nothing of them is left: whether they live, and their ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import define, field

from confjob.builtin.local.queue.looks import Look, look
from confjob.builtin.local.queue.schedule import Running
from confjob.builtin.local.queue.tickets import Facts, Ticket
from confjob.builtin.local.trees import Tree, send, survivors
from confjob.plugin import ProcessId, write_record

__all__ = ["Live", "Lives"]

#: Seconds until what was ended by force and lives is ended by force again.
_ANEW: Final = 1.0


@define(kw_only=True)
class Live:
    """A run that has been started.

    Args:
        ticket: Its ticket.
        slots: The GPUs that it holds.
        leader: The shell that runs job.sh.
        child: The same, if this process started it.
        kill: When it is ended by force, once it has been asked to end.
    """

    ticket: Ticket
    slots: tuple[str, ...]
    leader: ProcessId | None
    child: subprocess.Popen[bytes] | None = None
    kill: float | None = None
    #: a descriptor that can be read once the shell has ended
    watch: int | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Watch the shell, where the system lets processes be watched."""
        if self.leader is not None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self.watch = os.pidfd_open(self.leader.pid)
                if not self.leader.alive():  # another process may have got the number meanwhile
                    self.close()

    @property
    def tree(self) -> Tree:
        """Its processes."""
        return Tree(leader=self.leader, run_dir=self.ticket.run_dir)

    @property
    def deadline(self) -> float | None:
        """When its time is over; None where it has no limit, or has not begun."""
        if self.ticket.time is None:
            return None
        at = (Facts.of(self.ticket).start or {}).get("at")
        return float(at) + self.ticket.time if isinstance(at, (int, float)) else None

    def surely_lives(self) -> bool:
        """Whether its shell is there; without one, its records and processes must be looked at."""
        if self.child is not None:
            return self.child.poll() is None
        return self.leader is not None and self.leader.alive() is True

    def may_surprise(self) -> bool:
        """Whether it may come to an end, or to the beginning of its time, that nobody tells of."""
        return self.watch is None or (self.ticket.time is not None and self.deadline is None)

    def close(self) -> None:
        """Let go of what watches it."""
        if self.watch is not None:
            os.close(self.watch)
            self.watch = None


@define
class Lives:
    """All of them, by run folder; and the processes that ended runs have left behind."""

    _runs: dict[str, Live] = field(factory=dict, init=False)
    #: processes that are being ended: when by force
    _leftovers: dict[Tree, float] = field(factory=dict, init=False)

    def __contains__(self, run_dir: str) -> bool:
        return run_dir in self._runs

    def __bool__(self) -> bool:
        return bool(self._runs or self._leftovers)

    def add(self, live: Live) -> None:
        """Take a run that has been started."""
        self._runs[live.ticket.run_dir] = live

    def running(self) -> list[Running]:
        """Return what each of them holds."""
        return [Running(ticket=live.ticket, slots=live.slots) for live in self._runs.values()]

    def watches(self) -> list[int]:
        """Return what can be read once one of them has ended."""
        return [live.watch for live in self._runs.values() if live.watch is not None]

    def take_over(self) -> Iterator[tuple[Look, Live]]:
        """Yield the runs that go on no more, and have them no longer.

        The look says whether one is over, or its script has ended before it began (`waiting`).
        """
        suspects = [live.ticket for live in self._runs.values() if not live.surely_lives()]
        for seen in look(suspects) if suspects else ():
            live = self._runs[seen.ticket.run_dir]
            if seen.phase in ("over", "waiting"):
                live.close()
                yield seen, self._runs.pop(seen.ticket.run_dir)
            elif seen.phase == "orphaned":
                live.close()  # it would say for ever that the shell has ended

    def enforce_time(self) -> None:
        """End runs whose time is over: TERM, the grace, KILL."""
        now = time.time()
        for live in self._runs.values():
            if live.kill is not None and now >= live.kill:
                send([live.tree], signal.SIGKILL)
                live.kill = now + _ANEW
            elif live.kill is None and (at := live.deadline) is not None and now >= at:
                stop = {"why": "time", "limit": live.ticket.time, "at": now}
                with contextlib.suppress(OSError):  # the end comes all the same
                    write_record(live.ticket.records / "stop.json", stop)
                _ask_to_end(live.tree)
                live.kill = now + live.ticket.grace

    def end_rest(self, tree: Tree, grace: float) -> None:
        """Ask what an ended run has left behind to end, so that its GPUs and its folder are free."""
        known = any(other.run_dir == tree.run_dir for other in self._leftovers)
        if not known and survivors([tree])[tree]:
            _ask_to_end(tree)
            self._leftovers[tree] = time.time() + grace

    def end_leftovers(self) -> None:
        """Forget what has ended by now, and end by force what has not."""
        left = survivors(self._leftovers) if self._leftovers else {}
        for tree, pids in left.items():
            if not pids:
                del self._leftovers[tree]
            elif time.time() >= self._leftovers[tree]:
                send([tree], signal.SIGKILL)
                self._leftovers[tree] = time.time() + _ANEW

    def is_clean(self, run_dir: str) -> bool:
        """Whether nothing is left of an earlier attempt: its processes and the next one's look alike."""
        return all(tree.run_dir != run_dir for tree in self._leftovers)

    def times(self) -> Iterable[float]:
        """Yield when something is to be done about one of them."""
        yield from (at for live in self._runs.values() if (at := live.kill or live.deadline))
        yield from self._leftovers.values()

    def may_surprise(self) -> bool:
        """Whether something may change that nobody tells of."""
        return bool(self._leftovers) or any(live.may_surprise() for live in self._runs.values())

    def close(self) -> None:
        """Let go of what watches them; they go on."""
        for live in self._runs.values():
            live.close()


def _ask_to_end(tree: Tree) -> None:
    send([tree], signal.SIGTERM)
    send([tree], signal.SIGCONT)  # a stopped process would not get its TERM
