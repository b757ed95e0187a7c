"""Where schemas stand inside a schema, so that everything else can walk one safely.

A property may be *called* `const` or `$ref`, and a `default` may look like a schema;
only the shape of each JSON Schema keyword tells which values are schemas themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

__all__ = ["ANNOTATIONS", "CLOSED", "DEFINITIONS", "Pointer", "Schema", "children", "normal", "transform"]

#: A JSON Schema (2020-12) object. Schemas are shared freely, so no function changes one.
Schema = dict[str, Any]

#: Tokens of a JSON pointer, unescaped.
Pointer = tuple["str | int", ...]

#: The schema that admits nothing: what stands at a path where a schema allows no value.
CLOSED: Final[Schema] = {"not": {}}

#: Keywords that say something to people and nothing to a validator.
ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
)
#: Keywords under which schemas are kept to be referred to.
DEFINITIONS: Final = ("$defs", "definitions")

_SCHEMA: Final = frozenset(
    {"additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"}
    | {"propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
)
_LIST: Final = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_MAP: Final = frozenset({*DEFINITIONS, "dependencies", "dependentSchemas", "patternProperties", "properties"})


def normal(schema: object) -> Schema:
    """Return `schema` as a mapping: `true` is `{}`, `false` is `CLOSED`."""
    if isinstance(schema, dict):
        return schema
    return CLOSED if schema is False else {}


def children(schema: Schema) -> Iterator[tuple[Pointer, Any]]:
    """Yield (pointer, schema) of the schemas right inside `schema`, booleans included."""
    for key, value in schema.items():
        if key in _MAP and isinstance(value, dict):
            yield from (((key, name), below) for name, below in value.items())
        elif key in _LIST and isinstance(value, list):
            yield from (((key, index), below) for index, below in enumerate(value))
        elif key in _SCHEMA:
            yield (key,), value


def transform(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """Return a copy of `schema` with `change` made to every schema in it, the inner first.

    Args:
        schema: A schema; what is not a mapping is returned as it is.
        change: Gets a fresh mapping each time; returns that mapping or another one.
    """
    if not isinstance(schema, dict):
        return schema
    return change({key: _below(key, value, change) for key, value in schema.items()})


def _below(key: str, value: Any, change: Callable[[Schema], Schema]) -> Any:
    if key in _MAP and isinstance(value, dict):
        return {name: transform(below, change) for name, below in value.items()}
    if key in _LIST and isinstance(value, list):
        return [transform(below, change) for below in value]
    return transform(value, change) if key in _SCHEMA else value
