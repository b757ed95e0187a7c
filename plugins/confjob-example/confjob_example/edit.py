"""Changing values in the text of an INI file, and nothing else in it.

First everything is looked at, so that all that can't be written is told at once; then what
stands there is replaced or removed; then what is new is added to what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from confjob.plugin import MISSING, Change, Document, InputError, InvalidOverrides, KeyPath, Problem, tree
from confjob_example.syntax import COMMENT, parse

__all__ = ["edit"]

_INDENT: Final = "    "

#: A place in the text, and what shall stand there.
Patch = tuple[int, int, str]


def edit(document: Document, text: str, changes: Sequence[Change]) -> str:
    """Return the text with changes made.

    Raises:
        InvalidOverrides: With every change that can't be written.
    """
    refused = [_problem(change, why) for change in changes for why in _refusals(document, text, change)]
    if refused:
        raise InvalidOverrides.of(refused)
    standing = [change for change in changes if change.path in document.nodes]
    new = [change for change in changes if change.path not in document.nodes]
    written = _patched(text, (_replaced(document, text, change) for change in standing))
    written = _patched(written, _added(written, new))
    if not _is_meant(document, written, changes):
        why = "the indented lines below would be read as a part of it"
        raise InvalidOverrides.of([_problem(change, why) for change in changes])
    return written


def _problem(change: Change, why: str) -> Problem:
    return Problem(code="cannot-say", input=change.input, path=change.path, message=why, where=change.where)


def _is_meant(document: Document, written: str, changes: Iterable[Change]) -> bool:
    """Whether the text that was written reads as the tree with the changes made."""
    meant = document.tree
    for change in changes:
        gone = change.after is MISSING
        meant = tree.delete(meant, change.path) if gone else tree.put(meant, change.path, change.after)
    try:
        return tree.same(parse(written, PurePosixPath())[KeyPath()].value, meant)
    except InputError:
        return False


def _refusals(document: Document, text: str, change: Change) -> Iterator[str]:
    if len(change.path) != 2:
        yield "only values in sections can be set, added and deleted, one by one"
        return
    section, key = map(str, change.path)
    where = document.nodes[change.path].where if change.path in document.nodes else None
    if where and any(map(COMMENT.match, text[where.start : where.end].split("\n")[1:])):
        yield "there is a comment between the lines of the value"
    if change.after is not MISSING and not _can_stand(change.after):
        yield "INI holds text, without blanks at either end of a line, or # or ; at the start of a further one"
    if where is None and (not key or key != key.strip() or key[:1] in "[#;" or set(key) & set("=:\n\r")):
        yield f"{key!r} can't be a key of INI"
    if (section,) not in document.nodes and (not section or set(section) & set("\n\r")):
        yield f"{section!r} can't be a section of INI"


def _can_stand(value: object) -> bool:
    """Whether a value is text that reads the same after it was written as indented lines."""
    if not isinstance(value, str) or "\r" in value:
        return False
    first, *others = value.split("\n")
    as_read = "\n".join(line.strip() for line in (first, *others)).rstrip()
    return as_read == value and not any(map(COMMENT.match, others))


def _replaced(document: Document, text: str, change: Change) -> Patch:
    node = document.nodes[change.path]
    assert node.where is not None
    start, end = node.where.start, node.where.end
    if change.after is MISSING:
        return text.rfind("\n", 0, start) + 1, text.find("\n", end) + 1 or len(text), ""
    gap = "" if node.value or text[start - 1].isspace() else " "
    return start, end, gap + _indented(change.after, _indent(text, start))


def _added(text: str, changes: Sequence[Change]) -> Iterator[Patch]:
    """Yield what is new: at the end of its section, or in a new section at the end."""
    nodes = parse(text, PurePosixPath())
    last = {path[0]: node.where for path, node in nodes.items() if path and node.where is not None}
    new: dict[str | int, list[Change]] = {}
    for change in changes:
        new.setdefault(change.path[0], []).append(change)
    for section, additions in new.items():
        if section in last:
            at = last[section].end
            yield at, at, _entries(additions, _indent(text, last[section].start))
        else:
            at = len(text.rstrip("\n"))
            yield at, at, ("\n\n" if at else "") + f"[{section}]" + _entries(additions, "")


def _entries(changes: Iterable[Change], indent: str) -> str:
    return "".join(f"\n{indent}{change.path[1]} = {_indented(change.after, indent)}" for change in changes)


def _indent(text: str, at: int) -> str:
    """Return the blanks that the line at a place begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _indented(value: str, indent: str) -> str:
    first, *others = value.split("\n")
    return "\n".join([first, *(f"{indent}{_INDENT}{line}" if line else "" for line in others)])


def _patched(text: str, patches: Iterable[Patch]) -> str:
    pieces, at = [], 0
    for start, end, new in sorted(patches, key=lambda patch: patch[:2]):
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])
