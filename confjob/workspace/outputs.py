"""What a run made: the files of its workspace that it was not given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from filecmp import cmp
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob.workspace.layout import Layout

__all__ = ["Output", "outputs"]


@frozen(kw_only=True)
class Output:
    """A file that a run made or changed.

    Args:
        path: Relative to the workspace.
        place: Where it lies.
        size: Bytes.
    """

    path: PurePosixPath
    place: Path
    size: int


def outputs(run_dir: Path) -> Iterator[Output]:
    """Yield the outputs of the run in `run_dir`, in the order of their names.

    Left out are files that are still as the snapshot or the patch has them, linked folders,
    Python's bytecode and `.git`. Symlinks that the job made are outputs; none is entered.

    Raises:
        OSError: When the run has no record of its workspace.
    """
    layout = Layout.load(run_dir)
    linked = {str(layout.prefix / link) for link in layout.links} | {".git"}
    for name, size in _files(layout.workspace):
        if name not in linked and not _was_given(layout, name):
            yield Output(path=PurePosixPath(name), place=layout.workspace / name, size=size)


def _files(top: Path) -> Iterator[tuple[str, int]]:
    folders = [""] if top.is_dir() else []
    while folders:
        folder = folders.pop()
        with os.scandir(top / folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
        inner = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        folders += [f"{folder}{name}/" for name in reversed(inner) if name != "__pycache__"]
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield folder + entry.name, entry.stat(follow_symlinks=False).st_size


def _was_given(layout: Layout, name: str) -> bool:
    place = layout.workspace / name
    try:
        inner = PurePosixPath(name).relative_to(layout.prefix)
    except ValueError:
        return False  # beside the project, in the part of the repository that runs do not get
    return any(_is_same(place, given / inner) for given in (layout.run_dir / "patch", layout.tree))


def _is_same(place: Path, given: Path) -> bool:
    """Whether nobody changed it; equal size and time is enough, copies keep their time."""
    if place.is_symlink() or given.is_symlink():
        return place.is_symlink() and given.is_symlink() and place.readlink() == given.readlink()
    return place.is_file() and given.is_file() and cmp(place, given)
