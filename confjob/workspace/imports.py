"""Imports of the project's own code, led to the workspace instead of the checkout.

`pip install -e .` and `PYTHONPATH=$PWD/src` put the checkout itself on the import path. A run
would then import the checkout's code, and find the checkout's config beside it: silently
without its patch. So the counterparts in the workspace come first on the run's PYTHONPATH.

A limit: where an editable package is one folder among others, its siblings become importable
before installed packages of the same name, as they are for a script that lies beside them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from confjob.tree import Json

__all__ = ["make_shims", "python_path"]

Exists = Callable[[PurePosixPath], bool]


def python_path(
    root: Path, workspace: Path, answer: Mapping[str, Json], environ: Mapping[str, str], *, exists: Exists
) -> tuple[list[str], dict[str, str]]:
    """Return what goes first on PYTHONPATH, and the links that `make_shims` must make.

    Args:
        root: The project root.
        workspace: The project's folder in the workspace.
        answer: What the job's interpreter said: `sys_path`, and `editable`, which maps a
            package to its folder (or a module to its file, with or without `.py`).
        environ: The submitter's environment.
        exists: Whether the snapshot has a project-relative path.

    Returns:
        Entries of PYTHONPATH, and link name to target for the run's `imports/` folder. Where
        there are links, the caller puts that folder on PYTHONPATH too.
    """
    inside = _Inside(root, exists)
    entries = [*environ.get("PYTHONPATH", "").split(os.pathsep), *answer.get("sys_path", ())]
    found = dict.fromkeys(inside.all_of(entry for entry in entries if os.path.isabs(entry)))  # noqa: PTH117
    shims: dict[str, str] = {}
    for package, path in answer.get("editable", {}).items():
        place = inside.module(path)
        if place is None:
            continue
        name = _link_name(package, place)
        if _ends_with(place, name):
            found[PurePosixPath(*place.parts[: -len(name.parts)])] = None
        else:
            shims[str(name)] = str(workspace / place)
    return [str(workspace / place) for place in found], shims


def make_shims(folder: Path, shims: Mapping[str, str]) -> None:
    """Make the links of `python_path` in `folder`, each with its parents."""
    for name, target in shims.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)


def _link_name(package: str, place: PurePosixPath) -> PurePosixPath:
    name = PurePosixPath(*package.split("."))
    return name.with_name(name.name + ".py") if place.suffix == ".py" else name


def _ends_with(place: PurePosixPath, name: PurePosixPath) -> bool:
    return place.parts[-len(name.parts) :] == name.parts


class _Inside:
    """Paths on this machine as paths of the project, where the snapshot has them."""

    def __init__(self, root: Path, exists: Exists) -> None:
        self._root = os.path.realpath(root)
        self._exists = exists

    def all_of(self, paths: Iterable[str]) -> Iterator[PurePosixPath]:
        """Yield those of `paths` that the snapshot has."""
        for path in paths:
            place = self._relative(path)
            if place is not None and self._exists(place):
                yield place

    def module(self, path: str) -> PurePosixPath | None:
        """Return where the snapshot has the package or module at `path`."""
        place = self._relative(path)
        if place is None:
            return None
        file = place.with_name(place.name + ".py") if place.name else place
        return next(filter(self._exists, (place, file)), None)

    def _relative(self, path: str) -> PurePosixPath | None:
        real = PurePosixPath(os.path.realpath(path))
        return real.relative_to(self._root) if real.is_relative_to(self._root) else None
