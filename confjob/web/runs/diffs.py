"""A unified diff as lines of a page, each with what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

__all__ = ["DiffLine", "diff_lines"]

#: Lines that are shown at most.
_MOST: Final = 2000


@frozen(kw_only=True)
class DiffLine:
    """A line: its mark (`+`, `-`, `@` or nothing) and its text with the mark."""

    mark: str
    text: str


def diff_lines(text: str, most: int = _MOST) -> tuple[DiffLine, ...]:
    """Return the lines of a diff without its two headings; the rest is counted once there are many."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return tuple(_lines(lines[2:], most))


def _lines(lines: list[str], most: int) -> Iterator[DiffLine]:
    for line in lines[:most]:
        yield DiffLine(mark=line[:1] if line[:1] in ("+", "-", "@") else "", text=line)
    if len(lines) > most:
        yield DiffLine(mark="@", text=f"… {len(lines) - most} lines more")
