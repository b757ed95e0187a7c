"""Completing `-p no:NAME`: the plugins of this environment, by their entry points.

`importlib.metadata` knows them all, and takes half of the time that a TAB may take; the
files it reads are in plain sight.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from confjob.cli.completing.items import matching

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

__all__ = ["blockable"]


def blockable(_: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer `no:NAME` of each plugin that is installed, with the distribution it comes from."""
    return matching({f"no:{name}": about for name, about in sorted(_plugins())}, incomplete)


def _plugins() -> Iterator[tuple[str, str]]:
    for folder in dict.fromkeys(filter(os.path.isdir, sys.path)):
        for name in os.listdir(folder):
            if name.endswith(".dist-info"):
                distribution = name.partition("-")[0].replace("_", "-")
                points = os.path.join(folder, name, "entry_points.txt")
                yield from ((each, f"from {distribution}") for each in _names(points))


def _names(path: str) -> Iterator[str]:
    """Yield the names in confjob's groups of an `entry_points.txt`; suffixes are no names."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, ValueError):
        return
    ours = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            ours = line.startswith("[confjob.")
        elif ours and "=" in line and not line.startswith((".", "#")):
            yield line.partition("=")[0].strip()
