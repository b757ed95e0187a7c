"""YAML text as items with offsets, built from the events of PyYAML's parser.

libyaml marks where every value stands; what the marks lack is mended here: a block mapping
or list ends with its last value (libyaml says: where the next token starts), a block scalar
ends with its last line, an empty value in brackets stands after its colon. No event is
expanded: an alias is a leaf, so that an alias bomb costs nothing to read.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import PurePosixPath
from typing import Final

import yaml
from attrs import define, field

from confjob.builtin.inplace import MAX_DEPTH, Entry, Item, Lines
from confjob.builtin.inplace.items import MAX_SHARED
from confjob.builtin.yaml.resolve import is_merge, value_of
from confjob.plugin import InputError, Json

__all__ = ["read"]

# The C parser marks the same characters, seven times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_PROPERTY = re.compile(r"&[\w-]+|!<[^>]*>|![^\s,\[\]{}]*")
_GAP = re.compile(r"(?:\s+(?:#[^\n]*)?)*")
_COLON = re.compile(r"\s*:")
_COMMENT = re.compile(r"[ \t]*,?[ \t]+#[ \t]?([^\n]*)")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")
_UNREADABLE = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\A\ufeff")


def read(text: str, file: PurePosixPath) -> Item:
    """Return the item of the root.

    A file of several documents gives an item of kind `documents`, a file without a value
    one of kind `empty`.

    Raises:
        InputError: On malformed text, duplicate keys, recursive aliases, deep nesting.
    """
    reader = _Reader(text, Lines(text, file))
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        raise reader.lines.error(
            unreadable.start(), f"the character U+{ord(unreadable[0]):04X} is not allowed in YAML"
        )
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, reader.lines, text) from None
    except yaml.YAMLError as error:
        raise InputError(f"{file}:1:1: {error}") from None
    return reader.root()


def _syntax_error(error: yaml.MarkedYAMLError, lines: Lines, text: str) -> InputError:
    mark = error.problem_mark or error.context_mark
    at = mark.index if mark else 0
    why = " ".join(filter(None, (error.problem or "", error.context or ""))) or str(error)
    tab = text[at : at + 1] == "\t"
    return lines.error(at, why, "indent with spaces, not tabs" if tab else "quote the value if it is text")


def _marks(event: yaml.Event) -> tuple[int, int]:
    """Return the characters of an event; both parsers mark every one, which the stubs don't know."""
    first, last = event.start_mark, event.end_mark
    return (first.index, last.index) if first and last else (0, 0)


@define(eq=False)
class _Frame:
    """A mapping or list whose end has not been seen; a mapping's items alternate."""

    item: Item
    items: list[Item] = field(factory=list)


class _Reader:
    """Takes events one by one; holds the open containers and the anchors of the document."""

    def __init__(self, text: str, lines: Lines) -> None:
        self.text = text
        self.lines = lines
        self.documents: list[Item] = []
        self.frames: list[_Frame] = []
        self.anchors: dict[str, Item] = {}
        self.merged = 0

    def root(self) -> Item:
        """Return what the whole file says."""
        size = len(self.text)
        if not self.documents:
            return Item(kind="empty", start=size, end=size, value={})
        if len(self.documents) > 1:
            entries = [Entry(name=i, item=item) for i, item in enumerate(self.documents)]
            values = [item.value for item in self.documents]
            return Item(kind="documents", start=0, end=size, value=values, entries=entries)
        only = self.documents[0]
        if only.kind == "scalar" and only.start == only.end and not (only.tag or only.style or only.anchor):
            only.kind, only.value = "empty", {}
        return only

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.anchors = {}
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event))
        elif isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)

    def _add(self, item: Item) -> None:
        if item.anchor:
            self.anchors[item.anchor] = item
        (self.frames[-1].items if self.frames else self.documents).append(item)

    def _alias(self, event: yaml.AliasEvent) -> Item:
        start, end = _marks(event)
        target = self.anchors.get(event.anchor or "")
        if target is None:
            raise self.lines.error(start, f"the alias *{event.anchor} has no anchor before it")
        if any(frame.item is target for frame in self.frames):
            raise self.lines.error(start, f"the alias *{event.anchor} stands inside the value it names")
        item = Item(kind="alias", start=start, end=end, value=target.value, target=target)
        item.comment = self._comment(end)
        target.aliases.append(item)
        return item

    def _scalar(self, event: yaml.ScalarEvent) -> Item:
        style = event.style or ""
        plain = not style
        start, end, outer_end = self._content(event, empty=plain and not event.value)
        if style in ("|", ">"):
            end = self._block_scalar_end(start, end)
        tag = event.tag or ""
        try:
            value = value_of(event.value, plain=plain, tag=tag)
        except ValueError as error:
            raise self.lines.error(start, str(error)) from None
        item = Item(kind="scalar", start=start, end=end, value=value, style=style, tag=tag)
        item.outer = _marks(event)[0] if event.anchor or tag else -1
        item.outer_end = outer_end
        item.anchor = event.anchor or ""
        header = _BLOCK_HEADER.match(self.text, start) if style in ("|", ">") else None
        item.comment = self._comment(header.end() if header else end)
        item.spelled = event.value
        return item

    def _content(self, event: yaml.NodeEvent, *, empty: bool = False) -> tuple[int, int, int]:
        """Return where the value's own text starts and ends, and where anchor and tag end (or -1)."""
        start, end = _marks(event)
        if not (event.anchor or getattr(event, "tag", None)):
            return start, end, -1
        last = start
        while match := _PROPERTY.match(self.text, start):
            last = match.end()
            gap = _GAP.match(self.text, last)
            start = gap.end() if gap else last
            if start >= end:
                break
        return (last, last, last) if empty else (start, max(start, end), last)

    def _block_scalar_end(self, start: int, end: int) -> int:
        """Return the end of the last line that says something."""
        body = self.text[start:end]
        header = _BLOCK_HEADER.match(body)
        keep = header is not None and "+" in header[0]
        # With `+` the empty lines at the end are part of the value.
        body = body.rstrip(" ").removesuffix("\n") if keep else body.rstrip()
        return start + len(body)

    def _comment(self, offset: int) -> str:
        match = _COMMENT.match(self.text, offset)
        return match[1].rstrip() if match else ""

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        start, _, outer_end = self._content(event)
        if len(self.frames) >= MAX_DEPTH:
            raise self.lines.error(start, f"values nest deeper than {MAX_DEPTH} levels")
        item = Item(
            kind="mapping" if isinstance(event, yaml.MappingStartEvent) else "list",
            start=start,
            end=start,
            flow=bool(event.flow_style),
            outer=_marks(event)[0] if event.anchor or event.tag else -1,
            outer_end=outer_end,
            tag=event.tag or "",
            anchor=event.anchor or "",
        )
        self._add(item)
        self.frames.append(_Frame(item))

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        frame = self.frames.pop()
        item = frame.item
        if item.kind == "list":
            item.entries = [Entry(name=i, item=below) for i, below in enumerate(frame.items)]
            item.value = [below.value for below in frame.items]
        else:
            self._close_mapping(item, frame.items)
        # A pair in a flow list (`[a: 1]`) is a flow mapping without brackets of its own.
        if item.flow and self.text[item.start] in "[{":
            _, item.end = _marks(event)
        elif item.entries:
            item.end = item.entries[-1].end
        if item.flow:
            item.comment = self._comment(item.end)

    def _close_mapping(self, item: Item, items: list[Item]) -> None:
        own: dict[str, Json] = {}
        seen: dict[Hashable, int] = {}
        merged: dict[str, Item] = {}
        for key, below in zip(items[::2], items[1::2], strict=True):
            entry = self._entry(key, below)
            self._unique(key, entry, seen)
            item.entries.append(entry)
            if entry.name is None:
                merged.update(self._merge(below))
            else:
                own[self._spelled(key)] = below.value
        item.merged = {name: source for name, source in merged.items() if name not in own}
        item.value = {**{name: source.value for name, source in merged.items()}, **own} if merged else own

    def _entry(self, key: Item, below: Item) -> Entry:
        colon = _COLON.match(self.text, key.end)
        key_end = colon.end() if colon else key.end
        if below.kind == "scalar" and not below.style and below.start == below.end and below.outer < 0:
            # libyaml puts an empty value in brackets where the next token starts.
            below.start = below.end = key_end
            below.comment = self._comment(key_end)
        elif below.kind in ("mapping", "list") and not below.flow:
            below.comment = self._comment(key_end)
        merge = is_merge(self._spelled(key), plain=not key.style, tag=key.tag)
        return Entry(name=None if merge else self._spelled(key), item=below, start=key.begin, key_end=key.end)

    def _spelled(self, key: Item) -> str:
        source = key.source
        if source.kind != "scalar":
            return self.text[key.start : key.end]
        return source.spelled

    def _unique(self, key: Item, entry: Entry, seen: dict[Hashable, int]) -> None:
        """Refuse a key that is there already, as spelled or as resolved (`1` and `0x1`)."""
        spelled = self._spelled(key)
        names: set[Hashable] = {("spelled", spelled)}
        if key.source.kind == "scalar":
            names.add(("value", key.source.value))
        for name in names:
            if name in seen:
                line, _ = self.lines.position(seen[name])
                raise self.lines.error(
                    entry.start,
                    f"the key {spelled!r} stands in this mapping already, on line {line}",
                    "remove one of the two: readers disagree on which one counts",
                )
            seen[name] = entry.start

    def _merge(self, below: Item) -> dict[str, Item]:
        """Return what `<<` brings in: the first of several mappings wins."""
        source = below.source
        listed = [entry.item for entry in source.entries] if source.kind == "list" else [below]
        merged: dict[str, Item] = {}
        for one in reversed(listed):
            mapping = one.source
            if mapping.kind != "mapping":
                raise self.lines.error(one.start, "'<<' takes a mapping or a list of mappings")
            merged.update({str(name): child for name, child, _ in mapping.children()})
            self.merged += len(merged)
        if self.merged > MAX_SHARED:
            raise self.lines.error(below.start, f"merges multiply the keys of this file beyond {MAX_SHARED}")
        return merged
