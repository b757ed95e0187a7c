"""A draft of changes as edits of YAML text.

Each edit keeps what stands around a value: the comment on its line, its anchor, the
indentation of its neighbours. Where the text leaves no room for an edit, the result would
not read back as meant, and `revise` refuses it; so nothing here needs to know every
construct of YAML, only the usual ones well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from confjob.builtin.inplace import (
    Brackets,
    Draft,
    Edit,
    Entry,
    Item,
    Refusal,
    Slot,
    apply_edits,
    bracket_edits,
    line_end,
    line_start,
    lines_removed,
)
from confjob.builtin.yaml.emit import Habits, block_lines, flow_text, key_text, literal_text
from confjob.plugin import MISSING, Change, Json

__all__ = ["guard", "rewrite"]

_BRACKETS: Final = Brackets(comment="#")
_BLOCK_HEADER: Final = re.compile(r"[|>][-+0-9]*")
_EXPLICIT_KEY: Final = re.compile(r"\?[ \t]+\Z")
_STANDARD: Final = "tag:yaml.org,2002:"


def guard(item: Item, whole: bool) -> None:
    """Refuse changes that would reach another place, or whose meaning a tag decides.

    Raises:
        Refusal: Naming the places.
    """
    if item.tag and (whole or item.tag in (f"{_STANDARD}set", f"{_STANDARD}omap", f"{_STANDARD}pairs")):
        tag = item.tag.replace(_STANDARD, "!!")
        raise Refusal(f"it has the tag {tag}, which decides what its text means", "change the file by hand")
    for anchored in _anchored(item) if whole else [item]:
        outside = [
            alias for alias in anchored.aliases if not (whole and item.begin <= alias.start < item.end)
        ]
        if outside:
            raise Refusal(
                f"it is anchored as &{anchored.anchor}, and {len(outside)} other "
                f"{'place takes' if len(outside) == 1 else 'places take'} its value by *{anchored.anchor}",
                f"write the value out in place of *{anchored.anchor} first",
            )


def _anchored(item: Item) -> list[Item]:
    found, stack = [], [item]
    while stack:
        one = stack.pop()
        if one.aliases:
            found.append(one)
        stack.extend(entry.item for entry in one.entries)
    return found


def rewrite(text: str, slot: Slot, changes: Sequence[Change]) -> str:  # noqa: ARG001 - the draft has it all
    """Return `text` saying what the draft at `slot` says."""
    writer = _Writer(text, Habits.of(text, slot.old.item))
    writer.visit(slot, flow=False)
    return apply_edits(text, writer.edits)


class _Writer:
    """Walks a draft and collects edits, inner ones first."""

    def __init__(self, text: str, habits: Habits) -> None:
        self.text = text
        self.habits = habits
        self.edits: list[Edit] = []

    def visit(self, slot: Slot, *, flow: bool) -> None:
        """Collect the edits of one kept slot."""
        if slot.new is not MISSING:
            self._replace(slot.old, slot.new, flow=flow)
        elif slot.draft is not None:
            self._container(slot.old, slot.draft, flow=flow)

    def _container(self, entry: Entry, draft: Draft, *, flow: bool) -> None:
        item = draft.item
        flow = flow or item.flow
        if not draft.kept and item.kind != "documents":
            self._refill(entry, draft, flow=flow)
            return
        for slot in draft.kept:
            self.visit(slot, flow=flow)
        if item.flow:
            self._in_brackets(draft)
        elif item.kind != "documents":
            self._remove_lines(draft)
            self._add_lines(draft)

    # Values

    def _replace(self, entry: Entry, new: Json, *, flow: bool) -> None:
        """Write `new` where the value of `entry` stands."""
        item = entry.item
        if item.kind == "empty":
            self._fill_file(item, new)
        elif item.kind in ("mapping", "list") and not item.flow:
            self._replace_block(entry, flow_text(new, self.habits, flow=flow))
        elif item.style in ("|", ">"):
            self._replace_block_scalar(item, new)
        else:
            text = flow_text(new, self.habits, style=item.style, flow=flow)
            if item.start == item.end and item.kind == "scalar":
                unmarked = entry.key_end >= 0 and ":" not in self.text[entry.key_end : item.start]
                text = (": " if unmarked else " ") + text
            self._edit(item.start, item.end, text)

    def _replace_block(self, entry: Entry, text: str) -> None:
        """Write one line in place of a block, after the key and before the key's comment."""
        item = entry.item
        end = line_end(self.text, item.end)
        intro = self._intro(entry)
        if intro < 0 or "\n" not in self.text[intro : item.start]:
            self._edit(item.start, end, text)
            return
        self._edit(intro, intro, " " + text)
        self._edit(line_end(self.text, intro), end, "")

    def _intro(self, entry: Entry) -> int:
        """Return the offset after the key's colon, the dash or the anchor before a block, or -1."""
        item = entry.item
        if item.outer >= 0:
            return item.outer_end
        if entry.key_end >= 0:
            colon = self.text.find(":", entry.key_end, item.start)
            return colon + 1 if colon >= 0 else -1
        return -1

    def _replace_block_scalar(self, item: Item, new: Json) -> None:
        match = _BLOCK_HEADER.match(self.text, item.start)
        header = match.end() if match else item.start
        body = line_end(self.text, item.start)
        literal = literal_text(new, self._body_indent(item)) if isinstance(new, str) else None
        if literal is None:
            self._edit(item.start, header, flow_text(new, self.habits, flow=False))
            if item.end > body:
                self._edit(body, item.end, "")
            return
        first, _, rest = literal.partition("\n")
        self._edit(item.start, header, first)
        self._edit(body, max(body, item.end), "\n" + rest)

    def _body_indent(self, item: Item) -> int:
        """Return the columns that the lines of a block scalar are indented by."""
        body = self.text[line_end(self.text, item.start) : item.end]
        columns = [len(line) - len(line.lstrip(" ")) for line in body.split("\n") if line.strip()]
        start = line_start(self.text, item.start)
        line = self.text[start : item.start]
        return min(columns) if columns else len(line) - len(line.lstrip(" ")) + self.habits.step

    def _fill_file(self, item: Item, new: Json) -> None:
        """Write the first value of a file that has none, before a `...` and after all comments."""
        if isinstance(new, dict) and new:
            text = "\n".join(block_lines(new, self.habits))
        else:
            text = flow_text(new, self.habits, flow=False)
        at_line_start = line_start(self.text, item.start) == item.start
        self._edit(item.start, item.start, text + "\n" if at_line_start else "\n" + text)

    # Containers

    def _refill(self, entry: Entry, draft: Draft, *, flow: bool) -> None:
        """Write a container of which no old entry is left."""
        item = draft.item
        slots = draft.added
        if item.flow or not slots:
            value = (
                {slot.name: slot.new for slot in slots} if item.kind == "mapping" else [s.new for s in slots]
            )
            self._replace(entry, value, flow=flow)
            return
        lines = [line for slot in slots for line in self._block_entry(draft, slot)]
        indent = "\n" + " " * self._column(item)
        self._edit(item.start, line_end(self.text, item.end), indent.join(lines))

    def _in_brackets(self, draft: Draft) -> None:
        item = draft.item
        added = [self._flow_entry(draft, slot) for slot in draft.added]
        if self.text[item.start] not in "[{" and added:
            # `[a: 1]`: the pair needs brackets before it can hold a second key.
            self._edit(item.start, item.start, "{")
            self._edit(item.end, item.end, "".join(", " + one for one in added) + "}")
        else:
            self.edits += bracket_edits(self.text, draft, added, _BRACKETS)

    def _flow_entry(self, draft: Draft, slot: Slot) -> str:
        value = flow_text(slot.new, self.habits)
        if draft.item.kind == "list":
            return value
        return f"{key_text(str(slot.name), self.habits, style=self._key_style(draft), flow=True)}: {value}"

    def _block_entry(self, draft: Draft, slot: Slot) -> list[str]:
        """Return the lines of a new entry, not indented."""
        style = self._key_style(draft)
        if draft.item.kind == "mapping":
            return list(block_lines({str(slot.name): slot.new}, self.habits, style=style))
        if isinstance(slot.new, dict) and slot.new:
            first, *rest = block_lines(slot.new, self.habits)
            return ["- " + first, *("  " + line for line in rest)]
        return ["- " + flow_text(slot.new, self.habits, style=self._element_style(draft), flow=False)]

    def _key_style(self, draft: Draft) -> str:
        """Return the quote that all keys of a mapping have, or ""."""
        if draft.item.kind != "mapping":
            return ""
        quotes = {self.text[entry.start] for entry in draft.item.entries}
        quote = quotes.pop() if len(quotes) == 1 else ""
        return quote if quote in ("'", '"') else ""

    def _element_style(self, draft: Draft) -> str:
        styles = {entry.item.style for entry in draft.item.entries}
        return styles.pop() if len(styles) == 1 else ""

    def _column(self, item: Item) -> int:
        return item.start - line_start(self.text, item.start)

    def _add_lines(self, draft: Draft) -> None:
        """Write new entries of a block below its last entry."""
        at = line_end(self.text, draft.kept[-1].old.end)
        indent = "\n" + " " * self._column(draft.item)
        for slot in draft.added:
            self._edit(at, at, "".join(indent + line for line in self._block_entry(draft, slot)))

    def _remove_lines(self, draft: Draft) -> None:
        """Take out whole lines, or what stands between a dash and the next entry."""
        gone = {id(entry) for entry in draft.removed}
        if not gone:
            return
        entries = draft.item.entries
        starts = self._starts(draft.item)
        first_kept = next(i for i, entry in enumerate(entries) if id(entry) not in gone)
        begin = line_start(self.text, starts[0])
        shared = first_kept > 0 and bool(self.text[begin : starts[0]].strip())
        if shared:
            self._edit(starts[0], starts[first_kept], "")
        self.edits += lines_removed(
            self.text,
            [
                (start, entry.end)
                for i, (start, entry) in enumerate(zip(starts, entries, strict=True))
                if id(entry) in gone and not (shared and i < first_kept)
            ],
        )

    def _starts(self, item: Item) -> list[int]:
        """Return where each entry of a block starts: its key (or `?`), or its dash."""
        if item.kind == "mapping":
            return [self._key_start(entry) for entry in item.entries]
        starts = [item.start]
        dash = re.compile(rf"^ {{{self._column(item)}}}(?=-(?:\s|\Z))", re.MULTILINE)
        for before in item.entries[:-1]:
            match = dash.search(self.text, line_end(self.text, before.end))
            starts.append(match.end() if match else -1)
        if -1 in starts:
            raise Refusal("the elements of this list stand in an unusual way")
        return starts

    def _key_start(self, entry: Entry) -> int:
        begin = line_start(self.text, entry.start)
        explicit = _EXPLICIT_KEY.search(self.text[begin : entry.start])
        return begin + explicit.start() if explicit else entry.start

    def _edit(self, start: int, end: int, text: str) -> None:
        self.edits.append(Edit(start, end, text))
