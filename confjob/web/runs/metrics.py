"""What a run measured, where it says so in a file: `metrics.json` in its working folder.

confjob has no notion of metrics, and trackers have their own pages. But a file of that name with
numbers in it is what many jobs leave behind, and is what one wants to see of twenty runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from confjob.store import RunFolder
from confjob.web.runs.files import read_below
from confjob.workspace.layout import Layout

__all__ = ["NAME", "metrics_of", "number_text", "shared_names"]

#: The file's name.
NAME: Final = "metrics.json"

_LARGEST: Final = 1 << 18
_MOST: Final = 50
_DEEPEST: Final = 3


def metrics_of(folder: RunFolder) -> dict[str, float]:
    """Return a run's metrics by name, in the file's order; none where it left no such file.

    Numbers in objects are named `a.b`. What is as the run was given it is no result of its.
    """
    try:
        layout = Layout.load(folder.path)
    except (OSError, ValueError, KeyError):
        return {}
    data = read_below(layout.workspace, layout.prefix / NAME, limit=_LARGEST)
    if data is None or data == read_below(layout.tree, PurePosixPath(NAME), limit=_LARGEST):
        return {}
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    numbers = _numbers(tree, ())
    return dict(pair for pair, _ in zip(numbers, range(_MOST), strict=False))


def _numbers(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(tree, Mapping) and len(path) < _DEEPEST:
        for key, item in tree.items():
            yield from _numbers(item, (*path, str(key)))
    elif path and isinstance(tree, (int, float)) and not isinstance(tree, bool):
        yield ".".join(path), tree


def shared_names(found: Iterable[Mapping[str, float]], most: int) -> list[str]:
    """Return the names that most runs have, the commonest first; ties are in the files' order."""
    counts: dict[str, int] = {}
    for metrics in found:
        for name in metrics:
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: -counts[name])[:most]


def number_text(number: float) -> str:
    """Return a number with as many digits as one compares by.

    Example:
        >>> number_text(0.9688888), number_text(30), number_text(1234567.8), number_text(2e-05)
        ('0.9689', '30', '1.235e+06', '2e-05')
    """
    if isinstance(number, int):
        return str(number) if abs(number) < 10**12 else f"{number:.4g}" if abs(number) < 10**300 else "∞"
    return f"{number:.4g}" if math.isfinite(number) else str(number)
