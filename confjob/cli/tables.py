"""Aligned columns. A terminal counts cells, not characters, and has only so many of them.

Where there is no terminal nothing is cut: whoever reads a pipe wants the whole value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from unicodedata import category, combining, east_asian_width

__all__ = ["cells", "cut", "lay_out"]

#: Cells between columns.
_GAP = 2
#: Cells that a column keeps, whatever else wants room.
_LEAST = 8

Paint = Callable[[str], str]


def cells(text: str) -> int:
    """Return how many cells of a terminal a line of text takes.

    Example:
        >>> cells("lr"), cells("学習率"), cells("e\\u0301"), cells("🚀")
        (2, 6, 1, 2)
    """
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def cut(text: str, room: int) -> str:
    """Return text that takes at most `room` cells, with an ellipsis where something is gone.

    Example:
        >>> cut("abcdef", 4), cut("学習率", 4), cut("abcd", 4)
        ('abc…', '学…', 'abcd')
    """
    if cells(text) <= room:
        return text
    taken, kept = 0, []
    for char in text:
        taken += _cells_of(char)
        if taken > room - 1:
            break
        kept.append(char)
    return "".join(kept) + "…" * (room > 0)


def lay_out(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    room: int | None = None,
    elastic: Collection[str] = (),
    numbers: Collection[str] = (),
    paints: Mapping[str, Paint] | None = None,
    heading: Paint = str,
    strict: bool = False,
) -> Iterator[str]:
    """Yield the lines of a table; a column in which nothing stands is left out.

    Args:
        headers: What stands above the columns.
        rows: A text for each column; one line each.
        room: Cells of a line, or None where there is no end to them.
        elastic: Headers of the columns that are cut so that lines fit, the widest first.
        numbers: Headers of the columns that are aligned at their right.
        paints: Colours a cell's text, by header.
        heading: Colours the headers.
        strict: Leave out the columns at the right for which there is no room.
    """
    lines = [list(row) for row in rows]
    shown = [at for at in range(len(headers)) if any(line[at] for line in lines)]
    widths = [max(cells(headers[at]), *(cells(line[at]) for line in lines)) for at in shown]
    names = [headers[at] for at in shown]
    if room is not None:
        widths = _fitted(names, widths, elastic, room)
        while strict and _sum(widths) > room and len(widths) > 1:
            widths.pop()
    shown, names = shown[: len(widths)], names[: len(widths)]
    right = [name in numbers for name in names]
    plain: list[Paint] = [heading for _ in names]
    paint = [(paints or {}).get(name, str) for name in names]
    for line, painted in [(list(headers), plain), *((line, paint) for line in lines)]:
        yield _line([line[at] for at in shown], widths, right, painted)


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool], paints: Sequence[Paint]) -> str:
    parts = []
    for text, width, is_right, paint in zip(texts, widths, right, paints, strict=True):
        short = cut(text, width)
        blank = " " * (width - cells(short))
        # The blanks stay outside the colour, so that those at the end can go.
        painted = paint(short) if short else ""
        parts.append(blank + painted if is_right else painted + blank)
    return (" " * _GAP).join(parts).rstrip()


def _fitted(names: Sequence[str], widths: Sequence[int], elastic: Collection[str], room: int) -> list[int]:
    """Return widths of which the elastic ones are cut, level by level, until the sum fits."""
    # No wider than a line to begin with: a value may have a million characters.
    fitted = [
        min(width, room) if name in elastic else width for name, width in zip(names, widths, strict=True)
    ]
    least = {at: min(width, max(cells(names[at]), _LEAST)) for at, width in enumerate(widths)}
    excess = _sum(fitted) - room
    while excess > 0:
        able = [at for at, name in enumerate(names) if name in elastic and fitted[at] > least[at]]
        if not able:
            break
        fitted[max(able, key=lambda at: fitted[at])] -= 1
        excess -= 1
    return fitted


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _cells_of(char: str) -> int:
    if combining(char) or category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in ("W", "F") else 1
