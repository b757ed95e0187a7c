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

if typing.TYPE_CHECKING:
    from confjob.probes import constraints
else:
    import constraints

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


def schema_of(hint: typing.Any) -> Schema:
    """Return the JSON Schema of an annotation; `{}` (anything) where it has none."""
    describer = _Describer()
    return describer.whole(describer.hint(hint))


def object_schema(cls: type) -> Schema:
    """Return the schema of a class: enum, dataclass, attrs, Pydantic, TypedDict, or a leaf."""
    describer = _Describer()
    return describer.whole(describer.cls(cls))


def instance_values(thing: typing.Any) -> typing.Any:
    """Return the values of a Pydantic, dataclass or attrs instance, or `UNSAYABLE`.

    The keys are those that make such an instance, and a secret of Pydantic's is left out.
    """
    if isinstance(thing, type):
        return UNSAYABLE
    if hasattr(thing, "model_dump"):
        values = {name: _model_value(thing, name) for name in type(thing).model_fields}
        values = {_model_key(thing, name): value for name, value in values.items()}
    else:
        fields = _fields_of(type(thing))
        if fields is None:
            return UNSAYABLE
        values = {field.key: to_json(getattr(thing, field.name, UNSAYABLE)) for field in fields}
    return {key: value for key, value in values.items() if value is not UNSAYABLE}


def _model_key(thing: typing.Any, name: str) -> str:
    """Return the name that Pydantic's schema of what it accepts has for a field."""
    field = type(thing).model_fields[name]
    alias = field.validation_alias or field.alias
    first = getattr(alias, "choices", [alias])[0]  # AliasChoices
    return first if isinstance(first, str) else name


def _model_value(thing: typing.Any, name: str) -> typing.Any:
    value = getattr(thing, name)
    if hasattr(value, "get_secret_value"):
        return UNSAYABLE
    plain = to_json(value)
    return thing.model_dump(mode="json", include={name}).get(name) if plain is UNSAYABLE else plain


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


class _Describer:
    """Makes one schema; a class that is met inside itself becomes a definition."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}
        self._names: dict[type, str] = {}
        self._open: list[type] = []

    def whole(self, schema: Schema) -> Schema:
        return {**schema, "$defs": self.definitions} if self.definitions else schema

    def hint(self, hint: typing.Any) -> Schema:
        if isinstance(hint, typing.Hashable) and hint in _SIMPLE:
            return dict(_SIMPLE[hint])
        metadata = getattr(hint, "__metadata__", None)
        if metadata is not None:
            return self._annotated(hint, metadata)
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is not None:
            return self._generic(origin, inner)
        supertype = getattr(hint, "__supertype__", None)  # NewType
        if supertype is not None:
            return self.hint(supertype)
        return self.cls(hint) if isinstance(hint, type) else {}

    def cls(self, cls: type) -> Schema:
        if hasattr(cls, "model_json_schema"):
            return self._hoisted(cls.model_json_schema())
        if issubclass(cls, enum.Enum):
            return _choices([member.value for member in cls])
        if issubclass(cls, os.PathLike):
            return {"type": "string"}
        if cls.__name__ in _FORMATS and cls.__module__ == "datetime":
            return {"type": "string", "format": _FORMATS[cls.__name__]}
        if hasattr(cls, "__get_pydantic_core_schema__") or hasattr(cls, "__pydantic_core_schema__"):
            return self._by_pydantic(cls)
        fields = _fields_of(cls)
        if fields is not None:
            return self._once(cls, lambda: self._with_fields(cls, fields))
        if hasattr(cls, "__required_keys__"):
            return self._once(cls, lambda: self._typed_dict(cls))
        return {}

    def _once(self, cls: type, describe: typing.Callable[[], Schema]) -> Schema:
        """Return the schema of a class with fields; a reference where it is inside itself."""
        if cls in self._open and cls not in self._names:
            self._names[cls] = _free(cls.__name__, self.definitions)
            self.definitions[self._names[cls]] = {}  # the name is taken
        if cls in self._names:
            return {"$ref": f"#/$defs/{self._names[cls]}"}
        self._open.append(cls)
        schema = describe()
        self._open.pop()
        if cls not in self._names:
            return schema
        self.definitions[self._names[cls]] = schema
        return {"$ref": f"#/$defs/{self._names[cls]}"}

    def _annotated(self, hint: typing.Any, metadata: tuple[typing.Any, ...]) -> Schema:
        schema = self.hint(typing.get_args(hint)[0])
        known = [constraints.add_rules(schema, item) for item in metadata]
        return schema if all(known) else self._by_pydantic(hint)

    def _by_pydantic(self, hint: typing.Any) -> Schema:
        """Return what Pydantic says; the user's code has imported it, or `hint` would not be of it."""
        return self._hoisted(sys.modules["pydantic"].TypeAdapter(hint).json_schema())

    def _hoisted(self, schema: Schema) -> Schema:
        """Return a whole schema as a part of this one, its definitions among this one's."""
        own = schema.get("$defs", {})
        names = {}
        for name, definition in own.items():
            names[name] = _free(name, self.definitions, definition)
            self.definitions[names[name]] = {}
        for name, definition in own.items():
            self.definitions[names[name]] = _renamed(definition, names)
        return typing.cast(
            "Schema", _renamed({key: value for key, value in schema.items() if key != "$defs"}, names)
        )

    def _generic(self, origin: typing.Any, inner: tuple[typing.Any, ...]) -> Schema:
        if origin is typing.Literal:
            return _choices([item.value if isinstance(item, enum.Enum) else item for item in inner])
        if origin is typing.Union or getattr(origin, "__name__", "") == "UnionType":
            return {"anyOf": [self.hint(member) for member in inner]}
        if not isinstance(origin, type):
            return {}
        if issubclass(origin, tuple):
            return self._tuple(inner)
        if issubclass(origin, collections.abc.Mapping):
            return {"type": "object", "additionalProperties": self.hint(inner[1])} if len(inner) == 2 else {}
        if issubclass(origin, collections.abc.Set):
            return {"type": "array", "uniqueItems": True, "items": self.hint(inner[0])}
        if issubclass(origin, collections.abc.Iterable) and len(inner) == 1:
            return {"type": "array", "items": self.hint(inner[0])}
        return {}

    def _tuple(self, inner: tuple[typing.Any, ...]) -> Schema:
        if len(inner) == 2 and inner[1] is Ellipsis:
            return {"type": "array", "items": self.hint(inner[0])}
        items = [self.hint(item) for item in inner]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}

    def _with_fields(self, cls: type, fields: list[_Field]) -> Schema:
        hints = hints_of(cls)
        properties = {field.key: self._field(field, hints.get(field.name, typing.Any)) for field in fields}
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [field.key for field in fields if field.default is None]
        return {**schema, "required": required} if required else schema

    def _field(self, field: _Field, hint: typing.Any) -> Schema:
        schema = self.hint(hint)
        constraints.add_validators(schema, field.validator)
        if isinstance(field.description, str):
            schema["description"] = field.description
        if field.default is not None and field.default[0] is not UNSAYABLE:
            schema["default"] = field.default[0]
        return schema

    def _typed_dict(self, cls: typing.Any) -> Schema:
        properties = {name: self.hint(hint) for name, hint in hints_of(cls).items()}
        required = sorted(cls.__required_keys__)
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "required": required,
        }


class _Field(typing.NamedTuple):
    """A field of a dataclass or attrs class; `key` is what its `__init__` calls it."""

    name: str
    key: str
    #: One value, or None where it must be given.
    default: tuple[typing.Any] | None
    description: typing.Any
    validator: typing.Any


def _fields_of(cls: typing.Any) -> list[_Field] | None:
    """Return the fields that `cls` is made from, or None where it is no class of that kind."""
    is_attrs = hasattr(cls, "__attrs_attrs__")
    if not is_attrs and not dataclasses.is_dataclass(cls):
        return None
    found: typing.Iterable[typing.Any] = cls.__attrs_attrs__ if is_attrs else dataclasses.fields(cls)
    return [
        _Field(
            item.name,
            getattr(item, "alias", None) or (item.name.lstrip("_") if is_attrs else item.name),
            _default_of(item),
            item.metadata.get("description"),
            getattr(item, "validator", None),
        )
        for item in found
        if item.init
    ]


def _free(name: str, taken: dict[str, Schema], schema: Schema | None = None) -> str:
    free, number = name, 2
    while free in taken and (schema is None or taken[free] != schema):
        free, number = f"{name}_{number}", number + 1
    return free


def _renamed(schema: typing.Any, names: dict[str, str]) -> typing.Any:
    if isinstance(schema, list):
        return [_renamed(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {key: _renamed(value, names) for key, value in schema.items()}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        name = reference[len("#/$defs/") :]
        renamed["$ref"] = f"#/$defs/{names.get(name, name)}"
    return renamed


def _choices(values: list[typing.Any]) -> Schema:
    plain = [to_json(value) for value in values]
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    types = {kinds.get(type(value)) for value in plain}
    if UNSAYABLE in plain:
        return {"type": "string"}
    one = types.pop() if len(types) == 1 else None
    rule = {"const": plain[0]} if len(plain) == 1 else {"enum": plain}
    return {"type": one, **rule} if one else rule


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


def hints_of(thing: typing.Any) -> dict[str, typing.Any]:
    """Return the evaluated annotations of a function or class, what `Annotated` holds included."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except TypeError:  # before Python 3.9
        return typing.get_type_hints(thing)
