"""What plugins say of types, less what is no schema.

An author's malformed schema is refused where it is declared. A framework's or plugin's is
nothing its user can mend, so it warns and is left out: types are inferred instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confjob.keypath import KeyPath
from confjob.model import Document, Format, Problem
from confjob.schema import Schema
from confjob.validation import InvalidSchema, Validator, Violation, check_schema

__all__ = ["sound", "sound_hints"]


def sound(input_name: str, kind: Format, document: Document, doubts: list[Problem]) -> Schema | None:
    """Return the format's schema of a document, or None; a malformed one is added to `doubts`."""
    schema = kind.schema(document)
    faults = [] if schema is None else _faults(schema)
    if faults:
        doubts.append(_ignored(input_name, KeyPath(), f"the schema of the format {kind.name!r}", faults))
    return None if faults else schema


def sound_hints(
    input_name: str, hints: Mapping[KeyPath, Schema], doubts: list[Problem]
) -> Mapping[KeyPath, Schema]:
    """Return the hints that are schemas; each malformed one is added to `doubts`."""
    # One schema that holds them all is compiled in a moment, and most often all are sound.
    if not _faults({"$defs": {str(path): hint for path, hint in hints.items()}}):
        return hints
    good: dict[KeyPath, Schema] = {}
    for path, hint in hints.items():
        faults = _faults(hint)
        if faults:
            doubts.append(_ignored(input_name, path, "what a plugin says of its type", faults))
        else:
            good[path] = hint
    return good


def _faults(schema: Any) -> list[Violation]:
    """Return why a schema can't be used; compiling it is quicker than looking for all faults."""
    try:
        if isinstance(schema, dict):
            Validator(schema).is_valid(None)
            return []
        message = "it is no schema"
    except InvalidSchema as error:
        message = str(error)
    return check_schema(schema) or [Violation(path=KeyPath(), keyword="schema", message=message)]


def _ignored(input_name: str, path: KeyPath, what: str, faults: Iterable[Violation]) -> Problem:
    first, *more = faults
    rest = f" (and {len(more)} more)" if more else ""
    place = f" at '{first.path}'" if first.path else ""
    return Problem(
        code="malformed-schema",
        input=input_name,
        path=path,
        message=f"{what} is malformed and is ignored{place}: {first.message}{rest}",
        hint="please tell the plugin's authors",
        severity="warning",
    )
