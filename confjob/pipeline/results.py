"""What a run made: its files, listed and copied out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from confjob.errors import RunError
from confjob.pipeline.engines import bring_home
from confjob.progress import doing
from confjob.project import Project
from confjob.words import listing
from confjob.workspace.outputs import Output, outputs

__all__ = ["Output", "copy_outputs", "outputs_of"]


def outputs_of(project: Project, run: str) -> list[Output]:
    """Return the files that a run made or changed, so far.

    Raises:
        RunError: When the run is unknown, or its workspace can't be read.
    """
    folder = project.store.find(run)
    bring_home(project, folder)
    try:
        with doing("looking for the run's files"):
            return list(outputs(folder.path))
    except (OSError, ValueError) as error:
        raise RunError(f"the outputs of {folder.id} can't be read: {error}") from None


def copy_outputs(found: Iterable[Output], folder: Path) -> None:
    """Copy outputs below `folder`, which is made; links stay links.

    Raises:
        RunError: When some are there already, and nothing is copied then; or when the
            disk refuses.
    """
    places = {folder / each.path: each for each in found}
    there = [str(place) for place in places if os.path.lexists(place)]
    if there:
        message = f"nothing was copied: it would replace {listing(there)}"
        raise RunError(message, hint="choose another folder")
    size = sum(each.size for each in places.values())
    try:
        with doing("copying the run's files", size, unit="bytes") as copying:
            for place, each in places.items():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(each.place, place, follow_symlinks=False)
                copying.advance(each.size)
    except OSError as error:
        raise RunError(f"copying stopped at {error.filename or folder}: {error.strerror}") from None
