"""The values that a schema names one by one: what a person may choose from."""

from __future__ import annotations

from collections.abc import Iterator

from confjob.schema.keywords import Schema, normal
from confjob.schema.references import Resolver
from confjob.tree import Json

__all__ = ["constants"]


def constants(schema: Schema) -> Iterator[Json]:
    """Yield the values of `enum` and `const`, through references, `allOf` and unions.

    What one part names another may forbid: a value is admitted only if the whole schema
    admits it.

    Example:
        >>> list(constants({"anyOf": [{"enum": ["a", "b"]}, {"const": 3}, {"type": "null"}]}))
        ['a', 'b', 3]
    """
    yield from _constants(schema, Resolver(schema), frozenset())


def _constants(schema: Schema, resolver: Resolver, seen: frozenset[str]) -> Iterator[Json]:
    if "const" in schema:
        yield schema["const"]
    if isinstance(schema.get("enum"), list):
        yield from schema["enum"]
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        yield from _constants(resolver.resolve(ref) or {}, resolver, seen | {ref})
    for union in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(union, ()):
            yield from _constants(normal(part), resolver, seen)
