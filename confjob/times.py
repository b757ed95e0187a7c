"""Times as people read them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from confjob.words import duration

__all__ = ["ago", "clock", "duration", "moment", "ran"]


def ago(at: float | None, now: float | None = None) -> str:
    """Return how long ago an epoch time is, within a week; before that, the day.

    Example:
        >>> ago(0, now=30), ago(0, now=300), ago(0, now=7300), ago(0, now=200_000)
        ('just now', '5 min ago', '2 h ago', '2 d ago')
    """
    if at is None:
        return "-"
    seconds = (time.time() if now is None else now) - at
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h ago"
    return f"{int(seconds // 86400)} d ago" if seconds < 7 * 86400 else moment(at).partition(" ")[0]


def moment(at: float | None) -> str:
    """Return an epoch time in the local zone, to the second."""
    if at is None:
        return "-"
    return datetime.fromtimestamp(at, tz=timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock(seconds: float) -> str:
    """Return a length of time in digits, for a column of them or one that ticks.

    Example:
        >>> clock(3.9), clock(250), clock(7500), clock(100_000)
        ('0:03', '4:10', '2:05:00', '1d 03:46')
    """
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24:02}:{minutes:02}"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ran(run: Mapping[str, Any], now: float | None = None) -> float | None:
    """Return the seconds that a run has been going on, or took; None before it started."""
    if run["started"] is None:
        return None
    if run["ended"] is not None:
        return float(run["ended"] - run["started"])
    going = run["state"] in ("STARTING", "RUNNING", "ENDING")
    return float((time.time() if now is None else now) - run["started"]) if going else None
