"""Types, rules and values in the words of people who write Python configs.

Tables and messages must say the same thing in the same words, so both take them here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from confjob.schema.keywords import CLOSED, Schema, normal
from confjob.schema.kinds import ALL_KINDS, kind_of
from confjob.schema.references import Resolver
from confjob.tree import Json

__all__ = ["RULES", "constraints", "is_secret", "listed", "rule", "spell", "type_name", "type_words"]

#: JSON Schema's names of types, and ours.
_NAMES: Final = {
    "integer": "int",
    "number": "float",
    "string": "str",
    "boolean": "bool",
    "null": "null",
    "array": "list",
    "object": "dict",
}
#: Keyword -> (words in a table, words after "must").
RULES: Final = {
    "minimum": (">= {}", "be at least {}"),
    "exclusiveMinimum": ("> {}", "be greater than {}"),
    "maximum": ("<= {}", "be at most {}"),
    "exclusiveMaximum": ("< {}", "be less than {}"),
    "multipleOf": ("multiple of {}", "be a multiple of {}"),
    "minLength": ("at least {} character{s}", "have at least {} character{s}"),
    "maxLength": ("at most {} character{s}", "have at most {} character{s}"),
    "pattern": ("matches {}", "match {}"),
    "minItems": ("at least {} item{s}", "have at least {} item{s}"),
    "maxItems": ("at most {} item{s}", "have at most {} item{s}"),
    "uniqueItems": ("no item twice", "hold no item twice"),
    "minProperties": ("at least {} key{s}", "have at least {} key{s}"),
    "maxProperties": ("at most {} key{s}", "have at most {} key{s}"),
}
#: Two rules that one phrase says better: (low, high, phrase).
_RANGES: Final = (
    ("minimum", "maximum", "{} to {}"),
    ("minLength", "maxLength", "{} to {} characters"),
    ("minItems", "maxItems", "{} to {} items"),
    ("minProperties", "maxProperties", "{} to {} keys"),
)
_MOST: Final = 20
_Refs = frozenset[str]


def type_name(schema: Schema) -> str:
    """Return the type as users know it: `int`, `list[float]`, `float | str`, `any`.

    Example:
        >>> type_name({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]})
        'list[int] | null'
    """
    return " | ".join(_names(schema, Resolver(schema), frozenset())) or "any"


def type_words(types: Iterable[str], *, article: bool = False) -> str:
    """Return JSON Schema's type names in a sentence: `a float`, `int or null`."""
    names = [_NAMES.get(kind, kind) for kind in sorted(types, key=_order)]
    if article and len(names) == 1:
        return "null" if names == ["null"] else f"{'an' if names[0] == 'int' else 'a'} {names[0]}"
    return listed(names, "or")


def constraints(schema: Schema) -> str:
    """Return the rules beside the type, in words for a table; `""` where there are none.

    Example:
        >>> constraints({"type": "number", "minimum": 0, "maximum": 1})
        '0 to 1'
    """
    return ", ".join(dict.fromkeys(_rules(schema, Resolver(schema), frozenset())))


def rule(keyword: str, limit: Json, *, sentence: bool = False) -> str:
    """Return one rule of `RULES` in words, for a table or to stand after "must"."""
    text = RULES[keyword][sentence]
    return text.format(_limit(limit), s="" if limit == 1 else "s")


def spell(value: Json) -> str:
    """Return a constant as a person would type it; text is quoted only where it must be."""
    if isinstance(value, str) and value and value == value.strip() and not set(value) & set(",\"'\n"):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def listed(words: Iterable[str], last: str = "") -> str:
    """Join words with commas, the last two by the word `last`; long lists are cut."""
    items = list(words)
    if len(items) > _MOST:
        return ", ".join(items[:_MOST]) + f", … ({len(items)} in all)"
    if last and len(items) > 1:
        return f"{', '.join(items[:-1])} {last} {items[-1]}"
    return ", ".join(items)


def is_secret(schema: Schema) -> bool:
    """Whether the value must never be shown: `format: secret` or `password`, or `writeOnly`."""
    resolver = Resolver(schema)
    return any(
        part.get("format") in ("secret", "password") or part.get("writeOnly") is True
        for part in _applied(schema, resolver, frozenset())
    )


def _applied(schema: Schema, resolver: Resolver, seen: _Refs) -> Iterator[Schema]:
    yield schema
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        yield from _applied(resolver.resolve(ref) or {}, resolver, seen | {ref})
    for union in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(union, ()):
            yield from _applied(normal(part), resolver, seen)


def _order(kind: str) -> int:
    return ALL_KINDS.index(kind) if kind in ALL_KINDS else len(ALL_KINDS)


def _names(schema: Schema, resolver: Resolver, seen: _Refs) -> list[str]:
    """Return the names of the alternatives; none means any."""
    if schema == CLOSED:
        return ["nothing"]
    candidates = [_stated(schema, resolver, seen)]
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        candidates.append(_names(resolver.resolve(ref) or {}, resolver, seen | {ref}))
    candidates += (_names(normal(part), resolver, seen) for part in schema.get("allOf", ()))
    candidates += (_alternatives(schema[key], resolver, seen) for key in ("anyOf", "oneOf") if key in schema)
    # All hold together, so the one with the fewest alternatives says most.
    return min((names for names in candidates if names), key=len, default=[])


def _alternatives(union: list[Any], resolver: Resolver, seen: _Refs) -> list[str]:
    branches = [_names(normal(branch), resolver, seen) for branch in union]
    if not all(branches):
        return []
    names = dict.fromkeys(name for branch in branches for name in branch)
    return sorted(names, key=lambda name: name == "null")


def _stated(schema: Schema, resolver: Resolver, seen: _Refs) -> list[str]:
    types = schema.get("type")
    if types is None and "const" in schema:
        types = [kind_of(schema["const"])]
    elif types is None and "enum" in schema:
        types = dict.fromkeys(map(kind_of, schema["enum"]))
    elif types is None:
        types = [] if not schema.keys() & {"properties", "patternProperties"} else ["object"]
    kinds = [types] if isinstance(types, str) else sorted(types, key=lambda kind: kind == "null")
    return [_list(schema, resolver, seen) if kind == "array" else _NAMES.get(kind, kind) for kind in kinds]


def _list(schema: Schema, resolver: Resolver, seen: _Refs) -> str:
    # `items: false` ends a tuple; it is no type of an element.
    parts = [*schema.get("prefixItems", ()), schema.get("items", False)]
    names = {" | ".join(_names(normal(part), resolver, seen)) for part in parts if part is not False}
    inner = names.pop() if len(names) == 1 else ""
    return f"list[{inner}]" if inner else "list"


def _rules(schema: Schema, resolver: Resolver, seen: _Refs) -> Iterator[str]:
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        yield from _rules(resolver.resolve(ref) or {}, resolver, seen | {ref})
    for part in schema.get("allOf", ()):
        yield from _rules(normal(part), resolver, seen)
    yield from _own_rules(schema)
    for union in ("anyOf", "oneOf"):
        yield from filter(None, [_of_union(schema.get(union, ()), resolver, seen)])
    if "items" in schema:
        each = ", ".join(dict.fromkeys(_rules(normal(schema["items"]), resolver, seen)))
        yield from [f"each {each}"] if each else []


def _own_rules(schema: Schema) -> Iterator[str]:
    said: set[str] = set()
    if "const" in schema:
        yield f"only {spell(schema['const'])}"
    if isinstance(schema.get("enum"), list):
        yield f"one of {listed(map(spell, schema['enum']))}"
    for low, high, phrase in _RANGES:
        if low in schema and high in schema:
            said |= {low, high}
            yield _range(phrase, schema[low], schema[high])
    for keyword in RULES:
        if keyword in schema and keyword not in said and schema[keyword] is not False:
            yield rule(keyword, schema[keyword])
    if schema.get("format") not in (None, "secret", "password"):
        yield f"{schema['format']} format"


def _range(phrase: str, low: Json, high: Json) -> str:
    if low == high and "to {} " in phrase:
        noun = phrase.rpartition(" ")[2]
        return f"exactly {low} {noun.removesuffix('s') if low == 1 else noun}"
    return phrase.format(_limit(low), _limit(high))


def _of_union(union: list[Any], resolver: Resolver, seen: _Refs) -> str:
    """Return the rules of a union's branches; null and branches without rules go unsaid alone."""
    branches = [(normal(branch), _names(normal(branch), resolver, seen)) for branch in union]
    branches = [(branch, names) for branch, names in branches if names != ["null"]]
    rules = [", ".join(dict.fromkeys(_rules(branch, resolver, seen))) for branch, _ in branches]
    if len(branches) < 2 or not any(rules):
        return "".join(rules)
    texts = (_branch(names, text) for (_, names), text in zip(branches, rules, strict=True))
    return " or ".join(dict.fromkeys(texts))


def _branch(names: list[str], text: str) -> str:
    if text.startswith(("only ", "one of ")):
        return text.removeprefix("only ")
    return f"{' | '.join(names) or 'any'} {text}".strip()


def _limit(limit: Json) -> str:
    whole = isinstance(limit, float) and limit.is_integer() and abs(limit) < 2**53
    return str(int(limit) if whole else limit)
