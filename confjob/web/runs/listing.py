"""Runs as the rows of the table: what a person compares at a glance."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from confjob.model import State
from confjob.pipeline.afterwards import find_runs
from confjob.project import Project
from confjob.store import RunFolder
from confjob.times import ran
from confjob.web.runs.metrics import metrics_of, shared_names
from confjob.web.runs.query import Query

__all__ = ["Facets", "Listing", "Row", "facets", "listed"]

#: Columns of metrics at most.
_COLUMNS: Final = 3
_MOST: Final = 50
#: Seconds between looks: while something goes on, and else.
_SOON: Final = 2
_SELDOM: Final = 10


@frozen(kw_only=True)
class Row:
    """A line of the table.

    Args:
        run: What `status --json` tells of it.
        metrics: What it measured.
        seconds: How long it has been going on, or took; None before it started.
        over: Whether it is over.
    """

    run: Mapping[str, Any]
    metrics: Mapping[str, float]
    seconds: float | None
    over: bool


@frozen(kw_only=True)
class Listing:
    """The table.

    Args:
        rows: Its lines, the newest first.
        more: Whether there are older ones.
        metrics: The names of the metrics that have a column.
        targets: Whether the runs have several targets, or one of another name than `local`.
        digest: What tells this table from another one, until the next minute.
        every: Seconds until it is worth looking again.
    """

    rows: tuple[Row, ...]
    more: bool
    metrics: tuple[str, ...]
    targets: bool
    digest: str
    every: int


@frozen(kw_only=True)
class Facets:
    """What may be chosen in the filter."""

    jobs: tuple[str, ...]
    tags: tuple[str, ...]


def listed(project: Project, query: Query) -> Listing:
    """Return the runs that a query asks for."""
    now = time.time()
    runs = find_runs(project, query.selection, limit=query.limit + 1)
    more = len(runs) > query.limit
    rows = tuple(_row(run, now) for run in runs[: query.limit])
    content = [[row.run, row.metrics] for row in rows]
    told = json.dumps([content, more, int(now // 60)], default=str).encode("utf-8", "surrogatepass")
    return Listing(
        rows=rows,
        more=more,
        metrics=_columns(rows),
        targets=any(row.run["target"] != "local" for row in rows),
        digest=hashlib.sha256(told).hexdigest()[:16],
        every=_SELDOM if all(row.over for row in rows) else _SOON,
    )


def facets(project: Project, query: Query) -> Facets:
    """Return the jobs and tags that runs have, and those that are asked for."""
    records = [folder.record for folder in project.store.runs()]
    jobs = {str(record["job"]) for record in records} | ({query.job} if query.job else set())
    tags = {str(tag) for record in records for tag in record["tags"]} | set(query.tags)
    return Facets(jobs=_sorted(jobs), tags=_sorted(tags))


def _row(run: Mapping[str, Any], now: float) -> Row:
    return Row(
        run=run,
        metrics=metrics_of(RunFolder(id=run["id"], path=Path(run["dir"]))),
        seconds=ran(run, now),
        over=State(run["state"]).final,
    )


def _columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the metrics that most rows have and that are no copy of an input."""
    asked = {change["path"] for row in rows for change in row.run["changes"]}
    names = shared_names((row.metrics for row in rows), _MOST)
    return tuple(name for name in names if name not in asked)[:_COLUMNS]


def _sorted(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (name.casefold(), name)))
