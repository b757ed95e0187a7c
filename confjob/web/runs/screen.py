"""What a log looks like on a terminal: the lines that stand there in the end.

A log has more than text in it: colours, progress bars that go back to the beginning of their
line, bars above one another that go up again, links, and whatever a broken program prints. This
does with it what a terminal does, as far as lines go, with two differences: nothing that was
printed is cleared away with the screen, and what a terminal would obey or hide is shown.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from attrs import define, evolve, field, frozen

from confjob.web.runs.style import PLAIN, Style
from confjob.web.visible import named

__all__ = ["Line", "Shown", "Span", "shown"]

#: Columns that a cursor may go to without anything printed there.
_WIDEST: Final = 500
#: Lines that a cursor may go up.
_HIGHEST: Final = 64
#: Lines after which a program that has gone up is taken to have done with it.
_RECENT: Final = 8
#: A character that can't be shown is counted once it stands there so often.
_COUNTED: Final = 4

#: Text, then what a terminal would obey: commands (CSI), messages to it (OSC: titles, links), and
#: the rest of its escapes. Whatever is left is a character that must not act, only be shown.
_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]+)"
    r"|\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<command>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    r"|(?P<control>[\s\S])"
)
#: The beginning of a command whose end is not there yet.
_UNFINISHED: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*)?\Z")


@frozen(kw_only=True)
class Span:
    """Some text of one look."""

    text: str
    classes: str


@frozen(kw_only=True)
class Line:
    """A line as it stands in the end.

    Args:
        at: Where in the log it begins.
        spans: Its text.
        word: The look that was set where it begins.
    """

    at: int
    spans: tuple[Span, ...]
    word: str

    @property
    def text(self) -> str:
        """The text without its looks."""
        return "".join(span.text for span in self.spans)


@frozen(kw_only=True)
class Shown:
    """A piece of a log as lines.

    Args:
        lines: The lines.
        settled: How many of them will not change, whatever comes next.
        at: Where in the log the first line begins that may change.
        word: The look that is set there.
    """

    lines: tuple[Line, ...]
    settled: int
    at: int
    word: str


def shown(data: bytes, at: int = 0, word: str = "") -> Shown:
    """Return a piece of a log as lines.

    Args:
        data: The bytes.
        at: Where in the log they begin.
        word: The look that is set there, as `Line.word` says it.
    """
    screen = _Screen(style=Style.of(word), at=at)
    *whole, last = data.split(b"\n")
    for number, piece in enumerate((*whole, last)):
        if number:
            screen.feed(at)
        screen.write(_text(piece, unfinished=number == len(whole)))
        at += len(piece) + 1
    return screen.shown()


def _text(piece: bytes, *, unfinished: bool) -> str:
    """Return text with a surrogate for each byte that is none."""
    if not unfinished:
        return piece.decode("utf-8", "surrogateescape")
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(piece)
    return _UNFINISHED.sub("", text)


@define(kw_only=True)
class _Row:
    """A line that is written to."""

    at: int
    style: Style
    cells: list[str] = field(factory=list)
    styles: list[Style] = field(factory=list)

    def put(self, column: int, text: list[str], style: Style) -> None:
        """Write over what stands at a column, which may lie beyond the end."""
        missing = column - len(self.cells)
        if missing > 0:
            self.cells += [" "] * missing
            self.styles += [PLAIN] * missing
        self.cells[column : column + len(text)] = text
        self.styles[column : column + len(text)] = [style] * len(text)

    def spans(self) -> Iterator[Span]:
        """Yield the line's text, its parts of one look together."""
        position = 0
        for style, group in groupby(self.styles):
            length = len(list(group))
            cells = self.cells[position : position + length]
            position += length
            yield Span(text="".join(_counted(cells) if style.control else cells), classes=style.classes)


@define(kw_only=True)
class _Screen:
    """The lines, and where the cursor is."""

    style: Style
    at: int
    rows: list[_Row] = field(init=False)
    row: int = 0
    column: int = 0
    #: How far up the cursor has gone lately, and how many lines there were then.
    climbed: tuple[int, int] = (0, 0)

    def __attrs_post_init__(self) -> None:
        self.rows = [_Row(at=self.at, style=self.style)]

    def feed(self, at: int) -> None:
        """Go to the next line; a new one begins at `at` in the log."""
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append(_Row(at=at, style=self.style))

    def write(self, text: str) -> None:
        """Do what a terminal would do with some text without line breaks."""
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup
            if kind == "text":
                self._put(list(match[0]), self.style)
            elif kind == "command":
                self._obey(match["command"], match["parameters"])
            elif kind == "control":
                self._control(match[0])

    def shown(self) -> Shown:
        """Return the lines; an empty one at the end is none yet."""
        rows = self.rows if self.rows[-1].cells else self.rows[:-1]
        climb, count = self.climbed
        recent = len(self.rows) - count <= _RECENT
        settled = max(self.row - (climb if recent else 0), 0)
        first = self.rows[settled]
        lines = tuple(Line(at=row.at, spans=tuple(row.spans()), word=row.style.word) for row in rows)
        return Shown(lines=lines, settled=min(settled, len(lines)), at=first.at, word=first.style.word)

    def _put(self, cells: list[str], style: Style) -> None:
        self.rows[self.row].put(self.column, cells, style)
        self.column += len(cells)

    def _control(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        else:
            self._put([named(character)], evolve(self.style, control=True))

    def _obey(self, command: str, parameters: str) -> None:
        if command == "m" and not parameters.startswith(("<", "=", ">", "?")):
            self.style = self.style.told(parameters)
        elif command == "K":
            self._erase(parameters)
        elif command in "CDG`":
            self._go(command, _count(parameters))
        elif command in "ABEF":
            self._climb(command, _count(parameters))

    def _erase(self, parameters: str) -> None:
        row, kind = self.rows[self.row], parameters or "0"
        if kind in ("0", "2"):
            cut = self.column if kind == "0" else 0
            del row.cells[cut:], row.styles[cut:]
        elif kind == "1":
            row.put(0, [" "] * min(self.column + 1, len(row.cells)), PLAIN)

    def _go(self, command: str, count: int) -> None:
        where = {"C": self.column + count, "D": self.column - count}.get(command, count - 1)
        # What is there already can be reached however long the line is.
        self.column = min(max(where, 0), max(_WIDEST, len(self.rows[self.row].cells)))

    def _climb(self, command: str, count: int) -> None:
        if command in "AF":
            height = min(count, _HIGHEST, self.row)
            self.row -= height
            climb, lines = self.climbed
            now = len(self.rows)
            depth = now - 1 - self.row
            self.climbed = (max(climb, depth) if now - lines <= _RECENT else depth, now)
        else:
            self.row = min(self.row + count, len(self.rows) - 1)
        if command in "EF":
            self.column = 0


def _count(parameters: str) -> int:
    """Return how many times a command is meant: once where nothing, or nothing sensible, is said."""
    digits = parameters.partition(";")[0]
    return max(int(digits), 1) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 1


def _counted(cells: list[str]) -> Iterator[str]:
    for cell, group in groupby(cells):
        count = len(list(group))
        yield f"{cell}*{count} " if count > _COUNTED else cell * count
