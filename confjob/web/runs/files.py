"""Files that a run made, opened so that no name and no link leads anywhere else.

A job decides what its files are called and may put a link in place of any folder, at any time.
So a path is not checked and then opened: it is walked, folder by folder, and no link is followed.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from confjob.errors import RunError

__all__ = ["open_below", "read_below"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: A pipe in a file's place would keep whoever opens it waiting.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def open_below(top: Path, path: PurePosixPath) -> BinaryIO:
    """Return the regular file at a path below a folder, open for reading.

    Args:
        top: The folder.
        path: The path in it.

    Raises:
        RunError: When there is none, or it is reached by a link.
    """
    refusal = RunError(f"no file {str(path)!r} that could be fetched", hint="links are not followed")
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in str(path):
        raise refusal
    with contextlib.ExitStack() as stack:
        try:
            folder = os.open(top, _FOLDER)
            stack.callback(os.close, folder)
            for part in path.parts[:-1]:
                folder = os.open(part, _FOLDER, dir_fd=folder)
                stack.callback(os.close, folder)
            descriptor = os.open(path.name, _FILE, dir_fd=folder)
        except OSError:
            raise refusal from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refusal
    return os.fdopen(descriptor, "rb")


def read_below(top: Path, path: PurePosixPath, *, limit: int) -> bytes | None:
    """Return the content of a file below a folder; None where there is none, or it is larger than `limit`."""
    try:
        with open_below(top, path) as file:
            data = file.read(limit + 1)
    except (RunError, OSError):
        return None
    return data if len(data) <= limit else None
