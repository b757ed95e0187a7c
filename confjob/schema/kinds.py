"""Which JSON types a schema admits, through references and combinations.

Narrowing a union, reading text and coercing a number all turn on this one question.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from confjob.schema.keywords import CLOSED, Schema, normal
from confjob.schema.references import Resolver

__all__ = ["ALL_KINDS", "kind_of", "kinds", "kinds_in"]

#: The JSON types, in the order in which people read them; null is last.
ALL_KINDS: Final[tuple[str, ...]] = ("boolean", "integer", "number", "string", "array", "object", "null")

Kinds = frozenset[str]


def kind_of(value: object) -> str:
    """Return the JSON type of a value; a float is a `number` whatever its value."""
    if value is None:
        return "null"
    named = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return next((named[base] for base in type(value).__mro__ if base in named), "string")


def kinds(schema: Schema) -> Kinds | None:
    """Return the types that `schema` admits, or None where it states none.

    `number` stands for floats and integers alike, and then `integer` is left out
    unless it is stated too.
    """
    return kinds_in(schema, Resolver(schema))


def kinds_in(schema: Schema, resolver: Resolver, seen: Kinds = frozenset()) -> Kinds | None:
    """Return `kinds` of a part of the schema that `resolver` knows."""
    if schema == CLOSED:
        return frozenset()
    found = _stated(schema)
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        target = resolver.resolve(ref)
        found = _both(found, None if target is None else kinds_in(target, resolver, seen | {ref}))
    for part in schema.get("allOf", ()):
        found = _both(found, kinds_in(normal(part), resolver, seen))
    for union in ("anyOf", "oneOf"):
        if union in schema:
            branches = (kinds_in(normal(branch), resolver, seen) for branch in schema[union])
            found = _both(found, _either(branches))
    return found


def _stated(schema: Schema) -> Kinds | None:
    stated: Any = schema.get("type")
    if isinstance(stated, str):
        return frozenset({stated})
    if isinstance(stated, list):
        return frozenset(stated)
    if "const" in schema:
        return frozenset({kind_of(schema["const"])})
    if isinstance(schema.get("enum"), list):
        return frozenset(map(kind_of, schema["enum"]))
    return None


def _either(branches: Iterable[Kinds | None]) -> Kinds | None:
    found: Kinds = frozenset()
    for branch in branches:
        if branch is None:
            return None
        found |= branch
    return found


def _both(one: Kinds | None, other: Kinds | None) -> Kinds | None:
    if one is None or other is None:
        return other if one is None else one
    common = _widened(one) & _widened(other)
    return common - {"integer"} if "number" in common and "integer" not in one | other else common


def _widened(some: Kinds) -> Kinds:
    return some | {"integer"} if "number" in some else some
