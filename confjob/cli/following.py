"""What a person who follows a run is told while it waits: a log to which nothing comes says nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from confjob.cli.output import is_terminal, line_of, note

if TYPE_CHECKING:
    from confjob.model import Status

__all__ = ["teller"]


def teller(run: str) -> Callable[[Status], None]:
    """Return what tells on a terminal why a run waits, once for each reason."""
    told = ""

    def tell(status: Status) -> None:
        nonlocal told
        reason = status.reason if status.state == "QUEUED" else ""
        if reason and reason != told and is_terminal(sys.stderr):
            note(f"{run} waits: {line_of(reason)}")
        told = reason

    return tell
