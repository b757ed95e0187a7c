"""A log as a page shows it: which lines, what there is before and behind them, when to look again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from attrs import frozen

from confjob.web.runs import windows
from confjob.web.runs.screen import Line, Shown, shown
from confjob.web.runs.windows import Piece

__all__ = ["LogView", "end_view", "follow_view", "newer_view", "older_view", "place_view"]

#: Seconds between looks, and how long a log must have been quiet for the next one.
_PACES: Final = ((0.5, 5.0), (1.0, 20.0), (2.0, 60.0), (5.0, 300.0))
_SELDOM: Final = 10.0


@frozen(kw_only=True)
class LogView:
    """Lines of a log.

    Args:
        lines: Those that will not change.
        loose: Those behind them that may, at the end of a log that grows.
        older: Where they begin, if there is something before.
        floor: Where what is before begins, where that is not the log's beginning.
        newer: Where they end, if there is something behind that is not followed.
        at: Where the loose lines begin.
        word: The look that is set there.
        size: The log's size.
        found: Where the line begins that was asked for.
        every: Seconds until it is worth looking again.
        restarted: The log was cut, and is read anew.
    """

    lines: tuple[Line, ...] = ()
    loose: tuple[Line, ...] = ()
    older: int | None = None
    floor: int = 0
    newer: int | None = None
    at: int = 0
    word: str = ""
    size: int = 0
    found: int | None = None
    every: float = _PACES[0][0]
    restarted: bool = False


def end_view(path: Path) -> LogView:
    """Return the end of a log, to be followed."""
    piece = windows.tail(path)
    return _following(path, piece, shown(piece.data, piece.start), older=piece.start or None)


def follow_view(path: Path, at: int, word: str) -> LogView:
    """Return what was added to a log.

    Args:
        path: The log.
        at: Where the lines begin that were loose, as an earlier view said.
        word: The look that was set there.
    """
    piece = windows.since(path, at)
    if piece.restarted:
        return _following(path, piece, shown(piece.data, piece.start), older=piece.start or None)
    skipped = piece.gap is not None
    text = shown(piece.data, piece.start, "" if skipped else word)
    return _following(path, piece, text, older=piece.start if skipped else None, floor=piece.gap or 0)


def older_view(path: Path, end: int, floor: int = 0) -> LogView:
    """Return the lines before a place, and not before `floor`."""
    piece = windows.before(path, end, floor=floor)
    lines = shown(piece.data, piece.start).lines
    older = piece.start if piece.start > floor and lines else None
    return LogView(lines=lines, older=older, floor=floor, size=piece.size)


def newer_view(path: Path, start: int) -> LogView:
    """Return the lines behind a place."""
    piece = windows.after(path, start)
    lines = shown(piece.data, piece.start).lines
    return LogView(lines=lines, newer=_newer(piece), size=piece.size)


def place_view(path: Path, place: int) -> LogView:
    """Return the lines around a place."""
    piece = windows.around(path, place)
    lines = shown(piece.data, piece.start).lines
    found = max((line.at for line in lines if line.at <= place), default=None)
    return LogView(lines=lines, older=piece.start or None, newer=_newer(piece), size=piece.size, found=found)


def _following(path: Path, piece: Piece, text: Shown, *, older: int | None, floor: int = 0) -> LogView:
    return LogView(
        lines=text.lines[: text.settled],
        loose=text.lines[text.settled :],
        older=older,
        floor=floor,
        at=text.at,
        word=text.word,
        size=piece.size,
        every=_pace(path),
        restarted=piece.restarted,
    )


def _newer(piece: Piece) -> int | None:
    return piece.end if piece.data and piece.end < piece.size else None


def _pace(path: Path) -> float:
    """Return the seconds until the next look: a log that has long been quiet will be for a while."""
    try:
        quiet = time.time() - path.stat().st_mtime
    except OSError:
        quiet = 0.0
    return next((pace for pace, least in _PACES if quiet < least), _SELDOM)
