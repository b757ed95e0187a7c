"""Filtering: which values of a document a person sees and may change.

A list of scalars is one input, set whole or by element; a list that holds mappings is
shown element by element, because `datasets[0].path` is what people want to change.
Exclude wins, plugins can hide more and never reveal, and what is decided here is
enforced everywhere: no other verb looks at the patterns for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from confjob.keypath import KeyPath
from confjob.model import Document, InputSpec, Node, Problem

__all__ = ["unmatched", "visible"]


def visible(document: Document, spec: InputSpec, hidden: frozenset[KeyPath]) -> tuple[KeyPath, ...]:
    """Return the paths of the values that are inputs, in document order.

    Args:
        document: The loaded input.
        spec: Its declaration, with the filter.
        hidden: Paths that plugins hide, each with all below it.

    A path is a scalar, an empty mapping or list, or a list without mappings all of
    whose elements are selected. Linear in the number of values.
    """
    leaves = [*_leaves(document.nodes)]
    selected = {path for path in leaves if not _below(path, hidden) and spec.filter.selects(path)}
    mixed = _lists_with_mappings(document.nodes)
    broken = {_list_above(path, mixed) for path in leaves if path not in selected}
    shown: dict[KeyPath, None] = {}
    for path in leaves:
        if path in selected:
            whole = _list_above(path, mixed)
            shown[path if whole is None or whole in broken else whole] = None
    return tuple(shown)


def unmatched(document: Document, spec: InputSpec) -> Iterator[Problem]:
    """Yield a warning for each filter prefix and each secret path that matches nothing in the document."""
    for path in spec.secrets:
        if document.resolve(path) not in document.nodes and path not in spec.required:
            yield Problem(
                code="unmatched-secret",
                input=spec.input,
                message=f"the secret path '{path}' is not in {spec.input}",
                hint="check its spelling: what it does not name is shown and recorded",
                where=spec.filter_where or spec.where,
                severity="warning",
            )
    for pattern in spec.filter.unmatched(document.nodes):
        yield Problem(
            code="unmatched-prefix",
            input=spec.input,
            message=f"the filter prefix '{pattern}' matches nothing in {spec.input}",
            hint="check its spelling; a dot inside a key is written \\.",
            where=spec.filter_where,
            severity="warning",
        )


def _leaves(nodes: Mapping[KeyPath, Node]) -> Iterator[KeyPath]:
    return (
        path
        for path, node in nodes.items()
        if not (isinstance(node.value, (dict, list)) and node.value) and (path or node.value not in ({}, []))
    )


def _below(path: KeyPath, hidden: frozenset[KeyPath]) -> bool:
    return bool(hidden) and any(KeyPath(path[:size]) in hidden for size in range(len(path) + 1))


def _lists_with_mappings(nodes: Mapping[KeyPath, Node]) -> frozenset[KeyPath]:
    mixed: set[KeyPath] = set()
    for path, node in nodes.items():
        above = path
        while isinstance(node.value, dict) and above and isinstance(above[-1], int):
            above = above.parent
            mixed.add(above)
    return frozenset(mixed)


def _list_above(path: KeyPath, mixed: frozenset[KeyPath]) -> KeyPath | None:
    """Return the outermost list above `path` that holds no mapping at any depth."""
    found = None
    while path and isinstance(path[-1], int) and path.parent not in mixed:
        path = path.parent
        found = path
    return found
