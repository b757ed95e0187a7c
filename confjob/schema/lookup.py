"""What a schema says about one path of the values it describes.

The form asks this for every field, so the answer must stand alone: a part of the schema
with the definitions it still needs, flat where it can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from confjob.keypath import KeyPath
from confjob.schema.combination import conjoin, unite
from confjob.schema.keywords import CLOSED, Schema, normal
from confjob.schema.kinds import kinds_in
from confjob.schema.references import Resolver

__all__ = ["Navigator", "at", "properties"]

_Refs = frozenset[str]


class Navigator:
    """A schema that is asked about many paths.

    Args:
        schema: The whole schema, which must not change while this object is in use.
    """

    def __init__(self, schema: Schema) -> None:
        self.resolver = Resolver(schema)

    def at(self, path: KeyPath) -> Schema | None:
        """Return what applies at `path`; see `at`."""
        found: Schema | None = self.resolver.root
        for part in path:
            if found is None or found == CLOSED:
                return found
            found = self._step(found, part)
        return None if found is None else self.resolver.self_contained(self.resolver.expand(found))

    def names(self, schema: Schema) -> Iterable[str]:
        """Return the names of the properties of `schema`, a part of the whole, in order."""
        return dict.fromkeys(name for part in self._parts(schema) for name in part.get("properties", ()))

    def _parts(self, schema: Schema, seen: _Refs = frozenset()) -> Iterator[Schema]:
        """Yield `schema` and every schema that is applied in its place."""
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref not in seen:
            yield from self._parts(self.resolver.resolve(ref) or {}, seen | {ref})
        for union in ("allOf", "anyOf", "oneOf"):
            for part in schema.get(union, ()):
                yield from self._parts(normal(part), seen)
        yield schema

    def _step(self, schema: Schema, part: str | int, seen: _Refs = frozenset()) -> Schema | None:
        """Return what `schema` says one component deeper, not yet self-contained."""
        said = [*self._referred(schema, part, seen), *self._united(schema, part, seen)]
        said.append(_own(schema, part))
        found = [one for one in said if one is not None]
        if found:
            return conjoin(found)
        if any(self._says(schema.get(branch), part, seen) for branch in ("then", "else")):
            return {}
        rest = schema.get("unevaluatedProperties" if isinstance(part, str) else "unevaluatedItems")
        return None if rest is None else normal(rest)

    def _says(self, schema: Any, part: str | int, seen: _Refs) -> bool:
        return isinstance(schema, dict) and self._step(schema, part, seen) is not None

    def _referred(self, schema: Schema, part: str | int, seen: _Refs) -> Iterator[Schema | None]:
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref not in seen:
            yield self._step(self.resolver.resolve(ref) or {}, part, seen | {ref})
        for one in schema.get("allOf", ()):
            yield self._step(normal(one), part, seen)

    def _united(self, schema: Schema, part: str | int, seen: _Refs) -> Iterator[Schema | None]:
        for union in ("anyOf", "oneOf"):
            if union in schema:
                yield self._union([normal(branch) for branch in schema[union]], part, seen)

    def _union(self, branches: list[Schema], part: str | int, seen: _Refs) -> Schema | None:
        container = "object" if isinstance(part, str) else "array"
        found, is_open = [], False
        for branch in branches:
            below = self._step(branch, part, seen)
            found += [] if below is None else [below]
            admitted = kinds_in(branch, self.resolver)
            # A branch for null says nothing of a key either, but admits no key at all.
            is_open |= below is None and (admitted is None or container in admitted)
        having = [below for below in found if below != CLOSED]
        if having:
            return unite(having)
        return CLOSED if found and not is_open else None


def at(schema: Schema, path: KeyPath) -> Schema | None:
    """Return the part of `schema` that applies to the value at `path`.

    References, `allOf`, `anyOf`/`oneOf` (whichever branches know the path), properties,
    patterns and items are followed. A `$ref` or `allOf` at the top of the answer is
    replaced by what it means.

    Args:
        schema: A whole JSON Schema.
        path: From the root of a value that the schema describes. A digit component is an
            index where the schema speaks of a list alone.

    Returns:
        A schema that stands alone (with a `$defs` of all it refers to); `CLOSED` where
        nothing may stand; None where the schema says nothing. A property that the
        schema allows without any rule is `{}`.

    Example:
        >>> at({"properties": {"lr": {"type": "number"}}}, KeyPath.parse("lr"))
        {'type': 'number'}
    """
    return Navigator(schema).at(path)


def properties(schema: Schema) -> Mapping[str, Schema]:
    """Return the properties that `schema` names and allows, each as a schema that stands alone.

    Those behind references, in `allOf` and in any branch of a union count too. Each is
    worked out when it is asked for.
    """
    return _Properties(Navigator(schema))


class _Properties(Mapping[str, Schema]):
    """The properties of a schema by name: there may be hundreds, and one be wanted."""

    def __init__(self, navigator: Navigator) -> None:
        self._navigator = navigator
        self._names = dict.fromkeys(navigator.names(navigator.resolver.root))

    def __getitem__(self, name: str) -> Schema:
        found = self._navigator.at(KeyPath((name,))) if name in self._names else None
        if found is None or found == CLOSED:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _own(schema: Schema, part: str | int) -> Schema | None:
    if isinstance(part, int):
        return _item(schema, part)
    if (
        part.isascii()
        and part.isdigit()
        and schema.get("type") in ("array", ["array", "null"], ["null", "array"])
    ):
        return _item(schema, int(part))
    named = [schema["properties"][part]] if part in schema.get("properties", ()) else []
    found = named + [
        below for text, below in schema.get("patternProperties", {}).items() if _matches(text, part)
    ]
    if not found and "additionalProperties" in schema:
        found = [schema["additionalProperties"]]
    return conjoin(map(normal, found)) if found else None


def _item(schema: Schema, index: int) -> Schema | None:
    items = schema.get("items")
    # Before 2020-12, `items` could be what `prefixItems` is now.
    first, rest = (items, schema.get("additionalItems")) if isinstance(items, list) else ([], items)
    first = schema.get("prefixItems", first)
    if index < len(first):
        return normal(first[index])
    return None if rest is None else normal(rest)


def _matches(pattern: str, name: str) -> bool:
    # ECMA regular expressions, which JSON Schema means, know ASCII digits and letters only.
    try:
        return re.search(pattern, name, re.ASCII) is not None
    except re.error:
        return False
