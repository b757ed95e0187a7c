"""The types that structured configs give to the nodes of a composed config.

OmegaConf tells the type of a field by its nodes' own members only. Like the probe that it
belongs to, this runs in the job's interpreter.
"""

from __future__ import annotations

import typing

__all__ = ["schema_of"]


def schema_of(node: typing.Any) -> dict | None:
    """Return the JSON Schema of a typed node; None where a plain config says nothing."""
    from omegaconf import DictConfig, ListConfig

    if isinstance(node, DictConfig):
        return _mapping(node)
    if isinstance(node, ListConfig):
        found = _plain(node._metadata.element_type)
        return _optional(node, {"type": "array", "items": found}) if found else None
    kind = {"IntegerNode": "integer", "FloatNode": "number", "BooleanNode": "boolean"}
    names = {**kind, "StringNode": "string", "PathNode": "string"}
    name = type(node).__name__
    if name == "EnumNode":
        return _optional(node, {"enum": [member.name for member in node.enum_type]})
    return _optional(node, {"type": names[name]}) if name in names else None


def _mapping(node: typing.Any) -> dict | None:
    import dataclasses

    if node._is_none() or node._is_missing() or node._is_interpolation():
        return None
    found = {str(key): schema_of(node._get_node(key)) for key in node}
    typed = {key: schema for key, schema in found.items() if schema}
    known = node._metadata.object_type
    attrs = hasattr(known, "__attrs_attrs__")
    closed = (
        isinstance(known, type) and (dataclasses.is_dataclass(known) or attrs) and not issubclass(known, dict)
    )
    if closed:
        properties = {key: schema or {} for key, schema in found.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    element = _plain(node._metadata.element_type)
    if element:
        return {"type": "object", "additionalProperties": element}
    return {"type": "object", "properties": typed} if typed else None


def _plain(annotation: typing.Any) -> dict | None:
    names = {int: "integer", float: "number", bool: "boolean", str: "string"}
    return {"type": names[annotation]} if annotation in names else None


def _optional(node: typing.Any, schema: dict) -> dict:
    """Return `schema` with null where the field may be null, and open where a reference stands."""
    if schema.get("type") != "string":
        if node._is_missing():
            schema = {"anyOf": [schema, {"const": "???"}]}
        elif node._is_interpolation():
            schema = {"anyOf": [schema, {"type": "string", "pattern": r"\$\{"}]}
    if not node._metadata.optional:
        return schema
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
