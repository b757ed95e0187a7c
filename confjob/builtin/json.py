"""JSON, changed by editing its text at the offsets of its values.

`json.dump` reproduces hardly any file that a person wrote (indentation, short lists on one
line, `1e-5`), so a scanner of our own notes where every value stands. It reads what the
standard module reads, `NaN` included, and refuses what that one lets pass: a key that stands
twice.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from confjob.builtin.inplace import (
    MAX_DEPTH,
    Brackets,
    Draft,
    Edit,
    Entry,
    Item,
    Language,
    Lines,
    Slot,
    apply_edits,
    bracket_edits,
    nodes_of,
    revise,
)
from confjob.plugin import MISSING, Change, Document, Format, Json, KeyPath, Node, hookimpl, text_format

__all__ = ["FORMAT", "confjob_formats", "edit", "parse"]

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD: Final = re.compile(r"-?[A-Za-z_][A-Za-z_0-9]*")
_WORDS: Final = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
}
_BRACKETS: Final = Brackets()


def parse(text: str, file: PurePosixPath) -> Mapping[KeyPath, Node]:
    """Read JSON as the standard module does, with the place of every value.

    Raises:
        InputError: On malformed text, a duplicate key or nesting without bound.
    """
    lines = Lines(text, file)
    return nodes_of(_Scanner(text, lines).document(), lines)


def edit(document: Document, text: str, changes: Sequence[Change]) -> str:
    """Change `text` in place.

    Raises:
        InvalidOverrides: With every change that JSON can't say.
    """
    file = document.source.path or PurePosixPath()
    language = Language(read=lambda text: _Scanner(text, Lines(text, file)).document(), write=_rewrite)
    return revise(document, text, changes, language)


FORMAT: Format = text_format("json", (".json",), parse=parse, edit=edit)


@hookimpl
def confjob_formats() -> Iterator[Format]:
    """Give the JSON format."""
    yield FORMAT


class _Scanner:
    """Reads values from left to right."""

    def __init__(self, text: str, lines: Lines) -> None:
        self.text = text
        self.lines = lines

    def document(self) -> Item:
        """Return the one value of the text."""
        item = self._value(self._skip(0), 0)
        rest = self._skip(item.end)
        if rest < len(self.text):
            raise self.lines.error(rest, f"{self.text[rest]!r} after the end of the value")
        return item

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def _value(self, at: int, depth: int) -> Item:
        char = self.text[at : at + 1]
        if char in ("{", "["):
            if depth >= MAX_DEPTH:
                raise self.lines.error(at, f"values nest deeper than {MAX_DEPTH} levels")
            return self._mapping(at, depth) if char == "{" else self._list(at, depth)
        if char == '"':
            value, end = self._string(at)
            return Item(kind="scalar", start=at, end=end, value=value, style='"')
        return self._bare(at)

    def _bare(self, at: int) -> Item:
        number = _NUMBER.match(self.text, at)
        if number:
            whole = number[1] is None and number[2] is None
            try:
                value: Json = int(number[0]) if whole else float(number[0])
            except ValueError:
                raise self.lines.error(at, "a number of too many digits") from None
            return Item(kind="scalar", start=at, end=number.end(), value=value)
        word = _WORD.match(self.text, at)
        if word and word[0] in _WORDS:
            return Item(kind="scalar", start=at, end=word.end(), value=_WORDS[word[0]])
        found = "the end of the file" if at >= len(self.text) else repr(word[0] if word else self.text[at])
        hint = "text stands in double quotes" if word else ""
        raise self.lines.error(at, f"expected a value, found {found}", hint)

    def _string(self, at: int) -> tuple[str, int]:
        match = _STRING.match(self.text, at)
        if match is None:
            raise self.lines.error(at, "text without an end, or with a line feed or tab in it")
        try:
            return json.loads(match[0]), match.end()
        except ValueError as error:
            raise self.lines.error(at, f"malformed text ({error})") from None

    def _list(self, at: int, depth: int) -> Item:
        item = Item(kind="list", start=at, end=at, flow=True)
        at = self._skip(at + 1)
        while self.text[at : at + 1] != "]" or item.entries:
            below = self._value(at, depth + 1)
            item.entries.append(Entry(name=len(item.entries), item=below))
            at, more = self._next(below.end, "]")
            if not more:
                break
        item.end = at + 1
        item.value = [entry.item.value for entry in item.entries]
        return item

    def _mapping(self, at: int, depth: int) -> Item:
        item = Item(kind="mapping", start=at, end=at, flow=True)
        at = self._skip(at + 1)
        keys: dict[str, int] = {}
        while self.text[at : at + 1] != "}" or item.entries:
            entry = self._entry(at, depth, keys)
            item.entries.append(entry)
            at, more = self._next(entry.end, "}")
            if not more:
                break
        item.end = at + 1
        item.value = {entry.name: entry.item.value for entry in item.entries}
        return item

    def _entry(self, at: int, depth: int, keys: dict[str, int]) -> Entry:
        if self.text[at : at + 1] != '"':
            found = repr(self.text[at]) if at < len(self.text) else "the end of the file"
            raise self.lines.error(at, f"expected a key in double quotes, found {found}")
        key, end = self._string(at)
        if key in keys:
            line, _ = self.lines.position(keys[key])
            why = f"the key {key!r} stands in this object already, on line {line}"
            raise self.lines.error(at, why, "remove one of the two: readers take the last one")
        keys[key] = at
        colon = self._skip(end)
        if self.text[colon : colon + 1] != ":":
            raise self.lines.error(colon, f"expected ':' after the key {key!r}")
        below = self._value(self._skip(colon + 1), depth + 1)
        return Entry(name=key, item=below, start=at, key_end=end)

    def _next(self, at: int, close: str) -> tuple[int, bool]:
        """Return where the next element or the closing bracket stands, and which of the two."""
        at = self._skip(at)
        char = self.text[at : at + 1]
        if char == close:
            return at, False
        if char != ",":
            found = repr(char) if char else "the end of the file"
            raise self.lines.error(at, f"expected ',' or '{close}', found {found}")
        return self._skip(at + 1), True


def _rewrite(text: str, slot: Slot, changes: Sequence[Change]) -> str:  # noqa: ARG001 - the draft has it all
    edits: list[Edit] = []
    escape = text.isascii() and "\\u" in text
    stack = [slot]
    while stack:
        one = stack.pop()
        item = one.old.item
        if one.new is not MISSING:
            edits.append(Edit(item.start, item.end, _text(one.new, escape=escape)))
        elif one.draft is not None and not one.draft.kept:
            edits.append(Edit(item.start, item.end, _text(_added(one.draft), escape=escape)))
        elif one.draft is not None:
            edits += _container(text, one.draft, escape=escape)
            stack += one.draft.kept
    return apply_edits(text, edits)


def _container(text: str, draft: Draft, *, escape: bool) -> list[Edit]:
    if draft.item.kind == "list":
        return bracket_edits(text, draft, [_text(slot.new, escape=escape) for slot in draft.added], _BRACKETS)
    last = draft.item.entries[-1]
    colon = text[last.key_end : last.item.start]
    added = [_text(slot.name, escape=escape) + colon + _text(slot.new, escape=escape) for slot in draft.added]
    return bracket_edits(text, draft, added, _BRACKETS)


def _added(draft: Draft) -> Json:
    if draft.item.kind == "list":
        return [slot.new for slot in draft.added]
    return {slot.name: slot.new for slot in draft.added}


def _text(value: Json, *, escape: bool) -> str:
    """Return any value on one line; a float as readers of YAML agree on too (`2.0e-05`)."""
    if isinstance(value, dict):
        pairs = (
            f"{_text(key, escape=escape)}: {_text(below, escape=escape)}" for key, below in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(below, escape=escape) for below in value) + "]"
    if isinstance(value, float) and math.isfinite(value):
        digits, exponent, power = repr(value).partition("e")
        return digits + (".0" if exponent and "." not in digits else "") + exponent + power
    # A lone surrogate can't be saved as UTF-8, only escaped.
    lone = isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)
    return json.dumps(value, ensure_ascii=escape or lone)
