"""Where this user's queue on this machine lies, and how the machine is called.

Not in the home, which several machines may share, and not in a temporary folder that a reboot
empties. `CONFJOB_MACHINE_DIR` names another place.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from confjob.plugin import BackendError, ProcessId

__all__ = ["here", "home"]

_USUAL = "/var/tmp"  # noqa: S108 - a folder of our own in it, checked to be ours alone


def here() -> str:
    """Return what tells this machine, and this container on it, from all others.

    Unlike a process's identity it does not change with a reboot: what waits goes on waiting.
    """
    this = ProcessId.current()
    return f"{this.host}/{this.machine}/{this.namespace}"


def home() -> Path:
    """Return the folder of this user's queue; made if missing.

    Raises:
        BackendError: When it can't be made, or others could write to it.
    """
    path = Path(os.environ.get("CONFJOB_MACHINE_DIR") or f"{_USUAL}/confjob-{os.getuid()}")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise BackendError(f"the folder of the queue, {path}, can't be made: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise BackendError(
            f"{path} is not a folder that only you can write to, so the queue can't lie there",
            hint="remove it, or let CONFJOB_MACHINE_DIR name another folder of this machine",
        )
    return path
