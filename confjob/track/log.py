"""What a job printed, as a file that grows: the end of it, or all of it as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from confjob.model import Engine, Status
from confjob.store import RunFolder
from confjob.track.fetching import bring
from confjob.track.truth import status

__all__ = ["follow", "read_log"]

_BLOCK = 1 << 16

#: Seconds between looks at the log, which cost one `stat`.
_TICK = 0.05


def follow(  # noqa: PLR0913 - keyword-only: how it is followed
    folder: RunFolder,
    engine: Engine | None,
    out: BinaryIO,
    *,
    lines: int | None = None,
    every: float = 1.0,
    tell: Callable[[Status], None] = lambda _: None,
) -> Status:
    """Copy the log to `out` as it grows, until the run has ended; returns how it ended.

    Stopping with Ctrl-C (KeyboardInterrupt) leaves the run alone.

    Args:
        folder: The run.
        engine: Its engine.
        out: Where the bytes go; flushed after each piece.
        lines: Begin with the last so many lines; None begins at the beginning.
        every: Seconds between questions to the engine; it is asked at once when the end
            record appears.
        tell: Called with each answer of the engine that is not the end.
    """
    position, due, pause = _first(folder.log, lines), 0.0, every
    while True:
        position = _copy(folder.log, position, out)
        if pause == every and folder.end() is not None:
            due, pause = 0.0, _TICK
        if time.monotonic() >= due:
            bring(folder, engine)
            known = status(folder, engine)
            if known.state.final:
                _copy(folder.log, position, out)
                return known
            tell(known)
            due = time.monotonic() + pause
            pause = min(2 * pause, every)
        time.sleep(_TICK)


def read_log(folder: RunFolder, lines: int | None = None) -> Iterator[bytes]:
    """Yield the log so far in pieces, or its last `lines` lines; nothing where there is none."""
    try:
        with folder.log.open("rb") as file:
            file.seek(_first(folder.log, lines))
            while block := file.read(_BLOCK):
                yield block
    except FileNotFoundError:
        return


def _first(path: Path, lines: int | None) -> int:
    """Return where the last `lines` lines of a log begin; 0 for all, or where there is none."""
    if lines is None or not path.exists():
        return 0
    with path.open("rb") as file:
        return _tail(file, lines)


def _copy(path: Path, position: int, out: BinaryIO) -> int:
    """Copy what was added since `position`; a log that was cut starts again."""
    try:
        size = path.stat().st_size
    except OSError:
        return position
    position = position if size >= position else 0
    if size == position:
        return position
    with path.open("rb") as file:
        file.seek(position)
        while block := file.read(_BLOCK):
            out.write(block)
            position += len(block)
    out.flush()
    return position


def _tail(file: BinaryIO, lines: int) -> int:
    """Return where the last `lines` lines begin, read from the end."""
    position = file.seek(0, 2)
    wanted = lines + 1  # the line break that ends the line before
    last = True
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        if last and not block.endswith(b"\n"):
            wanted -= 1  # the last line has no end yet
        last = False
        found = block.count(b"\n")
        if found >= wanted:
            return position + _nth_from_end(block, wanted) + 1
        wanted -= found
    return 0


def _nth_from_end(block: bytes, count: int) -> int:
    at = len(block)
    for _ in range(count):
        at = block.rindex(b"\n", 0, at)
    return at
