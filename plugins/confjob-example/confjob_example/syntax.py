"""Reading INI: which values a text has, and where each of them stands.

What is read is what Python's `configparser` reads with its defaults, but for the spelling
of names, which stays as in the file, and `[DEFAULT]`, which is a section like any other.
`configparser` knows no positions, so the lines are read here; the tests compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from confjob.plugin import InputError, KeyPath, Node, Span

__all__ = ["COMMENT", "parse"]

#: Whole lines only: `configparser` reads `a = 1 ; one` as the value "1 ; one".
COMMENT: Final = re.compile(r"\s*[#;]")

_HEADER: Final = re.compile(r"\[(?P<name>.+)\]")
_ENTRY: Final = re.compile(r"(?P<key>.*?)\s*[=:]\s*(?P<value>.*)")


def parse(text: str, file: PurePosixPath) -> dict[KeyPath, Node]:
    """Return every section and value by path.

    Raises:
        InputError: At the first line that is no INI, or says something a second time.
    """
    tree: dict[str, dict[str, str]] = {}
    places = _Places(text, file)
    nodes = {KeyPath(): Node(value=tree, where=places.span(0, len(text)))}
    section = ""
    for start, end, lines, comment in _statements(text):
        where, header, entry = places.span(start, end), _HEADER.match(lines[0]), _ENTRY.fullmatch(lines[0])
        if header:
            section = header["name"]
            path, value = KeyPath((section,)), tree.setdefault(section, {})
        elif entry and entry["key"] and tree:
            path, where = KeyPath((section, entry["key"])), places.span(start + entry.start("value"), end)
            value = "\n".join([entry["value"], *lines[1:]]).rstrip()
            tree[section].setdefault(entry["key"], value)
        else:
            raise InputError(f"{where}: neither a [section] nor a key = value in one")
        if path in nodes:
            raise InputError(f"{where}: {path} stands in line {nodes[path].where.line} as well")
        nodes[path] = Node(value=value, where=where, comment=comment)
    return nodes


def _statements(text: str) -> Iterator[tuple[int, int, list[str], str]]:
    """Yield start, end, stripped lines and comment of each header and entry.

    A value goes on where lines are indented; the comment is the line above.
    """
    lines: list[str] = []
    start = end = at = indent = 0
    above = comment = ""
    for line in text.split("\n"):
        here, deep = line.strip(), len(line) - len(line.lstrip())
        goes_on = lines and not _HEADER.match(lines[0])
        is_comment = COMMENT.match(line) is not None
        if goes_on and not is_comment and (not here or deep > indent):
            lines.append(here)
            end = at + len(line.rstrip()) if here else end
        elif here and not is_comment:
            if lines:
                yield start, end, lines, comment
            lines, indent, start, end, comment = [here], deep, at + deep, at + len(line.rstrip()), above
        above = here.lstrip("#; ") if is_comment else ""
        at += len(line) + 1
    if lines:
        yield start, end, lines, comment


class _Places:
    """Spans with line and column; asked in the order of the text, so that each line is counted once."""

    def __init__(self, text: str, file: PurePosixPath) -> None:
        self._text = text
        self._file = file
        self._line, self._seen = 1, 0

    def span(self, start: int, end: int) -> Span:
        self._line, self._seen = self._line + self._text.count("\n", self._seen, start), start
        column = start - self._text.rfind("\n", 0, start)
        return Span(file=self._file, line=self._line, column=column, start=start, end=end)
