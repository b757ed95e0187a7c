"""Changing values inside a text without rewriting the rest of it.

The built-in formats share this: a reader turns text into `Item`s, each with the offsets of
its own text; the changes are gathered in a draft over those items; a format's writer turns
the draft into a few `Edit`s; and `revise` proves that the edited text says what was meant.
"""

from __future__ import annotations

from confjob.builtin.inplace.brackets import Brackets, bracket_edits
from confjob.builtin.inplace.draft import Draft, Refusal, Slot
from confjob.builtin.inplace.items import MAX_DEPTH, Entry, Item, nodes_of
from confjob.builtin.inplace.revise import Language, revise
from confjob.builtin.inplace.spans import Edit, Lines, apply_edits, line_end, line_start, lines_removed

__all__ = [
    "MAX_DEPTH",
    "Brackets",
    "Draft",
    "Edit",
    "Entry",
    "Item",
    "Language",
    "Lines",
    "Refusal",
    "Slot",
    "apply_edits",
    "bracket_edits",
    "line_end",
    "line_start",
    "lines_removed",
    "nodes_of",
    "revise",
]
