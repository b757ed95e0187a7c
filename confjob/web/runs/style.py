"""How a character of a log looks, as a terminal was told (SGR), and as a page says it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from confjob.web.runs.palette import GREY, HUES, from_rgb, indexed

__all__ = ["PLAIN", "Style"]

#: What turns a mark on and off; concealed text (8) is shown dim, for a log hides nothing.
_MARKS: Final[dict[int, dict[str, Any]]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"inverse": True},
    8: {"dim": True},
    9: {"struck": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"inverse": False},
    28: {"dim": False},
    29: {"struck": False},
    39: {"text": ""},
    49: {"ground": ""},
}
_FLAGS: Final = ("bold", "dim", "italic", "underline", "struck")
_NUMBER: Final = re.compile(r"\d{1,4}")

#: More numbers than any program says at once.
_MOST: Final = 64


@frozen(kw_only=True)
class Style:
    """The look of a character.

    Args:
        text: The hue of its text; empty for the usual colour.
        ground: The hue behind it.
        bold: It is bold.
        dim: It is faint.
        italic: It is slanted.
        underline: It has a line below.
        struck: It has a line through it.
        inverse: Text and ground are exchanged.
        control: It stands for a character that can't be shown.
    """

    text: str = ""
    ground: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    struck: bool = False
    inverse: bool = False
    control: bool = False

    @property
    def classes(self) -> str:
        """The names that the style sheet knows it by, parted by spaces."""
        marks = [f"a-{flag}" for flag in _FLAGS if getattr(self, flag)]
        text, ground = (self.ground, self.text or "plain") if self.inverse else (self.text, self.ground)
        hues = [f"a-{text}"] * bool(text) + [f"a-on-{ground}"] * bool(ground)
        return " ".join([*hues, *marks, *["a-control"] * self.control])

    @property
    def word(self) -> str:
        """The look as one word, which `of` reads again."""
        flags = [flag for flag in (*_FLAGS, "inverse") if getattr(self, flag)]
        return ".".join([self.text, self.ground, *flags]).rstrip(".")

    @classmethod
    def of(cls, word: str) -> Style:
        """Return the look that a word says; what it can't mean is left out.

        Example:
            >>> Style.of(PLAIN.told("1;31").word) == PLAIN.told("1;31"), Style.of("x.<b>.y") == PLAIN
            (True, True)
        """
        text, ground, *flags = [*word.split("."), "", ""][: max(2, word.count(".") + 1)]
        hues = {"text": text, "ground": ground}
        known: dict[str, Any] = {part: hue for part, hue in hues.items() if hue in (*HUES, GREY)}
        known |= {flag: True for flag in (*_FLAGS, "inverse") if flag in flags}
        return cls(**known)

    def told(self, codes: str) -> Style:
        """Return the look after a terminal was told `codes`, the parameters of an SGR sequence.

        Example:
            >>> PLAIN.told("1;31").classes, PLAIN.told("38;5;208").classes, PLAIN.told("31").told("").classes
            ('a-red a-bold', 'a-orange', '')
        """
        # Colons part a colour's own parameters; `4:3` is a curly line.
        parts = [[*map(_number, part.split(":"))] for part in codes.split(";")[:_MOST]]
        style, words = self, iter(parts)
        for word in words:
            style = style._after(word, words)
        return style

    def _after(self, word: Sequence[int], rest: Iterator[list[int]]) -> Style:
        code = word[0]
        if code in (38, 48, 58):
            hue = _colon_hue(word[1:]) if len(word) > 1 else _hue(rest)
            part: dict[str, Any] = {} if code == 58 else {"text" if code == 38 else "ground": hue}
            return evolve(self, **part)
        if code == 4 and word[1:2] == [0]:
            return evolve(self, underline=False)
        if code == 0:
            return PLAIN
        ten, unit = divmod(code, 10)
        if ten in (3, 9) and unit < 8:
            return evolve(self, text=indexed(unit + 8 * (ten == 9)))
        if ten in (4, 10) and unit < 8:
            return evolve(self, ground=indexed(unit + 8 * (ten == 10)))
        return evolve(self, **_MARKS.get(code, {}))


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


def _hue(rest: Iterator[list[int]]) -> str:
    """Return the hue that the numbers after 38 or 48 name: `5;INDEX` or `2;RED;GREEN;BLUE`."""
    kind = next(rest, [0])[0]
    if kind == 5:
        return indexed(next(rest, [-1])[0])
    return from_rgb(*(next(rest, [0])[0] for _ in range(3))) if kind == 2 else ""


def _colon_hue(words: Sequence[int]) -> str:
    """Return the hue of `5:INDEX`, `2:RED:GREEN:BLUE` or `2:SPACE:RED:GREEN:BLUE`."""
    if words[0] == 5 and len(words) > 1:
        return indexed(words[1])
    return from_rgb(*words[-3:]) if words[0] == 2 and len(words) > 3 else ""


PLAIN: Final = Style()
