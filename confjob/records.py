"""Records: small JSON files that are whole or absent, whatever is killed while they are written.

Everything that outlives a process is written through here: under a name beside it, forced to the
disk, and renamed. A record that can't be read counts as absent, and nothing else is believed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from confjob.tree import Json

__all__ = [
    "Record",
    "attempts_of",
    "latest_attempt",
    "read_record",
    "record_bytes",
    "replace_file",
    "sync_folders",
    "write_new",
    "write_record",
]

#: A JSON object in a file.
Record = Mapping[str, Json]


def read_record(path: Path) -> Record | None:
    """Return the object in the file at `path`; None when it is absent, unreadable or half-written."""
    try:
        value = json.loads(path.read_bytes().decode("utf-8", "surrogateescape"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def attempts_of(run_dir: Path) -> tuple[int, ...]:
    """Return the numbers of a run's attempts so far, in order."""
    try:
        names = os.listdir(run_dir / "attempts")  # noqa: PTH208 - for thousands of runs
    except OSError:
        return ()
    return tuple(sorted(int(name) for name in names if name.isascii() and name.isdigit()))


def latest_attempt(run_dir: Path) -> int:
    """Return the number of a run's latest attempt; 1 before there is one."""
    return max(attempts_of(run_dir), default=1)


def write_record(path: Path, data: Record) -> None:
    """Replace the file at `path` at once, durably, so that no reader sees half of it.

    Its folder is made if missing.

    Raises:
        OSError: When the disk refuses; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, record_bytes(data), 0o600)


def record_bytes(data: Record) -> bytes:
    """Return the content of a record's file; surrogates stand for the bytes that are no UTF-8."""
    return (json.dumps(data, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a new file that never had wider permissions than `mode`."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file under another name, and rename it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_new(draft, content, mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folders(path.parent)


def sync_folders(*folders: Path) -> None:
    """Make the entries of folders durable, where their file system can."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
        os.close(descriptor)
