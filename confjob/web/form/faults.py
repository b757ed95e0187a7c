"""Problems beside the fields that they are about; what is about none stands at the top alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, frozen

from confjob.keypath import KeyPath
from confjob.model import Problem
from confjob.web.form.building import FieldView, Group, NewKey, Section
from confjob.web.form.widgets import Row, Widget

__all__ = ["Fault", "beside"]


@frozen(kw_only=True)
class Fault:
    """A problem, and the element that a link to it leads to.

    Args:
        problem: The problem.
        element: The id of a field, or "" where there is none.
        name: What it is about, in words.
    """

    problem: Problem
    element: str = ""

    @property
    def name(self) -> str:
        """What it is about, as a command line says it."""
        problem = self.problem
        parted = ":" if problem.input and problem.path else ""
        return f"{problem.input}{parted}{problem.path}"


def beside(
    sections: Sequence[Section], problems: Iterable[Problem]
) -> tuple[tuple[Section, ...], tuple[Fault, ...]]:
    """Return the sections with each problem at the field that it is about, and all problems as a list.

    A problem is about the field at its path, else about the nearest one around it, else about
    the first one below it.
    """
    waiting = list(problems)
    found: dict[int, str] = {}
    placed = tuple(_section(section, waiting, found) for section in sections)
    faults = (Fault(problem=each, element=found.get(id(each), "")) for each in waiting)
    return placed, tuple(faults)


def _section(section: Section, problems: Sequence[Problem], found: dict[int, str]) -> Section:
    mine = [each for each in problems if each.input == section.input]
    if not mine:
        return section
    places = {view.widget.path: view for view in section.everything()}
    new = {key.path.child(key.key): key for group in section.groups for key in group.new_keys or ()}
    told: dict[str, list[Problem]] = {}
    for problem in mine:
        place = _place(problem.path, places, new)
        if place is not None:
            told.setdefault(place.id, []).append(problem)
            found[id(problem)] = place.id
    return evolve(section, groups=tuple(_group(group, told) for group in section.groups))


def _place(
    path: KeyPath, places: dict[KeyPath, FieldView], new: dict[KeyPath, NewKey]
) -> FieldView | NewKey | None:
    for size in range(len(path), -1, -1):
        at = KeyPath(path[:size])
        if at in new and at:
            return new[at]
        if at in places:
            return places[at]
    return next((view for at, view in places.items() if path and at.startswith(path)), None)


def _group(group: Group, told: dict[str, list[Problem]]) -> Group:
    return evolve(
        group,
        fields=tuple(_view(view, told) for view in group.fields),
        absent=tuple(_view(view, told) for view in group.absent),
        new_keys=None if group.new_keys is None else tuple(_new(key, told) for key in group.new_keys),
    )


def _view(view: FieldView, told: dict[str, list[Problem]]) -> FieldView:
    mine = told.get(view.id)
    return evolve(view, widget=_marked(view.widget, mine)) if mine else view


def _new(key: NewKey, told: dict[str, list[Problem]]) -> NewKey:
    return evolve(key, problems=tuple(told.get(key.id, ())))


def _marked(widget: Widget, problems: Sequence[Problem]) -> Widget:
    """Return a control with its problems, those of a row at the row as well."""
    rows = tuple(_marked_row(row, problems) for row in widget.rows)
    return evolve(widget, rows=rows, problems=tuple(problems))


def _marked_row(row: Row, problems: Sequence[Problem]) -> Row:
    mine = list(_below(row.widget.path, problems))
    return evolve(row, widget=_marked(row.widget, mine)) if mine else row


def _below(path: KeyPath, problems: Sequence[Problem]) -> Iterator[Problem]:
    return (problem for problem in problems if problem.path.startswith(path))
