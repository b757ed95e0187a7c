"""What the plugin tells confjob: W&B's calls, and where W&B recorded a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from confjob.plugin import Calls, hookimpl

__all__ = ["confjob_calls", "confjob_links"]


@hookimpl
def confjob_calls() -> Iterable[Calls]:
    """Give W&B's calls."""
    from confjob_wandb.calls import CALLS

    return [CALLS]


@hookimpl
def confjob_links(folder: Path) -> Mapping[str, str] | None:
    """Give the folders in which wandb recorded the run."""
    from confjob_wandb.links import links

    return links(folder) or None
