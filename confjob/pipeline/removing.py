"""Removing runs: never one that is going on, and what they made only when that is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from confjob.errors import RunError
from confjob.model import Problem
from confjob.pipeline.afterwards import states_of
from confjob.pipeline.results import Output, outputs_of
from confjob.project import Project
from confjob.workspace.sizes import human_size

__all__ = ["Removal", "removal", "remove"]


@frozen(kw_only=True)
class Removal:
    """What would be removed.

    Args:
        runs: Full ids.
        outputs: How many files the runs have made.
        size: Their bytes.
    """

    runs: tuple[str, ...]
    outputs: int
    size: int


def removal(project: Project, runs: Iterable[str], *, with_outputs: bool) -> Removal:
    """Return what removing runs would take; nothing is removed.

    Raises:
        RunError: When one is unknown, is not over, or has made files that nobody said
            should go; all of them are named.
    """
    states = states_of(project, runs)
    problems = [
        Problem(code="not-over", message=f"{name} is {status.state.value}", hint=f"confjob cancel {name}")
        for name, status in states.items()
        if not status.state.final
    ]
    made = {name: outputs_of(project, name) for name in states if not problems}
    if not with_outputs:
        problems += [*_precious(made)]
    if problems:
        raise RunError("nothing was removed", problems=problems)
    files = [each for found in made.values() for each in found]
    return Removal(runs=tuple(states), outputs=len(files), size=sum(each.size for each in files))


def remove(project: Project, what: Removal) -> None:
    """Remove runs with all that they made; folders they are linked to are not entered.

    Raises:
        RunError: When the disk refuses.
    """
    for name in what.runs:
        folder = project.store.find(name).path
        # Out of the list at once: a half-removed run must not look like one.
        gone = folder.with_name(f".gone-{name}")
        try:
            folder.rename(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise RunError(f"{name} can't be removed: {error}") from None


def _precious(made: Mapping[str, Sequence[Output]]) -> Iterator[Problem]:
    for name, files in made.items():
        if files:
            count = f"{len(files)} file{'s' if len(files) > 1 else ''}"
            size = human_size(sum(each.size for each in files))
            message = f"{name} has made {count} ({size})"
            hint = f"confjob outputs {name} --copy DIR fetches them; --outputs removes them as well"
            yield Problem(code="has-outputs", message=message, hint=hint)
