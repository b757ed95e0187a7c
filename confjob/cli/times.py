"""Times as people read them."""

from __future__ import annotations

import time
from datetime import datetime, timezone

__all__ = ["ago", "duration", "moment"]


def ago(at: float | None) -> str:
    """Return how long ago an epoch time is: `just now`, `5 min ago`, or the date."""
    if at is None:
        return "-"
    seconds = time.time() - at
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    return f"{int(seconds // 3600)} h ago" if seconds < 86400 else moment(at)


def moment(at: float | None) -> str:
    """Return an epoch time in the local zone, to the second."""
    if at is None:
        return "-"
    return datetime.fromtimestamp(at, tz=timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return a length of time: `3.2 s`, `4 min 10 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
