"""The text that stands for a value in a control, and the value that a text stands for.

A number is shown as its file spells it: who wrote `2e-5` would not know 2e-05 again, and a
browser's own number field would refuse either, or lose it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from confjob.errors import ConfjobError
from confjob.keypath import KeyPath
from confjob.model import Document, Span
from confjob.schema import Schema
from confjob.textfile import contained, decode
from confjob.tree import Json, same
from confjob.values import read

__all__ = ["Spelling", "is_plain", "number_text", "typed_text", "yaml_text"]


@frozen(kw_only=True)
class Spelling:
    """How the values of a project's files are written there.

    Args:
        root: The project's root.
    """

    root: Path
    _texts: dict[str, str] = field(factory=dict, init=False, repr=False)

    def of_number(self, value: float, document: Document, path: KeyPath) -> str:
        """Return a number as its file has it, or as Python does where that is something else."""
        node = document.nodes.get(path)
        where = node.where if node is not None else None
        text = self._at(document, where) if where is not None else ""
        try:
            return text if text and same(read(text, {}), value) else number_text(value)
        except ValueError:
            return number_text(value)

    def _at(self, document: Document, where: Span) -> str:
        if where.end - where.start > 64:  # no number is that long
            return ""
        return self._text(document, where)[where.start : where.end].strip()

    def _text(self, document: Document, where: Span) -> str:
        name = str(where.file)
        if name not in self._texts:
            self._texts[name] = self._read(document, where)
        return self._texts[name]

    def _read(self, document: Document, where: Span) -> str:
        source = document.source
        try:
            if source.path == where.file:
                return source.text(where.file)
            return decode(contained(self.root, where.file).read_bytes(), where.file).text
        except (ConfjobError, OSError):
            return ""


def number_text(value: float) -> str:
    """Return a number as YAML has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return json.dumps(value)


def yaml_text(value: Json) -> str:
    """Return a value as one line of YAML that reads as that value where nothing is known of its type."""
    if isinstance(value, str):
        return value if is_plain(value) and same(_read(value), value) else _in_quotes(value)
    return _flow(value)


def typed_text(value: Json, schema: Schema) -> str | None:
    """Return the text which reads as `value` where `schema` applies, or None where none does."""
    words = [value] if isinstance(value, str) else []
    for text in [*words, yaml_text(value), _flow(value)]:
        try:
            if same(read(text, schema), value):
                return text
        except ValueError:
            continue
    return None


def is_plain(text: str) -> bool:
    """Whether a control gives a text back as it got it: lines, tabs and what can be printed."""
    return not any((char < " " and char not in "\n\t") or "\ud800" <= char <= "\udfff" for char in text)


def _read(text: str) -> Json:
    try:
        return read(text, {})
    except ValueError:
        return None


def _flow(value: Json) -> str:
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_in_quotes(str(key))}: {_flow(below)}" for key, below in value.items()) + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        return number_text(value)
    return _in_quotes(value) if isinstance(value, str) else json.dumps(value, default=str)


def _in_quotes(text: str) -> str:
    """Return text as a quoted scalar of YAML, which knows JSON's escapes and no pairs of surrogates."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable() and char not in "\ufffe\uffff":
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
