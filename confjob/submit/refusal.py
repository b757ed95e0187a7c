"""What is written down of a run that its engine did not take."""

from __future__ import annotations

import time

from confjob.store import RunFolder

__all__ = ["record_refusal"]


def record_refusal(folder: RunFolder, why: str) -> None:
    """Write down that a run's latest attempt never began, and why."""
    record = {"exit_code": None, "stage": "submit", "error": why, "at": time.time()}
    folder.write_json(f"attempts/{folder.attempt}/end.json", record)
