"""Where runs are kept: whether there is room, and what its file system can do."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from confjob.pipeline.doctoring.findings import Finding, check, fail, note, ok, warn
from confjob.pipeline.doctoring.patient import Patient
from confjob.state import BESIDE, left_behind, owner_of
from confjob.workspace.sizes import human_size

__all__ = ["state_folder"]

#: Bytes of free disk below which a launch may fail.
_LITTLE: Final = 1 << 30
#: Seconds that counting may take; a state folder may have millions of files.
_COUNTING: Final = 3.0
#: Linux's number for "make this file share that one's blocks".
_FICLONE: Final = 0x40049409
#: File systems that are gone with the next boot.
_IN_MEMORY: Final = ("tmpfs", "ramfs")


@check("runs", "folder")
def state_folder(patient: Patient) -> Iterator[Finding]:
    """Look at the state folder and the disk it is on."""
    project = patient.project
    state = project.state
    moved = project.settings.state_dir()
    why = f" (state-dir, {moved.where})" if moved else ""
    yield ok("folder", f"{state}{why}{'' if state.is_dir() else ', made by the first launch'}")
    place = next(folder for folder in (state, *state.parents) if folder.exists())
    yield from _disk(place)
    yield from _sizes(state)
    yield from _left_behind(patient, state)
    if moved:
        yield from _orphans(moved.folder, state)


def _disk(place: Path) -> Iterator[Finding]:
    if not os.access(place, os.W_OK | os.X_OK):
        yield fail("writable", f"{place} can't be written to", "name another folder as state-dir")
        return
    usage = shutil.disk_usage(place)
    detail = f"{human_size(usage.free)} free of {human_size(usage.total)}"
    if usage.free < _LITTLE:
        yield warn("disk", detail, "confjob prune, or another state-dir")
    else:
        yield ok("disk", detail)
    yield from _abilities(place)


def _abilities(place: Path) -> Iterator[Finding]:
    """Try on the disk itself what runs need there; its kind alone promises nothing."""
    try:
        with tempfile.TemporaryDirectory(prefix=".confjob-doctor-", dir=place) as folder:
            tried = {name: _works(_TRIALS[name], Path(folder, name)) for name in _TRIALS}
    except OSError as error:
        yield fail("writable", f"{place}: {error.strerror}", "name another folder as state-dir")
        return
    kind = _file_system(place)
    able = ", ".join(name for name, works in tried.items() if works)
    unable = "".join(f"; no {name}" for name, works in tried.items() if not works)
    detail = f"{kind}: {able}{unable}{'' if able else '; files are copied'}"
    if kind in _IN_MEMORY:
        hint = "name a folder on a disk as state-dir"
        yield warn("file system", f"{detail}; in memory, so runs are gone after a reboot", hint)
    else:
        yield ok("file system", detail)
    if not tried["locks"]:
        yield warn("locks", f"{place} gives none", "name a folder on a local disk as state-dir")


def _linked(place: Path) -> None:
    place.write_bytes(b"x")
    os.link(place, place.with_name("linked"))


def _cloned(place: Path) -> None:
    place.write_bytes(b"x" * 4096)
    with place.open("rb") as source, place.with_name("cloned").open("wb") as target:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())


def _locked(place: Path) -> None:
    with place.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TRIALS: Final[dict[str, Callable[[Path], None]]] = {
    "reflinks": _cloned,
    "hardlinks": _linked,
    "locks": _locked,
}


def _works(trial: Callable[[Path], None], place: Path) -> bool:
    try:
        trial(place)
    except OSError:
        return False
    return True


def _file_system(place: Path) -> str:
    """Return the kind of the file system that a folder is on, as far as the system tells."""
    best, kind = "", "unknown file system"
    with suppress(OSError):
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
            _, at, found, *_ = line.split(" ")
            folder = at.replace("\\040", " ")
            # A later mount hides an earlier one of the same place.
            if len(folder) >= len(best) and place.resolve().is_relative_to(folder):
                best, kind = folder, found
    return kind


def _sizes(state: Path) -> Iterator[Finding]:
    for name, pattern in (("runs", "[!.]*"), ("snapshots", "[0-9a-f]" * 32)):
        folder = state / name
        if folder.is_dir():
            size, whole = _size(folder)
            count = sum(1 for _ in folder.glob(pattern))
            yield ok(name, f"{count}, {'' if whole else 'more than '}{human_size(size)}")


def _size(folder: Path) -> tuple[int, bool]:
    """Return the bytes on disk below a folder, and whether all of it was counted in time."""
    until, total, seen = time.monotonic() + _COUNTING, 0, set[tuple[int, int]]()
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(os.path.join(place, name))  # noqa: PTH118 - thousands of files
                if (status.st_dev, status.st_ino) not in seen:
                    total += status.st_blocks * 512
                if status.st_nlink > 1:
                    seen.add((status.st_dev, status.st_ino))
        if time.monotonic() > until:
            return total, False
    return total, True


def _left_behind(patient: Patient, state: Path) -> Iterator[Finding]:
    count = left_behind(patient.project.checkout, state)
    if count:
        beside = patient.project.checkout / BESIDE
        detail = f"{count} in {beside}, from before state-dir was set; no verb looks there"
        parts = [str(beside / name) for name in ("runs", "snapshots")]
        move = f"mkdir -p {shlex.quote(str(state))} && {shlex.join(['mv', *parts, str(state)])}"
        free = not any((state / name).exists() for name in ("runs", "snapshots"))
        remove = f"{shlex.join(['rm', '-r', str(beside)])}, once they are not needed"
        yield warn("left behind", detail, move if free else remove)


def _orphans(state_dir: Path, state: Path) -> Iterator[Finding]:
    """Yield the folders of projects that are gone: a project that moves has a new folder."""
    try:
        folders = sorted(each for each in state_dir.iterdir() if each.is_dir())
    except OSError:
        return
    owners = {folder: owner_of(folder) for folder in folders}
    gone = [folder for folder, owner in owners.items() if owner is not None and not owner.exists()]
    for folder in gone[:5]:
        namesake = folder.name.rpartition("-")[0] == state.name.rpartition("-")[0]
        moved = f"{shlex.join(['mv', str(folder), str(state)])}, if it was this project before it moved"
        remove = f"{shlex.join(['rm', '-r', str(folder)])}, once it is not needed"
        hint = moved if namesake and not state.exists() else remove
        yield note("gone", f"{folder} belongs to {owners[folder]}, which is not there", hint)
