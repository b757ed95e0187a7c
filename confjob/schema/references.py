"""`$ref`: finding what it points at, and taking a part out of a schema with all it needs.

A part of a schema is useless to a validator without the definitions it refers to, and a
copy of them all would make every field of a 390-property schema as big as the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from confjob.schema.combination import UNEVALUATED, conjoin
from confjob.schema.keywords import DEFINITIONS, Pointer, Schema, children, normal, transform

__all__ = ["Resolver", "as_ref", "refs_in"]


class Resolver:
    """The references of one whole schema.

    Args:
        root: The schema that pointers start from. It must not change afterwards: what
            each definition needs is remembered.
    """

    def __init__(self, root: Schema) -> None:
        self.root = root
        self._anchors: dict[str, Pointer] | None = None
        self._needs: dict[str, tuple[str, ...]] = {}

    def locate(self, ref: str) -> Pointer | None:
        """Return the pointer that `ref` means, or None where it leads out of the schema."""
        fragment = ref.removeprefix(str(self.root.get("$id", "")).rstrip("#"))
        if not fragment.startswith("#"):
            return None
        fragment = unquote(fragment[1:])
        if fragment.startswith("/"):
            return tuple(part.replace("~1", "/").replace("~0", "~") for part in fragment[1:].split("/"))
        return self._anchored().get(fragment) if fragment else ()

    def resolve(self, ref: str) -> Schema | None:
        """Return the schema that `ref` means, or None."""
        pointer = self.locate(ref)
        return None if pointer is None else self.get(pointer)

    def get(self, pointer: Pointer) -> Schema | None:
        """Return the schema at `pointer`, or None where none is."""
        found: Any = self.root
        for part in pointer:
            found = _inside(found, part)
        return normal(found) if isinstance(found, (dict, bool)) else None

    def expand(self, schema: Schema) -> Schema:
        """Return `schema` with its own `$ref` and `allOf` replaced by what they mean.

        What stands beside a reference is kept, and wins where both annotate. An `allOf`
        whose parts can't be one flat schema stays.
        """
        seen: set[str] = set()
        while not (UNEVALUATED & schema.keys()):
            parts = [normal(part) for part in schema.get("allOf", ())]
            ref = schema.get("$ref")
            if isinstance(ref, str):
                target = {} if ref in seen else self.resolve(ref)
                if target is None:
                    return schema
                seen.add(ref)
                parts.append(target)
            if not parts:
                return schema
            beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            schema = conjoin([*parts, beside])
            if "allOf" in schema and "$ref" not in schema:
                return schema
        return schema

    def self_contained(self, schema: Schema) -> Schema:
        """Return `schema`, a part of the root, with a `$defs` of all that it refers to."""
        reached = self._closure(schema)
        body = {key: value for key, value in schema.items() if key not in DEFINITIONS}
        if not reached:
            return schema if len(body) == len(schema) else body
        names = _named(reached)
        renamed = {ref: as_ref(("$defs", name)) for ref, name in names.items()}
        targets = {names[ref]: target for ref, target in reached.items()}
        if any(old != new for old, new in renamed.items()):
            body = rename(body, renamed)
            targets = {name: rename(_bare(target), renamed) for name, target in targets.items()}
        return {**body, "$defs": targets}

    def _closure(self, schema: Schema) -> dict[str, Schema]:
        reached: dict[str, Schema] = {}
        waiting = list(refs_in(schema))
        for ref in waiting:
            target = None if ref in reached else self.resolve(ref)
            if target is not None:
                reached[ref] = target
                waiting.extend(self._needed(ref, target))
        return reached

    def _needed(self, ref: str, target: Schema) -> tuple[str, ...]:
        if ref not in self._needs:
            self._needs[ref] = tuple(refs_in(target))
        return self._needs[ref]

    def _anchored(self) -> dict[str, Pointer]:
        if self._anchors is None:
            self._anchors = dict(_anchors(self.root))
        return self._anchors


def as_ref(pointer: Pointer) -> str:
    """Return the `$ref` text of a pointer."""
    tokens = (str(part).replace("~", "~0").replace("/", "~1").replace("%", "%25") for part in pointer)
    return "#" + "".join("/" + token for token in tokens)


def refs_in(schema: Schema) -> Iterator[str]:
    """Yield every `$ref` in `schema`, definitions of its own left out."""
    waiting: list[Any] = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("$ref"), str):
                yield one["$ref"]
            waiting.extend(below for pointer, below in children(one) if pointer[0] not in DEFINITIONS)


def rename(schema: Schema, renamed: Mapping[str, str]) -> Schema:
    """Return `schema` with its references replaced as `renamed` says."""

    def change(one: Schema) -> Schema:
        ref = one.get("$ref")
        return {**one, "$ref": renamed[ref]} if isinstance(ref, str) and ref in renamed else one

    changed: Schema = transform(schema, change)
    return changed


def _bare(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in (*DEFINITIONS, "$id", "$schema")}


def _named(reached: Mapping[str, Schema]) -> dict[str, str]:
    """Give every reference a name in `$defs`; one that is there already keeps its own."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for ref in sorted(reached, key=lambda ref: not ref.startswith("#/$defs/") or ref.count("/") > 2):
        wanted = unquote(ref.rpartition("/")[2].lstrip("#")).replace("~1", "/").replace("~0", "~") or "root"
        name, number = wanted, 1
        while name in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name)
        names[ref] = name
    return names


def _anchors(root: Schema) -> Iterator[tuple[str, Pointer]]:
    waiting: list[tuple[Pointer, Any]] = [((), root)]
    while waiting:
        pointer, schema = waiting.pop()
        if isinstance(schema, dict):
            if isinstance(schema.get("$anchor"), str):
                yield schema["$anchor"], pointer
            waiting.extend(((*pointer, *below), inner) for below, inner in children(schema))


def _inside(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part, value.get(str(part)))
    index = str(part)
    if isinstance(value, list) and index.isascii() and index.isdigit() and int(index) < len(value):
        return value[int(index)]
    return None
