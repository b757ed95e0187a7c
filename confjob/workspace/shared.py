"""Who uses what the runs of a project share: launches side by side, or one clean-up alone.

Between the moment when a launch finds its snapshot and the moment when its run folder says so,
nobody could tell that the snapshot is needed. So a launch holds a lock meanwhile, with all other
launches, and what collects snapshots holds it alone. The kernel frees it when its holder dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confjob.errors import InputError, RunError

__all__ = ["alone", "in_use", "snapshots_in"]

_LOCK = "lock"
#: What file systems say that have no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)


@contextmanager
def in_use(state: Path) -> Iterator[None]:
    """Keep the snapshots in the state folder from being collected; waits while they are."""
    descriptor = _opened(state)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError as error:
            # Then nothing is ever collected there (see `alone`), and nothing is to be feared.
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Be sure that no launch is under way; waits for those that are.

    Raises:
        RunError: When the file system has no locks.
    """
    descriptor = _opened(state)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise RunError(
                f"{state}: can't be sure that nothing is being launched: {error.strerror}",
                hint="the state folder must lie on a file system with locks",
            ) from None
        yield
    finally:
        os.close(descriptor)


def snapshots_in(state: Path) -> Path:
    """Return the folder of snapshots in a state folder, made and ignored by git.

    Raises:
        InputError: When the state folder can't be written to.
    """
    folder = state.resolve() / "snapshots"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (state / ".gitignore").exists():
            (state / ".gitignore").write_text("*\n", encoding="ascii")
    except OSError as error:
        raise _unwritable(state, error) from None
    return folder


def _opened(state: Path) -> int:
    path = snapshots_in(state) / _LOCK
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise _unwritable(state, error) from None


def _unwritable(state: Path, error: OSError) -> InputError:
    return InputError(
        f"{error.filename or state}: the state folder can't be written to: {error.strerror}",
        hint="state-dir in the settings may name another place; confjob doctor looks at it",
    )
