"""Several opinions on one type: the author's, the framework's and the value's own.

An author's rule without a type (`minimum: 0`) refines what the value tells; an author's
type stands. A framework's union is narrowed by the value, because `string | number`
for a learning rate would let `banana` pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from confjob.schema.combination import conjoin
from confjob.schema.keywords import ANNOTATIONS, CLOSED, DEFINITIONS, Schema, normal
from confjob.schema.kinds import kinds, kinds_in
from confjob.schema.references import Resolver

__all__ = ["merge", "narrow"]

_BOUNDS: Final = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")


def merge(author: Schema, inferred: Schema) -> Schema:
    """Return the author's schema of a value, with the inferred type where it states none.

    Args:
        author: The author's schema at the value's path.
        inferred: The type of the value itself.

    Example:
        >>> merge({"minimum": 0}, {"type": "integer"})
        {'type': 'integer', 'minimum': 0}
        >>> merge({"type": "number"}, {"type": "integer"})
        {'type': 'number'}
    """
    if not inferred or author == CLOSED or kinds(author) is not None:
        return author
    merged = {**_widened(inferred, author), **author}
    if isinstance(author.get("items"), dict) and isinstance(inferred.get("items"), dict):
        merged["items"] = merge(author["items"], inferred["items"])
    if "properties" in author and "properties" in inferred:
        merged["properties"] = _merged(author["properties"], inferred["properties"])
    return merged


def narrow(framework: Schema, inferred: Schema) -> Schema:
    """Return a framework's union cut down to the branch that the present value is of.

    Null and constants stay, and integers and floats go together. A schema that is no
    union, or whose union lacks the inferred type, is returned as it is; so is one that
    holds the value only as a constant (`auto`), which tells nothing of the others.

    Example:
        >>> narrow({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}, {"type": "number"})
        {'anyOf': [{'type': 'number'}, {'type': 'null'}]}
    """
    wanted = kinds(inferred)
    resolver = Resolver(framework)
    whole = resolver.expand(framework)
    union = next((key for key in ("anyOf", "oneOf") if key in whole), None)
    if wanted is None or not wanted - {"null"}:
        return framework
    if union is not None:
        branches = list(_branches(whole[union], resolver))
        kept = [branch for branch in branches if _stays(branch, wanted, resolver)]
        held = any(_holds(branch, wanted, resolver) for branch in branches)
        return (
            _with_branches(framework, whole, union, kept) if held and len(kept) < len(branches) else framework
        )
    return _narrowed_types(framework, whole, wanted)


def _merged(author: Schema, inferred: Schema) -> Schema:
    both = {name: merge(normal(rule), inferred.get(name, {})) for name, rule in author.items()}
    return {**inferred, **both}


def _widened(inferred: Schema, author: Schema) -> Schema:
    # A bound of 0.5 shows that a value which happens to be 1 is not an integer.
    fractional = any(isinstance(author.get(bound), float) for bound in _BOUNDS)
    return {**inferred, "type": "number"} if fractional and inferred.get("type") == "integer" else inferred


def _branches(union: list[Any], resolver: Resolver) -> Iterator[Schema]:
    """Yield the branches of a union: nested unions flattened, a type list one by one."""
    for one in union:
        branch = normal(one)
        inner = resolver.expand(branch)
        rules = inner.keys() - {*DEFINITIONS, *ANNOTATIONS}
        nested = next((inner[key] for key in ("anyOf", "oneOf") if rules == {key}), None)
        if nested is not None:
            yield from _branches(nested, resolver)
        elif isinstance(branch.get("type"), list) and not _constant(branch):
            yield from ({**branch, "type": kind} for kind in branch["type"])
        else:
            yield branch


def _stays(branch: Schema, wanted: frozenset[str], resolver: Resolver) -> bool:
    admitted = kinds_in(branch, resolver)
    if admitted is None or _constant(resolver.expand(branch)) or admitted == {"null"}:
        return True
    return bool(_numeric(admitted) & _numeric(wanted - {"null"}))


def _holds(branch: Schema, wanted: frozenset[str], resolver: Resolver) -> bool:
    """Whether the branch is of the inferred type, and not by being one constant."""
    admitted = kinds_in(branch, resolver) or frozenset()
    accepted = admitted | ({"integer"} if "number" in admitted else set())
    return not _constant(resolver.expand(branch)) and bool(accepted & (wanted - {"null"}))


def _constant(schema: Schema) -> bool:
    return "const" in schema or "enum" in schema


def _numeric(some: frozenset[str]) -> frozenset[str]:
    return some | {"integer", "number"} if some & {"integer", "number"} else some


def _with_branches(framework: Schema, whole: Schema, union: str, kept: list[Schema]) -> Schema:
    rest = {key: value for key, value in whole.items() if key != union and key not in DEFINITIONS}
    narrowed = conjoin([kept[0], rest]) if len(kept) == 1 else {**rest, union: kept}
    return {**narrowed, **{key: framework[key] for key in DEFINITIONS if key in framework}}


def _narrowed_types(framework: Schema, whole: Schema, wanted: frozenset[str]) -> Schema:
    stated = whole.get("type")
    if not isinstance(stated, list) or _constant(whole):
        return framework
    held = {*stated, *(["integer"] if "number" in stated else [])} & (wanted - {"null"})
    kept = [kind for kind in stated if kind == "null" or kind in _numeric(wanted)]
    if not held or len(kept) == len(stated):
        return framework
    return {**framework, **whole, "type": kept if len(kept) > 1 else kept[0]}
