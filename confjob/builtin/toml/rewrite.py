"""A draft of changes as edits of TOML text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from confjob.builtin.inplace import (
    Brackets,
    Draft,
    Edit,
    Entry,
    Item,
    Slot,
    apply_edits,
    bracket_edits,
    line_start,
    lines_removed,
)
from confjob.builtin.toml.emit import key_text, value_text
from confjob.builtin.toml.tables import change_tables
from confjob.plugin import MISSING, Change, Json

__all__ = ["rewrite"]

_BRACKETS: Final = Brackets(comment="#")


class _WholeTables(Exception):  # noqa: N818 - it tells which way to go
    """The changes move whole tables about, which is not an edit of characters."""


def rewrite(text: str, slot: Slot, changes: Sequence[Change]) -> str:
    """Return `text` saying what the draft at `slot`, made from `changes`, says.

    Raises:
        Refusal: When TOML can't say a value.
    """
    try:
        return apply_edits(text, _edits(text, slot))
    except _WholeTables:
        return change_tables(text, changes)


def _edits(text: str, slot: Slot) -> list[Edit]:
    edits: list[Edit] = []
    stack = [slot]
    while stack:
        one = stack.pop()
        if one.new is not MISSING:
            edits.append(_replacement(one.old.item, one.new))
        elif one.draft is not None and one.draft.item.flow and not one.draft.kept:
            edits.append(_replacement(one.draft.item, _added(one.draft)))
        elif one.draft is not None:
            edits += _container(text, one.draft)
            stack += one.draft.kept
    return edits


def _replacement(item: Item, new: Json) -> Edit:
    if item.style in ("table", "implied", "dotted", "tables"):
        raise _WholeTables
    return Edit(item.start, item.end, value_text(new, item.style))


def _added(draft: Draft) -> Json:
    if draft.item.kind == "list":
        return [slot.new for slot in draft.added]
    return {slot.name: slot.new for slot in draft.added}


def _container(text: str, draft: Draft) -> list[Edit]:
    item, added = draft.item, draft.added
    if item.flow and item.style != "dotted":
        if item.kind == "list":
            texts = [value_text(slot.new) for slot in added]
        else:
            texts = [_pair(slot, text, item.entries[-1]) for slot in added]
        return bracket_edits(text, draft, texts, _BRACKETS)
    if (added and item.style != "table") or (draft.removed and item.flow):
        raise _WholeTables
    return [*_removed_lines(text, draft.removed), *(_added_lines(text, item, added) if added else ())]


def _removed_lines(text: str, removed: Sequence[Entry]) -> list[Edit]:
    if any(entry.key_end < 0 for entry in removed):
        raise _WholeTables
    return lines_removed(text, [(entry.start, entry.item.end) for entry in removed])


def _added_lines(text: str, table: Item, added: Sequence[Slot]) -> list[Edit]:
    """Write pairs below the table's last own line, as its neighbours are indented and spaced."""
    own = [entry for entry in table.entries if entry.key_end >= 0]
    model = own[-1] if own else None
    indent = text[line_start(text, model.start) : model.start] if model else ""
    lines = [indent + _pair(slot, text, model) for slot in added]
    if table.body_end >= 0:
        return [Edit(table.body_end, table.body_end, "".join("\n" + line for line in lines))]
    return [_first_lines(text, table, lines)]


def _first_lines(text: str, root: Item, lines: Sequence[str]) -> Edit:
    """Write the first pairs of the root: before the first table and the comment right above it."""
    tables = [entry.item.start for entry in root.entries]
    if not tables:
        gap = "\n" if text and not text.endswith("\n") else ""
        return Edit(len(text), len(text), gap + "\n".join(lines) + "\n")
    at = line_start(text, min(tables))
    while at and text[line_start(text, at - 1)] == "#":
        at = line_start(text, at - 1)
    return Edit(at, at, "\n".join(lines) + "\n\n")


def _pair(slot: Slot, text: str, model: Entry | None) -> str:
    equals = " = "
    if model is not None and re.fullmatch(r"[ \t]*=[ \t]*", text[model.key_end : model.item.start]):
        equals = text[model.key_end : model.item.start]
    # Aligned columns are somebody's own work: one space is what fits anywhere.
    equals = equals if len(equals) <= 3 else " = "
    return key_text(str(slot.name)) + equals + value_text(slot.new)
