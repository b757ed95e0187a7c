"""Is a schema itself sound? All faults at once, in the words of whoever wrote it.

The validator stops at a schema's first fault and calls `type: float` "not valid under
any of the schemas listed in the 'anyOf' keyword".
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from confjob.keypath import KeyPath
from confjob.schema.embedding import DIALECT
from confjob.schema.keywords import Pointer, Schema, children
from confjob.schema.references import Resolver
from confjob.validation.engine import InvalidSchema, Validator, build
from confjob.validation.violation import Violation

__all__ = ["check_schema"]

_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
#: What people write for a JSON type, in Python's and other languages' words.
_MEANT: Final = {
    "bool": "boolean",
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "str": "string",
    "text": "string",
    "list": "array",
    "tuple": "array",
    "dict": "object",
    "map": "object",
    "mapping": "object",
    "table": "object",
    "none": "null",
}


def check_schema(schema: Any) -> list[Violation]:
    """Return all faults of a schema; the paths lead into the schema itself.

    Unknown formats and unknown keywords are no faults.

    Example:
        >>> [fault.message for fault in check_schema({"type": "float"})]
        ["unknown type 'float' (did you mean 'number'?)"]
    """
    dialect = _dialect(schema)
    by_rule = Validator({"$schema": dialect, "$ref": dialect}).violations(schema)
    found = list(_faults(schema)) if isinstance(schema, dict) else []
    # What the meta-schema says of these keywords is said better already.
    ours = {fault.path for fault in found}
    found += [_reworded(fault) for fault in by_rule if not ours & {fault.path, fault.path.parent}]
    unique = {(fault.path, fault.message): fault for fault in found}
    return sorted(unique.values(), key=lambda fault: [*map(str, fault.path)])


def _dialect(schema: Any) -> str:
    stated = schema.get("$schema") if isinstance(schema, dict) else None
    return stated if isinstance(stated, str) and "json-schema.org/draft" in stated else DIALECT


def _reworded(fault: Violation) -> Violation:
    if fault.message.startswith("must be bool or dict"):
        hint = "; a list of schemas is called prefixItems" if fault.path[-1:] == ("items",) else ""
        words = fault.message.replace("bool or dict", "a schema", 1) + hint
        return Violation(path=fault.path, keyword=fault.keyword, message=words, schema_path=fault.schema_path)
    return fault


def _faults(root: Schema) -> Iterator[Violation]:
    resolver = Resolver(root)
    waiting: list[tuple[Pointer, Any]] = [((), root)]
    while waiting:
        pointer, schema = waiting.pop()
        if isinstance(schema, dict):
            yield from _own_faults(pointer, schema, resolver)
            waiting.extend(((*pointer, *below), inner) for below, inner in children(schema))


def _own_faults(pointer: Pointer, schema: Schema, resolver: Resolver) -> Iterator[Violation]:
    if "type" in schema:
        yield from _types(KeyPath((*pointer, "type")), schema["type"])
    ref = schema.get("$ref")
    if (
        isinstance(ref, str)
        and resolver.resolve(ref) is None
        and not ref.startswith("https://json-schema.org/")
    ):
        where = (
            "nothing in the schema" if ref.startswith("#") else "outside the schema, where nothing is fetched"
        )
        message = f"{ref!r} points at {where}".replace("points at outside", "points outside")
        yield Violation(path=KeyPath((*pointer, "$ref")), keyword="$ref", message=message)
    for place, pattern in _patterns(schema):
        if isinstance(pattern, str) and not _compiles(pattern):
            message = f"{pattern!r} is no regular expression"
            yield Violation(path=KeyPath((*pointer, *place)), keyword="pattern", message=message)


def _types(path: KeyPath, stated: Any) -> Iterator[Violation]:
    names = stated if isinstance(stated, list) else [stated]
    for name in names:
        if name not in _TYPES:
            yield Violation(
                path=path, keyword="type", message=f"unknown type {name!r}{_meant(name)}", allowed=_TYPES
            )
    if not names:
        yield Violation(path=path, keyword="type", message="names no type", allowed=_TYPES)


def _meant(name: Any) -> str:
    if not isinstance(name, str):
        return ""
    close = get_close_matches(name.lower(), [*_TYPES, *_MEANT], n=1)
    return f" (did you mean {_MEANT.get(close[0], close[0])!r}?)" if close else ""


def _patterns(schema: Schema) -> Iterator[tuple[Pointer, Any]]:
    if "pattern" in schema:
        yield ("pattern",), schema["pattern"]
    if isinstance(schema.get("patternProperties"), dict):
        yield from ((("patternProperties", pattern), pattern) for pattern in schema["patternProperties"])


def _compiles(pattern: str) -> bool:
    import json

    try:
        build(json.dumps({"pattern": pattern}))
    except InvalidSchema:
        return False
    return True
