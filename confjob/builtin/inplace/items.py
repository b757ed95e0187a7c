"""What a reader finds in a text: values, each with the offsets of its own characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from attrs import define, field

from confjob.builtin.inplace.spans import Lines
from confjob.plugin import Json, KeyPath, Node

__all__ = ["MAX_DEPTH", "MAX_SHARED", "Entry", "Item", "nodes_of"]

#: How deep values may nest: no real config comes near it, and recursion stays safe.
MAX_DEPTH: Final = 200

#: How many values may be reached through aliases, which is what an alias bomb multiplies.
MAX_SHARED: Final = 100_000


@define(eq=False, kw_only=True)
class Item:
    """A value and the text that spells it.

    Args:
        kind: `alias` stands for `target`; `documents` is the list of a file's documents;
            `empty` is the root of a file that says nothing.
        start: Where the value's own text starts, after an anchor and a tag.
        end: Where it ends; a block's last value ends it.
        value: What it says.
        entries: What a mapping or list holds, in order.
        spelled: The content of a scalar, before it is resolved to a value.
        body_end: Where the last line of a TOML table's own ends; -1 where nothing can follow.
        outer: Where the anchor or the tag starts, if there is one; else -1.
        outer_end: Where the two end.
        flow: Whether a mapping or list is written in brackets.
        merged: Values that a mapping takes from others, by key (YAML's `<<`).
    """

    kind: Literal["scalar", "mapping", "list", "alias", "documents", "empty"]
    start: int
    end: int
    value: Json = None
    entries: list[Entry] = field(factory=list)
    style: str = ""
    comment: str = ""
    spelled: str = ""
    flow: bool = False
    body_end: int = -1
    outer: int = -1
    outer_end: int = -1
    tag: str = ""
    anchor: str = ""
    aliases: list[Item] = field(factory=list)
    target: Item | None = None
    merged: Mapping[str, Item] = field(factory=dict)

    @property
    def begin(self) -> int:
        """Where the item starts, its anchor and tag included."""
        return self.outer if self.outer >= 0 else self.start

    @property
    def source(self) -> Item:
        """The item that the value comes from: the target of an alias, else itself."""
        return self if self.target is None else self.target

    def children(self) -> Iterator[tuple[str | int, Item, bool]]:
        """Yield (key or index, item, whether it comes by a merge), in the order of `value`."""
        own = {entry.name: entry.item for entry in self.entries if entry.name is not None}
        if not self.merged:
            yield from ((name, item, False) for name, item in own.items())
            return
        for name in self.value:
            yield name, own.get(name) or self.merged[name], name not in own


@define(eq=False, kw_only=True)
class Entry:
    """A key with its value, or an element of a list.

    `name` is None where the entry is not a value of its own (a merge). `start` is where
    the key's text starts, `key_end` where it ends; an element has neither (-1).
    """

    name: str | int | None
    item: Item
    start: int = -1
    key_end: int = -1

    @property
    def begin(self) -> int:
        """Where the entry starts: its key, or its value if there is none."""
        return self.start if self.start >= 0 else self.item.begin

    @property
    def end(self) -> int:
        """Where the entry ends."""
        return max(self.item.end, self.key_end)


def nodes_of(root: Item, lines: Lines) -> dict[KeyPath, Node]:
    """Return every value by path, in document order.

    Raises:
        InputError: When aliases multiply the values beyond measure.
    """
    nodes: dict[KeyPath, Node] = {}
    shared = 0
    stack = [(KeyPath(), root, False)]
    while stack:
        path, item, through_alias = stack.pop()
        shared += through_alias or item.target is not None
        if shared > MAX_SHARED:
            raise lines.error(
                item.start,
                f"aliases multiply the values of this file beyond {MAX_SHARED}",
                "a config file does not need nested aliases; write the values out",
            )
        source = item.source
        nodes[path] = Node(
            value=source.value,
            where=lines.span(source.start, source.end),
            style=source.style,
            comment=source.comment or item.comment,
        )
        below = [
            (path.child(name), child, through_alias or item is not source or merged)
            for name, child, merged in source.children()
        ]
        stack.extend(reversed(below))
    return nodes
