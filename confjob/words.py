"""Words for people: suggestions and lists, the same everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["changed_to", "did_you_mean", "duration", "listing", "nearest", "plural", "toml_key", "value_text"]


def nearest(name: str, options: Iterable[str], count: int = 3) -> list[str]:
    """Return the options most like `name`, the best first.

    The last part of a dotted name counts as well, so that `lr` finds `trainer.lr`.
    """
    known = list(dict.fromkeys(options))
    close = get_close_matches(name, known, n=count, cutoff=0.6)
    by_tail = {option.rpartition(".")[2]: option for option in reversed(known)}
    tails = get_close_matches(name.rpartition(".")[2], by_tail, n=count, cutoff=0.7)
    return list(dict.fromkeys([*close, *(by_tail[tail] for tail in tails)]))[:count]


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or nothing when no option is near."""
    close = nearest(name, options, count=2)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


def listing(items: Iterable[str], limit: int = 12) -> str:
    """Return items joined by commas, the rest counted once there are many."""
    named = list(items)
    extra = len(named) - limit
    return ", ".join(named[:limit]) + (f" and {extra} more" if extra > 0 else "")


def changed_to(change: Mapping[str, Any]) -> str:
    """Return what a recorded change left: the value, `(deleted)`, or `(hidden)` for a secret."""
    if change.get("secret"):
        return "(hidden)"
    return value_text(change["after"]) if "after" in change else "(deleted)"


def value_text(value: Any) -> str:
    """Return a value as a command line shows it: text as it is, the rest as JSON.

    Example:
        >>> value_text("a b"), value_text(0.1), value_text(True), value_text([1, 2])
        ('a b', '0.1', 'true', '[1, 2]')
    """
    return value if isinstance(value, str) else json.dumps(value)


def toml_key(key: str) -> str:
    """Return a key as `launch.toml` has it: bare where it can be, else quoted."""
    # JSON's escapes are TOML's, but TOML wants one more.
    quoted = json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007F")
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted


def plural(count: float, what: str) -> str:
    """Return a number of things in words.

    Example:
        >>> plural(1, "run"), plural(2, "run"), plural(1.5, "core")
        ('1 run', '2 runs', '1.5 cores')
    """
    shown = count if isinstance(count, int) else f"{count:g}"
    return f"{shown} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a length of time in words: `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours = minutes // 60
    if hours < 1:
        return f"{minutes} min {rest} s"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
