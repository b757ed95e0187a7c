"""How runs ended, and where that is kept once their containers are gone.

An ended container is kept until somebody asks: it alone knows of an end that job.sh could not
write down. Whoever asks first writes the engine's word into the run folder, and only then removes
the container. So nothing is lost to a `kill -9` in between, and nothing is left behind.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from attrs import frozen

from confjob.plugin import State, Status, latest_attempt, read_record, write_record
from confjob_container.client import Ended
from confjob_container.command import container_name

__all__ = ["Place", "first_attempt", "keep", "kept", "status_of_end"]

_RECORD = "engine.json"

_OUT_OF_MEMORY = "out of memory"


@frozen(kw_only=True)
class Place:
    """Whose container is meant: the parts of a handle.

    Args:
        engine: The engine's program.
        run: The run's id.
        attempt: The attempt that it was started for.
        run_dir: The run's folder here.
    """

    engine: str
    run: str
    attempt: int
    run_dir: Path

    @property
    def name(self) -> str:
        """The container's name."""
        return container_name(self.run, self.attempt)

    @property
    def last(self) -> int:
        """The latest attempt that ran in the container, which runs a failed job again by itself."""
        latest = latest_attempt(self.run_dir)
        return latest if first_attempt(self.run_dir, latest) == self.attempt else self.attempt

    @property
    def records(self) -> Path:
        """The folder with the records of that attempt."""
        return self.run_dir / "attempts" / str(self.last)

    @property
    def waits(self) -> bool:
        """Whether that attempt is over, and another is to come in the same container."""
        return (self.records / "again.json").exists()


def first_attempt(run_dir: Path, attempt: int) -> int:
    """Return the number of the attempt that an attempt's container was started for."""
    record = read_record(run_dir / "attempts" / str(attempt) / "container.json") or {}
    first = record.get("first")
    return first if isinstance(first, int) else attempt


def status_of_end(place: Place, ended: Ended, last_words: str = "") -> Status:
    """Return how a run ended by its container's end, in the light of its records.

    An exit code alone never says that a run succeeded: job.sh would have written an end record,
    and an engine that was started anew may call 0 what a power cut ended.
    """
    end = read_record(place.records / "end.json")
    started = (place.records / "start.json").exists()
    if ended.code != 0 and (ended.out_of_memory or (place.records / "memory.json").exists()):
        return Status(state=State.FAILED, reason=_OUT_OF_MEMORY, exit_code=ended.code)
    if end is not None:  # which tells the rest better
        state = State.SUCCEEDED if ended.code == 0 else State.FAILED
        return Status(state=state, exit_code=ended.code)
    why = f"its container ended with exit code {ended.code}"
    if not started:
        said = ended.error or last_words
        return Status(
            state=State.FAILED,
            reason=f"{why} before the job began{f': {said}' if said else ''}",
            exit_code=ended.code,
        )
    return Status(state=State.LOST, reason=f"{why} and left no end record", exit_code=ended.code)


def keep(place: Place, status: Status) -> bool:
    """Write down the engine's word on an end; returns whether it stands there."""
    if not place.run_dir.is_dir():
        return False  # a folder that somebody has removed is not made again
    record = {"state": status.state.value, "reason": status.reason, "exit_code": status.exit_code}
    with contextlib.suppress(OSError):
        write_record(place.records / _RECORD, {**record, "at": time.time()})
        return True
    return False


def kept(place: Place) -> Status | None:
    """Return the engine's word on an end that was written down."""
    record = read_record(place.records / _RECORD)
    if record is None:
        return None
    code = record.get("exit_code")
    with contextlib.suppress(ValueError):
        return Status(
            state=State(str(record.get("state"))),
            reason=str(record.get("reason", "")),
            exit_code=code if isinstance(code, int) else None,
        )
    return None
