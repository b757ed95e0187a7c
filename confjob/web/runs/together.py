"""Several runs beside each other: the first one is what the others are compared with."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from confjob.errors import RunError
from confjob.model import State
from confjob.pipeline.afterwards import status_of
from confjob.pipeline.comparing import Comparison, compare
from confjob.project import Project
from confjob.store import Record
from confjob.times import duration, ran
from confjob.web.runs.diffs import DiffLine, diff_lines
from confjob.web.runs.metrics import metrics_of, number_text
from confjob.words import value_text

__all__ = ["Cell", "FileChange", "Group", "Row", "Side", "Together", "together"]

#: Runs that have room beside each other.
_MOST: Final = 8
#: Files whose lines are told, for each run.
_FILES: Final = 100

_Key = tuple[str, str]


@frozen(kw_only=True)
class Cell:
    """What one run has: a text, how it is to be taken, and whether the first run has another.

    Args:
        text: What it is.
        kind: `value`, `default`, `deleted`, `secret` or `none`.
        differs: Whether it differs from the first run's.
    """

    text: str = ""
    kind: str = "value"
    differs: bool = False


@frozen(kw_only=True)
class Row:
    """One thing, in all runs."""

    label: str
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs differ in it."""
        return any(cell.differs for cell in self.cells)


@frozen(kw_only=True)
class Group:
    """Rows that belong together."""

    title: str
    rows: tuple[Row, ...]


@frozen(kw_only=True)
class FileChange:
    """A file that differs: its lines, or in words why there are none."""

    name: str
    lines: tuple[DiffLine, ...] = ()
    words: str = ""


@frozen(kw_only=True)
class Side:
    """One of the runs: what `status --json` tells of it, and the files in which it differs."""

    run: Mapping[str, Any]
    files: tuple[FileChange, ...] = ()
    more: int = 0


@frozen(kw_only=True)
class Together:
    """The runs beside each other.

    Args:
        sides: The runs; the first is what the others are compared with.
        groups: What differs, or all that is known.
        differ: Whether they were given anything that differs.
    """

    sides: tuple[Side, ...]
    groups: tuple[Group, ...]
    differ: bool


def together(project: Project, names: Sequence[str], *, everything: bool = False) -> Together:
    """Return runs beside each other.

    Args:
        project: The project.
        names: The runs' ids, or their beginnings; the first is what the others are compared with.
        everything: Tell what is the same as well.

    Raises:
        RunError: When there are too few or too many, one is unknown, or what it was given is gone.
    """
    folders = list(dict.fromkeys(map(project.store.find, names)))
    if len(folders) < 2:
        raise RunError("two runs are needed to compare", hint="tick them in the list of runs")
    if len(folders) > _MOST:
        raise RunError(f"at most {_MOST} runs can be compared at once")
    runs = [status_of(project, folder.id) for folder in folders]
    records = [folder.record for folder in folders]
    pairs = [compare(project, folders[0].id, folder.id) for folder in folders[1:]]
    metrics = [metrics_of(folder) for folder in folders]
    given = [
        Group(title="Inputs", rows=tuple(_inputs(records, pairs))),
        Group(title="Given", rows=(*_facts(records), *_environment(pairs))),
    ]
    outcome = Group(title="Outcome", rows=tuple(_outcome(runs, metrics)))
    chosen = [outcome, *(group if everything else _different(group) for group in given)]
    sides = [Side(run=runs[0]), *(_side(run, pair) for run, pair in zip(runs[1:], pairs, strict=True))]
    return Together(
        sides=tuple(sides),
        groups=tuple(group for group in chosen if group.rows),
        differ=any(row.differs for group in given for row in group.rows) or any(pair.files for pair in pairs),
    )


def _different(group: Group) -> Group:
    return Group(title=group.title, rows=tuple(row for row in group.rows if row.differs))


def _row(label: str, cells: Iterable[Cell]) -> Row:
    first, *others = cells
    known = [Cell(text=each.text, kind=each.kind, differs=each.differs or each != first) for each in others]
    return Row(label=label, cells=(first, *known))


# -- how it went ---------------------------------------------------------------------------


def _outcome(runs: Sequence[Mapping[str, Any]], metrics: Sequence[Mapping[str, float]]) -> Iterator[Row]:
    yield Row(label="state", cells=tuple(Cell(text=_ended(run)) for run in runs))
    yield Row(label="time", cells=tuple(Cell(text=_lasted(run)) for run in runs))
    for name in dict.fromkeys(name for each in metrics for name in each):
        cells = [
            Cell(text=number_text(each[name])) if name in each else Cell(kind="none") for each in metrics
        ]
        yield Row(label=name, cells=tuple(cells))


def _ended(run: Mapping[str, Any]) -> str:
    state = State(run["state"]).value.capitalize()
    return f"{state}: {run['reason']}" if run["reason"] else state


def _lasted(run: Mapping[str, Any]) -> str:
    seconds = ran(run)
    return "" if seconds is None else duration(seconds)


# -- what they were given ------------------------------------------------------------------


def _inputs(records: Sequence[Record], pairs: Sequence[Comparison]) -> Iterator[Row]:
    asked = [{(change["input"], change["path"]): change for change in each["changes"]} for each in records]
    keys = dict.fromkeys(key for each in asked for key in each)
    differing = {key: pair[0] for comparison in pairs for key, pair in comparison.inputs.items()}
    for key in keys:
        default = _defaults(records, asked, key)
        cells = [default(record, changes.get(key)) for record, changes in zip(records, asked, strict=True)]
        # Whether two secrets are the same is not recorded: the comparison says that they may differ.
        maybe = [
            key in pair.inputs and "secret" in (pair.inputs[key][1] or differing[key] or {}) for pair in pairs
        ]
        marked = [
            Cell(text=each.text, kind=each.kind, differs=may)
            for each, may in zip(cells[1:], maybe, strict=True)
        ]
        yield _row(":".join(key), [cells[0], *marked])


def _defaults(
    records: Sequence[Record], asked: Sequence[Mapping[_Key, Mapping[str, Any]]], key: _Key
) -> Callable[[Record, Mapping[str, Any] | None], Cell]:
    """Return how a run's value is told; a default is known where a run with the same files changed it."""
    known = {
        record["snapshot"]: changes[key]["before"]
        for record, changes in zip(records, asked, strict=True)
        if "before" in changes.get(key, {})
    }

    def cell(record: Record, change: Mapping[str, Any] | None) -> Cell:
        if change is None:
            there = record["snapshot"] in known
            return Cell(text=value_text(known[record["snapshot"]]) if there else "", kind="default")
        if change.get("secret"):
            return Cell(kind="secret")
        return Cell(text=value_text(change["after"])) if "after" in change else Cell(kind="deleted")

    return cell


def _facts(records: Sequence[Record]) -> Iterator[Row]:
    for key in ("job", "target", "commit", "dirty", "python", "command"):
        yield _row(key, [_fact(record.get(key)) for record in records])


def _fact(value: Any) -> Cell:
    if value is None:
        return Cell(kind="none")
    if isinstance(value, bool):
        return Cell(text="yes" if value else "no")
    return Cell(text=shlex.join(map(str, value)) if isinstance(value, list) else str(value))


def _environment(pairs: Sequence[Comparison]) -> Iterator[Row]:
    """Yield which variables only some of the runs have; the first has what a pair says it alone has."""
    names = sorted({name for pair in pairs for side in pair.environment for name in side})
    for name in names:
        first = any(name in pair.environment[0] for pair in pairs)
        has = [
            first,
            *(name in pair.environment[1] or (first and name not in pair.environment[0]) for pair in pairs),
        ]
        yield _row(f"env:{name}", [Cell(text="set") if each else Cell(kind="none") for each in has])


def _side(run: Mapping[str, Any], pair: Comparison) -> Side:
    shown = list(pair.files.items())[:_FILES]
    return Side(run=run, files=tuple(_file(*each) for each in shown), more=len(pair.files) - len(shown))


def _file(name: str, text: str) -> FileChange:
    if text.startswith("---"):
        return FileChange(name=name, lines=diff_lines(text))
    return FileChange(name=name, words=text)
