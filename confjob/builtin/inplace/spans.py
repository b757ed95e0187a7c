"""Offsets, lines and replacements: the arithmetic of editing a text in place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from confjob.plugin import InputError, Span

__all__ = ["Edit", "Lines", "apply_edits", "line_end", "line_start", "lines_removed"]


class Edit(NamedTuple):
    """Replace the characters from `start` up to `end` with `text`."""

    start: int
    end: int
    text: str


class Lines:
    """Turns offsets into lines and columns.

    Only line feeds count, as in an editor: YAML's own idea of a line break also knows
    U+2028 and others, which no editor's line numbers follow.
    """

    def __init__(self, text: str, file: PurePosixPath) -> None:
        self.file = file
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column, both from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column, both from 1."""
        return self._starts[min(line, len(self._starts)) - 1] + column - 1

    def span(self, start: int, end: int) -> Span:
        """Return the place of the characters from `start` up to `end`."""
        line, column = self.position(start)
        return Span(file=self.file, line=line, column=column, start=start, end=end)

    def error(self, offset: int, why: str, hint: str = "") -> InputError:
        """Return the error that says what is wrong at `offset`."""
        line, column = self.position(offset)
        return InputError(f"{self.file}:{line}:{column}: {why}", hint)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with all edits made; they must not overlap.

    Insertions at one place keep the order they are given in, and come before a replacement
    that begins there.
    """
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: edit[:2]):
        if edit.start < done:
            raise ValueError(f"two edits touch the characters from {edit.start} to {done}")
        pieces += text[done : edit.start], edit.text
        done = edit.end
    return "".join((*pieces, text[done:]))


def lines_removed(text: str, ranges: Iterable[tuple[int, int]]) -> list[Edit]:
    """Return edits that take out whole lines.

    Each goes with the line feed before it, so that what is written at the end of the line
    above stays apart; only at the very start of the text there is none, and the one after goes.

    Args:
        text: The whole text.
        ranges: In order, offsets on the first and on the last line of each removal.
    """
    edits: list[Edit] = []
    taken = 0
    for first, last in ranges:
        begin, end = line_start(text, first), line_end(text, last)
        if begin > taken:
            edits.append(Edit(begin - 1, end, ""))
        else:
            taken = min(end + 1, len(text))
            edits.append(Edit(begin, taken, ""))
    return edits


def line_start(text: str, offset: int) -> int:
    """Return the offset of the first character of the line that `offset` lies on."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Return the offset of the line feed that ends the line, or the length of the text."""
    end = text.find("\n", offset)
    return len(text) if end < 0 else end
