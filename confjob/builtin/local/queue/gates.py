"""What keeps a target's runs from starting although there would be room: a person, or failures.

A file per target, so that a person who pauses it and the agent that counts failures never write
over one another.
"""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import frozen

from confjob.plugin import Record, read_record, write_record

__all__ = ["EVERYTHING", "Gates"]

#: The group of all groups.
EVERYTHING: Final = "*"

#: Failures that are remembered at least.
_KEPT: Final = 100


@frozen
class Gates:
    """The gates in a queue's folder."""

    folder: Path

    def pause(self, group: str, why: str) -> None:
        """Let none of a group start; what runs goes on."""
        write_record(self._paused(group), {"group": group, "why": why, "at": time.time()})

    def resume(self, group: str) -> bool:
        """Let a group's runs start again; returns whether it was paused."""
        self._failures(group).unlink(missing_ok=True)
        paused = self._paused(group).exists()
        self._paused(group).unlink(missing_ok=True)
        return paused

    def paused(self) -> dict[str, str]:
        """Return the paused groups, and why."""
        records = [read_record(path) for path in sorted((self.folder / "paused").glob("*.json"))]
        return {
            str(each["group"]): str(each.get("why", "paused")) for each in records if each and "group" in each
        }

    def failed(self, group: str, run: str, most: int | None) -> None:
        """Count a run that failed; the group is paused once `most` have failed in a row."""
        record: Record = read_record(self._failures(group)) or {}
        before = record.get("runs")
        runs = [*map(str, before if isinstance(before, list) else ()), run]
        write_record(self._failures(group), {"group": group, "runs": runs[-max(most or 0, _KEPT) :]})
        if most is not None and len(runs) >= most:
            shown = ", ".join(runs[-most:][:4]) + (", …" if most > 4 else "")
            self.pause(
                group, f"paused: {most} runs in a row failed ({shown}); confjob queue resume lets it go on"
            )

    def succeeded(self, group: str) -> None:
        """Forget the failures of a group."""
        self._failures(group).unlink(missing_ok=True)

    def _paused(self, group: str) -> Path:
        return self.folder / "paused" / _name(group)

    def _failures(self, group: str) -> Path:
        return self.folder / "failures" / _name(group)


def _name(group: str) -> str:
    return f"{sha256(group.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.json"
