"""A run's files as one archive: all that its job needs on another machine, and the same bytes each time.

The members lie as they shall lie in the state folder there: `runs/ID/…` and `snapshots/DIGEST/tree/…`.
Secrets can be packed apart from the rest, since an engine may have a better place for them.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Literal

from attrs import frozen

from confjob.errors import BackendError
from confjob.model import Submission
from confjob.records import read_record

__all__ = ["Part", "pack"]

#: What of a run folder was there before the run.
_FILES: Final = ("job.sh", "env", "run.json", "workspace.json")
_FOLDERS: Final = ("private", "patch", "git", "imports")

#: What tells the courier which files of the workspace were given: links hold any name.
_GIVEN: Final = ".given"

Part = Literal["all", "open", "secret"]


def pack(submission: Submission, out: BinaryIO, only: Part) -> None:
    """Do what `confjob.remote.pack` says."""
    try:
        members = [
            each for each in _members(submission) if only == "all" or each.secret == (only == "secret")
        ]
        with (
            gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as zipped,
            # Long names as GNU's tar has them: busybox reads no others.
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as archive,
        ):
            for member in members:
                member.write(archive)
    except OSError as error:
        raise BackendError(f"run {submission.run} can't be packed: {error}") from error


@frozen(kw_only=True)
class _Member:
    """One member: a file, folder or link of this machine, or a link that is made for the archive."""

    name: PurePosixPath
    place: Path | None = None
    target: str = ""
    secret: bool = False

    def write(self, archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(str(self.name))
        if self.place is None:
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, self.target, 0o777
            archive.addfile(info)
            return
        found = self.place.lstat()
        info.mode, info.mtime = stat.S_IMODE(found.st_mode) & 0o777, int(found.st_mtime)
        if stat.S_ISREG(found.st_mode):
            with self.place.open("rb") as file:
                info.size = os.fstat(file.fileno()).st_size
                archive.addfile(info, file)
        elif stat.S_ISDIR(found.st_mode):
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        elif stat.S_ISLNK(found.st_mode):
            info.type, info.linkname = tarfile.SYMTYPE, str(self.place.readlink())
            archive.addfile(info)


def _members(submission: Submission) -> Iterator[_Member]:
    run_dir = submission.run_dir
    there = PurePosixPath("runs", submission.run)
    for name in _FILES:
        if (run_dir / name).exists():
            yield _Member(name=there / name, place=run_dir / name, secret=name == "env")
    for name in _FOLDERS:
        yield from _below(run_dir / name, there / name)
    tree: Path | None = getattr(submission, "tree", None)
    if tree is not None:
        place = _tree_there(submission, tree)
        yield _Member(name=there / _GIVEN / "tree", target=os.path.relpath(place, there / _GIVEN))
        yield from _below(tree, place)
    prefix = str((read_record(run_dir / "workspace.json") or {}).get("prefix", "."))
    yield _Member(name=there / _GIVEN / "prefix", target=prefix)


def _tree_there(submission: Submission, tree: Path) -> PurePosixPath:
    """Return where the snapshot goes: as it lies here, seen from the run folder."""
    inside = os.path.relpath(tree, submission.run_dir)
    place = PurePosixPath(os.path.normpath(f"runs/{submission.run}/{inside}"))
    if place.parts[:1] != ("snapshots",):
        raise BackendError(f"run {submission.run} can't be packed: its snapshot, {tree}, lies elsewhere")
    return place


def _below(folder: Path, name: PurePosixPath) -> Iterator[_Member]:
    """Yield a folder and all in it, in the order of names; links are not entered."""
    if not folder.is_dir():
        return
    for at, folders, files in os.walk(folder):
        folders.sort()
        inner = name / PurePosixPath(os.path.relpath(at, folder))
        yield _Member(name=inner, place=Path(at), secret=_is_secret(inner, Path(at)))
        links = [each for each in folders if Path(at, each).is_symlink()]
        for each in sorted([*files, *links]):
            place = Path(at, each)
            yield _Member(name=inner / each, place=place, secret=_is_secret(inner / each, place))


def _is_secret(name: PurePosixPath, place: Path) -> bool:
    """Whether only the owner may read it; a folder of patches is told with the open ones."""
    part = name.parts[2] if name.parts[0] == "runs" else ""
    owned = place.is_file() and not stat.S_IMODE(place.lstat().st_mode) & 0o077
    return part == "private" or (part == "patch" and owned)
