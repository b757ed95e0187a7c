"""`CONFJOB_TRACE_PLUGINS=1`: a line for each plugin that is imported or has something to say.

pluggy's own tracing shows whole documents, and with them every secret that is in them; here
an input is told by its name, and what a plugin says of it in full.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from confjob.model import Document
from confjob.registry.installed import Plugin

__all__ = ["trace", "trace_answer", "tracing"]

_LONGEST = 200


def tracing() -> bool:
    """Whether anyone wants to read it."""
    return os.environ.get("CONFJOB_TRACE_PLUGINS") == "1"


def trace(text: str) -> None:
    """Write a line on stderr, if anyone wants to read it."""
    if tracing():
        shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
        sys.stderr.write(f"plugins: {shown[:_LONGEST]}{'…' if len(shown) > _LONGEST else ''}\n")


def trace_answer(
    plugin: Plugin, hook: str, arguments: Mapping[str, Any], answers: Iterable[Any], seconds: float
) -> None:
    """Write what a plugin answered to a hook, and how long that took."""
    given = ", ".join(
        each.source.input if isinstance(each, Document) else str(each) for each in arguments.values()
    )
    said = "; ".join(map(_shown, answers)) or "nothing"
    trace(f"{hook}({given}) of {plugin} in {seconds * 1000:.1f} ms: {said}")


def _shown(answer: Any) -> str:
    if isinstance(answer, Mapping):
        return ", ".join(f"{key}: {value}" for key, value in answer.items()) or "nothing"
    if isinstance(answer, (list, tuple)):
        return ", ".join(str(getattr(each, "name", each)) for each in answer) or "nothing"
    return str(answer)
