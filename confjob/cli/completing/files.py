"""Completing `--file NAME=PATH`: the job's config files, and what may be picked in their place."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

from confjob.cli.completing.inputs import job_of
from confjob.cli.completing.items import item, matching
from confjob.cli.completing.place import Place

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

__all__ = ["choices"]

_MOST = 500


def choices(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer `NAME=`; behind it the files that the manifest's `choices` names."""
    place = Place(ctx)
    files = _files(ctx, place)
    name, found, _ = incomplete.partition("=")
    if not found:
        begun = [name for name in files if name.startswith(incomplete)]
        return [item(f"{name}=", files[name] or "", open_end=True) for name in begun]
    pattern = files.get(name)
    paths = _matches(place.root, pattern) if pattern else []
    return matching([f"{name}={path}" for path in paths], incomplete)


def _files(ctx: click.Context, place: Place) -> dict[str, str | None]:
    """Return the names of the config files for which others may be picked, with the pattern of those.

    A file whose format is declared may have choices that only the format knows.
    """
    files = place.table("jobs").get(job_of(ctx, place) or "", {}).get("files", ())
    named = {str(file.get("name") or file["path"]): file for file in files}
    return {
        name: file.get("choices") for name, file in named.items() if file.get("choices") or file.get("format")
    }


def _matches(root: str, pattern: str) -> list[str]:
    found = glob.iglob(pattern, root_dir=root, recursive=True)
    real = (path for path in found if os.path.isfile(os.path.join(root, path)))
    return sorted(path for path, _ in zip(real, range(_MOST), strict=False))
