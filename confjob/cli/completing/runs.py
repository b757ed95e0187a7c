"""Completing a RUN: ids with job, state and name, the newest first, without judging any run.

There may be thousands. Names and times come from the folder; only of the runs that will be
shown are the records read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from confjob.cli.completing.items import item, matching
from confjob.cli.completing.place import Place

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

__all__ = ["all_runs", "job_of_run", "known_names", "known_tags", "live_runs"]

#: Shown while nothing of an id is typed. With one letter all are: a shell goes on as far as all agree.
_MOST = 50
#: How many runs are read for their tags and names.
_MOST_READ = 200


def all_runs(ctx: click.Context, incomplete: str, *, only_going: bool = False) -> list[CompletionItem[str]]:
    """Offer runs that are not on the line yet."""
    folder = os.path.join(Place(ctx).state, "runs")
    given = {
        str(value)
        for name in ("run_ids", "run", "first", "second")
        for value in _listed(ctx.params.get(name))
    }
    found = (name for name in _newest(folder, incomplete) if name not in given)
    going = (name for name in found if not only_going or not _ended(os.path.join(folder, name)))
    shown = [name for name, _ in zip(going, range(_MOST), strict=False)] if not incomplete else list(going)
    return [item(name, _about(os.path.join(folder, name))) for name in shown]


def live_runs(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer runs that are not on the line yet, and have not ended."""
    return all_runs(ctx, incomplete, only_going=True)


def known_tags(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer the tags of the newest runs."""
    return matching(dict.fromkeys(map(str, _each(ctx, "tags")), ""), incomplete)


def known_names(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer the names of the newest runs."""
    return matching(dict.fromkeys(map(str, filter(None, _each(ctx, "name"))), ""), incomplete)


def _each(ctx: click.Context, key: str) -> Iterator[Any]:
    """Yield what the records of the newest runs have under a key."""
    folder = os.path.join(Place(ctx).state, "runs")
    for name in _newest(folder, "")[:_MOST_READ]:
        yield from _listed(_json(folder, name, "run.json").get(key))


def job_of_run(place: Place, run: str) -> str | None:
    """Return the job that a run was of."""
    folder = os.path.join(place.state, "runs")
    found = _newest(folder, run)
    job = _json(folder, found[0], "run.json").get("job") if len(found) == 1 else None
    return None if job is None else str(job)


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else () if value is None else (value,)


def _newest(folder: str, incomplete: str) -> list[str]:
    """Return the ids that begin as typed, the newest first: a run's record never changes."""
    dated = []
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(incomplete)]
    for name in names:
        try:
            dated.append((os.stat(os.path.join(folder, name, "run.json")).st_mtime, name))
        except OSError:
            continue
    return [name for _, name in sorted(dated, reverse=True) if not name.startswith(".")]


def _about(run: str) -> str:
    record = _json(run, "run.json")
    words = [record.get("job"), _state(run), record.get("name"), " ".join(_listed(record.get("tags")))]
    return "  ".join(str(word) for word in words if word)


def _state(run: str) -> str:
    """Return how a run ended; of one that has not, what its records say: only its engine knows more."""
    attempt = _attempt(run)
    end, cancel = _json(attempt, "end.json"), _json(run, "cancel.json")
    if not end:
        started = os.path.exists(os.path.join(attempt, "start.json"))
        return "to be cancelled" if cancel else "started" if started else "not started"
    if (cancel and (end.get("cancelled") or end.get("signal"))) or end.get("signal") == "INT":
        return "CANCELLED"
    return "SUCCEEDED" if end.get("exit_code") == 0 else "FAILED"


def _ended(run: str) -> bool:
    return os.path.exists(os.path.join(_attempt(run), "end.json"))


def _attempt(run: str) -> str:
    """Return the folder of a run's latest attempt."""
    folder = os.path.join(run, "attempts")
    numbers = [int(name) for name in _names(folder) if name.isascii() and name.isdigit()]
    return os.path.join(folder, str(max(numbers, default=1)))


def _names(folder: str) -> Iterator[str]:
    try:
        yield from os.listdir(folder)
    except OSError:
        return


def _json(*parts: str) -> dict[str, Any]:
    """Return a record; what can't be read is empty."""
    try:
        with open(os.path.join(*parts), "rb") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
