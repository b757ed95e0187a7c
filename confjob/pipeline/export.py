"""The form as one JSON Schema: what tools outside confjob read."""

from __future__ import annotations

from collections.abc import Mapping

from confjob.form import Form
from confjob.keypath import KeyPath
from confjob.schema import Schema, embed

__all__ = ["json_schema_of"]


def json_schema_of(form: Form) -> Schema:
    """Return the schema of what a person may change, a property per input."""
    visible_schemas = {}
    for name in {listed.input: None for listed in form.listed()}:
        fields = {field.path: field for field in form.listed() if field.input == name}
        visible_schemas[name] = _object({path: field.schema for path, field in fields.items()})
    return embed(visible_schemas)


def _object(schemas: Mapping[KeyPath, Schema]) -> Schema:
    """Return the object schema that has each schema at its path."""
    here = schemas.get(KeyPath())
    if here is not None:
        return here
    below: dict[str | int, dict[KeyPath, Schema]] = {}
    for path, schema in schemas.items():
        below.setdefault(path[0], {})[KeyPath(path[1:])] = schema
    if any(isinstance(key, int) for key in below):
        return {"type": "array", "items": {"anyOf": [_object(inner) for inner in below.values()]}}
    properties = {str(key): _object(inner) for key, inner in below.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}
