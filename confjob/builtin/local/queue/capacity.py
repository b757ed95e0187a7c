"""What this machine has for jobs: cores and memory, as far as this process may use them."""

from __future__ import annotations

import os
from pathlib import Path

from confjob.builtin.local.queue.schedule import Capacity

__all__ = ["capacity"]

#: Where control groups say how much memory there may be (version 2, version 1).
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def capacity() -> Capacity:
    """Return the cores and the bytes of memory that jobs may share."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Capacity(cpus=float(usable), memory=min([total, *_limits()]))


def _limits() -> list[int]:
    found = []
    for name in _LIMITS:
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            found.append(int(text))
    return found
