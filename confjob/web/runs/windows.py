"""Pieces of a log that may be far larger than memory.

Places in a log are counted in bytes, so that none of it need be read to find one. Each answer
reads a piece of bounded size: its end first, what is older or newer on demand, and what was
added since. Where lines are reasonable a piece has whole ones; a line longer than a piece, such
as the million states of a progress bar, is cut where the bar was drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from attrs import frozen

__all__ = ["PIECE", "Piece", "after", "around", "before", "since", "tail"]

_Read: TypeAlias = "Callable[[BinaryIO, int], Piece]"

#: Bytes of a piece at most.
PIECE: Final = 1 << 16
#: How far behind a follower may be before it skips to the end.
_BEHIND: Final = 4 * PIECE
#: Lines of a piece at most.
_LINES: Final = 500


@frozen(kw_only=True)
class Piece:
    """A part of a log.

    Args:
        data: Its bytes.
        start: Where it begins.
        size: How large the log is.
        gap: Where what was skipped before it begins, if something was.
        restarted: The log was cut since, so that it is read from its beginning.
    """

    data: bytes = b""
    start: int = 0
    size: int = 0
    gap: int | None = None
    restarted: bool = False

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.data)


def tail(path: Path, *, limit: int = PIECE) -> Piece:
    """Return the end of a log; an empty piece where there is no log."""
    return _reading(path, lambda file, size: _ending_at(file, size, size, 0, limit))


def before(path: Path, end: int, *, floor: int = 0, limit: int = PIECE) -> Piece:
    """Return what stands before a place.

    Args:
        path: The log.
        end: The place.
        floor: Where the piece may begin at the earliest.
        limit: Bytes at most.
    """
    return _reading(path, lambda file, size: _ending_at(file, size, min(end, size), floor, limit))


def after(path: Path, start: int, *, ceiling: int | None = None, limit: int = PIECE) -> Piece:
    """Return what stands after a place, up to the end of a line.

    Args:
        path: The log.
        start: The place, where a line begins.
        ceiling: Where the piece ends at the latest.
        limit: Bytes at most.
    """

    def read(file: BinaryIO, size: int) -> Piece:
        at = min(start, size)
        most = min(limit, (size if ceiling is None else min(ceiling, size)) - at)
        data = _read(file, at, max(most, 0))
        return Piece(data=_whole(data) if at + len(data) < size else data, start=at, size=size)

    return _reading(path, read)


def around(path: Path, place: int, *, limit: int = PIECE) -> Piece:
    """Return the lines around a place."""

    def read(file: BinaryIO, size: int) -> Piece:
        at = min(max(place, 0), size)
        above = _ending_at(file, size, at, 0, limit // 2)
        data = _read(file, above.start, limit)
        cut = _whole(data) if above.start + len(data) < size else data
        # The line that is meant may be longer than all that is read.
        return Piece(data=cut if above.start + len(cut) > at else data, start=above.start, size=size)

    return _reading(path, read)


def since(path: Path, start: int, *, limit: int = PIECE) -> Piece:
    """Return what was added to a log since a place, to its end.

    Whoever is far behind gets the end, with `gap` where the skipped part begins.
    """

    def read(file: BinaryIO, size: int) -> Piece:
        if start > size:
            found = _ending_at(file, size, size, 0, limit)
            return Piece(data=found.data, start=found.start, size=size, restarted=True)
        if size - start <= max(_BEHIND, limit):
            return Piece(data=_read(file, start, size - start), start=start, size=size)
        found = _ending_at(file, size, size, start, limit)
        return Piece(data=found.data, start=found.start, size=size, gap=start)

    return _reading(path, read)


def _reading(path: Path, read: _Read) -> Piece:
    try:
        with path.open("rb", buffering=0) as file:
            return read(file, file.seek(0, 2))
    except OSError:
        return Piece()


def _ending_at(file: BinaryIO, size: int, end: int, floor: int, limit: int) -> Piece:
    """Return the piece that ends at a place and begins with a line, not before `floor`."""
    least = max(end - limit, floor, 0)
    data = _read(file, least, max(end - least, 0))
    skip = _beginning(data) if least > floor else 0
    skip = max(skip, _last_lines(data))
    return Piece(data=data[skip:], start=least + skip, size=size)


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    parts = []
    while count > 0 and (part := file.read(min(count, PIECE))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _beginning(data: bytes) -> int:
    """Return where the first line begins; in a single long one, where its bar or a character does."""
    for mark in (b"\n", b"\r"):
        found = data.find(mark, 0, len(data) - 1)
        if found >= 0:
            return found + 1
    return next((at for at, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)


def _whole(data: bytes) -> bytes:
    """Return data up to its last line break; all of it, less a broken character, where it has none."""
    found = data.rfind(b"\n")
    if found >= 0:
        return data[: found + 1]
    found = data.rfind(b"\r")
    if found > 0:
        return data[:found]
    start = next((back for back in range(1, min(4, len(data)) + 1) if data[-back] & 0xC0 != 0x80), 0)
    return data[:-start] if start and data[-start] >= 0xC0 and len(data) > start else data


def _last_lines(data: bytes) -> int:
    """Return where the last so many lines of a piece begin."""
    at = len(data) - data.endswith(b"\n")
    for _ in range(_LINES):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return 0
    return at + 1
