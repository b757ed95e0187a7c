"""The frame of every edit in place: gather, write, read again, compare, or refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from confjob.builtin.inplace.draft import Guard, Refusal, Slot
from confjob.builtin.inplace.items import Entry, Item
from confjob.plugin import MISSING, Change, Document, InputError, InvalidOverrides, Json, Problem, tree

__all__ = ["Language", "problem", "revise"]

_HINT = "change the file by hand, or write this part of it in a plainer way"


@frozen(kw_only=True)
class Language:
    """What `revise` needs to know of a format.

    Args:
        read: Reads a text into the item of its root; raises `InputError`.
        write: Makes changes in a text, given as a draft and as they came; raises `Refusal`.
        guard: Raises `Refusal` for items that can't be changed.
    """

    read: Callable[[str], Item]
    write: Callable[[str, Slot, Sequence[Change]], str]
    guard: Guard = lambda _item, _whole: None


def revise(document: Document, text: str, changes: Sequence[Change], language: Language) -> str:
    """Return `text` with `changes` made in place, proven by reading the result again.

    Args:
        document: What was loaded from `text`; positions of problems come from it.
        text: The text to change.
        changes: What to change, in order.
        language: How the format reads and writes.

    Raises:
        InvalidOverrides: With every change that can't be made.
    """
    if not changes:
        return text
    slot = Slot(None, Entry(name=None, item=language.read(text)), language.guard)
    expected = _gather(document, slot, changes)
    try:
        revised = language.write(text, slot, changes)
        why = _difference(language, revised, expected)
    except (Refusal, ValueError) as refused:
        why = str(refused)
    except RecursionError:
        why = "the value nests too deep"
    if why:
        raise InvalidOverrides.of(_blame(document, text, changes, language, why))
    return revised


def problem(document: Document, change: Change, why: str, hint: str = "") -> Problem:
    """Return the refusal of one change."""
    return Problem(
        code="cannot-patch",
        input=change.input,
        path=change.path,
        where=document.where(change.path),
        message=f"cannot be changed in place: {why}",
        hint=hint or _HINT,
    )


def _gather(document: Document, slot: Slot, changes: Sequence[Change]) -> Json:
    """Draft all changes and return the tree they mean."""
    expected = slot.old.item.value
    problems = []
    for change in changes:
        try:
            if change.after is not MISSING:
                slot.set(change.path, change.after)
                expected = tree.put(expected, change.path, change.after)
            elif not change.path:
                raise Refusal("a whole file can't be deleted")  # noqa: TRY301 - one list of refusals
            else:
                slot.delete(change.path)
                expected = tree.delete(expected, change.path)
        except Refusal as refused:
            problems.append(problem(document, change, refused.message, refused.hint))
        except KeyError:
            problems.append(problem(document, change, "the path does not fit the file"))
    if problems:
        raise InvalidOverrides.of(problems)
    return expected


def _difference(language: Language, revised: str, expected: Json) -> str:
    try:
        found = language.read(revised).value
    except InputError as error:
        return f"the changed text would not parse ({error.message})"
    return "" if tree.same(found, expected) else "the changed text would say something else"


def _blame(
    document: Document,
    text: str,
    changes: Sequence[Change],
    language: Language,
    why: str,
) -> list[Problem]:
    """Return the problems of the changes that can't be made even alone, else of all."""
    guilty: list[Problem] = []
    for change in changes if len(changes) > 1 else ():
        try:
            revise(document, text, [change], language)
        except InvalidOverrides as refused:
            guilty += refused.problems
    return guilty or [problem(document, change, why) for change in changes]
