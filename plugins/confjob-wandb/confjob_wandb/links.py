"""Where wandb recorded a run: the folders that it makes in the run's working directory.

`wandb sync FOLDER` uploads an offline one. A job that sets `WANDB_DIR` records elsewhere,
and then there is nothing here to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["links"]

_PREFIXES = ("offline-run-", "run-")


def links(folder: Path) -> Mapping[str, str]:
    """Return the W&B run folders below a run's working directory, the oldest first.

    Args:
        folder: The working directory, which may be gone.

    Returns:
        Label to absolute path: `wandb` for the only one, `wandb <W&B run id>` for each of
        several.
    """
    found = sorted(place for place in (folder / "wandb").glob("*run-*") if _is_run(place))
    if len(found) == 1:
        return {"wandb": str(found[0])}
    return {f"wandb {place.name.rpartition('-')[2]}": str(place) for place in found}


def _is_run(place: Path) -> bool:
    # Beside them lie logs, and `latest-run`, a link to one of them.
    return place.name.startswith(_PREFIXES) and place.is_dir()
