"""What lies in a state folder and no run needs any more: snapshots, contents, leftovers.

A snapshot is needed by every run that was given it, over or not: outputs are told apart by it,
and the run can be run again. What a killed process left half-made has names of its own.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from attrs import frozen

__all__ = ["Waste", "discard", "waste"]

#: What a removal, a capture and a launch call what they have not finished.
_UNFINISHED = {"runs": (".new-", ".gone-"), "snapshots": ("tmp-", ".gone-")}


@frozen(kw_only=True)
class Waste:
    """What could go.

    Args:
        snapshots: Folders of snapshots.
        contents: Stored files that no snapshot has.
        leftovers: What was left half-made or half-removed.
        size: The bytes that this frees.
    """

    snapshots: tuple[Path, ...] = ()
    contents: tuple[Path, ...] = ()
    leftovers: tuple[Path, ...] = ()
    size: int = 0

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.snapshots or self.contents or self.leftovers)


def waste(state: Path, needed: Collection[str]) -> Waste:
    """Return what no run needs; only true for as long as nothing is launched.

    Args:
        state: The state folder.
        needed: The digests of the snapshots that runs have.
    """
    snapshots = tuple(sorted(_snapshots(state, needed)))
    leftovers = tuple(sorted(_leftovers(state)))
    links, size = _held((*snapshots, *leftovers))
    stored = dict(_contents(state))
    contents = {
        path: found for path, found in stored.items() if found.st_nlink - links[_identity(found)] <= 1
    }
    stays = len(snapshots) < sum(1 for _ in _snapshots(state, ()))
    if stays and all(found.st_nlink == 1 for found in stored.values()):
        contents = {}  # a file system without hardlinks: nothing tells which of them are needed
    return Waste(
        snapshots=snapshots,
        contents=tuple(sorted(contents)),
        leftovers=leftovers,
        size=size + sum(found.st_size for found in contents.values()),
    )


def discard(unneeded: Waste) -> None:
    """Remove it; a half-removed snapshot never looks like one.

    Raises:
        OSError: When the disk refuses; what is gone by then is gone.
    """
    for snapshot in unneeded.snapshots:
        shutil.rmtree(snapshot.rename(snapshot.with_name(f".gone-{snapshot.name}")))
    for content in unneeded.contents:
        content.unlink(missing_ok=True)
    for leftover in unneeded.leftovers:
        shutil.rmtree(leftover, ignore_errors=True)


def _snapshots(state: Path, needed: Collection[str]) -> Iterator[Path]:
    for path in _inside(state / "snapshots"):
        if (path / "tree").is_dir() and path.name not in needed and not path.name.startswith((".", "tmp-")):
            yield path


def _leftovers(state: Path) -> Iterator[Path]:
    for folder, prefixes in _UNFINISHED.items():
        yield from (path for path in _inside(state / folder) if path.name.startswith(prefixes))


def _contents(state: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder in _inside(state / "snapshots" / "objects"):
        yield from ((path, path.lstat()) for path in _inside(folder))


def _held(folders: Collection[Path]) -> tuple[Counter[tuple[int, int]], int]:
    """Return how many links folders hold to each file, and the bytes of files that only they have."""
    links: Counter[tuple[int, int]] = Counter()
    known: dict[tuple[int, int], os.stat_result] = {}
    for path in (Path(place, name) for top in folders for place, _, names in os.walk(top) for name in names):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode):
            links[_identity(found)] += 1
            known[_identity(found)] = found
    return links, sum(found.st_size for key, found in known.items() if found.st_nlink == links[key])


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
