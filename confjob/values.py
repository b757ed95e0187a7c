"""The value that a text from the command line stands for.

`tag=1.10` must stay text and `lr=1e-4` must become a number, so the field's type decides
how its text is read. The notation is YAML's for one scalar or one flow collection, with
the readings that all readers of YAML share: no `yes`, no octal by a leading zero, no
dates, no `1:30`. Nothing is evaluated, and nothing can refer to anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from confjob.keypath import KeyPath
from confjob.schema import Navigator, Schema, kind_of, kinds
from confjob.tree import MISSING, Json, MissingType

__all__ = ["coerce", "read"]

_TEXT: Final = frozenset({"string"})
_DEEPEST: Final = 100
_LONGEST_INT: Final = 4000
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_BASE: Final = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT: Final = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_CONSTANTS: Final[dict[str, Json]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_NOT_READ: Final = "anchors, aliases and tags are not read here; put quotes around it to mean it as text"


def read(text: str, schema: Schema) -> Json:
    """Return the value that `text` stands for where `schema` applies.

    A field of text takes the text as it is, quotes included; one of text or something
    else takes it as text only where it is nothing else, and quotes make it text. Inside
    `[…]` and `{…}` each element is read by its own schema. A word where no text is
    allowed is returned as text, for validation to refuse.

    Args:
        text: As typed.
        schema: The field's schema, which stands alone; `{}` where nothing is known.

    Raises:
        ValueError: On a collection or quote that does not close, an anchor, alias or tag,
            a key that stands twice, or nesting deeper than 100. The message does not
            repeat the text, which may be a secret.

    Example:
        >>> read("1e-4", {"type": "number"}), read("1.10", {"type": "string"}), read("[1, on]", {})
        (0.0001, '1.10', [1, 'on'])
    """
    admitted = kinds(schema)
    if admitted == _TEXT:
        return text
    if admitted is None or "string" not in admitted:
        return _parsed(text.strip(), schema)
    return _or_text(text, schema, admitted)


def coerce(value: Json, schema: Schema, present: Json | MissingType = MISSING) -> Json:
    """Return `value` as the number type that its field has, where that loses nothing.

    Args:
        value: What was read.
        schema: The field's schema.
        present: What stands there now: an int replaces a float as a float, so that a
            reader which tells them apart sees no change of type.

    Example:
        >>> coerce(1, {"type": "number"}, 0.5), coerce(1, {"type": "number"}, 2), coerce(1e3, {"type": "integer"})
        (1.0, 1, 1000)
    """
    return _coerced(value, Navigator(schema), KeyPath(), present)


def _or_text(text: str, schema: Schema, admitted: frozenset[str]) -> Json:
    try:
        value = _parsed(text.strip(), schema)
    except ValueError:
        return text
    quoted = isinstance(value, str) and value != text.strip()
    if not text.strip() or (isinstance(value, str) and not (quoted and admitted - {"string", "null"})):
        return text
    return value if _fits(value, admitted) else text


def _fits(value: Json, admitted: frozenset[str]) -> bool:
    # A 1.0 is an integer to JSON Schema, but beside text it may as well be a version.
    kind = kind_of(value)
    return kind in admitted or (kind == "integer" and "number" in admitted)


def _parsed(text: str, schema: Schema) -> Json:
    if text.startswith(("[", "{", "'", '"')):
        return _Flow(text, Navigator(schema)).value()
    if text.startswith(("&", "*", "!")):
        raise ValueError(_NOT_READ)
    return _scalar(text) if text else None


def _scalar(text: str) -> Json:
    """Return what a plain scalar stands for: a constant, a number or its own text."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return _integer(text, 10)
    if _OTHER_BASE.fullmatch(text):
        return _integer(text, 0)
    if _FLOAT.fullmatch(text):
        # A commit such as 12e4567 is beyond every float; it is no infinity.
        return text if math.isinf(float(text)) else float(text)
    return text


def _integer(text: str, base: int) -> int:
    if len(text) > _LONGEST_INT:
        raise ValueError(f"a whole number of {len(text)} digits is too long")
    return int(text, base)


class _Flow:
    """Builds one flow collection or quoted scalar from its YAML events."""

    def __init__(self, text: str, navigator: Navigator) -> None:
        # Only the parser runs: no constructor, no resolver, so no tag can mean anything.
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._navigator = navigator

    def value(self) -> Json:
        try:
            self._skip(yaml.StreamStartEvent)
            self._skip(yaml.DocumentStartEvent)
            value = self._node(next(self._events), KeyPath())
            self._skip(yaml.DocumentEndEvent)
            self._skip(yaml.StreamEndEvent)
        except yaml.YAMLError as error:
            raise ValueError(_complaint(error)) from None
        return value

    def _skip(self, expected: type) -> None:
        if type(next(self._events)) is not expected:
            raise ValueError("something follows the value")

    def _node(self, event: Any, path: KeyPath) -> Json:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None or event.tag is not None:
            raise ValueError(_NOT_READ)
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else self._plain(event.value, path)
        if len(path) >= _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST} levels")
        if not event.flow_style:
            raise ValueError("a mapping is written {key: value}, a list [one, two]")
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _list(self, path: KeyPath) -> list[Json]:
        items: list[Json] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, path.child(len(items))))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, Json]:
        found: dict[str, Json] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in found:
                raise ValueError(f"the key {key!r} stands twice")
            found[key] = self._node(next(self._events), path.child(key))
        return found

    def _key(self, event: Any) -> str:
        if type(event) is not yaml.ScalarEvent:
            raise ValueError("a key is a word, not a collection or an alias")
        if event.anchor is not None or event.tag is not None:
            raise ValueError(_NOT_READ)
        return str(event.value)

    def _plain(self, text: str, path: KeyPath) -> Json:
        admitted = kinds(self._navigator.at(path) or {})
        if admitted == _TEXT:
            return text
        value = _scalar(text) if text else None
        if admitted is None or "string" not in admitted or _fits(value, admitted):
            return value
        return text


def _complaint(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "a character that YAML does not allow"
    if "stream end" in problem or "end of stream" in problem:
        return "a bracket or quote is not closed"
    where = f" at column {mark.column + 1}" if mark is not None else ""
    return f"{problem}{where}"


def _coerced(value: Json, navigator: Navigator, path: KeyPath, present: Json | MissingType) -> Json:
    if isinstance(value, list):
        peers = present if isinstance(present, list) and present else [MISSING]
        nearest = (peers[min(index, len(peers) - 1)] for index in range(len(value)))
        pairs = enumerate(zip(value, nearest, strict=True))
        return [_coerced(item, navigator, path.child(index), peer) for index, (item, peer) in pairs]
    if isinstance(value, dict):
        there = present if isinstance(present, dict) else {}
        return {
            key: _coerced(below, navigator, path.child(key), there.get(key, MISSING))
            for key, below in value.items()
        }
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return _number(value, kinds(navigator.at(path) or {}) or frozenset(), present)


def _number(value: float, admitted: frozenset[str], present: Json | MissingType) -> float:
    if isinstance(value, int):
        to_float = admitted & {"integer", "number"} == {"number"} and (
            present is MISSING or isinstance(present, float)
        )
        # Beyond 53 bits a float would be another number.
        return float(value) if to_float and abs(value) <= 2**53 else value
    to_int = admitted & {"integer", "number"} == {"integer"} and math.isfinite(value) and value == int(value)
    return int(value) if to_int else value
