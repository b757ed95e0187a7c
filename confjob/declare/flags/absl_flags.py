"""absl: `flags.DEFINE_…` calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from confjob.declare.flags.argument import Argument, Call, Reading, Unread, described, nullable
from confjob.declare.pysource import PySource
from confjob.model import Takes
from confjob.schema import Schema

__all__ = ["read_absl"]

_MODULE: Final = "absl.flags.DEFINE_"
_KINDS: Final[Mapping[str, tuple[Takes, Schema]]] = {
    "string": ("value", {"type": "string"}),
    "integer": ("value", {"type": "integer"}),
    "float": ("value", {"type": "number"}),
    "bool": ("value", {"type": "boolean"}),
    "boolean": ("value", {"type": "boolean"}),
    "enum": ("value", {"type": "string"}),
    "multi_string": ("repeat", {"type": "array", "items": {"type": "string"}, "minItems": 1}),
    "multi_integer": ("repeat", {"type": "array", "items": {"type": "integer"}, "minItems": 1}),
    "multi_float": ("repeat", {"type": "array", "items": {"type": "number"}, "minItems": 1}),
}


def read_absl(source: PySource) -> Reading | None:
    """Return the flags that a file defines with absl, or None when it defines none."""
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    defined = [node for node in calls if source.origin(node.func).startswith(_MODULE)]
    if not defined:
        return None
    unread: list[Unread] = []
    arguments = [each for node in defined for each in _argument(source, node, unread)]
    # What absl's own modules define (`--verbosity`) is not in this file.
    return Reading.of("absl", arguments, unread, more=True)


def _argument(source: PySource, node: ast.Call, unread: list[Unread]) -> Iterator[Argument]:
    kind = source.origin(node.func).removeprefix(_MODULE)
    names = ("name", "default", "enum_values", "help") if kind == "enum" else ("name", "default", "help")
    call = Call(source, node)
    call.keywords = {**dict(zip(names, node.args, strict=False)), **call.keywords}
    name = call.text("name")
    call.shown = f"--{name}"
    if not name or kind not in _KINDS:
        shown = source.segment(node).partition("\n")[0]
        unread.append(Unread(message=f"`{shown}` is not read", where=call.where))
        return
    takes, schema = _KINDS[kind]
    default = call.literal("default")
    default = [default] if takes == "repeat" and isinstance(default, (str, int, float)) else default
    values = call.literal("enum_values") if kind == "enum" else None
    if isinstance(values, list):
        schema = {"enum": values}
    yield Argument(
        key=name,
        word=f"--{name}",
        takes=takes,
        schema=described(nullable(schema, default), call.text("help"), default),
        default=default,
        required=call.is_true("required"),
        where=call.where,
        flags=(f"--{name}", f"--no{name}", f"-{name}"),
    )
    unread += call.unread
