"""The guard against a snapshot that nobody meant: a data set or checkpoints beside the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath

from confjob.errors import InputError

__all__ = ["biggest", "human_size", "require_size"]

#: A folder is named by the one thing in it that makes up this part of it.
_NEARLY_ALL = 0.9


def require_size(sizes: Mapping[str, int], limit: int) -> int:
    """Return the total of `sizes`.

    Raises:
        InputError: When it is above `limit`, naming what is big.
    """
    total = sum(sizes.values())
    if total <= limit:
        return total
    listed = ", ".join(f"{name} ({human_size(size)})" for name, size in biggest(sizes))
    raise InputError(
        f"the project's files are {human_size(total)}, more than the {human_size(limit)} "
        f"that a run copies; the biggest: {listed}",
        hint="add what the job does not need to .gitignore, show it to the job by [workspace] link, "
        "or raise [workspace] max-size",
    )


def biggest(sizes: Mapping[str, int], count: int = 5) -> list[tuple[str, int]]:
    """Return the biggest files and folders of `sizes`, folders ending in `/`.

    Example:
        >>> biggest({"data/raw/a": 50, "data/raw/b": 49, "data/x": 1, "train.py": 2})
        [('data/raw/', 99), ('train.py', 2)]
    """
    totals: dict[str, int] = defaultdict(int)
    children: dict[str, set[str]] = defaultdict(set)
    for name, size in sizes.items():
        inner = name
        for folder in map(str, PurePosixPath(name).parents):
            children[folder].add(inner)
            totals[inner] += size
            inner = folder
    top = sorted(children["."], key=lambda name: (-totals[name], name))[:count]
    telling = [_telling(name, totals, children) for name in top]
    return [(name + "/" * (name in children), totals[name]) for name in telling]


def human_size(size: float) -> str:
    """Return `size` bytes for people: `1.5 GiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _telling(name: str, totals: Mapping[str, int], children: Mapping[str, set[str]]) -> str:
    while True:
        main = max(children.get(name, ()), key=lambda child: totals[child], default=None)
        if main is None or main not in children or totals[main] < _NEARLY_ALL * totals[name]:
            return name
        name = main
