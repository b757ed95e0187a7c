"""What a browser sends of a form: the controls, kept in the order and the words in which they came.

Nothing is judged here and nothing is lost: what can't be read is shown again as it was typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import define, field

from confjob.web.form.names import New, Token, Tokens, digest, parse

__all__ = ["MOST_CONTROLS", "Draft", "Posted", "act", "mark_of"]

#: What one page may have of controls; a form of a thousand inputs has four thousand.
MOST_CONTROLS: Final = 40_000


@define
class Draft:
    """The controls of one value, as posted: its own, and those of what is below it, in order.

    Args:
        texts: What its control holds; several where several options are ticked.
        mode: The kind in which it is given, `null`, `unset`, or "" where none is said.
        key: The name that a new key was given.
        below: The drafts of elements and keys.
    """

    texts: list[str] = field(factory=list)
    mode: str = ""
    key: str = ""
    below: dict[Token, Draft] = field(factory=dict)

    def at(self, tokens: Tokens) -> Draft | None:
        """Return the draft below, or None."""
        found: Draft | None = self
        for token in tokens:
            found = None if found is None else found.below.get(token)
        return found

    def reach(self, tokens: Tokens) -> Draft:
        """Return the draft below, made if it is missing."""
        found = self
        for token in tokens:
            found = found.below.setdefault(token, Draft())
        return found

    def add(self) -> New:
        """Add an empty element or key at the end; returns its token."""
        numbers = [token.number for token in self.below if isinstance(token, New)]
        token = New(max(numbers, default=-1) + 1)
        self.below[token] = Draft()
        return token

    def move(self, token: Token, by: int) -> None:
        """Move an element among its neighbours; at an end it stays."""
        order = list(self.below)
        at = order.index(token)
        to = min(max(at + by, 0), len(order) - 1)
        order.insert(to, order.pop(at))
        self.below = {each: self.below[each] for each in order}


@define
class Posted:
    """A form as it was posted.

    Args:
        drafts: input -> the draft of its root.
        others: What is not about a value: the run's name, the target.
        seen: The marks of what the page showed, by the id of each field.
    """

    drafts: dict[str, Draft] = field(factory=dict)
    others: dict[str, list[str]] = field(factory=dict)
    seen: Mapping[str, str] = field(factory=dict)

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, str]]) -> Posted:
        """Read the names and values of a form, in the order of the page."""
        posted = cls()
        for name, value in pairs:
            # HTML ends the lines of a text area with CR LF, whatever it was given.
            text = value.replace("\r\n", "\n").replace("\r", "\n")
            place = parse(name)
            if place is None:
                posted.others.setdefault(name, []).append(text)
            else:
                posted._put(*place, text)
        marks = (pair.partition(":") for pair in posted.first("seen").split())
        posted.seen = {found: mark for found, _, mark in marks}
        return posted

    def _put(self, kind: str, input_name: str, tokens: Tokens, text: str) -> None:
        draft = self.drafts.setdefault(input_name, Draft()).reach(tokens)
        if kind == "v":
            draft.texts.append(text)
        elif kind == "m":
            draft.mode = text
        else:
            draft.key = text

    def first(self, name: str, default: str = "") -> str:
        """Return the value of a control that is about no input."""
        return next(iter(self.others.get(name, ())), default)

    def draft(self, input_name: str, tokens: Tokens) -> Draft | None:
        """Return what was posted of one value."""
        root = self.drafts.get(input_name)
        return None if root is None else root.at(tokens)

    def forget(self, input_name: str, tokens: Tokens) -> None:
        """Forget what was posted of one value, so that it is as the file has it."""
        parent = self.draft(input_name, tokens[:-1])
        if parent is not None and tokens:
            parent.below.pop(tokens[-1], None)


def mark_of(draft: Draft) -> str:
    """Return the mark of what the controls of one value hold, whatever the value's place."""
    return digest(_controls(draft, ()))


def _controls(draft: Draft, tokens: Tokens) -> Iterator[tuple[str, str]]:
    at = repr(tokens)
    yield f"m{at}", draft.mode
    yield from ((f"v{at}", text) for text in draft.texts)
    yield from [(f"k{at}", draft.key)] if draft.key else []
    for token, below in draft.below.items():
        yield from _controls(below, (*tokens, token))


def act(posted: Posted, action: str) -> tuple[str, Tokens] | None:
    """Do what a button of a field asks for, to what was posted.

    Args:
        posted: The form.
        action: The button's value: a verb and the name of a control.

    Returns:
        The input and the place that it was about; None where the button is none of a field's.
    """
    verb, _, name = action.partition(" ")
    place = parse(name)
    if place is None:
        return None
    _, input_name, tokens = place
    draft = posted.drafts.setdefault(input_name, Draft())
    if verb == "add":
        draft.reach(tokens).add()
    elif verb == "reset":
        posted.forget(input_name, tokens)
    elif verb in ("unset", "null", "set", "any"):
        draft.reach(tokens).mode = {"set": ""}.get(verb, verb)
    elif verb in ("drop", "up", "down") and tokens and draft.at(tokens) is not None:
        parent = draft.reach(tokens[:-1])
        if verb == "drop":
            parent.below.pop(tokens[-1])
        else:
            parent.move(tokens[-1], -1 if verb == "up" else 1)
    return input_name, tokens
