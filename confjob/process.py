"""Which process is meant, and who may say whether it lives.

A process number alone says nothing a minute later, on another machine, or in another
container. A `ProcessId` says which process was meant for good, and `alive` answers only
where it can be observed: a wrong "it is dead" would become a wrong end of a run.

job.sh writes the same text from the shell (`confjob.jobscript`).
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from attrs import astuple, frozen

__all__ = ["GPU_VARIABLES", "ProcessId", "bare_environment", "live_sessions"]

_PROC = Path("/proc")

#: States of processes that have ended, whether or not someone has asked how.
_DEAD = ("Z", "X")

#: What a record's text may hold, so that neither JSON nor the text form needs escapes.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

#: Which GPUs a program sees, for each vendor.
GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")

#: What a script is started with: enough to find programs, and what this machine says
#: about itself. The job's own environment is loaded by the script, around the command.
_KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *GPU_VARIABLES,
)


@frozen
class ProcessId:
    """One process, for good.

    Args:
        host: The machine's name, as people know it.
        machine: The machine's id; empty where it has none.
        boot: The id of the boot; empty where the system gives none.
        namespace: The inode of the PID namespace; empty without namespaces.
        pid: The number, as seen in that namespace.
        start: When it started, in the system's own unit.
    """

    host: str
    machine: str
    boot: str
    namespace: str
    pid: int
    start: str

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Return the identity of a process of this machine, which may be a zombie.

        Raises:
            ProcessLookupError: When there is none.
        """
        found = _look(pid)
        if found is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(*_place(), pid, found[1])

    @classmethod
    def current(cls) -> ProcessId:
        """Return the identity of this process."""
        return cls.of(os.getpid())

    @classmethod
    def parse(cls, text: str) -> ProcessId:
        """Read the text form.

        Raises:
            ValueError: When `text` is not one.
        """
        host, machine, boot, namespace, pid, start = text.split("/")
        return cls(host, machine, boot, namespace, int(pid), start)

    def __str__(self) -> str:
        return "/".join(map(str, astuple(self)))

    def alive(self) -> bool | None:
        """Whether the process lives; None when that can't be judged from here."""
        host, machine, boot, namespace = _place()
        same_machine = (self.host, self.machine) == (host, machine)
        if self.boot != boot or not (boot or same_machine):
            # Cloned machines may share an id, and unnamed ones have none: only both say
            # that this is the same machine after another boot.
            return False if same_machine and machine and boot and self.boot else None
        return self._observed() if self.namespace == namespace else None

    def _observed(self) -> bool | None:
        found = _look(self.pid)
        if found is not None:
            return found[1] == self.start and found[0] not in _DEAD
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return None  # something has that number, and /proc hides what


def live_sessions() -> dict[int, list[int]]:
    """Return the numbers of all visible live processes by their session, in one scan."""
    sessions: dict[int, list[int]] = {}
    for pid in _pids():
        found = _look(pid)
        if found and found[0] not in _DEAD:
            with contextlib.suppress(OSError):  # ended meanwhile
                sessions.setdefault(os.getsid(pid), []).append(pid)
    return sessions


def bare_environment() -> dict[str, str]:
    """Return the environment that scripts are started with (never the submitter's)."""
    return {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}


def _look(pid: int) -> tuple[str, str] | None:
    """Return state and start of a process of this machine and namespace."""
    if not _has_proc():
        words = _ps("-o", "state=", "-o", "lstart=", "-p", str(pid))
        return (words[0][:1], "_".join(words[1:])) if words else None
    fields = _stat(pid)
    return (fields[0], fields[19]) if fields else None


@lru_cache(maxsize=1)
def _has_proc() -> bool:
    return (_PROC / "self" / "stat").exists()


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat that follow the name, which may hold anything."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _pids() -> list[int]:
    if not _has_proc():
        return [int(word) for word in _ps("-A", "-o", "pid=")]
    return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208 - thousands of names


def _ps(*arguments: str) -> list[str]:
    environment = {**bare_environment(), "LC_ALL": "C", "TZ": "UTC0"}
    try:
        done = subprocess.run(
            ["ps", *arguments], capture_output=True, text=True, check=False, env=environment
        )
    except OSError:
        return []
    return done.stdout.split()


@lru_cache(maxsize=1)
def _place() -> tuple[str, str, str, str]:
    """Return host, machine, boot and namespace of this process."""
    namespace = _tried(lambda: bytes(Path("/proc/self/ns/pid").readlink()))
    return (
        _UNSAFE.sub("", os.uname().nodename),
        _UNSAFE.sub("", _tried(Path("/etc/machine-id").read_bytes)),
        _UNSAFE.sub("", _tried(Path("/proc/sys/kernel/random/boot_id").read_bytes)),
        "".join(filter(str.isdigit, namespace)),
    )


def _tried(read: Callable[[], bytes]) -> str:
    try:
        return (read().decode("ascii", "ignore").splitlines() or [""])[0]
    except OSError:
        return ""
