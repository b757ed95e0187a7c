"""W&B's way to write down types: `input_types` of a job, from values, and back to JSON Schema.

Written as wandb's own core does: one `number` for int and float, a list by the kinds of
its elements and its length, mappings as `typedDict`. Their type of a secret is the type
of its value, which tells nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from confjob.plugin import ConfjobError, Json, Schema
from confjob_wandb.schemas import json_schema

__all__ = ["plain_schema", "schema_of", "shape_of", "wandb_schema"]

_KINDS: Final = {"boolean": "boolean", "number": "number", "string": "string"}

#: What W&B's schemas say beside the keywords of JSON Schema.
_LABELS: Final = {"label": "title"}
_FORM_ONLY: Final = frozenset({"placeholder"})


def shape_of(value: Json) -> Json:
    """Return W&B's type of a value.

    Example:
        >>> shape_of([1, 2.5])
        {'wb_type': 'list', 'params': {'element_type': {'wb_type': 'number'}, 'length': 2}}
    """
    if isinstance(value, dict):
        # `_wandb` is wandb's own, at every depth.
        types = {key: shape_of(below) for key, below in value.items() if key != "_wandb"}
        return {"wb_type": "typedDict", "params": {"type_map": types}}
    if isinstance(value, list):
        params = {"element_type": _element(value), "length": len(value)}
        return {"wb_type": "list", "params": params}
    return {"wb_type": _scalar(value)}


def _scalar(value: Json) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "unknown"


def _element(values: list[Json]) -> Json:
    # By name only, as wandb does: of mappings in a list the last one's keys count.
    kinds = {shape["wb_type"]: shape for shape in map(shape_of, values)}
    if len(kinds) > 1:
        return {"wb_type": "union", "params": {"allowed_types": list(kinds.values())}}
    return next(iter(kinds.values()), {"wb_type": "unknown"})


def schema_of(shape: Json) -> Schema:
    """Return the JSON Schema of W&B's type; what W&B does not know is `{}`.

    A null says nothing of what else may stand there, and a list's length is that of one
    value, not a rule.

    Raises:
        ConfjobError: When it is no type of W&B's.
    """
    kind = shape.get("wb_type") if isinstance(shape, dict) else None
    params = shape.get("params", {}) if isinstance(shape, dict) else {}
    if kind in _KINDS:
        return {"type": _KINDS[kind]}
    if kind in ("none", "unknown", "any", "invalid"):
        return {}
    if kind in ("typedDict", "dictionary"):
        types = params.get("type_map", {})
        return {"type": "object", "properties": {key: schema_of(below) for key, below in types.items()}}
    if kind == "list":
        items = schema_of(params.get("element_type", {"wb_type": "unknown"}))
        return {"type": "array", "items": items} if items else {"type": "array"}
    if kind == "union":
        return _union([schema_of(each) for each in params.get("allowed_types", ())], params)
    raise ConfjobError(f"{json.dumps(shape)[:80]} is no type of W&B's", hint="expected input_types of a job")


def _union(allowed: list[Schema], params: Mapping[str, Any]) -> Schema:
    nullable = any(each.get("wb_type") == "none" for each in params.get("allowed_types", ()))
    known = [each for each in allowed if each]
    if len(known) + nullable < len(allowed):
        return {}
    options = [*known, *([{"type": "null"}] if nullable else [])]
    return options[0] if len(options) == 1 else {"anyOf": options}


def wandb_schema(schema: Schema) -> Schema:
    """Return a schema as W&B stores it: no references, and no `allOf` around one.

    A definition that stands in itself is cut off there with `{}`, as W&B has no other
    way to say it. The given schema stays as it is.
    """
    return {key: value for key, value in _inlined(schema, schema, ()).items() if key not in _DEFINITIONS}


_DEFINITIONS = ("$defs", "definitions", "$schema", "$id")


def _inlined(schema: Json, root: Schema, inside: tuple[str, ...]) -> Json:
    if isinstance(schema, list):
        return [_inlined(each, root, inside) for each in schema]
    if not isinstance(schema, dict):
        return schema
    ref = schema.get("$ref")
    if isinstance(ref, str):
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        target = {} if ref in inside else _inlined(_target(ref, root), root, (*inside, ref))
        return {**target, **_inlined(beside, root, inside)}
    parts = schema.get("allOf")
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
        beside = {key: value for key, value in schema.items() if key != "allOf"}
        return _inlined({**parts[0], **beside}, root, inside)
    kept = (item for item in schema.items() if item[0] not in _DEFINITIONS[:2])
    return {key: _inlined(value, root, inside) for key, value in kept}


def _target(ref: str, root: Schema) -> Schema:
    found: Json = root
    for part in ref.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ConfjobError(f"the schema refers to {ref!r}, which is not in it")
    return found


def plain_schema(schema: Schema) -> Schema:
    """Return W&B's schema as JSON Schema, with W&B's labels as titles.

    Example:
        >>> plain_schema({"properties": {"a": {"type": "integer", "required": True, "label": "A"}}})
        {'properties': {'a': {'type': 'integer', 'title': 'A'}}, 'required': ['a']}
    """
    return _titled(json_schema(schema))


def _titled(schema: Schema) -> Schema:
    titled = {_LABELS.get(key, key): value for key, value in schema.items() if key not in _FORM_ONLY}
    properties = titled.get("properties")
    if isinstance(properties, dict):
        titled["properties"] = {key: _titled(below) for key, below in properties.items()}
    return titled
