"""Joining schemas: all of them hold, or any of them does.

Both keep what people read (one flat schema with a type in it) wherever that means the
same as the `allOf` or `anyOf` that would always be right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confjob.schema.keywords import ANNOTATIONS, CLOSED, DEFINITIONS, Schema

__all__ = ["UNEVALUATED", "conjoin", "unite"]

#: Keywords whose meaning depends on the others of their group beside them.
_GROUPS: Final = (
    frozenset({"properties", "patternProperties", "additionalProperties"}),
    frozenset({"items", "prefixItems", "additionalItems"}),
    frozenset({"contains", "minContains", "maxContains"}),
    frozenset({"if", "then", "else"}),
)
#: Keywords whose meaning depends on everything that stands beside them.
UNEVALUATED: Final = frozenset({"unevaluatedProperties", "unevaluatedItems"})
#: What belongs to a place in its old document, not to the schema.
_LOCAL: Final = frozenset({*DEFINITIONS, "$id", "$schema", "$anchor"})


def conjoin(schemas: Iterable[Schema]) -> Schema:
    """Return a schema for values that all of `schemas` admit; later annotations win."""
    parts: list[Schema] = []
    for schema in schemas:
        part = {key: value for key, value in schema.items() if key not in _LOCAL}
        if part == CLOSED:
            return CLOSED
        if part and part not in parts:
            parts.append(part)
    notes = {key: value for part in parts for key, value in part.items() if key in ANNOTATIONS}
    rules = [{key: value for key, value in part.items() if key not in ANNOTATIONS} for part in parts]
    return {**_all_of([rule for rule in rules if rule]), **notes}


def unite(schemas: Iterable[Schema]) -> Schema:
    """Return a schema for values that any of `schemas` admits."""
    branches: list[Schema] = []
    for schema in schemas:
        nested = schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]
        branches.extend(branch for branch in nested if branch not in branches)
    if {} in branches:
        return {}
    return branches[0] if len(branches) == 1 else {"anyOf": branches}


def _all_of(rules: list[Schema]) -> Schema:
    flat: Schema = {}
    for rule in rules:
        if not _compatible(flat, rule):
            return {"allOf": rules}
        flat |= rule
    return flat


def _compatible(one: Schema, other: Schema) -> bool:
    """Whether the two mean together, in one mapping, what they mean apart."""
    if not one or not other:
        return True
    if UNEVALUATED & (one.keys() | other.keys()):
        return False
    if any(one.keys() & group and other.keys() & group for group in _GROUPS):
        return False
    return all(
        one[key] == other[key] and type(one[key]) is type(other[key]) for key in one.keys() & other.keys()
    )
