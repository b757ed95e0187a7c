"""Watching runs: a table that stays true on a terminal, and a line per change in a pipe.

Looking costs something: files are read, and a scheduler is asked. So all runs are looked at
together, more seldom while nothing changes, and never for more than a tenth of the time.
"""

from __future__ import annotations

import logging
import select
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from attrs import Factory, define, field

from confjob.cli.output import echo, echo_json, is_terminal, line_of, state, style
from confjob.cli.runtable import Run, run_lines
from confjob.errors import ExitCode, RunError
from confjob.model import State

__all__ = ["Look", "Pace", "Watched", "frame", "is_over", "once_in", "watch"]

#: Seconds between looks: at first and after a change, and at most.
_SOON: Final = 0.5
_SELDOM: Final = 10.0

#: Seconds for which a change of state stays marked.
_MARKED: Final = 5.0

#: Seconds between looks at the terminal's size and the clock.
_TICK: Final = 0.2

#: Lines above the table: the summary, and an empty one.
_ABOVE: Final = 2

#: Looks that may fail one after the other: a run may be removed while it is read.
_PATIENCE: Final = 3


Look = Callable[[], Sequence[Run]]


def watch(look: Look, *, every: float | None, until_done: bool, as_json: bool) -> int:
    """Show runs until Ctrl-C, or with `until_done` until none goes on; returns the exit code.

    Args:
        look: Returns the runs as they are, the newest first.
        every: Seconds between looks; None looks more seldom while nothing changes.
        until_done: End when all are over; the code is 4 then unless all have succeeded.
        as_json: Print a JSON object per change.
    """
    watched = Watched(look=look, pace=Pace(every=every))
    try:
        if is_terminal(sys.stdout) and not as_json:
            _live(watched, until_done=until_done)
        elif not _lines(watched, until_done=until_done, as_json=as_json):
            return ExitCode.OK  # as for everyone who writes to `head`
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        logging.disable(logging.NOTSET)
    return (
        ExitCode.OK if all(run["state"] == State.SUCCEEDED for run in watched.runs) else ExitCode.JOB_FAILED
    )


def once_in(states: Collection[str], look: Look, limit: int | None = None) -> Look:
    """Return a way to look at runs that are in some state, or were when they were looked at before.

    A run that leaves the state is what one wants to see of it.
    """
    met: set[str] = set()

    def found() -> Sequence[Run]:
        runs = [run for run in look() if run["state"] in states or run["id"] in met][:limit]
        met.update(run["id"] for run in runs)
        return runs

    return found


def is_over(run: Run) -> bool:
    """Whether a run is in a state that it stays in."""
    return State(run["state"]).final


@define(kw_only=True)
class Pace:
    """How long to wait until the next look.

    Args:
        every: Seconds that somebody asked for; None finds them.
    """

    every: float | None = None
    _pause: float = field(default=_SOON, init=False)

    def after(self, *, changed: bool, cost: float) -> float:
        """Return the seconds to wait after a look that took `cost` seconds."""
        if self.every is not None:
            return self.every
        self._pause = _SOON if changed else min(self._pause * 1.5, _SELDOM)
        return max(self._pause, 9 * cost)


@define(kw_only=True)
class Watched:
    """Runs that are looked at again and again.

    Args:
        look: Returns the runs as they are, the newest first.
        pace: Says when the next look is due.
        runs: As they were at the latest look.
        due: When the next look is due, on the monotonic clock.
        marked: Run to when its state was seen to change.
    """

    look: Look
    pace: Pace
    runs: Sequence[Run] = ()
    due: float = 0.0
    marked: dict[str, float] = Factory(dict)
    _failures: int = field(default=0, init=False)
    _looked: bool = field(default=False, init=False)

    @property
    def over(self) -> bool:
        """Whether none of the runs goes on."""
        return all(map(is_over, self.runs))

    def again(self) -> list[tuple[str | None, Run]]:
        """Look, and return what changed: the state before (None for a new run) and the run.

        Raises:
            RunError: When the runs can't be read, several times in a row.
        """
        began = time.monotonic()
        before = {run["id"]: run["state"] for run in self.runs}
        self.runs = self._found()
        changes = [(before.get(run["id"]), run) for run in self.runs if run["state"] != before.get(run["id"])]
        if self._looked:
            self.marked |= {run["id"]: began for _, run in changes}
        self._looked = True
        # What is odd about a run folder was said once.
        logging.disable(logging.WARNING)
        ended = time.monotonic()
        self.due = ended + self.pace.after(changed=bool(changes), cost=ended - began)
        return changes[::-1]

    def just_changed(self) -> set[str]:
        """Return the runs whose state changed within the last seconds."""
        since = time.monotonic() - _MARKED
        return {run for run, at in self.marked.items() if at > since}

    def _found(self) -> Sequence[Run]:
        try:
            found = self.look()
        except RunError:
            self._failures += 1
            if not self._looked or self._failures > _PATIENCE:
                raise
            return self.runs
        self._failures = 0
        return found


# -- a pipe --------------------------------------------------------------------------------


def _lines(watched: Watched, *, until_done: bool, as_json: bool) -> bool:
    """Print the present state of every run, then each change; returns whether anybody read to the end."""
    while True:
        for before, run in watched.again():
            if as_json:
                echo_json({"at": time.time(), "before": before, **run}, indent=None)
            else:
                echo(_line(run))
        if until_done and watched.over:
            return True
        if _left_alone(watched.due - time.monotonic()):
            return False


def _line(run: Run) -> str:
    from confjob.times import moment

    name = state(run["state"], f"{run['state']:<9}")
    words = moment(time.time()), run["id"], name, line_of(run["job"]), line_of(run["reason"])
    return "  ".join(words).rstrip()


def _left_alone(seconds: float) -> bool:
    """Wait; returns whether the reader of the pipe has gone meanwhile, so that nobody listens."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(max(seconds, 0) * 1000))


# -- a terminal ----------------------------------------------------------------------------


def _live(watched: Watched, *, until_done: bool) -> None:
    """Keep a table on the terminal true; it stays there at the end."""
    from confjob.cli.screen import Screen

    watched.again()
    screen = Screen(sys.stdout.fileno())
    try:
        with screen:
            while not (until_done and watched.over):
                screen.draw(frame(watched, *screen.size))
                time.sleep(_TICK)
                if time.monotonic() >= watched.due:
                    watched.again()
    finally:
        watched.marked.clear()
        for line in frame(watched, *screen.size)[_ABOVE:]:
            echo(line)


def frame(watched: Watched, columns: int, lines: int) -> list[str]:
    """Return what a terminal of this size shows now: a summary, and as many runs as fit."""
    now = time.time()
    # Besides: the headers, and a line to say what is left out.
    shown = _chosen(watched.runs, max(lines - _ABOVE - 2, 1))
    left = len(watched.runs) - len(shown)
    table = run_lines(shown, room=columns, now=now, changed=watched.just_changed(), strict=True)
    if not shown:
        table = iter(["no runs yet"])
    more = [style(f"… {left} more", dim=True)] if left else []
    return [_summary(watched.runs, now, columns), "", *table, *more][: max(lines, 1)]


def _chosen(runs: Sequence[Run], count: int) -> list[Run]:
    """Return so many runs: those that go on before all others, then the newest."""
    first = sorted(runs, key=is_over)[:count]
    ids = {run["id"] for run in first}
    return [run for run in runs if run["id"] in ids]


def _summary(runs: Sequence[Run], now: float, columns: int) -> str:
    """Return the time, how many runs are in which state, and how to end; what has no room is left out."""
    found = Counter(run["state"] for run in runs)
    parts = [time.strftime("%H:%M:%S", time.localtime(now))]
    parts += [f"{found[name]} {name.lower()}" for name in State.__members__ if name in found]
    parts += ["Ctrl-C ends"]
    while len("  ".join(parts)) > columns and len(parts) > 1:
        parts.pop()
    return "  ".join(map(_coloured, parts))


def _coloured(part: str) -> str:
    count, _, name = part.partition(" ")
    if name.upper() in State.__members__:
        return f"{count} {state(name.upper(), name)}"
    return style(part, bold=":" in part, dim=":" not in part)
