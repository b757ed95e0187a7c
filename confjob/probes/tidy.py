"""After a run's end: remove from its workspace what is still as the snapshot has it.

Run by path, as `python tidy.py RUN_DIR`; standard library only, because the machine that runs
it may have no confjob. What the job made or changed stays, symlinks are never entered, and a
kill at any moment loses nothing: every file that goes is still in the snapshot, and a mark
(`tidied`) is set first, by which a later attempt knows to put them back.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["main", "same_content", "tidy"]

_CHUNK = 1 << 20


def tidy(run_dir: Path) -> int:
    """Remove the untouched files of the run in `run_dir`.

    Returns:
        How many files went.

    Raises:
        OSError: When the run has no record of its workspace.
    """
    record = json.loads((run_dir / "workspace.json").read_bytes())
    tree = Path(os.path.normpath(run_dir / record["tree"]))
    project = run_dir / "workspace" / record["prefix"]
    shutil.rmtree(run_dir / "workspace.tmp", ignore_errors=True)  # of an attempt that never began
    if not tree.is_dir() or not _is_folder(project):
        return 0
    (run_dir / "tidied").touch()
    gone = 0
    for folder in _folders(tree, project):
        gone += _tidied(tree / folder, project / folder)
        if folder.parts:  # the job's working directory itself stays, for whoever looks for outputs
            _remove_empty(project / folder)
    return gone


def same_content(one: Path, other: Path) -> bool:
    """Whether two files (or two symlinks) are the same in all but mode and times."""
    first, second = one.lstat(), other.lstat()
    if stat.S_IFMT(first.st_mode) != stat.S_IFMT(second.st_mode):
        return False
    if stat.S_ISLNK(first.st_mode):
        return os.readlink(one) == os.readlink(other)
    if not stat.S_ISREG(first.st_mode) or first.st_size != second.st_size:
        return False
    return os.path.samestat(first, second) or _same_bytes(one, other)


def _same_bytes(one: Path, other: Path) -> bool:
    with one.open("rb") as left, other.open("rb") as right:
        while True:
            chunk = left.read(_CHUNK)
            if chunk != right.read(_CHUNK):
                return False
            if not chunk:
                return True


def _folders(tree: Path, project: Path) -> Iterator[Path]:
    """Yield the folders that tree and project both have, relative to them, the deepest first."""
    found = [Path()]
    for folder in found:  # it grows while it is walked
        inner = [folder / entry.name for entry in _entries(tree / folder) if _is_real_folder(entry)]
        found += [path for path in inner if _is_folder(project / path)]
    return reversed(found)


def _tidied(original: Path, folder: Path) -> int:
    """Remove what `folder` has as `original` has it; returns how many files went."""
    given = [entry.name for entry in _entries(original) if not _is_real_folder(entry)]
    untouched = [name for name in given if _is_untouched(folder / name, original / name)]
    for name in untouched:
        (folder / name).unlink(missing_ok=True)
    _remove_bytecode(folder / "__pycache__", given)
    return len(untouched)


def _is_untouched(place: Path, original: Path) -> bool:
    try:
        return same_content(place, original)
    except OSError:  # gone already, or not readable: then it can't be known to be a mere copy
        return False


def _remove_bytecode(cache: Path, sources: list[str]) -> None:
    """Remove what Python compiled from the snapshot's own modules."""
    if not _is_folder(cache):
        return
    modules = {name.removesuffix(".py") for name in sources if name.endswith(".py")}
    for compiled in cache.glob("*.pyc"):
        if compiled.name.split(".")[0] in modules:
            compiled.unlink(missing_ok=True)
    _remove_empty(cache)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # it has outputs
        folder.rmdir()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _is_real_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def main(arguments: list[str]) -> int:
    """Tidy the run folder that is named on the command line."""
    if len(arguments) != 1:
        print("usage: python tidy.py RUN_DIR", file=sys.stderr)
        return 2
    tidy(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
