"""Runs as the rows of a table, for `runs` and for whoever watches them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from confjob.cli.output import line_of, state, style
from confjob.cli.tables import lay_out

__all__ = ["Run", "run_lines"]

#: A run as `status --json` tells it.
Run = Mapping[str, Any]

_HEADERS = ("RUN", "JOB", "STATE", "TIME", "SUBMITTED", "NAME", "TAGS", "CHANGES", "REASON", "RECORDED IN")
_MARK = "*"


def run_lines(
    runs: Sequence[Run],
    *,
    room: int | None = None,
    now: float | None = None,
    changed: Collection[str] | None = None,
    strict: bool = False,
) -> Iterator[str]:
    """Yield the lines of a table of runs.

    Args:
        runs: What it lists, in this order.
        room: Cells of a line, or None where nothing shall be cut.
        now: Epoch seconds.
        changed: Ids of runs whose state has just changed, to be marked; None leaves no place for marks.
        strict: Leave out columns for which there is no room at all.
    """
    moment = time.time() if now is None else now
    return lay_out(
        _HEADERS,
        [[line_of(cell) for cell in _row(run, moment, changed)] for run in runs],
        room=room,
        elastic=("NAME", "TAGS", "CHANGES", "REASON", "RECORDED IN"),
        numbers=("TIME",),
        paints={"STATE": _painted, "SUBMITTED": _dim, "REASON": _dim, "RECORDED IN": _dim},
        heading=lambda text: style(text, bold=True),
        strict=strict,
    )


def _row(run: Run, now: float, changed: Collection[str] | None) -> Iterator[str]:
    from confjob.times import ago, clock, ran
    from confjob.words import changed_to

    seconds = ran(run, now)
    yield run["id"]
    yield run["job"]
    yield run["state"] if changed is None else f"{run['state']:<9} {_MARK if run['id'] in changed else ' '}"
    yield "" if seconds is None else clock(seconds)
    yield ago(run["submitted"], now)
    yield run["name"]
    yield ",".join(run["tags"])
    yield " ".join(f"{change['path']}={changed_to(change)}" for change in run["changes"])
    yield run["reason"]
    yield " ".join(run["links"].values())


def _painted(text: str) -> str:
    if text.endswith(_MARK):
        return style(text, reverse=True, bold=True)
    return state(text.rstrip(), text)


def _dim(text: str) -> str:
    return style(text, dim=True)
