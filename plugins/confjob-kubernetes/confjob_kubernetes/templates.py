"""Merging what a target says in Kubernetes' own words into what confjob makes.

Tables are merged key by key; lists of things with names (containers, volumes, variables) by name;
to other lists is added; and of two plain values, the target's counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from confjob.plugin import Json

__all__ = ["merged"]


def merged(base: Mapping[str, Json], more: Mapping[str, Json]) -> dict[str, Any]:
    """Return a table with another one merged into it; neither is changed."""
    out = dict(base)
    for key, value in more.items():
        out[key] = _merged(out[key], value) if key in out else value
    return out


def _merged(base: Json, more: Json) -> Json:
    if isinstance(base, Mapping) and isinstance(more, Mapping):
        return merged(base, more)
    if isinstance(base, list) and isinstance(more, list):
        return _merged_list(base, more)
    return more


def _merged_list(base: Sequence[Json], more: Sequence[Json]) -> list[Json]:
    out = list(base)
    places = {item["name"]: index for index, item in enumerate(base) if _is_named(item)}
    for item in more:
        if _is_named(item) and item["name"] in places:
            out[places[item["name"]]] = merged(out[places[item["name"]]], item)
        else:
            out.append(item)
    return out


def _is_named(item: Json) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("name"), str)
