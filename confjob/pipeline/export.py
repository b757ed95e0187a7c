"""The form as one JSON Schema: what tools outside confjob read.

It describes the visible documents that may result, so that a value which it admits in the
place of another is one that `plan` admits, and the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from confjob import schema as schemas
from confjob.form import Field, Form
from confjob.keypath import KeyPath
from confjob.schema import CLOSED, Navigator, Schema, embed
from confjob.schema.combination import UNEVALUATED
from confjob.schema.references import Resolver, as_ref, rename
from confjob.tree import MISSING, get, leaves
from confjob.validation import Validator

__all__ = ["json_schema_of"]

#: What the fields themselves say, of the keywords that an author's schema of a container has.
_STRUCTURE: Final = frozenset(
    {"type", "properties", "patternProperties", "additionalProperties", "required", "default"}
    | {"items", "prefixItems", "additionalItems", "$id", "$schema", "$anchor"}
)
#: A key that no document has: what applies to it applies to all keys that nobody names.
_ANY_KEY: Final = "\N{REPLACEMENT CHARACTER}"


def json_schema_of(form: Form) -> Schema:
    """Return the schema of what a person may change, a property per input."""
    names = dict.fromkeys(field.input for field in form.listed())
    visible = {name: _Input(form, name).schema() for name in names}
    required = [name for name, schema in visible.items() if "required" in schema]
    whole = embed(visible)
    return {**whole, "required": required} if required else whole


class _Input:
    """Makes the schema of one input's visible document."""

    def __init__(self, form: Form, name: str) -> None:
        self._form = form
        self._name = name
        self._document = form.documents[name]
        self._fields = {field.path: field for field in form.listed() if field.input == name}
        self._navigators = [Navigator(schema) for schema in form.typing[name].whole()]
        self._definitions: dict[str, Schema] = {}
        self._renamed: dict[str, dict[str, str]] = {}
        self._below: dict[KeyPath, dict[str | int, None]] = {}
        for path in self._fields:
            for size in range(len(path)):
                self._below.setdefault(KeyPath(path[:size]), {})[path[size]] = None

    def schema(self) -> Schema:
        schema = self._at(KeyPath())
        return {**schema, "$defs": self._definitions} if self._definitions else schema

    def _at(self, path: KeyPath) -> Schema:
        if path in self._fields:
            return self._leaf(self._fields[path])
        inner = {part: self._at(path.child(part)) for part in self._below[path]}
        in_list = any(isinstance(part, int) for part in inner)
        shape = self._list(path, inner) if in_list else self._mapping(path, inner)
        return schemas.conjoin([shape, *self._rules(path)])

    def _leaf(self, field: Field) -> Schema:
        schema = self._shared(field.schema)
        if field.secret:
            # Its default may be the very secret.
            shown = {key: value for key, value in schema.items() if key not in ("default", "examples")}
            return shown if schemas.is_secret(field.schema) else {**shown, "writeOnly": True}
        if field.value is MISSING or Validator(field.schema).is_valid(field.value):
            return schema
        # Who leaves a value that breaks its schema as it stands is warned, not refused.
        return {"anyOf": [schema, {"const": field.value}]}

    def _mapping(self, path: KeyPath, inner: dict[str | int, Schema]) -> Schema:
        properties = {str(key): schema for key, schema in inner.items()}
        properties |= {key: self._shared(schema) for key, schema in self._absent(path)}
        needed = {key for at in self._said(path) for key in at.get("required", ())}
        required = [str(key) for key in inner if self._is_required(path.child(key), key in needed)]
        others = self._shared(self._type(path.child(_ANY_KEY)))
        closed = others in ({}, CLOSED) or not self._form.selects(self._name, path.child(_ANY_KEY))
        schema = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False if closed else others,
        }
        patterns = dict(self._patterns(path))
        schema |= {"patternProperties": patterns} if patterns else {}
        return {**schema, "required": required} if required else schema

    def _list(self, path: KeyPath, inner: dict[str | int, Schema]) -> Schema:
        present = self._document.nodes[path].value
        # What stands at an index that is hidden is not for this schema to say.
        first = [inner.get(index, {}) for index in range(len(present))]
        after = path.child(len(present))
        more = self._form.selects(self._name, after) and self._shared(self._type(after))
        hidden = [index for index in range(len(present)) if not self._is_all_visible(path.child(index))]
        schema = {"type": "array", "prefixItems": first, "items": more}
        # An element goes only if none behind it, which would move up, has a hidden value.
        return {**schema, "minItems": hidden[-1] + 1} if hidden else schema

    def _absent(self, path: KeyPath) -> Iterator[tuple[str, Schema]]:
        """Yield what may be set without being there: the properties that a schema names."""
        names = dict.fromkeys(name for at in self._said(path) for name in schemas.properties(at))
        for name in names:
            child = path.child(name)
            there = child in self._document.nodes or name in self._below[path]
            schema = CLOSED if there else self._type(child)
            if schema != CLOSED and self._form.selects(self._name, child):
                yield name, schema

    def _patterns(self, path: KeyPath) -> Iterator[tuple[str, Schema]]:
        for at in self._said(path):
            for pattern, schema in at.get("patternProperties", {}).items():
                if schema and self._form.selects(self._name, path.child(_ANY_KEY)):
                    yield pattern, self._shared({**schema, "$defs": at.get("$defs", {})})

    def _is_required(self, path: KeyPath, needed: bool) -> bool:
        spec = self._form.spec(self._name)
        missing = (each for each in spec.required if each not in self._document.nodes)
        marked = path in self._fields and self._fields[path].required
        given = marked or needed or any(each.startswith(path) for each in missing)
        # What holds a hidden value can't be taken away.
        return given or not self._is_all_visible(path)

    def _rules(self, path: KeyPath) -> Iterator[Schema]:
        """Yield what authors say of a container as a whole, where all of it is visible."""
        if not self._is_all_visible(path):
            return
        tree = get(self._document.tree, path)
        for at in self._said(path):
            left_out = () if UNEVALUATED & at.keys() else _STRUCTURE
            rules = {key: value for key, value in at.items() if key not in left_out}
            # One that is broken as the document stands refuses nothing.
            if rules.keys() - {"$defs"} and Validator(rules).is_valid(tree):
                yield self._shared(rules)

    def _is_all_visible(self, path: KeyPath) -> bool:
        below = leaves(get(self._document.tree, path), path)
        return all(self._form.selects(self._name, at) for at, _ in below)

    def _type(self, path: KeyPath) -> Schema:
        """Return the type that a value has which is not there yet."""
        return self._form.field(self._name, path).schema

    def _said(self, path: KeyPath) -> Iterator[Schema]:
        """Yield what the schemas of the whole document say at `path`."""
        yield from filter(None, (navigator.at(path) for navigator in self._navigators))

    def _shared(self, schema: Schema) -> Schema:
        """Return a schema whose definitions are among this one's."""
        alone = Resolver(schema).self_contained(schema)
        own = alone.get("$defs", {})
        if any(self._definitions.get(name, own[name]) != own[name] for name in own):
            # All of them: one that reads the same may refer to one that does not.
            text = json.dumps(own, sort_keys=True, default=str)
            names = self._renamed.setdefault(text, {name: self._free(name) for name in own})
            refs = {as_ref(("$defs", old)): as_ref(("$defs", new)) for old, new in names.items()}
            alone = rename(alone, refs)
            own = {names[name]: definition for name, definition in alone["$defs"].items()}
        self._definitions |= own
        return {key: value for key, value in alone.items() if key != "$defs"}

    def _free(self, name: str) -> str:
        free, number = name, 1
        while free in self._definitions:
            number += 1
            free = f"{name}-{number}"
        return free
