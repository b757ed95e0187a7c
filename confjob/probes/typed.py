"""Live annotations and objects as JSON Schema and JSON, as far as they have a form in it.

Standard library only; what attrs, annotated-types and Pydantic define is known by its
attributes, and Pydantic itself is used only where the user's code has imported it.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import math
import os
import sys
import typing

__all__ = ["UNSAYABLE", "hints_of", "instance_values", "object_schema", "schema_of", "to_json"]

Schema = typing.Dict[str, typing.Any]  # noqa: UP006 - evaluated, on any Python

#: What `to_json` returns for a value that JSON has no form for.
UNSAYABLE: typing.Any = object()

_SIMPLE: dict[typing.Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array", "uniqueItems": True},
    frozenset: {"type": "array", "uniqueItems": True},
    dict: {"type": "object"},
}
_FORMATS = {"datetime": "date-time", "date": "date", "time": "time"}
_NUMERIC = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_SIZES = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def schema_of(hint: typing.Any) -> Schema:
    """Return the JSON Schema of an annotation; `{}` (anything) where it has none."""
    if isinstance(hint, typing.Hashable) and hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    metadata = getattr(hint, "__metadata__", None)
    if metadata is not None:
        return _annotated(hint, metadata)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is not None:
        return _generic(origin, inner)
    supertype = getattr(hint, "__supertype__", None)  # NewType
    if supertype is not None:
        return schema_of(supertype)
    return object_schema(hint) if isinstance(hint, type) else {}


def object_schema(cls: type) -> Schema:
    """Return the schema of a class: enum, dataclass, attrs, Pydantic, TypedDict, or a leaf."""
    if hasattr(cls, "model_json_schema"):
        return typing.cast("Schema", cls.model_json_schema())
    if issubclass(cls, enum.Enum):
        return _choices([member.value for member in cls])
    if issubclass(cls, os.PathLike):
        return {"type": "string"}
    if cls.__name__ in _FORMATS and cls.__module__ == "datetime":
        return {"type": "string", "format": _FORMATS[cls.__name__]}
    if dataclasses.is_dataclass(cls):
        return _fields_schema(
            cls, {field.name: _default_of(field) for field in dataclasses.fields(cls) if field.init}
        )
    attributes = getattr(cls, "__attrs_attrs__", None)
    if attributes is not None:
        return _fields_schema(cls, {item.name: _default_of(item) for item in attributes if item.init})
    if hasattr(cls, "__required_keys__"):
        required = sorted(cls.__required_keys__)
        return {**_properties(cls, list(hints_of(cls))), "required": required}
    return {}


def instance_values(thing: typing.Any) -> typing.Any:
    """Return the values of a Pydantic, dataclass or attrs instance, or `UNSAYABLE`."""
    if isinstance(thing, type):
        return UNSAYABLE
    if hasattr(thing, "model_dump"):
        return thing.model_dump(mode="json")
    if dataclasses.is_dataclass(thing):
        names = [field.name for field in dataclasses.fields(thing)]
    elif hasattr(thing, "__attrs_attrs__"):
        names = [item.name for item in thing.__attrs_attrs__]
    else:
        return UNSAYABLE
    values = {name: to_json(getattr(thing, name, UNSAYABLE)) for name in names}
    return {name: value for name, value in values.items() if value is not UNSAYABLE}


def to_json(value: typing.Any) -> typing.Any:
    """Return `value` as JSON, or `UNSAYABLE`."""
    if isinstance(value, enum.Enum):
        plain = to_json(value.value)
        return value.name if plain is UNSAYABLE else plain
    if isinstance(value, float) and not math.isfinite(value):
        return UNSAYABLE
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, collections.abc.Mapping):
        below = {str(key): to_json(inner) for key, inner in value.items()}
        return UNSAYABLE if any(inner is UNSAYABLE for inner in below.values()) else below
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [to_json(inner) for inner in value]
        return UNSAYABLE if any(inner is UNSAYABLE for inner in items) else items
    if type(value).__module__ == "datetime" and hasattr(value, "isoformat"):
        return value.isoformat()
    return instance_values(value)


def _annotated(hint: typing.Any, metadata: tuple[typing.Any, ...]) -> Schema:
    if any(type(item).__module__.startswith("pydantic") for item in metadata):
        adapter = sys.modules["pydantic"].TypeAdapter(hint)
        return typing.cast("Schema", adapter.json_schema())
    schema = schema_of(typing.get_args(hint)[0])
    for item in metadata:
        # annotated_types.Interval and Len hold several constraints at once.
        _constrain(schema, item)
    return schema


def _constrain(schema: Schema, item: typing.Any) -> None:
    for attribute, keyword in _NUMERIC.items():
        bound = getattr(item, attribute, None)
        if isinstance(bound, (int, float)):
            schema[keyword] = bound
    if isinstance(getattr(item, "multiple_of", None), (int, float)):
        schema["multipleOf"] = item.multiple_of
    if isinstance(getattr(item, "pattern", None), str):
        schema["pattern"] = item.pattern
    low, high = _SIZES.get(schema.get("type", ""), ("minLength", "maxLength"))
    for attribute, keyword in (("min_length", low), ("max_length", high)):
        size = getattr(item, attribute, None)
        if isinstance(size, int) and (size or keyword == high):
            schema[keyword] = size
    if type(item).__name__ == "Doc" and isinstance(getattr(item, "documentation", None), str):
        schema["description"] = item.documentation


def _generic(origin: typing.Any, inner: tuple[typing.Any, ...]) -> Schema:
    if origin is typing.Literal:
        return _choices([item.value if isinstance(item, enum.Enum) else item for item in inner])
    if origin is typing.Union or getattr(origin, "__name__", "") == "UnionType":
        return {"anyOf": [schema_of(member) for member in inner]}
    if not isinstance(origin, type):
        return {}
    if issubclass(origin, tuple):
        return _tuple(inner)
    if issubclass(origin, collections.abc.Mapping):
        return {"type": "object", "additionalProperties": schema_of(inner[1])} if len(inner) == 2 else {}
    if issubclass(origin, collections.abc.Set):
        return {"type": "array", "uniqueItems": True, "items": schema_of(inner[0])}
    if issubclass(origin, collections.abc.Iterable) and len(inner) == 1:
        return {"type": "array", "items": schema_of(inner[0])}
    return {}


def _tuple(inner: tuple[typing.Any, ...]) -> Schema:
    if len(inner) == 2 and inner[1] is Ellipsis:
        return {"type": "array", "items": schema_of(inner[0])}
    items = [schema_of(item) for item in inner]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _choices(values: list[typing.Any]) -> Schema:
    plain = [to_json(value) for value in values]
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    types = {kinds.get(type(value)) for value in plain}
    if UNSAYABLE in plain:
        return {"type": "string"}
    one = types.pop() if len(types) == 1 else None
    return {"type": one, "enum": plain} if one else {"enum": plain}


def _default_of(field: typing.Any) -> typing.Any:
    """Return a field's default as JSON; `UNSAYABLE` if it has one that JSON can't say, or None."""
    factory = getattr(field, "default_factory", dataclasses.MISSING)
    default = field.default
    if hasattr(default, "factory"):  # attrs.Factory
        factory = dataclasses.MISSING if default.takes_self else default.factory
        default = UNSAYABLE
    if factory is not dataclasses.MISSING:
        default = factory()
    absent = default is dataclasses.MISSING or type(default).__name__ == "_Nothing"
    return None if absent else (to_json(default),)


def _fields_schema(cls: type, defaults: dict[str, typing.Any]) -> Schema:
    """Return the schema of a class with fields; a default is a one-tuple, or None."""
    schema = _properties(cls, list(defaults))
    for name, default in defaults.items():
        if default is not None and default[0] is not UNSAYABLE:
            schema["properties"][name]["default"] = default[0]
    required = [name for name, default in defaults.items() if default is None]
    return {**schema, "required": required} if required else schema


def _properties(cls: type, names: list[str]) -> Schema:
    hints = hints_of(cls)
    properties = {name: schema_of(hints.get(name, typing.Any)) for name in names}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def hints_of(thing: typing.Any) -> dict[str, typing.Any]:
    """Return the evaluated annotations of a function or class, what `Annotated` holds included."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except TypeError:  # before Python 3.9
        return typing.get_type_hints(thing)
