"""Target templates: options with variables that whoever launches may set, and macros.

A cluster's owner writes the options once, with `{{gpus}}` where people may choose and
`[targets.NAME.variables]` to say what they may choose from. The variables are an input of the
job like any other (`target:gpus`), so that they are validated, shown, recorded and swept by
what does this for all inputs. Macros (`${run_id}`) are filled in when the run has its id; the
environment is never read, for what a target does must stand where people can look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import evolve

from confjob.declare.structure import problem_at
from confjob.keypath import KeyPath
from confjob.model import Document, InputSpec, Node, Problem, Target
from confjob.tree import MISSING, Json, MissingType, get, walk
from confjob.validation import Validator, check_schema
from confjob.words import did_you_mean, listing, value_text

__all__ = ["MACROS", "VARIABLES", "expanded", "filled", "macro_faults", "variable_faults", "variables"]

#: The key of a target's table that declares its variables.
VARIABLES = "variables"

#: What `${…}` may name.
MACROS = ("run_id", "job", "project", "author")

#: What the schema of a variable may say: a misspelt bound would bound nothing.
_KEYWORDS = frozenset(
    {"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "pattern", "format", "items", "minItems", "maxItems", "uniqueItems"}
    | {"properties", "required", "additionalProperties", "anyOf", "oneOf", "allOf", "not"}
    | {"title", "description", "default", "examples", "placeholder", "label"}
)

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}")
_MACRO = re.compile(r"\$(?:(\$)(?=\{)|\{([^}]*)\})")


def variables(document: Document, at: KeyPath) -> InputSpec | None:
    """Return the variables of the target whose table stands at `at`, as an input; None without any."""
    table = get(document.tree, at.child(VARIABLES))
    if not isinstance(table, dict) or not table:
        return None
    schemas = {name: schema if isinstance(schema, dict) else {} for name, schema in table.items()}
    given = {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
    below = at.child(VARIABLES)
    nodes = {
        path: Node(value=value, where=document.where(_declared(below, path))) for path, value in walk(given)
    }
    return InputSpec(
        name="target",
        kind="target",
        defaults=nodes,
        schema={"type": "object", "properties": schemas, "additionalProperties": False},
        required=tuple(KeyPath((name,)) for name in schemas if name not in given),
        where=document.where(below),
    )


def variable_faults(document: Document, at: KeyPath) -> Iterator[Problem]:
    """Yield what is wrong with the variables of a target: their schemas and their defaults."""
    below = at.child(VARIABLES)
    table = get(document.tree, below)
    if table is MISSING:
        return
    if not isinstance(table, dict):
        yield problem_at(document, below, "must be a table of variables")
        return
    for name, schema in table.items():
        place = below.child(name)
        if not isinstance(schema, dict):
            hint = f'{name} = {{ type = "integer", default = 1 }}'
            yield problem_at(document, place, "must be a table: the schema of the variable", hint)
            continue
        for key in schema.keys() - _KEYWORDS:
            hint = did_you_mean(key, _KEYWORDS) or "the keywords of JSON Schema"
            yield problem_at(document, place.child(key), f"unknown key {key!r}", hint)
        malformed = list(check_schema(schema))
        yield from (problem_at(document, place.join(fault.path), fault.message) for fault in malformed)
        if "default" in schema and not malformed:
            for fault in Validator(schema).violations(schema["default"]):
                yield problem_at(document, place.child("default"), f"the default {fault.message}")


def filled(target: Target, values: Mapping[str, Json]) -> tuple[Target, list[Problem]]:
    """Return a target with its variables filled in, and what of its options can't be filled.

    An option that names a variable without a value is left out.

    Args:
        target: As it was declared.
        values: Values of its variables.
    """
    known = set() if target.variables is None else set(_names(target.variables))
    problems: list[Problem] = []

    def value_of(name: str, path: KeyPath) -> Json | MissingType:
        if name not in known:
            problems.append(_unknown(target, path, name, known))
        return values.get(name, MISSING)

    options = {
        key: value
        for key, option in target.options.items()
        if (value := _filled(option, KeyPath((key,)), value_of)) is not MISSING
    }
    return evolve(target, options=options), problems


def macro_faults(target: Target) -> Iterator[Problem]:
    """Yield the macros in a target's options that there are not."""
    for path, text in _texts(target.options):
        for match in _MACRO.finditer(text):
            name = match[2]
            if name is not None and name not in MACROS:
                hint = did_you_mean(name, MACROS) or f"macros: {listing(MACROS)}; $${{…}} is literal"
                yield _problem(target, path, f"no macro is called ${{{name}}}", hint)


def expanded(options: Mapping[str, Json], macros: Mapping[str, str]) -> dict[str, Json]:
    """Return options with the macros of one run filled in.

    Example:
        >>> expanded({"comment": "${job} of ${author}"}, {"job": "train", "author": "ann"})
        {'comment': 'train of ann'}
    """

    def fill(text: str) -> str:
        return _MACRO.sub(lambda match: "$" if match[1] else macros.get(match[2], match[0]), text)

    return {key: _mapped(value, fill) for key, value in options.items()}


def _declared(below: KeyPath, path: KeyPath) -> KeyPath:
    """Return where the manifest has the default at `path` of the variables' tree."""
    return below.join((path[0], "default", *path[1:])) if path else below


def _names(spec: InputSpec) -> Iterator[str]:
    schema = spec.schema
    assert isinstance(schema, dict)
    yield from schema["properties"]


def _filled(
    option: Json, path: KeyPath, value_of: Callable[[str, KeyPath], Json | MissingType]
) -> Json | MissingType:
    if isinstance(option, dict):
        pairs = {key: _filled(item, path.child(key), value_of) for key, item in option.items()}
        return {key: item for key, item in pairs.items() if item is not MISSING}
    if isinstance(option, list):
        items = [_filled(item, path.child(index), value_of) for index, item in enumerate(option)]
        return [item for item in items if item is not MISSING]
    if not isinstance(option, str):
        return option
    whole = _VARIABLE.fullmatch(option)
    if whole is not None:  # keeps its type: an option may be a number
        return value_of(whole[1], path)
    said = {match[1]: value_of(match[1], path) for match in _VARIABLE.finditer(option)}
    if any(value is MISSING for value in said.values()):
        return MISSING
    return _VARIABLE.sub(lambda match: value_text(said[match[1]]), option)


def _unknown(target: Target, path: KeyPath, name: str, known: set[str]) -> Problem:
    hint = did_you_mean(name, known) or f"variables of {target.name}: {listing(sorted(known)) or 'none'}"
    return _problem(target, path, f"no variable is called {{{{{name}}}}}", hint)


def _problem(target: Target, path: KeyPath, message: str, hint: str) -> Problem:
    at = KeyPath(("targets", target.name)).join(path)
    if target.document is None:
        return Problem(code="manifest", input="target", path=at, message=message, hint=hint)
    return problem_at(target.document, at, message, hint)


def _texts(options: Mapping[str, Json]) -> Iterator[tuple[KeyPath, str]]:
    return ((path, value) for path, value in walk(dict(options)) if isinstance(value, str))


def _mapped(value: Json, fill: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(item, fill) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, fill) for item in value]
    return fill(value) if isinstance(value, str) else value
