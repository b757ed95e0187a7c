"""Values as TOML text, on one line."""

from __future__ import annotations

import math
import re
from typing import Final

from confjob.builtin.inplace import Refusal
from confjob.plugin import Json

__all__ = ["key_text", "value_text"]

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d.*)?|\d\d:\d\d(:\d\d.*)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def key_text(key: str) -> str:
    """Return a key, bare where it can be."""
    return key if _BARE_KEY.fullmatch(key) else _basic(key)


def value_text(value: Json, style: str = "") -> str:
    """Return any value on one line (text that had three quotes keeps its lines).

    Args:
        value: The value.
        style: How the value before it was written.

    Raises:
        Refusal: For what TOML has no word for.
    """
    if value is None:
        raise Refusal("TOML has no null")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return _string(value, style)
    if isinstance(value, list):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{key_text(key)} = {value_text(below)}" for key, below in value.items())
        return "{ " + pairs + " }" if pairs else "{}"
    raise Refusal(f"TOML has no {type(value).__name__}")


def _float(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    digits, exponent, power = repr(value).partition("e")
    return digits + (".0" if exponent and "." not in digits else "") + exponent + power


def _string(value: str, style: str) -> str:
    if style == "date" and _DATE.fullmatch(value):
        return value
    if style in ("'", "'''") and "'" not in value and not _CONTROL.search(value):
        return f"'{value}'"
    if style == '"""' and "\n" in value:
        return '"""\n' + "\n".join(_escaped(line) for line in value.split("\n")) + '"""'
    return _basic(value)


def _basic(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return "".join(
        _ESCAPES.get(char) or (f"\\u{ord(char):04X}" if _CONTROL.match(char) else char) for char in text
    )
