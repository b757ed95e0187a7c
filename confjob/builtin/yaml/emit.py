"""Values as YAML text that every reader understands alike.

PyYAML (YAML 1.1), YAML 1.2 readers and OmegaConf disagree about `1e-5`, `yes`, `0777` and
`2024-01-01`. What is written here is only what they agree on: floats hold a dot and a
signed exponent, and text that any of them would take for something else is quoted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from confjob.builtin.inplace import Item, Refusal
from confjob.builtin.yaml.resolve import value_of
from confjob.plugin import Json

__all__ = ["Habits", "block_lines", "float_text", "flow_text", "key_text", "literal_text", "scalar_text"]

_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "=", "<<"})
_NUMBER_LIKE: Final = re.compile(
    r"[-+]?(?:0[xX][\da-fA-F_]*|0[oObB][\d_]*|\.?\d[\d_.,:]*(?:[eE][-+]?[\d_]*)?|\.?(?:inf|infinity|nan))"
    r"|\d+-\d+-\d+.*",
    re.IGNORECASE,
)
# What may come first and stay unquoted; everything else may have a meaning in some context.
_FIRST: Final = re.compile(r"[\w/.$(+\\^~<;]")
_UNSAFE: Final = re.compile(r": |:\Z| #|\A\.\.\.|\A---")
_UNSAFE_IN_FLOW: Final = re.compile(r"[,\[\]{}]")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


@frozen(kw_only=True)
class Habits:
    """How a file writes what can be written in several ways.

    Args:
        title_case: Booleans are `True` and `False`.
        quote: The quotes used most.
        step: Columns of indentation per level.
    """

    title_case: bool = False
    quote: str = '"'
    step: int = 2

    @classmethod
    def of(cls, text: str, root: Item) -> Habits:
        """Return the habits that the items of a file show."""
        booleans: set[bool] = set()
        quotes = {"'": 0, '"': 0}
        steps: dict[int, int] = {}
        stack = [(root, -1)]
        while stack:
            item, outer = stack.pop()
            column = -1
            if item.kind == "scalar" and isinstance(item.value, bool):
                booleans.add(item.spelled.istitle())
            elif item.style in quotes:
                quotes[item.style] += 1
            elif item.kind == "mapping" and not item.flow:
                column = item.start - text.rfind("\n", 0, item.start) - 1
                if outer >= 0:
                    steps[column - outer] = steps.get(column - outer, 0) + 1
            stack.extend((entry.item, column) for entry in item.entries)
        return cls(
            title_case=booleans == {True},
            quote="'" if quotes["'"] > quotes['"'] else '"',
            step=max(steps, key=lambda step: steps[step], default=2),
        )


def scalar_text(value: Json, habits: Habits, *, style: str = "", flow: bool = False) -> str:
    """Return a scalar on one line.

    Args:
        value: None, a boolean, a number or text.
        habits: How the file writes.
        style: How the value before it was written: quotes stay quotes.
        flow: Whether it stands in brackets, where commas and brackets end plain text.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value) if habits.title_case else str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    if not isinstance(value, str):
        raise Refusal(f"YAML as confjob writes it has no {type(value).__name__}")
    if style not in ("'", '"') and is_plain(value, flow=flow):
        return value
    quote = style if style in ("'", '"') else habits.quote
    return "'" + value.replace("'", "''") + "'" if quote == "'" and value.isprintable() else _double(value)


def float_text(value: float) -> str:
    """Return a number that every reader takes for a float: `2.0e-05`, `.inf`."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    digits, exponent, power = repr(value).partition("e")
    if exponent and "." not in digits:
        digits += ".0"
    return digits + exponent + power


def flow_text(value: Json, habits: Habits, *, style: str = "", flow: bool = True) -> str:
    """Return any value on one line; `style` and `flow` are as in `scalar_text`."""
    if isinstance(value, dict):
        pairs = (
            f"{key_text(key, habits, flow=True)}: {flow_text(below, habits)}" for key, below in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow_text(below, habits) for below in value) + "]"
    return scalar_text(value, habits, style=style, flow=flow)


def key_text(key: str, habits: Habits, *, style: str = "", flow: bool = False) -> str:
    """Return a key; `style` is the quote that all of its neighbours have."""
    return scalar_text(key, habits, style=style, flow=flow)


def block_lines(mapping: dict[str, Json], habits: Habits, *, style: str = "") -> Iterator[str]:
    """Yield the lines of a mapping in block style, not indented; `style` quotes the keys."""
    for key, value in mapping.items():
        head = key_text(key, habits, style=style) + ":"
        if isinstance(value, dict) and value:
            yield head
            for line in block_lines(value, habits, style=style):
                yield " " * habits.step + line
        else:
            yield f"{head} {flow_text(value, habits, flow=False)}"


def literal_text(value: str, indent: int) -> str | None:
    """Return text as a `|` block indented by `indent`, or None where a block can't say it."""
    body = value.removesuffix("\n")
    lines = body.split("\n")
    if "\n" not in value or not lines[0] or lines[0][0] in " \t" or not lines[-1]:
        return None
    if not all(line.replace("\t", "").isprintable() for line in lines) or "\ufeff" in value:
        return None
    header = "|" if value.endswith("\n") else "|-"
    return "\n".join((header, *(" " * indent + line if line else "" for line in lines)))


def is_plain(text: str, *, flow: bool) -> bool:
    """Whether `text` without quotes is the same text to every reader."""
    if not text or not text.isprintable() or text != text.strip() or not _FIRST.match(text):
        return False
    if _UNSAFE.search(text) or (flow and _UNSAFE_IN_FLOW.search(text)):
        return False
    if text.lower() in _WORDS or _NUMBER_LIKE.fullmatch(text):
        return False
    return bool(value_of(text, plain=True) == text)


def _double(text: str) -> str:
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
