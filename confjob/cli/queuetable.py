"""The queue as the rows of a table, for `queue` and for whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from confjob.cli.output import line_of, state, style
from confjob.cli.tables import lay_out

if TYPE_CHECKING:
    from confjob.builtin.local.queue.board import Entry

__all__ = ["group_words", "queue_lines"]

_HEADERS: Final = (
    *("RUN", "PROJECT", "JOB", "TARGET", "STATE", "ATTEMPT", "PRIORITY", "FOR", "NEEDS", "WHY IT WAITS"),
)
_STATES: Final = {"running": "RUNNING", "waiting": "QUEUED"}


def queue_lines(
    entries: Sequence[Entry], mine: Path | None, *, room: int | None = None, strict: bool = False
) -> Iterator[str]:
    """Yield the lines of a table of what runs and waits.

    Args:
        entries: What it lists, in this order.
        mine: The state folder of the project whose runs stand out; where all are its own,
            projects are not named.
        room: Cells of a line, or None where nothing shall be cut.
        strict: Leave out columns for which there is no room at all.
    """
    now = time.time()
    own = {entry.ticket.run for entry in entries if entry.state_folder == mine}
    alone = len(own) == len(entries)
    default = all(entry.target == "local" for entry in entries)
    rows = [list(_row(entry, now, alone=alone, default=default)) for entry in entries]
    return lay_out(
        _HEADERS,
        [[line_of(cell) for cell in row] for row in rows],
        room=room,
        elastic=("PROJECT", "JOB", "WHY IT WAITS"),
        numbers=("FOR", "ATTEMPT"),
        paints={"RUN": lambda run: style(run, bold=run in own and not alone), "STATE": state},
        heading=lambda text: style(text, bold=True),
        strict=strict,
    )


def group_words(group: str) -> str:
    """Return what is paused, as people call it."""
    folder, _, target = group.rpartition(":")
    return f"target {target} of {folder.removesuffix('/.confjob')}" if folder else "everything"


def _row(entry: Entry, now: float, *, alone: bool, default: bool) -> Iterator[str]:
    from confjob.times import clock

    ticket = entry.ticket
    yield ticket.run
    yield "" if alone else entry.project.name
    yield ticket.job
    yield "" if default else entry.target
    yield _STATES[entry.phase]
    yield str(ticket.attempt) if ticket.attempt > 1 else ""
    yield ticket.priority
    yield clock(now - (entry.started or ticket.queued))
    yield _needs(entry)
    yield entry.reason


def _needs(entry: Entry) -> str:
    from confjob.words import plural

    ticket = entry.ticket
    gpus = (
        f"GPU {', '.join(entry.slots)}" if entry.slots else plural(ticket.gpus, "GPU") if ticket.gpus else ""
    )
    memory = f"{ticket.memory / 2**30:.3g} GiB" if ticket.memory else ""
    return ", ".join(filter(None, [plural(ticket.cpus, "core"), memory, gpus]))
