"""Which part of a schema it is that a value broke.

The schema of one value is put together from many parts, so a validator's own word for the
place means nothing to whoever wrote the whole. Looked up only for what is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from confjob.keypath import KeyPath
from confjob.schema.keywords import Pointer, Schema
from confjob.schema.references import Resolver

__all__ = ["rule_pointer"]

#: Keywords whose faults are told at a key below the value that has them.
_OF_KEYS: Final = frozenset(
    {"required", "dependentRequired", "additionalProperties", "unevaluatedProperties"}
)
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf")


def rule_pointer(schema: Schema, path: KeyPath, keyword: str) -> Pointer | None:
    """Return where in `schema` the keyword stands that applies to the value at `path`.

    Args:
        schema: A whole schema.
        path: Where the fault is, in a value that the schema describes.
        keyword: The keyword that is broken.

    Returns:
        The pointer to the keyword, the first of several; None where there is none.

    Example:
        >>> rule_pointer({"properties": {"lr": {"minimum": 0}}}, KeyPath.parse("lr"), "minimum")
        ('properties', 'lr', 'minimum')
    """
    keywords = ("required", "dependentRequired") if keyword == "required" else (keyword,)
    at = path.parent if keyword in _OF_KEYS else path
    resolver = Resolver(schema)
    found = [*_applied(resolver, (), set())]
    for part in at:
        below = [pointer for one in found for pointer in _below(resolver, one, part)]
        seen: set[Pointer] = set()
        found = [pointer for one in below for pointer in _applied(resolver, one, seen)]
    stands = ((*one, word) for one in found for word in keywords if word in (resolver.get(one) or {}))
    return next(stands, None)


def _applied(resolver: Resolver, pointer: Pointer, seen: set[Pointer]) -> Iterator[Pointer]:
    """Yield a schema's pointer and those of all that is applied in its place."""
    if pointer in seen:
        return
    seen.add(pointer)
    schema = resolver.get(pointer) or {}
    yield pointer
    ref = schema.get("$ref")
    target = resolver.locate(ref) if isinstance(ref, str) else None
    inner: list[Pointer] = [] if target is None else [target]
    inner += [(*pointer, key, index) for key in _IN_PLACE for index in range(len(schema.get(key, ())))]
    inner += [(*pointer, key) for key in ("then", "else") if key in schema]
    for one in inner:
        yield from _applied(resolver, one, seen)


def _below(resolver: Resolver, pointer: Pointer, part: str | int) -> Iterator[Pointer]:
    schema: dict[str, Any] = resolver.get(pointer) or {}
    if isinstance(part, int):
        first = len(schema.get("prefixItems", ()))
        yield from [(*pointer, "prefixItems", part)] if part < first else []
        yield from [(*pointer, "items")] if part >= first and "items" in schema else []
        return
    named = part in schema.get("properties", {})
    yield from [(*pointer, "properties", part)] if named else []
    patterns = [pattern for pattern in schema.get("patternProperties", {}) if re.search(pattern, part)]
    yield from ((*pointer, "patternProperties", pattern) for pattern in patterns)
    if not named and not patterns and "additionalProperties" in schema:
        yield (*pointer, "additionalProperties")
