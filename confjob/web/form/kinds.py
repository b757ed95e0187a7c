"""Which control suits a type.

A schema says what is admitted, not how a person gives it: of its unions, constants and items
this makes the few kinds of control that a form has, and for what is none of them a line of YAML.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from attrs import frozen

from confjob import schema as schemas
from confjob.schema import Schema
from confjob.schema.keywords import normal
from confjob.schema.references import Resolver
from confjob.tree import Json
from confjob.validation import InvalidSchema, Validator

__all__ = [
    "ANYTHING",
    "Alternative",
    "Bounds",
    "Kind",
    "alternatives",
    "bounds",
    "chosen",
    "option_key",
    "option_text",
]

Kind: TypeAlias = Literal["text", "integer", "number", "choice", "many", "list", "object", "any"]

#: More choices than these are a drop-down list rather than buttons side by side.
_FEW: Final = 4
_SHORT: Final = 28
#: A choice of several from more than these is better made as a list.
_MOST_MANY: Final = 60
_NAMES: Final = {
    "text": "text",
    "integer": "int",
    "number": "float",
    "list": "list",
    "object": "dict",
    "any": "any",
    "choice": "choice",
    "many": "choices",
}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "list": (list,),
    "many": (list,),
    "object": (dict,),
}
#: Names of numbers whose order of magnitude is what people change.
_BY_MAGNITUDE: Final = re.compile(r"(^|_)(lr|learning_rate|weight_decay|decay|eps|epsilon|tol|tolerance)$")


@frozen(kw_only=True)
class Alternative:
    """One way to give a value: the control, and the type that it is for.

    Args:
        kind: The control.
        name: What to call it where several may be chosen from.
        schema: The type, which stands alone.
        options: The values to choose from.
    """

    kind: Kind
    name: str
    schema: Schema
    options: tuple[Json, ...] = ()

    @property
    def is_side_by_side(self) -> bool:
        """Whether all options fit on a line, as buttons."""
        words = [option_text(option) for option in self.options]
        return len(words) <= _FEW and sum(len(word) + 3 for word in words) <= _SHORT


#: What takes anything: a line of YAML.
ANYTHING: Final = Alternative(kind="any", name="any", schema={})


@frozen(kw_only=True)
class Bounds:
    """What is known of a number besides that it is one.

    `low` and `high` are the ends of a slider, None where the type has none.
    """

    low: float | None = None
    high: float | None = None
    by_magnitude: bool = False


def option_key(option: Json) -> str:
    """Return what a control posts for an option: its JSON, which tells `1` from `"1"`."""
    return json.dumps(option, sort_keys=True)


def option_text(option: Json) -> str:
    """Return an option as people read it."""
    return option if isinstance(option, str) and option else json.dumps(option, ensure_ascii=False)


def alternatives(schema: Schema) -> tuple[Alternative, ...]:
    """Return the ways to give a value of a type, null left out, the likeliest first.

    All constants and truth values together are one choice, and so are int and float.

    Example:
        >>> [way.kind for way in alternatives({"anyOf": [{"enum": ["auto"]}, {"type": "boolean"}, {"type": "null"}]})]
        ['choice']
        >>> [way.name for way in alternatives({"type": ["number", "string"]})]
        ['float', 'text']
    """
    found: dict[str, Alternative] = {}
    options: list[Json] = []
    for branch in _branches(schema, Resolver(schema), frozenset()):
        way = _way(branch)
        if way.kind == "choice":
            options += (each for each in way.options if each not in options or isinstance(each, bool))
            way = _choice(branch, options)
        found[_slot(way)] = _wider(found.get(_slot(way)), way)
    return tuple(found.values()) or (ANYTHING,)


def _admits(way: Alternative, value: Json) -> bool:
    try:
        return Validator(way.schema).is_valid(value)
    except InvalidSchema:  # a key that is no text of JSON
        return False


def chosen(ways: tuple[Alternative, ...], value: Json) -> Alternative | None:
    """Return the way in which a value is given, the nearest one if it breaks its type's rules."""
    key = option_key(value)
    for way in ways:
        if way.kind == "choice" and any(key == option_key(each) for each in way.options):
            return way
    near = [
        way for way in ways if isinstance(value, _TYPES.get(way.kind, ())) and not isinstance(value, bool)
    ]
    near = [way for way in near if way.kind != "many" or _is_choice_of(way, value)]
    exact = (way for way in near if _admits(way, value))
    spare = (way for way in ways if way.kind == "any")
    return next(iter([*exact, *near, *spare]), None)


def _is_choice_of(way: Alternative, value: list[Json]) -> bool:
    """Whether ticking options says all that a list says."""
    keys = [option_key(each) for each in value]
    return len(set(keys)) == len(keys) and {option_key(each) for each in way.options}.issuperset(keys)


def bounds(schema: Schema, name: str, value: Json) -> Bounds:
    """Return what a type says of a number's range, and whether its magnitude is what matters.

    Args:
        schema: The type.
        name: The last key of its path.
        value: What stands there, if anything.
    """
    low = _limit(schema, "minimum", "exclusiveMinimum")
    high = _limit(schema, "maximum", "exclusiveMaximum")
    said = schema.get("x-scale") == "log"
    wide = low is not None and high is not None and low > 0 and high / low >= 1000
    small = isinstance(value, float) and 0 < abs(value) < 0.01
    by_name = _BY_MAGNITUDE.search(name) is not None and schema.get("type") != "integer"
    return Bounds(low=low, high=high, by_magnitude=said or wide or ((small or by_name) and (low or 0) >= 0))


def _limit(schema: Schema, *keys: str) -> float | None:
    found = [schema[key] for key in keys if isinstance(schema.get(key), (int, float))]
    return next((float(limit) for limit in found if math.isfinite(limit) and abs(limit) < 1e15), None)


def _slot(way: Alternative) -> str:
    return "number" if way.kind == "integer" else "list" if way.kind == "many" else way.kind


def _wider(known: Alternative | None, way: Alternative) -> Alternative:
    if known is None or way.kind == "choice" or (known.kind == "integer" and way.kind == "number"):
        return way
    return known if known.kind != "many" else way


def _branches(schema: Schema, resolver: Resolver, seen: frozenset[str]) -> Iterator[Schema]:
    """Yield the types that a value may have, one at a time; that of null is left out."""
    whole = resolver.expand(schema)
    union = next((key for key in ("anyOf", "oneOf") if key in whole), None)
    if union is not None:
        rest = {
            key: value
            for key, value in whole.items()
            if key not in (union, "default", "title", "description")
        }
        for branch in map(normal, whole[union]):
            ref = str(branch.get("$ref", ""))
            if ref not in seen:
                joined = schemas.conjoin([branch, rest]) if rest.keys() - {"$defs"} else branch
                yield from _branches(joined, resolver, seen | ({ref} if ref else set()))
        return
    stated = whole.get("type")
    kinds = stated if isinstance(stated, list) and "enum" not in whole else [stated]
    for kind in kinds:
        if kind != "null" and whole != schemas.CLOSED:
            one = whole if kind is stated else {**whole, "type": kind}
            yield resolver.self_contained(one)


def _way(schema: Schema) -> Alternative:
    constants = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(constants, list):
        return _choice(schema, [each for each in constants if each is not None])
    kind = schema.get("type")
    if kind == "boolean":
        return _choice(schema, [True, False])
    if kind in ("integer", "number"):
        return Alternative(kind=kind, name=_NAMES[kind], schema=schema)
    if kind == "string":
        return Alternative(kind="text", name="text", schema=schema)
    if kind == "array":
        return _many_or_list(schema)
    if kind == "object" or (kind is None and "properties" in schema):
        return Alternative(kind="object", name="dict", schema=schema)
    return Alternative(kind="any", name="any", schema=schema)


def _choice(schema: Schema, options: list[Json]) -> Alternative:
    unique = {option_key(option): option for option in options}
    return Alternative(kind="choice", name="choice", schema=schema, options=tuple(unique.values()))


def _many_or_list(schema: Schema) -> Alternative:
    resolver = Resolver(schema)
    items = resolver.expand(normal(schema.get("items", {}))) if "prefixItems" not in schema else {}
    options = items.get("enum")
    if isinstance(options, list) and 0 < len(options) <= _MOST_MANY:
        return Alternative(kind="many", name="choices", schema=schema, options=tuple(options))
    return Alternative(kind="list", name=schemas.type_name(schema), schema=schema)
