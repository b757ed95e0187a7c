"""File contents, stored once and shared by every snapshot.

A file that did not change is neither read nor copied again: a cache remembers the hash of what
lay at a path by size, times and inode. Like git, it does not trust a file that was written
within moments of being hashed, because a second write could leave all of that as it was.

Stored files are read-only, but root ignores that and an owner can change it, and a large one
may be hardlinked into a job's workspace. So each is checked against its recorded size and time
before it is used again, and made anew if somebody wrote to it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import time
from pathlib import Path

from attrs import define, field, frozen

from confjob.errors import InputError

__all__ = ["ChangedMeanwhileError", "ObjectStore", "StoredFile", "sha_of"]

_CHUNK = 1 << 20
_ATTEMPTS = 5
#: Nanoseconds: a file younger than this when hashed is hashed again next time.
_RACY = 2_000_000_000
_VERSION = 1


class ChangedMeanwhileError(Exception):
    """A file is no longer what it was when the capture began; capture again."""


@frozen
class StoredFile:
    """A content in the store: what it is called there."""

    sha: str
    mode: int

    @property
    def key(self) -> str:
        """The name of the object: content and permissions, since hardlinks share both."""
        return f"{self.sha}-{self.mode:o}"


@define
class ObjectStore:
    """The contents in `folder`; new ones are written in `scratch` first, on the same file system."""

    folder: Path
    scratch: Path
    _files: dict[str, list[object]] = field(factory=dict, init=False)
    _objects: dict[str, list[int]] = field(factory=dict, init=False)
    _kept_files: dict[str, list[object]] = field(factory=dict, init=False)
    _kept_objects: dict[str, list[int]] = field(factory=dict, init=False)

    @classmethod
    def open(cls, folder: Path, scratch: Path) -> ObjectStore:
        """Return the store in `folder`, with its cache where that can be read."""
        store = cls(folder / "objects", scratch)
        try:
            cache = json.loads((folder / "cache.json").read_bytes())
            if cache["version"] == _VERSION:
                store._files, store._objects = cache["files"], cache["objects"]
        except (OSError, ValueError, TypeError, LookupError):
            pass  # only a cache: all is hashed again
        return store

    def save(self) -> None:
        """Remember what this capture learned, and forget files it did not meet."""
        if (self._kept_files, self._kept_objects) == (self._files, self._objects):
            return
        cache = {"version": _VERSION, "files": self._kept_files, "objects": self._kept_objects}
        fresh = self.scratch / "cache.json"
        fresh.write_text(json.dumps(cache, separators=(",", ":")), encoding="ascii")
        fresh.replace(self.folder.parent / "cache.json")

    def add(self, source: str, name: str) -> StoredFile:
        """Return the stored form of the file at `source`, reading it only if it may have changed.

        Args:
            source: Absolute path.
            name: What the cache calls it.

        Raises:
            ChangedMeanwhileError: When it vanished or became something else.
        """
        status = os.lstat(source)
        known = self._files.get(name)
        if known is not None and known[:-1] == _identity(status):
            return self._remembered(name, StoredFile(str(known[-1]), _mode(status)))
        return self._copy_in(source, name)

    def hold(self, stored: StoredFile, source: str, name: str) -> Path:
        """Return the path of the object, made anew from `source` if it is missing or was altered.

        Raises:
            ChangedMeanwhileError: When `source` no longer has that content.
        """
        if not self._is_sound(stored) and self._copy_in(source, name) != stored:
            raise ChangedMeanwhileError(name)
        return self.path(stored)

    def path(self, stored: StoredFile) -> Path:
        """Return where the object lies, or would."""
        return self.folder / stored.key[:2] / stored.key

    def link(self, stored: StoredFile, place: Path) -> None:
        """Make `place` share the object, or copy it where the file system allows no more links."""
        source = self.path(stored)
        try:
            os.link(source, place)
        except OSError as error:
            if error.errno not in (errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
                raise
            shutil.copy2(source, place)
            if error.errno == errno.EMLINK:  # the copy becomes the object, with room for links
                fresh = self.scratch / "object"
                fresh.unlink(missing_ok=True)
                os.link(place, fresh)
                fresh.replace(source)

    def _remembered(self, name: str, stored: StoredFile) -> StoredFile:
        self._kept_files[name] = self._files[name]
        if stored.key in self._objects:
            self._kept_objects.setdefault(stored.key, self._objects[stored.key])
        return stored

    def _is_sound(self, stored: StoredFile) -> bool:
        path = self.path(stored)
        try:
            status = path.lstat()
        except OSError:
            return False
        record = self._objects.get(stored.key) or self._kept_objects.get(stored.key)
        measured = [status.st_size, status.st_mtime_ns]
        if stat.S_IMODE(status.st_mode) != stored.mode or (record is not None and record != measured):
            return False
        if record is None and sha_of(path) != stored.sha:
            return False
        self._kept_objects[stored.key] = measured
        return True

    def _copy_in(self, source: str, name: str) -> StoredFile:
        for _ in range(_ATTEMPTS):
            fresh = self.scratch / "object"
            began = time.time_ns()
            before, sha = _copied(source, fresh)
            after = os.lstat(source)
            if _identity(before) != _identity(after):
                continue
            if began - max(before.st_mtime_ns, before.st_ctime_ns) > _RACY:
                self._kept_files[name] = [*_identity(before), sha]
            return self._filed(fresh, StoredFile(sha, _mode(before)), before.st_mtime_ns)
        raise InputError(
            f"{name} keeps changing while it is copied",
            hint="stop what writes to it, or add it to .gitignore",
        )

    def _filed(self, fresh: Path, stored: StoredFile, mtime: int) -> StoredFile:
        if self._is_sound(stored):  # the same content came from elsewhere, or was written again
            fresh.unlink()
            return stored
        os.utime(fresh, ns=(mtime, mtime))
        fresh.chmod(stored.mode)
        measured = fresh.lstat()
        self._objects.pop(stored.key, None)
        self._kept_objects[stored.key] = [measured.st_size, measured.st_mtime_ns]
        place = self.path(stored)
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(place)
        return stored


def _identity(status: os.stat_result) -> list[object]:
    # The change time too: a tool can put the modification time back, never that.
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _mode(status: os.stat_result) -> int:
    """Return the file's permissions without the right to write: what others may not read stays so."""
    return (stat.S_IMODE(status.st_mode) & 0o555) | 0o400


def _copied(source: str, fresh: Path) -> tuple[os.stat_result, str]:
    # O_NONBLOCK: a FIFO that took the file's place must not hang the launch.
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    fresh.unlink(missing_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb") as file, fresh.open("xb") as copy:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise ChangedMeanwhileError(source)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    return before, digest.hexdigest()


def sha_of(path: Path) -> str:
    """Return the hash of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
