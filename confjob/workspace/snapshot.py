"""The project as of now, captured by content and shared by all runs with the same content.

A queued run must see the code and config as of submit, whatever is edited meanwhile. A snapshot
is a folder `snapshots/<digest>/tree` of hardlinks into one store of contents, so that the
thousandth launch of an unchanged project writes nothing at all. It is built under a temporary
name and renamed: `kill -9` leaves no half snapshot, and parallel captures meet in the same one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob.errors import InputError
from confjob.progress import Activity, doing
from confjob.workspace.listing import list_project
from confjob.workspace.objects import ChangedMeanwhileError, ObjectStore, StoredFile, sha_of
from confjob.workspace.shared import snapshots_in
from confjob.workspace.sizes import require_size
from confjob.workspace.symlinks import portable_target

__all__ = ["LARGE", "Snapshot", "capture", "recall"]

#: Bytes. A larger file may be hardlinked into workspaces, so its stored form is checked each time.
LARGE = 1 << 20
_ATTEMPTS = 5
_LINK = 0o120000
#: Seconds after which a temporary folder has lost its owner.
_ABANDONED = 24 * 3600


@frozen(kw_only=True)
class Snapshot:
    """A captured project.

    Args:
        digest: Names the content: equal for equal files, modes and link targets.
        path: The snapshot's folder; the files are below `tree`.
        files: How many files and links it has.
        size: Bytes in them.
        ignored: Files and folders (these end in `/`) of the project that the job will not see.
        commit: The commit that was checked out, where the project is in git.
        dirty: Whether the project differed from the commit.
        prefix: The project root relative to the repository's top.
        recalled: Whether it is an earlier run's, and not the project as it is now.
    """

    digest: str
    path: Path
    files: int
    size: int
    ignored: tuple[str, ...] = ()
    commit: str | None = None
    dirty: bool = False
    prefix: PurePosixPath = PurePosixPath()
    recalled: bool = False

    @property
    def tree(self) -> Path:
        """The folder that has the project's files."""
        return self.path / "tree"

    def has(self, path: PurePosixPath) -> bool:
        """Whether a file, folder or link stands at the project-relative `path`."""
        return os.path.lexists(self.tree / path)


@frozen
class _Entry:
    """A file, or a symlink with its target."""

    name: str
    size: int
    stored: StoredFile | None = None
    target: str = ""


def capture(root: Path, state: Path, *, limit: int, links: Sequence[str] = ()) -> Snapshot:
    """Capture the project at `root`.

    Args:
        root: The project root.
        state: The state folder (`.confjob`); made if missing, never captured.
        limit: Bytes above which the capture is refused.
        links: Folders that runs get as links to the checkout's own; not captured.

    Returns:
        The snapshot, new or the one that has this content already.

    Raises:
        InputError: When the files are larger than `limit`, can't be read, or keep changing.
    """
    root = root.resolve()
    snapshots = _prepared(state)
    scratch = Path(tempfile.mkdtemp(prefix="tmp-", dir=snapshots))
    try:
        for _ in range(_ATTEMPTS):
            with suppress(ChangedMeanwhileError):
                return _captured(root, snapshots, scratch, limit, _hidden(root, state, links))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    raise InputError("the project keeps changing while it is captured", hint="launch again once it is quiet")


def recall(tree: Path, digest: str, *, commit: str | None, dirty: bool, prefix: PurePosixPath) -> Snapshot:
    """Return the snapshot of an earlier run, read whole to be sure that it is what the run was given.

    Raises:
        InputError: When it is gone, or somebody wrote to it.
    """
    if not tree.is_dir():
        raise InputError("the snapshot of the run is gone", hint="--current runs what is in the checkout now")
    entries = list(_held(tree))
    if _digest(entries) != digest:
        raise InputError(
            f"{tree} is no longer what the run was given: somebody wrote to it",
            hint="--current runs what is in the checkout now",
        )
    return Snapshot(
        digest=digest,
        path=tree.parent,
        files=len(entries),
        size=sum(entry.size for entry in entries),
        commit=commit,
        dirty=dirty,
        prefix=prefix,
        recalled=True,
    )


def _held(tree: Path) -> Iterator[_Entry]:
    """Yield what stands in a snapshot."""
    for folder, folders, files in os.walk(tree):
        for name in [*files, *(inner for inner in folders if Path(folder, inner).is_symlink())]:
            path = Path(folder, name)
            status = path.lstat()
            shown = str(path.relative_to(tree))
            if stat.S_ISLNK(status.st_mode):
                yield _Entry(shown, 0, target=str(path.readlink()))
            else:
                stored = StoredFile(sha_of(path), stat.S_IMODE(status.st_mode))
                yield _Entry(shown, status.st_size, stored)


def _prepared(state: Path) -> Path:
    snapshots = snapshots_in(state)
    for left in snapshots.glob("tmp-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
    return snapshots


def _hidden(root: Path, state: Path, links: Sequence[str]) -> list[PurePosixPath]:
    real = state.resolve()
    hidden = [PurePosixPath(link) for link in links]
    return [*hidden, PurePosixPath(real.relative_to(root))] if real.is_relative_to(root) else hidden


def _captured(
    root: Path, snapshots: Path, scratch: Path, limit: int, hidden: Sequence[PurePosixPath]
) -> Snapshot:
    listing = list_project(root, hidden)
    found = _found(str(root), listing.names)
    sizes = {name: status.st_size for name, status in found.items() if stat.S_ISREG(status.st_mode)}
    size = require_size(sizes, limit)
    store = ObjectStore.open(snapshots, scratch)
    with doing("capturing the project", size, unit="bytes") as reading:
        entries = _read(root, found, store, reading)
    digest = _digest(entries)
    _settle(snapshots / digest, root, entries, store)
    store.save()
    return Snapshot(
        digest=digest,
        path=snapshots / digest,
        files=len(entries),
        size=size,
        ignored=listing.ignored,
        commit=listing.commit,
        dirty=listing.dirty,
        prefix=listing.prefix,
    )


def _found(root: str, names: Iterable[str]) -> dict[str, os.stat_result]:
    """Return the files and links among `names`; what lies beyond a symlink is not the project's."""
    real_folders = {"": True}
    found = {}
    for name in names:
        if not _is_real(root, name.rpartition("/")[0], real_folders):
            continue
        with suppress(FileNotFoundError, NotADirectoryError):
            status = os.lstat(f"{root}/{name}")
            if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                found[name] = status
    return found


def _is_real(root: str, folder: str, known: dict[str, bool]) -> bool:
    if folder not in known:
        outer = folder.rpartition("/")[0]
        known[folder] = _is_real(root, outer, known) and not os.path.islink(f"{root}/{folder}")  # noqa: PTH114
    return known[folder]


def _read(
    root: Path, found: Mapping[str, os.stat_result], store: ObjectStore, reading: Activity
) -> list[_Entry]:
    captured = frozenset(found) | _folders(found)
    entries, unreadable = [], []
    for name, status in found.items():
        try:
            entries.append(_entry(root, name, status, store, captured))
            reading.advance(entries[-1].size)
        except PermissionError:
            unreadable.append(name)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL):
                raise ChangedMeanwhileError(name) from None
            raise InputError(f"{name}: can't be copied: {error.strerror}") from error
    if unreadable:
        raise InputError(
            f"can't read {', '.join(unreadable)}", hint="add to .gitignore what the job does not need"
        )
    return entries


def _folders(names: Iterable[str]) -> set[str]:
    folders = {"."}
    for name in names:
        folder = name.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _entry(
    root: Path, name: str, status: os.stat_result, store: ObjectStore, captured: frozenset[str]
) -> _Entry:
    if stat.S_ISLNK(status.st_mode):
        return _Entry(name, 0, target=portable_target(str(root), name, captured))
    return _Entry(name, status.st_size, store.add(f"{root}/{name}", name))


def _digest(entries: Iterable[_Entry]) -> str:
    digest = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: os.fsencode(entry.name)):
        mode = _LINK if entry.stored is None else entry.stored.mode
        content = entry.target if entry.stored is None else entry.stored.sha
        digest.update(os.fsencode(f"{entry.name}\0{mode:o}\0{content}\0"))
    return digest.hexdigest()[:32]


def _settle(place: Path, root: Path, entries: Sequence[_Entry], store: ObjectStore) -> None:
    """Make the snapshot at `place`, or mend the one that is there."""
    if place.is_dir():
        _mend(place / "tree", root, entries, store)
        return
    fresh = store.scratch / "snapshot"
    shutil.rmtree(fresh, ignore_errors=True)
    _build(fresh / "tree", root, entries, store)
    try:
        fresh.rename(place)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise  # else another launch was quicker, with the same content


def _build(tree: Path, root: Path, entries: Iterable[_Entry], store: ObjectStore) -> None:
    tree.mkdir(parents=True)
    folders = {""}
    for entry in entries:
        folder = entry.name.rpartition("/")[0]
        if folder not in folders:
            (tree / folder).mkdir(parents=True, exist_ok=True)
            folders.add(folder)
        _put(tree / entry.name, root, entry, store)


def _put(place: Path, root: Path, entry: _Entry, store: ObjectStore) -> None:
    if entry.stored is None:
        place.symlink_to(entry.target)
    else:
        store.hold(entry.stored, f"{root}/{entry.name}", entry.name)
        store.link(entry.stored, place)


def _mend(tree: Path, root: Path, entries: Iterable[_Entry], store: ObjectStore) -> None:
    """Replace large files that a job has written to, though they are read-only."""
    for entry in entries:
        if entry.stored is None or entry.size <= LARGE:
            continue
        held = store.hold(entry.stored, f"{root}/{entry.name}", entry.name)
        if _measures(tree / entry.name) != _measures(held):
            fresh = store.scratch / "mended"
            fresh.unlink(missing_ok=True)
            store.link(entry.stored, fresh)
            fresh.replace(tree / entry.name)


def _measures(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_mode
