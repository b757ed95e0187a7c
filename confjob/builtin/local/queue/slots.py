"""GPU slots: a lock per GPU, which all projects and users of the machine share.

The lock is held by the job itself: its processes inherit it, and the kernel frees it with the
last of them. So no `kill -9` of the agent leaks or doubles a GPU. A process that closes what it
inherits (`torchrun` does) holds no lock, so a free lock is not enough: no process of the run that
had it last may live. What an ended run has left behind is ended first, or a `nohup` would keep a
GPU for ever.

The folder must be on a local disk and the same for everyone; files in it belong to whoever came
first. In a sticky folder the kernel forbids to open another's file with O_CREAT, so a file that is
there is opened without.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import re
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from confjob.builtin.local.queue.schedule import Holder
from confjob.builtin.local.trees import Tree, survivors
from confjob.plugin import BackendError, ProcessId

__all__ = ["Slot", "holders", "lock_folder", "seen", "taken"]

#: The first of these that everyone can write to; none of them survives a reboot, as no lock does.
_FOLDERS: Final = ("/run/lock", "/dev/shm", "/tmp")  # noqa: S108 - what lies there is trusted with a lock only
#: Bytes of a note: the longest path, each of its bytes as JSON escapes it.
_LARGEST: Final = 1 << 15


@frozen(kw_only=True)
class Slot:
    """A GPU that is locked by this process, until its job has the lock.

    Args:
        name: What the job calls the GPU.
        descriptor: The open lock.
    """

    name: str
    descriptor: int

    def note(self, run: str, run_dir: str, leader: ProcessId | None = None) -> None:
        """Write down whose it is now; once this process lets go, only the run's hold it.

        Without a leader it is about to start: should this process die in between, the run's
        processes are known by its folder all the same.
        """
        named = "" if leader is None else str(leader)
        note = {"run": run, "run_dir": run_dir, "uid": os.getuid(), "leader": named, "at": time.time()}
        data = json.dumps(note).encode("utf-8", "surrogateescape")[:_LARGEST]
        os.pwrite(self.descriptor, data, 0)
        os.ftruncate(self.descriptor, len(data))

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self.descriptor)


def lock_folder() -> Path:
    """Return the folder of the locks; made if missing, for everyone.

    Raises:
        BackendError: When it can't be made.
    """
    path = _place()
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents="CONFJOB_SLOTS_DIR" in os.environ)
            path.chmod(0o1777)
    except OSError as error:
        raise BackendError(f"the folder of GPU locks, {path}, can't be made: {error.strerror}") from None
    return path


def taken(name: str) -> Slot | Holder:
    """Lock a GPU if nobody has it; returns who has it if somebody does.

    Args:
        name: The GPU.

    Raises:
        BackendError: When the lock can't be opened.
    """
    path = lock_folder() / f"gpu-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}"
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(_note(descriptor))
            os.close(descriptor)
            return holder
        if _is_still(path, descriptor):
            break
        os.close(descriptor)
    note = _note(descriptor)
    if note and _lives(note):
        os.close(descriptor)
        return _holder(note)
    os.ftruncate(descriptor, 0)  # nobody need look for that run's processes again
    return Slot(name=name, descriptor=descriptor)


def holders(names: Collection[str]) -> dict[str, Holder]:
    """Return who has each GPU that can't be had now."""
    found = {}
    for name in names:
        try:
            slot = taken(name)
        except BackendError:  # a link in its place, say: this GPU can't be had, but others can
            slot = _holder({})
        if isinstance(slot, Holder):
            found[name] = slot
        else:
            slot.release()
    return found


def seen() -> dict[str, Holder]:
    """Return who has each GPU that anybody has, as far as can be told without making anything."""
    found = {}
    for path in sorted(_place().glob("gpu-*")):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        note = _note(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            has = bool(note) and _lives(note)
        except BlockingIOError:
            has = True
        os.close(descriptor)
        if has:
            found[path.name.removeprefix("gpu-")] = _holder(note)
    return found


def _place() -> Path:
    named = os.environ.get("CONFJOB_SLOTS_DIR")
    top = next((Path(folder) for folder in _FOLDERS if os.access(folder, os.W_OK | os.X_OK)), Path("/tmp"))  # noqa: S108
    return Path(named) if named else top / "confjob-gpus"


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    for _ in range(10):
        try:
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, flags)
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
                os.fchmod(descriptor, 0o666)  # whatever the umask: it is everyone's
                return descriptor
        except OSError as error:
            raise BackendError(f"the lock of a GPU, {path}, can't be opened: {error.strerror}") from None
    raise BackendError(f"the lock of a GPU, {path}, comes and goes")


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file that is locked is the one that others would open."""
    try:
        there, ours = path.lstat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def _note(descriptor: int) -> Mapping[str, object]:
    """Return what is written in a lock; nothing where it is no note, for anyone may write there."""
    try:
        note = json.loads(os.pread(descriptor, _LARGEST, 0))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def _holder(note: Mapping[str, object]) -> Holder:
    uid = note.get("uid")
    other = isinstance(uid, int) and uid != os.getuid()
    # Another user may have written anything, and it is shown in terminals.
    run = "".join(filter(str.isprintable, str(note.get("run") or "of another program")[:100]))
    return Holder(run=run, user=_user(uid) if other else "")


def _user(uid: object) -> str:
    try:
        return pwd.getpwuid(int(str(uid))).pw_name
    except (KeyError, ValueError):
        return f"user {uid}"


def _lives(note: Mapping[str, object]) -> bool:
    """Whether a process of the run that had the GPU last lives: in its session, or by its environment.

    The environment of another user's processes can't be read; their sessions can.
    """
    try:
        named = note.get("leader")
        leader = None if named == "" else ProcessId.parse(str(named))
        if leader is not None and leader.alive() is None:
            return False  # another container's, or an earlier boot's
        tree = Tree(leader=leader, run_dir=str(note.get("run_dir") or "") or None)
        return any(survivors([tree]).values())
    except (ValueError, OverflowError):
        return False  # no process has such a number, no folder such a name
