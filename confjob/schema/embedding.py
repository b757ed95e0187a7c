"""One schema of many: an object with a property per input.

The inputs' schemas come from different authors, so two may use one name for different
definitions, and every reference must go on meaning what it meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confjob.schema.keywords import DEFINITIONS, Pointer, Schema, transform
from confjob.schema.references import Resolver, as_ref

__all__ = ["DIALECT", "embed"]

#: What `$schema` says of every schema that confjob writes.
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def embed(schema_by_name: Mapping[str, Schema]) -> Schema:
    """Return a closed object schema with one property per name.

    Args:
        schema_by_name: Whole schemas; each one's definitions are hoisted under names of
            their own, its `$id` and `$schema` are dropped.

    Example:
        >>> embed({"run-config": {"type": "object"}})["properties"]
        {'run-config': {'type': 'object'}}
    """
    definitions: Schema = {}
    bodies = {name: _hoisted(name, schema, definitions) for name, schema in schema_by_name.items()}
    whole = {"$schema": DIALECT, "type": "object", "properties": bodies, "additionalProperties": False}
    return {**whole, "$defs": definitions} if definitions else whole


def _hoisted(name: str, schema: Schema, definitions: Schema) -> Schema:
    """Return `schema` as the property `name`, adding its definitions to `definitions`."""
    resolver = Resolver(schema)
    places: dict[Pointer, str] = {}
    for keyword in DEFINITIONS:
        for key in schema.get(keyword, {}):
            places[keyword, key] = _free(key, definitions)
            definitions[places[keyword, key]] = {}

    def change(one: Schema) -> Schema:
        ref = one.get("$ref")
        pointer = resolver.locate(ref) if isinstance(ref, str) else None
        moved = {} if pointer is None else {"$ref": as_ref(_moved(pointer, name, places))}
        # An anchor could be another input's too, and every reference is a pointer now.
        return {**{key: value for key, value in one.items() if key != "$anchor"}, **moved}

    whole: Any = transform(schema, change)
    for (group, old), new in places.items():
        definitions[new] = whole[group][old]
    return {key: value for key, value in whole.items() if key not in (*DEFINITIONS, "$id", "$schema")}


def _moved(pointer: Pointer, name: str, places: Mapping[Pointer, str]) -> Pointer:
    """Return where what stood at `pointer` of the property's own schema stands now."""
    if pointer[:2] in places:
        return ("$defs", places[pointer[:2]], *pointer[2:])
    return ("properties", name, *pointer)


def _free(key: str, taken: Schema) -> str:
    name, number = key, 1
    while name in taken:
        number += 1
        name = f"{key}-{number}"
    return name
