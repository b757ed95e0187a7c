"""Config trees as plain data: read, change and compare them without surprises.

Every format, the law checker and the override verb need the same few operations on
nested `dict`/`list` values. They are linear in the size of what they touch and never
change their argument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from confjob.keypath import KeyPath

__all__ = ["MISSING", "Json", "MissingType", "delete", "get", "leaves", "merge", "put", "same", "walk"]

#: A config value: None, bool, int, float, str, list or dict with `str` keys.
Json = Any


class MissingType:
    """The type of `MISSING`: absent, which is not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = MissingType()


def get(tree: Json, path: KeyPath) -> Json | MissingType:
    """Return the value at `path`, or `MISSING`."""
    for part in path:
        tree = _child(tree, part)
        if tree is MISSING:
            return MISSING
    return tree


def put(tree: Json, path: KeyPath, value: Json) -> Json:
    """Return a copy of `tree` with `value` at `path`, sharing what does not change.

    Missing mappings on the way are made. An index equal to a list's length appends.

    Raises:
        KeyError: When the path leads through a scalar, or past the end of a list.
    """
    if not path:
        return value
    part, rest = path[0], KeyPath(path[1:])
    if isinstance(tree, list):
        if not isinstance(part, int) or not 0 <= part <= len(tree):
            raise KeyError(str(path))
        below = tree[part] if part < len(tree) else MISSING
        return [*tree[:part], put(below, rest, value), *tree[part + 1 :]]
    if isinstance(part, int) or not (isinstance(tree, dict) or tree is None or tree is MISSING):
        raise KeyError(str(path))
    mapping = tree if isinstance(tree, dict) else {}
    return {**mapping, part: put(mapping.get(part, MISSING), rest, value)}


def delete(tree: Json, path: KeyPath) -> Json:
    """Return a copy of `tree` without the value at `path`.

    Raises:
        KeyError: When nothing is there, or the path is the root.
    """
    if not path or get(tree, path) is MISSING:
        raise KeyError(str(path))
    part, rest = path[0], KeyPath(path[1:])
    if isinstance(tree, list):
        assert isinstance(part, int)
        kept = [delete(tree[part], rest)] if rest else []
        return [*tree[:part], *kept, *tree[part + 1 :]]
    if rest:
        return {**tree, part: delete(tree[part], rest)}
    return {key: value for key, value in tree.items() if key != part}


def merge(below: Json, above: Json) -> Json:
    """Return both trees as one: mappings are merged, whatever else `above` has replaces."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    shared = {key: merge(below[key], above[key]) for key in above if key in below}
    return {**below, **above, **shared}


def walk(tree: Json, at: KeyPath = KeyPath()) -> Iterator[tuple[KeyPath, Json]]:
    """Yield every (path, value), the root and containers included, in document order."""
    stack = [(at, tree)]
    while stack:
        path, value = stack.pop()
        yield path, value
        if isinstance(value, dict):
            stack.extend((path.child(key), below) for key, below in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((path.child(i), value[i]) for i in range(len(value) - 1, -1, -1))


def leaves(tree: Json, at: KeyPath = KeyPath()) -> Iterator[tuple[KeyPath, Json]]:
    """Yield (path, value) of every scalar and every empty mapping or list."""
    return (
        (path, value) for path, value in walk(tree, at) if not (isinstance(value, (dict, list)) and value)
    )


def same(one: Json, other: Json) -> bool:
    """Whether two trees are equal in value *and type*: 1, 1.0 and True all differ.

    Mappings are compared without regard to order; NaN equals NaN.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _child(tree: Json, part: str | int) -> Json | MissingType:
    if isinstance(tree, dict):
        return tree.get(part, MISSING) if isinstance(part, str) else MISSING
    if isinstance(tree, list) and isinstance(part, int) and 0 <= part < len(tree):
        return tree[part]
    return MISSING
