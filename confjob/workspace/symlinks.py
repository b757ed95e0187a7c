"""Symlinks of the project, as a copy of the project must have them.

A link that stays inside the project is copied as it is, so that it leads to the copy's own
file. One that leads out (`data -> /scratch/data`) becomes a link to the absolute place it leads
to now: reading through it works from anywhere, and nothing outside is ever copied.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from confjob.errors import InputError

__all__ = ["patch_place", "portable_target"]


def portable_target(root: str, name: str, captured: frozenset[str]) -> str:
    """Return what the copy of the symlink `name` must say.

    Args:
        root: The resolved project root.
        name: The link's path relative to it.
        captured: All files and folders that the copy has.
    """
    place = f"{root}/{name}"
    folder = os.path.dirname(name)  # noqa: PTH120
    text = os.readlink(place)  # noqa: PTH115
    lexical = os.path.normpath(f"{folder or '.'}/{text}")
    if not text.startswith("/") and lexical.split("/")[0] != "..":
        return text
    real = os.path.realpath(place)
    inside = os.path.relpath(real, root)
    if not _below(root, real) or inside not in captured:
        return real
    return os.path.relpath(inside, folder or ".")


def patch_place(tree: Path, path: PurePosixPath) -> PurePosixPath:
    """Return where in the copy the file `path` really lies, its symlinks followed.

    A patched file goes there, so that every name the project has for it leads to the patch.

    Args:
        tree: The snapshot's files.
        path: A file of the project, as the job names it.

    Raises:
        InputError: When a symlink leads out of the project.
    """
    top = tree.resolve()
    real = (top / path).resolve()
    if not real.is_relative_to(top):
        raise InputError(f"{path}: lies outside the project through a symlink", hint=f"it is {real}")
    return PurePosixPath(real.relative_to(top))


def _below(root: str, place: str) -> bool:
    return place == root or place.startswith(root.rstrip("/") + "/")
