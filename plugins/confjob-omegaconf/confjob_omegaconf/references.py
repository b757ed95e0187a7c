"""What `${…}` references come to at present, without running code.

A reference to a place in the same config is followed here; a resolver (`${oc.env:HOME}`,
`${now:%Y}`, a project's own) is code, and what it gives is known in the job only.

Source: OmegaConf's documentation, "Variable interpolation".
"""

from __future__ import annotations

import json
import re

from confjob.plugin import MISSING, Json, KeyPath, tree

__all__ = ["preview"]

_REFERENCE = re.compile(r"\\\$\{|\$\{([^${}:]*)\}")
_DEEPEST = 20


def preview(root: Json, at: KeyPath, depth: int = 0) -> Json:
    """Return the value at `at` with its references followed, or `MISSING` if code would have to run.

    Example:
        >>> preview({"name": "a", "out": "results/${name}"}, KeyPath(("out",)))
        'results/a'
    """
    value = tree.get(root, at)
    if not isinstance(value, str) or "${" not in value:
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None and whole[1] is not None:
        return _followed(root, at, whole[1], depth)
    pieces: list[str] = []
    position = 0
    for match in _REFERENCE.finditer(value):
        piece = "${" if match[1] is None else _followed(root, at, match[1], depth)
        before = value[position : match.start()]
        if piece is MISSING or "${" in before:
            return MISSING
        pieces += [before, piece if isinstance(piece, str) else json.dumps(piece)]
        position = match.end()
    rest = value[position:]
    return MISSING if "${" in rest else "".join([*pieces, rest])


def _followed(root: Json, at: KeyPath, text: str, depth: int) -> Json:
    """Return what a reference's inner text leads to: `a.b`, `.sibling`, `..of_the_parent`."""
    if depth > _DEEPEST:
        return MISSING  # a circle, most likely
    stripped = text.strip().lstrip(".")
    dots = len(text.strip()) - len(stripped)
    base = KeyPath(at[: len(at) - dots]) if 0 < dots <= len(at) else KeyPath()
    path = base
    for part in re.findall(r"[^.\[\]]+", stripped):
        here = tree.get(root, path)
        path = path.child(int(part) if isinstance(here, list) and part.isdigit() else part)
    return MISSING if tree.get(root, path) is MISSING else preview(root, path, depth + 1)
