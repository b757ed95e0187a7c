"""Annotations that the source text alone can say, as JSON Schema.

A script that imports torch should not have to be imported because a parameter is an
`int`; what this module can't say is asked in the job's interpreter.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from confjob.declare.pysource import PySource, Unreadable
from confjob.schema import Schema

__all__ = ["annotation_schema", "is_mapping"]

_TYPING: Final = ("typing.", "typing_extensions.", "collections.abc.", "builtins.")

_SIMPLE: Final[Mapping[str, Schema]] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "list": {"type": "array"},
    "dict": {"type": "object"},
    "List": {"type": "array"},
    "Dict": {"type": "object"},
    "Sequence": {"type": "array"},
    "Mapping": {"type": "object"},
    "Any": {},
    "object": {},
    "pathlib.Path": {"type": "string"},
    "os.PathLike": {"type": "string"},
}
_LISTS: Final = frozenset({"list", "List", "Sequence"})
_MAPPINGS: Final = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_KINDS: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def annotation_schema(source: PySource, node: ast.expr) -> Schema:
    """Return the schema of an annotation.

    Raises:
        Unreadable: When only the job's interpreter can say it.
    """
    node = _unquoted(source, node)
    if isinstance(node, ast.Constant) and node.value is None:
        return {"type": "null"}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([annotation_schema(source, node.left), annotation_schema(source, node.right)])
    if isinstance(node, ast.Subscript):
        return _subscripted(source, node)
    name = _name(source, node)
    if name not in _SIMPLE:
        raise Unreadable(node)
    return dict(_SIMPLE[name])


def is_mapping(source: PySource, node: ast.expr | None) -> bool:
    """Whether an annotation is `dict`, `Mapping` or one of them with arguments."""
    if node is None:
        return False
    node = _unquoted(source, node)
    return _name(source, node.value if isinstance(node, ast.Subscript) else node) in _MAPPINGS


def _subscripted(source: PySource, node: ast.Subscript) -> Schema:
    name = _name(source, node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        return _literal([source.value(item) for item in inner], node)
    if name == "Optional":
        return _union([annotation_schema(source, inner[0]), {"type": "null"}])
    if name == "Union":
        return _union([annotation_schema(source, item) for item in inner])
    if name in _LISTS and len(inner) == 1:
        return {"type": "array", "items": annotation_schema(source, inner[0])}
    if name in _MAPPINGS and len(inner) == 2:
        below = annotation_schema(source, inner[1])
        return {"type": "object", "additionalProperties": below} if below else {"type": "object"}
    if name in ("tuple", "Tuple"):
        return _tuple([] if _is_empty(inner) else inner, source)
    raise Unreadable(node)


def _tuple(inner: list[ast.expr], source: PySource) -> Schema:
    if len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is Ellipsis:
        return {"type": "array", "items": annotation_schema(source, inner[0])}
    items = [annotation_schema(source, item) for item in inner]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _is_empty(inner: list[ast.expr]) -> bool:
    return len(inner) == 1 and isinstance(inner[0], ast.Tuple) and not inner[0].elts


def _literal(values: list[object], node: ast.expr) -> Schema:
    if any(isinstance(value, (list, dict)) for value in values):
        raise Unreadable(node)
    kinds = {_KINDS.get(type(value)) for value in values}
    one = kinds.pop() if len(kinds) == 1 else None
    rule: Schema = {"const": values[0]} if len(values) == 1 else {"enum": values}
    return {"type": one, **rule} if one else rule


def _union(members: list[Schema]) -> Schema:
    flat: list[Schema] = []
    for member in members:
        flat.extend(member["anyOf"] if set(member) == {"anyOf"} else [member])
    return {} if {} in flat else {"anyOf": flat}


def _unquoted(source: PySource, node: ast.expr) -> ast.expr:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return source.followed(node)
    try:
        return ast.parse(node.value.strip(), mode="eval").body
    except SyntaxError:
        raise Unreadable(node) from None


def _name(source: PySource, node: ast.expr) -> str:
    """Return the type's own name, without the module that lends it."""
    origin = source.origin(node)
    for prefix in _TYPING:
        if origin.startswith(prefix):
            return origin.removeprefix(prefix)
    return origin
