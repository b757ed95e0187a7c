"""Deciding overrides where some of them change what can be overridden.

A changed selector (a Hydra group, a `_component_`) changes the tree or its types: it is
applied and its source loaded again, until none is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve, frozen

from confjob.deliver import deliver
from confjob.errors import InvalidOverrides
from confjob.form import Form, Override
from confjob.load import reload
from confjob.model import Change, Problem
from confjob.override import changed_tree, decide, locate
from confjob.pipeline.reading import formats_of, typed
from confjob.project import Project
from confjob.tree import Json

__all__ = ["Settled", "settle"]


@frozen(kw_only=True)
class Settled:
    """The form once no selector changes any more, and the changes decided on it.

    `applied` are the changes of selectors, which the form's documents already show;
    `pending` are all others.
    """

    form: Form
    applied: tuple[Change, ...]
    pending: tuple[Change, ...]
    problems: tuple[Problem, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, in the order they are applied."""
        return (*self.applied, *self.pending)

    def trees(self) -> dict[str, Json]:
        """Return what each input must read as once all changes are made."""
        return {name: changed_tree(document, self.pending) for name, document in self.form.documents.items()}


def settle(project: Project, form: Form, overrides: list[Override]) -> Settled:
    """Decide the overrides; apply changed selectors and load again until none is left."""
    applied: list[Change] = []
    while True:
        changes, problems = decide(form, overrides)
        selectors = [each for each in changes if _selects(form, each)]
        if not selectors or _repeated(selectors, applied):
            return Settled(form=form, applied=tuple(applied), pending=changes, problems=problems)
        try:
            before, form = form, _reloaded(project, form, selectors)
        except InvalidOverrides as error:
            # The tree that a refused selector would bring is not known, so what else was
            # asked is judged by the present one: all problems at once, as far as can be told.
            rest = tuple(each for each in changes if each not in selectors)
            found = (*problems, *error.problems)
            return Settled(form=form, applied=tuple(applied), pending=rest, problems=found)
        overrides = list(_still_asked(before, form, overrides, selectors))
        applied.extend(selectors)


def _selects(form: Form, change: Change) -> bool:
    """Whether a change changes a selector, or what a selector stands in."""
    return any(selector.startswith(change.path) for selector in form.documents[change.input].selectors)


def _still_asked(
    before: Form, after: Form, overrides: Iterable[Override], applied: Iterable[Change]
) -> Iterator[Override]:
    """Yield the overrides as they read once some are applied: what was added can now be set."""
    done = {(change.input, change.path) for change in applied}
    for override in overrides:
        spot = locate(before, override)
        if isinstance(spot, Problem) or (spot.input, spot.path) not in done:
            yield override
        elif override.operation != "delete" or spot.path in after.documents[spot.input].nodes:
            yield evolve(override, operation="delete" if override.operation == "delete" else "set")


def _repeated(selectors: Iterable[Change], applied: Iterable[Change]) -> bool:
    """Whether a selector would be applied twice: a format that never settles."""
    done = {(change.input, change.path) for change in applied}
    return any((change.input, change.path) in done for change in selectors)


def _reloaded(project: Project, form: Form, selectors: list[Change]) -> Form:
    trees = {name: changed_tree(document, selectors) for name, document in form.documents.items()}
    formats = formats_of(project, form.job)
    delivered = deliver(form, selectors, formats, trees, verify=False)
    if delivered.problems:
        raise InvalidOverrides.of(delivered.problems)
    touched = {change.input for change in selectors}
    documents = dict(form.documents)
    for name in touched:
        source = form.documents[name].source.applied(delivered.deliveries[name])
        documents[name] = reload(project, form.spec(name), source)
    return typed(project, form.job, documents)
