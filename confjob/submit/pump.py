"""Copying a running job's output to a terminal and a log, until the job is over.

Its end is not the end of its output's file: a daemon that the job left behind may hold
that open for ever. And a reader that leaves (`| head`) must not end the run or its log.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence

__all__ = ["Routes", "pump", "write"]

#: One source of bytes to the writers that get a copy.
Routes = Mapping[int, Sequence[Callable[[bytes], None]]]

_CHUNK = 1 << 16

#: How long nothing may come from an ended run before its output counts as complete; also
#: how often `tick` is called at least.
_QUIET = 0.1

#: More than any pipe holds: what comes after that was written after the end.
_AFTER_END = 1 << 20


def pump(shell: subprocess.Popen[bytes], routes: Routes, tick: Callable[[], None]) -> None:
    """Copy along `routes` until `shell` has ended and all that it wrote is copied.

    Args:
        shell: The process; its stdin, where it is a pipe, is closed at the end of source 0.
        routes: What to read, and who gets it.
        tick: Called several times a second.
    """
    open_routes, after_end = dict(routes), 0
    while True:
        tick()
        ended = shell.poll() is not None
        ready = select.select(list(open_routes), [], [], _QUIET)[0]
        if ended and (after_end > _AFTER_END or not set(ready) - {0}):
            return
        for source in ready:
            size = _copy(source, open_routes[source])
            after_end += size if ended else 0
            if not size:
                del open_routes[source]
                _close_input(shell, source)


def write(target: int, data: bytes) -> None:
    """Write all of `data`, or as much as `target` still takes."""
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(target, data) :]


def _copy(source: int, writers: Sequence[Callable[[bytes], None]]) -> int:
    """Copy what is there; returns how much, 0 at the end of `source`."""
    try:
        data = os.read(source, _CHUNK)
    except OSError:  # how a terminal says that its other side is gone
        return 0
    for writer in writers:
        writer(data)
    return len(data)


def _close_input(shell: subprocess.Popen[bytes], source: int) -> None:
    if source == 0 and shell.stdin is not None:
        with contextlib.suppress(OSError):
            shell.stdin.close()
