"""Which GPUs this machine has, and what jobs are told of theirs.

A GPU is known by its UUID where NVIDIA's management library tells it: two projects that call one
GPU `0` and `GPU-…` must meet at the same lock. `CUDA_VISIBLE_DEVICES` takes UUIDs, too, and means
the same by them whatever order the runtime counts in.

Source: NVML (https://docs.nvidia.com/deploy/nvml-api), by nvidia-ml-py.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Final

from confjob.plugin import GPU_VARIABLES

__all__ = ["found", "named", "present", "variables"]

#: Seconds that the driver's command may take.
_PATIENCE: Final = 20.0


def found(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the GPUs that may be used from here: all, or those that the environment admits."""
    every = _uuids()
    visible = (os.environ if environ is None else environ).get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return every
    words = (word.strip() for word in visible.split(","))
    return named(list(takewhile(lambda word: _is_one(word, every), filter(None, words))))


def named(slots: int | Sequence[str] | None) -> tuple[str, ...]:
    """Return the GPUs that a target's `slots` means: the first so many, or these.

    A name that is an index becomes the UUID where that is known.
    """
    if slots is None:
        return found()
    every = _uuids()
    if isinstance(slots, int):
        return every[:slots] if every else tuple(map(str, range(slots)))
    return tuple(dict.fromkeys(_full(str(slot), every) for slot in slots))


def _is_one(word: str, every: Sequence[str]) -> bool:
    """Whether CUDA takes a word for a device; else it ignores it and all that follow, as in `-1`."""
    if word.isdecimal():
        return not every or int(word) < len(every)
    return word.startswith(("GPU-", "MIG-")) if every else not word.startswith("-")


def _full(name: str, every: Sequence[str]) -> str:
    """Return the UUID that an index or the beginning of one means, where it is known."""
    if name.isdecimal():
        return every[int(name)] if int(name) < len(every) else name
    meant = [uuid for uuid in every if name.startswith("GPU-") and uuid.startswith(name)]
    return meant[0] if len(meant) == 1 else name


def present() -> int:
    """Return how many GPUs of NVIDIA's this machine has, at a glance: nobody is asked."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def variables(slots: Sequence[str]) -> dict[str, str]:
    """Return what tells a job that these are its GPUs, for each vendor."""
    return dict.fromkeys(GPU_VARIABLES, ",".join(slots))


@lru_cache(maxsize=1)
def _uuids() -> tuple[str, ...]:
    """Return the UUIDs of NVIDIA's GPUs by index; none without a driver."""
    try:
        import pynvml
    except ImportError:
        return _by_command()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return tuple(_text(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _by_command() -> tuple[str, ...]:
    """Ask the driver's own command, where the library is not installed; it takes longer."""
    argv = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    words = done.stdout.split() if done.returncode == 0 else ()
    return tuple(word for word in words if word.startswith("GPU-"))  # not "No devices were found"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
