"""Finding words in a log that may be far larger than memory: a block at a time, the newest first.

A search may be given up and gone on with: it has a time, and says how far it has come.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from attrs import frozen

__all__ = ["Found", "Hit", "search"]

_BLOCK: Final = 1 << 20
#: Bytes of a line that are shown to either side of what was found.
_SIDE: Final = 120
#: What may stand between two characters of a coloured word.
_ESCAPES: Final = rb"(?:\x1b\[[0-?]*[ -/]*[@-~])*"
_ESCAPE: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
#: Bytes in which what is looked for must lie, its colours included.
_LONGEST: Final = 4096
#: Characters of what is looked for at most.
_MOST: Final = 200


@frozen(kw_only=True)
class Hit:
    """A line with what was looked for.

    Args:
        at: Where in the log the find begins.
        before: What stands before it on its line, as far as it is shown.
        match: The find.
        after: What stands behind it.
    """

    at: int
    before: bytes
    match: bytes
    after: bytes


@frozen(kw_only=True)
class Found:
    """What a search has found so far.

    Args:
        hits: The newest first, one per line.
        reached: It has looked at everything from here on; 0 is the log's beginning.
        size: How large the log was.
    """

    hits: tuple[Hit, ...]
    reached: int
    size: int


def search(  # noqa: PLR0913 - keyword-only: its limits
    path: Path,
    text: str,
    *,
    end: int | None = None,
    most: int = 200,
    seconds: float = 2.0,
    block: int = _BLOCK,
) -> Found:
    """Look for text in a log, from its end backwards; letters of either case are the same.

    Args:
        path: The log.
        text: What is looked for.
        end: Where to begin; None for the log's end.
        most: Finds after which it stops.
        seconds: Time after which it stops; a block is looked at in any case.
        block: Bytes that are read at once.
    """
    pattern = _pattern(text)
    try:
        with path.open("rb", buffering=0) as file:
            size = file.seek(0, 2)
            start = size if end is None else min(end, size)
            return _searched(
                file, pattern, start, size, (most, time.monotonic() + seconds, max(block, _LONGEST))
            )
    except OSError:
        return Found(hits=(), reached=0, size=0)


def _pattern(text: str) -> re.Pattern[bytes]:
    characters = [re.escape(each.encode("utf-8", "surrogateescape")) for each in text[:_MOST]]
    return re.compile(_ESCAPES.join(characters), re.IGNORECASE)


def _searched(
    file: BinaryIO, pattern: re.Pattern[bytes], reached: int, size: int, limits: tuple[int, float, int]
) -> Found:
    most, until, block = limits
    hits: list[Hit] = []
    while reached > 0:
        start = max(reached - block, 0)
        # What begins in this block may end in the next one.
        data = _read(file, start, reached - start + _LONGEST)
        found = [*_hits(pattern, data, start, reached)]
        hits += reversed(found)
        reached = start
        if len(hits) >= most or time.monotonic() >= until:
            break
    if len(hits) > most:
        reached = hits[most - 1].at
    return Found(hits=tuple(hits[:most]), reached=reached, size=size)


def _hits(pattern: re.Pattern[bytes], data: bytes, start: int, end: int) -> Iterator[Hit]:
    position = 0
    while (match := pattern.search(data, position)) and start + match.start() < end:
        # One per line is enough: of a progress bar, what it came to.
        line = data.find(b"\n", match.end())
        stop = len(data) if line < 0 else line
        bar = data.rfind(b"\r", match.end(), stop)
        last = pattern.search(data, bar + 1, stop) if bar >= 0 else None
        inside = last is not None and start + last.start() < end
        yield _hit(data, last if last is not None and inside else match, start)
        position = stop + 1


def _hit(data: bytes, match: re.Match[bytes], start: int) -> Hit:
    first, last = match.span()
    before = re.split(rb"[\r\n]", data[max(first - _SIDE, 0) : first])[-1]
    after = re.split(rb"[\r\n]", data[last : last + _SIDE])[0]
    parts = (_ESCAPE.sub(b"", part) for part in (before, match[0], after))
    return Hit(at=start + first, **dict(zip(("before", "match", "after"), parts, strict=True)))


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
