"""Removing runs: never one that is going on, and what they made only when that is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from attrs import frozen

from confjob.errors import RunError
from confjob.model import Problem
from confjob.pipeline.afterwards import states_of
from confjob.pipeline.results import Output, outputs_of
from confjob.pipeline.selecting import Selection, select, size_of
from confjob.progress import counted, doing
from confjob.project import Project
from confjob.words import plural
from confjob.workspace.collecting import Waste, discard, waste
from confjob.workspace.shared import alone
from confjob.workspace.sizes import human_size

__all__ = ["Doomed", "Removal", "matching_removal", "named_removal", "remove", "sweep", "unneeded"]


@frozen(kw_only=True)
class Doomed:
    """A run that is over, and what it has made.

    Args:
        id: The full id.
        outputs: How many files it has made.
        size: Their bytes.
        folder_size: The bytes of its folder, outputs among them.
    """

    id: str
    outputs: int
    size: int
    folder_size: int


@frozen(kw_only=True)
class Removal:
    """What would be removed.

    Args:
        doomed: The runs.
        spared: Runs that were meant, too, and stay for the files that they have made.
        waste: What no run would need any more.
    """

    doomed: tuple[Doomed, ...] = ()
    spared: tuple[Doomed, ...] = ()
    waste: Waste = Waste()

    def __bool__(self) -> bool:
        """Whether anything would be removed."""
        return bool(self.doomed or self.waste)

    @property
    def runs(self) -> tuple[str, ...]:
        """The full ids of the runs."""
        return tuple(run.id for run in self.doomed)

    @property
    def outputs(self) -> int:
        """How many files the runs have made."""
        return sum(run.outputs for run in self.doomed)

    @property
    def size(self) -> int:
        """The bytes of these files."""
        return sum(run.size for run in self.doomed)

    @property
    def freed(self) -> int:
        """All bytes that are freed."""
        return sum(run.folder_size for run in self.doomed) + self.waste.size


def named_removal(project: Project, runs: Iterable[str], *, with_outputs: bool) -> Removal:
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
    doomed = [] if problems else [_doomed(project, name) for name in states]
    if not with_outputs:
        problems += [*_precious(doomed)]
    if problems:
        raise RunError("nothing was removed", problems=problems)
    return Removal(doomed=tuple(doomed), waste=unneeded(project, without=list(states)))


def matching_removal(project: Project, selection: Selection, *, with_outputs: bool) -> Removal:
    """Return what removing the runs that are over, among those meant, would take.

    Those that have made files are spared unless `with_outputs` says that these may go.
    """
    names = [folder.id for folder, _ in select(project, selection)]
    over = [name for name, status in states_of(project, names).items() if status.state.final]
    every = [_doomed(project, name) for name in over]
    doomed = tuple(run for run in every if with_outputs or not run.outputs)
    spared = tuple(run for run in every if run not in doomed)
    return Removal(doomed=doomed, spared=spared, waste=unneeded(project, without=[run.id for run in doomed]))


def unneeded(project: Project, *, without: Sequence[str] = ()) -> Waste:
    """Return what no run needs, once the runs `without` are gone.

    If the record of a run can't be read, it may need any of the snapshots, and all stay.
    """
    needed = set()
    for folder in project.store.every():
        record = folder.read_json("run.json")
        if record is None:
            return Waste()
        if folder.id not in without:
            needed.add(str(record["snapshot"]))
    return waste(project.state, needed)


def remove(project: Project, what: Removal) -> Waste:
    """Remove runs with all that they made, and then what no run needs any more.

    Folders that they are linked to are not entered. Returns what was removed with them.

    Raises:
        RunError: When the disk refuses.
    """
    for name in counted("removing", what.runs, len(what.runs), unit="runs"):
        folder = project.store.find(name).path
        # Out of the list at once: a half-removed run must not look like one.
        gone = folder.with_name(f".gone-{name}")
        try:
            folder.rename(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise RunError(f"{name} can't be removed: {error}") from None
    return sweep(project)


def sweep(project: Project) -> Waste:
    """Remove what no run needs; waits until no launch is under way.

    Raises:
        RunError: When the disk refuses, or has no locks.
    """
    if not project.store.folder.is_dir():
        return Waste()
    with ExitStack() as stack:
        with doing("waiting until no launch is under way"):
            stack.enter_context(alone(project.state))
        # Decided anew: what a question was asked about may be needed by now.
        found = unneeded(project)
        try:
            discard(found)
        except OSError as error:
            raise RunError(f"not all could be removed: {error}") from None
    return found


def _doomed(project: Project, name: str) -> Doomed:
    made: Sequence[Output] = outputs_of(project, name)
    return Doomed(
        id=name,
        outputs=len(made),
        size=sum(each.size for each in made),
        folder_size=size_of(project.store.find(name).path),
    )


def _precious(runs: Iterable[Doomed]) -> Iterator[Problem]:
    for run in runs:
        if run.outputs:
            message = f"{run.id} has made {plural(run.outputs, 'file')} ({human_size(run.size)})"
            hint = f"confjob outputs {run.id} --copy DIR fetches them; --outputs removes them as well"
            yield Problem(code="has-outputs", message=message, hint=hint)
