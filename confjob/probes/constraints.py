"""Rules beside a type, as JSON Schema: annotated-types, Pydantic's `Field`, attrs' validators.

All are known by their attributes, so that nothing has to be imported to read them.
Standard library only.
"""

from __future__ import annotations

import typing

__all__ = ["add_rules", "add_validators"]

Schema = typing.Dict[str, typing.Any]  # noqa: UP006 - evaluated, on any Python

_NUMERIC = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_COMPARED = {">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}
_SIZES = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def add_rules(schema: Schema, item: typing.Any) -> bool:
    """Add to `schema` what one item of `Annotated` metadata says.

    Returns:
        Whether it is understood; False means that only Pydantic knows what it means.
    """
    if type(item).__name__ == "FieldInfo":
        return _add_field(schema, item)
    if type(item).__name__ == "Doc" and isinstance(getattr(item, "documentation", None), str):
        schema["description"] = item.documentation
        return True
    rules = [branch for branch in schema.get("anyOf", [schema]) if branch.get("type") != "null"]
    # annotated_types.Interval and Len hold several constraints at once.
    found = [_add_to_branch(branch, item) for branch in rules]
    return any(found) or not type(item).__module__.startswith("pydantic")


def add_validators(schema: Schema, validator: typing.Any) -> None:
    """Add to `schema` what attrs' own validators (`gt`, `in_`, `matches_re`, …) check."""
    for inner in getattr(validator, "_validators", None) or (getattr(validator, "validator", None),):
        if inner is not None:
            add_validators(schema, inner)
    if not type(validator).__module__.startswith("attr"):
        return
    for branch in [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]:
        _add_validator(branch, validator)


def _add_field(schema: Schema, item: typing.Any) -> bool:
    if item.json_schema_extra is not None or item.discriminator is not None:
        return False
    if item.description is not None:
        schema["description"] = item.description
    return all(add_rules(schema, inner) for inner in item.metadata)


def _add_to_branch(schema: Schema, item: typing.Any) -> bool:
    before = dict(schema)
    for attribute, keyword in _NUMERIC.items():
        bound = getattr(item, attribute, None)
        if isinstance(bound, (int, float)):
            schema[keyword] = bound
    if isinstance(getattr(item, "multiple_of", None), (int, float)):
        schema["multipleOf"] = item.multiple_of
    pattern = getattr(item, "pattern", None)
    if isinstance(getattr(pattern, "pattern", pattern), str):
        schema["pattern"] = getattr(pattern, "pattern", pattern)
    low, high = _SIZES.get(schema.get("type", ""), ("minLength", "maxLength"))
    for attribute, keyword in (("min_length", low), ("max_length", high)):
        size = getattr(item, attribute, None)
        if isinstance(size, int) and (size or keyword == high):
            schema[keyword] = size
    return schema != before


def _add_validator(schema: Schema, validator: typing.Any) -> None:
    keyword = _COMPARED.get(getattr(validator, "compare_op", ""))
    if keyword and isinstance(validator.bound, (int, float)):
        schema[keyword] = validator.bound
    options = getattr(validator, "options", None)
    if isinstance(options, (list, tuple)) and all(isinstance(each, (str, int, float)) for each in options):
        schema["enum"] = list(options)
    pattern = getattr(getattr(validator, "pattern", None), "pattern", None)
    if isinstance(pattern, str):
        schema["pattern"] = _anchored(pattern, getattr(validator.match_func, "__name__", ""))
    low, high = _SIZES.get(schema.get("type", ""), ("minLength", "maxLength"))
    for attribute, keyword in (("min_length", low), ("max_length", high)):
        if isinstance(getattr(validator, attribute, None), int):
            schema[keyword] = getattr(validator, attribute)


def _anchored(pattern: str, function: str) -> str:
    """Return a pattern that is searched for, as JSON Schema does, for one that is matched."""
    if function == "search":
        return pattern
    return f"^(?:{pattern})$" if function == "fullmatch" else f"^(?:{pattern})"
