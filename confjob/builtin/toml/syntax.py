"""TOML text as items with offsets.

The standard parser reads first and refuses whatever is malformed, so the scanner here only
has to find its way through text that is known to be right.
"""

from __future__ import annotations

import re
import sys
from pathlib import PurePosixPath
from typing import Final

from confjob.builtin.inplace import MAX_DEPTH, Entry, Item, Lines, line_end
from confjob.plugin import Json

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read"]

_SPACE: Final = re.compile(r"[ \t]*")
_GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|[^\s.=\]\"']+")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_STRINGS: Final = (
    ('"""', re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})', re.DOTALL)),
    ("'''", re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)),
    ('"', re.compile(r'"(?:\\.|[^"\\\n])*"')),
    ("'", re.compile(r"'[^'\n]*'")),
)
# A date and a time may be parted by a space.
_BARE: Final = re.compile(r"[^\s,\]}#]+(?:(?<=\d) \d\d:[^\s,\]}#]+)?")
_COMMENT: Final = re.compile(r"[ \t]*,?[ \t]*#[ \t]?([^\n]*)")
_POSITION: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def read(text: str, file: PurePosixPath) -> Item:
    """Return the item of the root table.

    A table with a header stands at its header, one that only others' names imply at the
    first of those names; `style` tells them apart (`table`, `implied`, `dotted`), and a
    list of tables has the style `tables`.

    Raises:
        InputError: On malformed text, or values that nest too deep.
    """
    lines = Lines(text, file)
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _POSITION.search(str(error))
        why = _POSITION.sub("", str(error))
        at = len(text.rstrip())
        if match and match[1]:
            at = lines.offset(int(match[1]), int(match[2]))
        raise lines.error(at, why[:1].lower() + why[1:]) from None
    except RecursionError:
        raise lines.error(0, f"values nest deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise lines.error(0, str(error)) from None
    root = _Scanner(text, lines).document()
    _fill(root, value)
    return root


def _fill(item: Item, value: Json) -> None:
    """Set what the standard parser read; dates stay text."""
    if item.kind == "mapping":
        for entry in item.entries:
            _fill(entry.item, value[entry.name])
        item.value = {entry.name: entry.item.value for entry in item.entries}
    elif item.kind == "list":
        for entry, below in zip(item.entries, value, strict=True):
            _fill(entry.item, below)
        item.value = [entry.item.value for entry in item.entries]
    elif isinstance(value, (bool, int, float, str)):
        item.value = value
    else:
        item.value, item.style = item.spelled, "date"


class _Scanner:
    """Walks the text once; `table` is the one whose keys come next."""

    def __init__(self, text: str, lines: Lines) -> None:
        self.text = text
        self.lines = lines
        self.root = Item(kind="mapping", start=0, end=len(text), style="table")
        self.table = self.root
        #: (mapping, key) -> the entry, by the mapping's identity
        self.known: dict[tuple[int, str], Entry] = {}

    def document(self) -> Item:
        """Return the root table, without values."""
        at = self._gap(0)
        while at < len(self.text):
            at = self._header(at) if self.text[at] == "[" else self._pair(at, self.table, flow=False)
            at = self._gap(at)
        return self.root

    def _gap(self, at: int) -> int:
        match = _GAP.match(self.text, at)
        return match.end() if match else at

    def _keys(self, at: int) -> tuple[list[str], int]:
        """Read a dotted key; returns its parts and where it ends."""
        keys: list[str] = []
        while match := _KEY.match(self.text, at):
            quoted = match[0][0] in "\"'"
            keys.append(tomllib.loads(f"k={match[0]}")["k"] if quoted else match[0])
            dot = _DOT.match(self.text, match.end())
            if dot is None:
                return keys, match.end()
            at = dot.end()
        raise self.lines.error(at, "expected a key")

    def _header(self, at: int) -> int:
        array = self.text.startswith("[[", at)
        space = _SPACE.match(self.text, at + 1 + array)
        keys, end = self._keys(space.end() if space else at)
        end = self.text.index("]", end) + 1 + array
        self._shallow(keys, at)
        parent = self.root
        for key in keys[:-1]:
            parent = self._below(parent, key, at, end, "implied")
        self.table = (
            self._element(parent, keys[-1], at, end) if array else self._named(parent, keys[-1], at, end)
        )
        self.table.body_end = line_end(self.text, end)
        return end

    def _named(self, parent: Item, key: str, start: int, end: int) -> Item:
        table = self._below(parent, key, start, end, "table")
        table.style, table.start, table.end = "table", start, end
        table.comment = self._comment(end)
        return table

    def _element(self, parent: Item, key: str, start: int, end: int) -> Item:
        entry = self.known.get((id(parent), key))
        if entry is None:
            entry = self._enter(parent, key, Item(kind="list", start=start, end=end, style="tables"))
        table = Item(kind="mapping", start=start, end=end, style="table", comment=self._comment(end))
        entry.item.entries.append(Entry(name=len(entry.item.entries), item=table))
        return table

    def _below(self, parent: Item, key: str, start: int, end: int, style: str) -> Item:
        """Return the table at `key`, made if need be; of a list of tables the last."""
        entry = self.known.get((id(parent), key))
        if entry is None:
            entry = self._enter(parent, key, Item(kind="mapping", start=start, end=end, style=style))
        return entry.item.entries[-1].item if entry.item.kind == "list" else entry.item

    def _enter(self, parent: Item, key: str, item: Item, start: int = -1, key_end: int = -1) -> Entry:
        entry = Entry(name=key, item=item, start=start, key_end=key_end)
        parent.entries.append(entry)
        self.known[id(parent), key] = entry
        return entry

    def _pair(self, at: int, table: Item, *, flow: bool, depth: int = 0) -> int:
        """Read `key = value` into `table`; returns where it ends."""
        start = at
        keys, key_end = self._keys(at)
        self._shallow(keys, at)
        equals = self.text.index("=", key_end)
        value = self._value(self._gap(equals + 1), depth)
        parent = table
        for key in keys[:-1]:
            parent = self._below(parent, key, start, key_end, "dotted")
            parent.flow = flow
            parent.end = value.end if flow else parent.end
        self._enter(parent, keys[-1], value, start, key_end)
        if not flow:
            table.body_end = line_end(self.text, value.end)
        return value.end

    def _value(self, at: int, depth: int) -> Item:
        if depth + 2 > MAX_DEPTH:
            raise self.lines.error(at, f"values nest deeper than {MAX_DEPTH} levels")
        if self.text[at] == "[":
            return self._array(at, depth)
        if self.text[at] == "{":
            return self._inline(at, depth)
        for style, pattern in _STRINGS:
            if self.text.startswith(style, at) and (match := pattern.match(self.text, at)):
                return self._scalar(at, match.end(), style)
        bare = _BARE.match(self.text, at)
        return self._scalar(at, bare.end() if bare else at, "")

    def _scalar(self, start: int, end: int, style: str) -> Item:
        item = Item(kind="scalar", start=start, end=end, style=style, spelled=self.text[start:end])
        item.comment = self._comment(end)
        return item

    def _array(self, at: int, depth: int) -> Item:
        item = Item(kind="list", start=at, end=at, flow=True)
        at = self._gap(at + 1)
        while self.text[at] != "]":
            below = self._value(at, depth + 1)
            item.entries.append(Entry(name=len(item.entries), item=below))
            at = self._after(below.end)
        return self._closed(item, at)

    def _inline(self, at: int, depth: int) -> Item:
        item = Item(kind="mapping", start=at, end=at, flow=True)
        at = self._gap(at + 1)
        while self.text[at] != "}":
            at = self._after(self._pair(at, item, flow=True, depth=depth + 1))
        return self._closed(item, at)

    def _after(self, at: int) -> int:
        """Return where the next element, or the closing bracket, stands."""
        at = self._gap(at)
        return self._gap(at + 1) if self.text[at] == "," else at

    def _closed(self, item: Item, at: int) -> Item:
        item.end = at + 1
        item.comment = self._comment(item.end)
        return item

    def _comment(self, at: int) -> str:
        match = _COMMENT.match(self.text, at)
        return match[1].rstrip() if match else ""

    def _shallow(self, keys: list[str], at: int) -> None:
        if len(keys) > MAX_DEPTH // 2:
            raise self.lines.error(at, f"a key of more than {MAX_DEPTH // 2} parts")
