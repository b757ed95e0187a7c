"""Arguments whose types are annotations: what typer and HfArgumentParser make of them."""

from __future__ import annotations

import ast

from attrs import frozen

from confjob.declare.annotations import annotation_schema
from confjob.declare.pysource import PySource, Unreadable
from confjob.schema import Schema

__all__ = ["Annotated", "annotated"]


@frozen(kw_only=True)
class Annotated:
    """What an annotation says of an argument.

    Args:
        schema: The type of its value; nothing where the text does not tell.
        is_bool: Whether it is a truth value.
        is_list: Whether it takes several words.
        known: Whether the text tells.
        options: Calls in `Annotated[…]`, which say more.
    """

    schema: Schema
    is_bool: bool = False
    is_list: bool = False
    known: bool = True
    options: tuple[ast.Call, ...] = ()


def annotated(source: PySource, node: ast.expr | None) -> Annotated:
    """Return what an annotation says; `None` beside a type is left to the default."""
    if node is None:
        return Annotated(schema={})
    node, options = _without_annotated(source, node)
    try:
        schema = _without_null(annotation_schema(source, node))
    except Unreadable:
        return Annotated(schema={}, known=False, options=options)
    kind = schema.get("type")
    return Annotated(schema=schema, is_bool=kind == "boolean", is_list=kind == "array", options=options)


def _without_annotated(source: PySource, node: ast.expr) -> tuple[ast.expr, tuple[ast.Call, ...]]:
    if not isinstance(node, ast.Subscript) or not source.origin(node.value).endswith("Annotated"):
        return node, ()
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return parts[0], tuple(part for part in parts[1:] if isinstance(part, ast.Call))


def _without_null(schema: Schema) -> Schema:
    branches = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return branches[0] if len(branches) == 1 else schema
