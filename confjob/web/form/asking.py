"""From a page to requests: what was changed in it, and nothing else.

A whole list is asked for only where it has to be. Of one whose elements were changed one by one
each is a request of its own, so that the file keeps the comments of all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve

from confjob.form import Override
from confjob.keypath import KeyPath
from confjob.model import Document, Problem
from confjob.tree import MISSING, Json, MissingType, same
from confjob.web.form.building import FieldView, Group, NewKey, Section
from confjob.web.form.widgets import Widget

__all__ = ["SAID", "overrides", "unnamed"]

#: What a request says of where it was made.
SAID = "form"
#: Controls whose text is read as a command line's is.
_AS_TYPED = ("integer", "number", "any")


def overrides(sections: Iterable[Section], documents: Mapping[str, Document]) -> Iterator[Override]:
    """Yield what the changed fields of a page ask for.

    Args:
        sections: The page.
        documents: The inputs' documents, as they are.
    """
    for section in sections:
        document = documents[section.input]
        for group in section.groups:
            yield from _group(group, document)


def _group(group: Group, document: Document) -> Iterator[Override]:
    if group.is_removed:
        yield Override(input=group.input, path=group.path, operation="delete", said=SAID)
        return
    for view in group.everything():
        if view.is_changed:
            yield from _field(view, document)
    for new in group.new_keys or ():
        if new.key:
            path = group.path.child(new.key)
            yield Override(input=group.input, path=path, operation="add", text=new.text, said=SAID)


def unnamed(sections: Iterable[Section]) -> Iterator[tuple[NewKey, Problem]]:
    """Yield a problem for each value that was given and whose key has no name."""
    for section in sections:
        for group in section.groups:
            for new in group.new_keys or ():
                if new.text and not new.key:
                    message = "a value without a key"
                    yield (
                        new,
                        Problem(
                            code="no-key",
                            input=new.input,
                            path=new.path,
                            message=message,
                            hint="name the key, or empty the value",
                        ),
                    )


def _field(view: FieldView, document: Document) -> Iterator[Override]:
    widget = view.widget
    given = _given(widget, document)
    if given is not None:
        yield given
        return
    for each in _differences(widget.original, widget.value(), widget.path):
        there = each.path in document.nodes
        operation = "delete" if each.operation == "delete" else "set" if there else "add"
        yield evolve(each, input=widget.input, operation=operation)  # type: ignore[arg-type]


def _given(widget: Widget, document: Document) -> Override | None:
    """Return the request for a single value that is read as typed, or None where it is none."""
    typed = widget.secret or (widget.is_one_type and widget.way.kind in _AS_TYPED)
    if widget.mode in ("unset", "null") or not (typed or widget.is_beyond):
        return None
    if widget.secret and not widget.text:
        return None
    return Override(
        input=widget.input,
        path=widget.path,
        operation="set" if widget.path in document.nodes else "add",
        text=widget.text,
        any_type=widget.is_beyond,
        said=SAID,
    )


def _differences(old: Json | MissingType, new: Json | MissingType, path: KeyPath) -> Iterator[Override]:
    """Yield the fewest requests that make `new` of `old`."""
    if old is new or same(old, new):
        return
    if isinstance(new, MissingType):
        yield Override(path=path, operation="delete", said=SAID)
    elif isinstance(old, dict) and isinstance(new, dict) and old and new:
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key, MISSING), new.get(key, MISSING), path.child(key))
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        yield from _in_list(old, new, path)
    else:
        yield Override(path=path, value=new, said=SAID)


def _in_list(old: list[Json], new: list[Json], path: KeyPath) -> Iterator[Override]:
    kept = _kept(old, new)
    if len(new) < len(old) and kept is None:
        yield Override(path=path, value=new, said=SAID)
    elif kept is not None and len(new) < len(old):
        gone = (at for at in range(len(old)) if at not in kept)
        yield from (Override(path=path.child(at), operation="delete", said=SAID) for at in gone)
    elif len(new) > len(old) + 1:
        # Two elements can't be added one by one: where the second goes is not there yet.
        yield Override(path=path, value=new, said=SAID)
    else:
        for at, value in enumerate(new):
            before = old[at] if at < len(old) else MISSING
            yield from _differences(before, value, path.child(at))


def _kept(old: list[Json], new: list[Json]) -> set[int] | None:
    """Return which elements are kept, if `new` is `old` with some taken out."""
    kept: set[int] = set()
    at = 0
    for value in new:
        while at < len(old) and not same(old[at], value):
            at += 1
        if at == len(old):
            return None
        kept.add(at)
        at += 1
    return kept
