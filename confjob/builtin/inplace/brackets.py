"""Adding to and removing from what stands in brackets: JSON, YAML's flow style, TOML arrays.

New elements look like their neighbours: what parts the last two elements parts the new one
too, one element per line stays one element per line, and a trailing comma stays trailing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

from confjob.builtin.inplace.draft import Draft
from confjob.builtin.inplace.items import Entry, Item
from confjob.builtin.inplace.spans import Edit, line_end

__all__ = ["Brackets", "bracket_edits"]


@frozen(kw_only=True)
class Brackets:
    """How a format writes inside brackets."""

    #: What starts a comment, or "" where there are none.
    comment: str = ""
    #: What parts elements where none show how.
    separator: str = ", "


def bracket_edits(text: str, draft: Draft, added: Sequence[str], brackets: Brackets) -> list[Edit]:
    """Return the edits that remove and add elements of a draft which keeps at least one.

    Args:
        text: The whole text.
        draft: A mapping or list in brackets.
        added: The texts of the new elements.
        brackets: How the format writes.
    """
    edits = list(_removals(draft))
    kept = [slot.old for slot in draft.kept]
    if added:
        edits += _additions(text, draft.item, kept, added, brackets)
    return edits


def _removals(draft: Draft) -> list[Edit]:
    """Remove runs of elements, each with the comma that parts it from what is kept."""
    gone = {id(entry) for entry in draft.removed}
    edits: list[Edit] = []
    run: Entry | None = None
    last_kept: Entry | None = None
    for entry in draft.item.entries:
        if id(entry) in gone:
            run = run or entry
            continue
        if run is not None:
            edits.append(Edit(run.begin, entry.begin, ""))
        run, last_kept = None, entry
    if run is not None and last_kept is not None:
        edits.append(Edit(last_kept.end, draft.item.entries[-1].end, ""))
    return edits


def _additions(
    text: str, item: Item, kept: Sequence[Entry], added: Sequence[str], brackets: Brackets
) -> list[Edit]:
    separator = _separator(text, item, brackets)
    last = kept[-1]
    broken = "\n" in separator and last is item.entries[-1]
    tail = _line_tail(brackets).match(text, last.end) if broken else None
    if tail is None:
        return [Edit(last.end, last.end, "".join(separator + new for new in added))]
    # The line of the last element ends after it: a comment there must stay with it.
    end = line_end(text, last.end)
    body = separator.join(added)
    if tail["comma"]:
        return [Edit(end, end, separator[1:] + body + ",")]
    return [Edit(last.end, last.end, ","), Edit(end, end, separator[1:] + body)]


def _line_tail(brackets: Brackets) -> re.Pattern[str]:
    comment = f"(?:{re.escape(brackets.comment)}[^\n]*)?" if brackets.comment else ""
    return re.compile(rf"[ \t]*(?P<comma>,)?[ \t]*{comment}(?=\n)")


def _separator(text: str, item: Item, brackets: Brackets) -> str:
    """Return comma and white space as the container has them."""
    entries = item.entries
    if len(entries) > 1:
        between = text[entries[-2].end : entries[-1].begin]
    else:
        between = "," + text[item.start + 1 : entries[0].begin]
        if "\n" not in between:
            return brackets.separator
    if "\n" in between:
        # Comments and blank lines between the two are theirs: only the indentation is common.
        return ",\n" + between.rpartition("\n")[2]
    return between if re.fullmatch(r",[ \t]*", between) else brackets.separator
