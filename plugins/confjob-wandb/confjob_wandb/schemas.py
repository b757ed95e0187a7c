"""W&B's dialect of JSON Schema as the standard has it.

W&B lets a property say `"required": true` of itself; in JSON Schema the mapping around it
lists the names of those that are.
"""

from __future__ import annotations

from confjob.plugin import Schema

__all__ = ["json_schema"]


def json_schema(schema: Schema) -> Schema:
    """Return a schema of W&B's as JSON Schema; the given one is left as it is.

    Example:
        >>> json_schema({"properties": {"lr": {"type": "number", "required": True}}})
        {'properties': {'lr': {'type': 'number'}}, 'required': ['lr']}
    """
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return schema
    marked = [
        name for name, each in properties.items() if isinstance(each, dict) and each.get("required") is True
    ]
    known = schema.get("required")
    names = [*(known if isinstance(known, list) else ()), *marked]
    below = {name: _property(each) for name, each in properties.items()}
    return {**schema, "properties": below, **({"required": names} if names else {})}


def _property(schema: object) -> object:
    if not isinstance(schema, dict):
        return schema
    bare = {
        key: value for key, value in schema.items() if not (key == "required" and isinstance(value, bool))
    }
    return json_schema(bare)
