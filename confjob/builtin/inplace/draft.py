"""The changes of one edit, gathered over the items they touch before any text is written.

Changes refer to the tree as the changes before them left it (deleting `l[0]` twice removes
two elements), while the text they change is the old one. The draft keeps both: containers
on the way to a change become `Draft`s, whose slots remember the old entry they stand for.
Setting a mapping to a mapping, or a list to a list, changes only what differs, so that
comments and spelling of the rest survive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from confjob.builtin.inplace.items import Entry, Item
from confjob.plugin import MISSING, Json, KeyPath, MissingType, tree

__all__ = ["Draft", "Guard", "Refusal", "Slot"]

#: Raises `Refusal` where an item can't be changed: called with True where the whole item
#: goes, with False where only something in it changes.
Guard = Callable[[Item, bool], None]


class Refusal(Exception):  # noqa: N818 - it says no; nothing has gone wrong
    """A change that can't be made in place, with the reason."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Slot:
    """A place for a value: what stood there, and what shall stand there.

    At most one of `new` and `draft` is set; neither means unchanged.
    """

    __slots__ = ("draft", "entry", "guard", "name", "new")

    def __init__(self, name: str | int | None, entry: Entry | None, guard: Guard) -> None:
        self.name = name
        self.entry = entry
        self.guard = guard
        self.new: Json | MissingType = MISSING
        self.draft: Draft | None = None

    @property
    def old(self) -> Entry:
        """The entry that stood here; only slots that a draft kept have one."""
        if self.entry is None:
            raise LookupError(self.name)
        return self.entry

    def set(self, path: KeyPath, value: Json) -> None:
        """Put `value` at `path` below this slot; raises `Refusal`."""
        if not path:
            self._settle(value)
        elif self.entry is None or self.new is not MISSING:
            self.new = _put(self.new, path, value)
        elif self.entry.item.value is None or self.entry.item.kind == "empty":
            self._replace(_put(None, path, value))
        else:
            self._opened(self.entry.item).set(path, value)

    def delete(self, path: KeyPath) -> None:
        """Remove what stands at `path`, which is not empty; raises `Refusal`."""
        if self.entry is None or self.new is not MISSING:
            self.new = _delete(self.new, path)
        else:
            self._opened(self.entry.item).delete(path)

    def _settle(self, value: Json) -> None:
        """Make `value` stand here, changing as little as possible."""
        item = self.entry.item if self.entry else None
        self.draft = None
        self.new = MISSING
        if item is not None and tree.same(item.value, value):
            return
        if item is None or item.merged or not _alike(item, value):
            self._replace(value)
        elif isinstance(value, dict):
            self._opened(item).become_mapping(value)
        else:
            self._opened(item).become_list(value)

    def _replace(self, value: Json) -> None:
        if self.entry is not None:
            self.guard(self.entry.item, True)
        self.new = value

    def _opened(self, item: Item) -> Draft:
        if item.kind == "alias":
            raise Refusal(
                "the path leads through an alias, so the change would reach other places",
                "change the value where it is written, or set the whole aliased value",
            )
        if item.kind not in ("mapping", "list", "documents"):
            raise Refusal("the path leads through a value that is neither a mapping nor a list")
        if self.draft is None:
            self.guard(item, False)
            self.draft = Draft(item, self.guard)
        return self.draft


class Draft:
    """A mapping or list in which something changes."""

    def __init__(self, item: Item, guard: Guard) -> None:
        self.item = item
        self.guard = guard
        self.slots = [Slot(entry.name, entry, guard) for entry in item.entries]
        self._named = {slot.name: slot for slot in self.slots if slot.name is not None}

    def set(self, path: KeyPath, value: Json) -> None:
        """Put `value` at `path`, adding what is missing on the way."""
        slot = self._slot(path[0]) or self._added(path)
        slot.set(KeyPath(path[1:]), value)

    def delete(self, path: KeyPath) -> None:
        """Remove what stands at `path`."""
        slot = self._slot(path[0])
        if slot is None:
            raise Refusal(self._absent(path[0]), "change it where it is written")
        if len(path) > 1:
            slot.delete(KeyPath(path[1:]))
            return
        self._resizable()
        if slot.entry is not None:
            self.guard(slot.entry.item, True)
        self.slots.remove(slot)
        self._named.pop(path[0], None)

    def become_mapping(self, value: dict[str, Json]) -> None:
        """Change what differs from `value`."""
        for name in [name for name in self._named if name not in value]:
            self.delete(KeyPath((name,)))
        for name, below in value.items():
            self.set(KeyPath((name,)), below)

    def become_list(self, value: Sequence[Json]) -> None:
        """Change what differs from `value`, element by element."""
        for index in range(len(self.slots) - 1, len(value) - 1, -1):
            self.delete(KeyPath((index,)))
        for index, below in enumerate(value):
            self.set(KeyPath((index,)), below)

    @property
    def kept(self) -> list[Slot]:
        """The slots that stand for old entries."""
        return [slot for slot in self.slots if slot.entry is not None]

    @property
    def added(self) -> list[Slot]:
        """The slots that are new; they come after all kept ones."""
        return [slot for slot in self.slots if slot.entry is None]

    @property
    def removed(self) -> list[Entry]:
        """The old entries that have no slot any more."""
        kept = {id(slot.entry) for slot in self.slots}
        return [entry for entry in self.item.entries if id(entry) not in kept]

    def _slot(self, part: str | int) -> Slot | None:
        if self.item.kind == "mapping":
            return self._named.get(part)
        if not isinstance(part, int) or not 0 <= part <= len(self.slots):
            raise Refusal(f"a list of {len(self.slots)} has no element {part!r}")
        return self.slots[part] if part < len(self.slots) else None

    def _added(self, path: KeyPath) -> Slot:
        self._resizable()
        part = path[0]
        if self.item.kind == "mapping" and not isinstance(part, str):
            raise Refusal(f"a mapping has no element [{part}]")
        if part in self.item.merged and len(path) > 1:
            raise Refusal(self._absent(part), "set the whole value to override it here")
        slot = Slot(part, None, self.guard)
        self.slots.append(slot)
        if self.item.kind == "mapping":
            self._named[part] = slot
        return slot

    def _absent(self, part: str | int) -> str:
        if part in self.item.merged:
            return f"{part!r} comes from another mapping by '<<', so the change would reach other places"
        return f"nothing stands at {part!r}"

    def _resizable(self) -> None:
        if self.item.kind == "documents":
            raise Refusal("documents of a file can be changed, but none added or removed")


def _alike(item: Item, value: Json) -> bool:
    """Whether changing `item` piece by piece into `value` keeps anything of it."""
    if item.kind == "mapping":
        return isinstance(value, dict) and any(entry.name in value for entry in item.entries)
    return item.kind in ("list", "documents") and isinstance(value, list) and bool(item.entries and value)


def _put(value: Json, path: KeyPath, new: Json) -> Json:
    try:
        return tree.put(value, path, new)
    except KeyError:
        raise Refusal("the path leads through a value that is neither a mapping nor a list") from None


def _delete(value: Json, path: KeyPath) -> Json:
    try:
        return tree.delete(value, path)
    except KeyError:
        raise Refusal("nothing stands there") from None
