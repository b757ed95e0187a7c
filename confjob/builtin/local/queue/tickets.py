"""Tickets: what makes a run wait, in the run's own folder.

`queue.json` is written when a run is accepted, and again for each attempt. Whatever is killed
after that, the run waits, runs or has ended, and its folder says which.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import Factory, asdict, evolve, frozen

from confjob.plugin import Record, Retry, read_record, write_record

__all__ = ["ASKED", "PRIORITIES", "TICKET", "Facts", "Ticket", "ending", "next_attempt"]

#: The file's name in the run folder.
TICKET: Final = "queue.json"

#: The strongest first.
PRIORITIES: Final = ("critical", "high", "medium", "low")

#: Why there is another attempt where somebody has asked for it.
ASKED: Final = "asked"

_VERSION: Final = 1

#: The longest wait between attempts, in seconds.
_LONGEST_BACKOFF: Final = 24 * 3600.0

#: After so many doublings any wait is the longest; a larger power would be no float at last.
_DOUBLINGS: Final = 64


@frozen(kw_only=True)
class Ticket:
    """One attempt of a run that waits, runs or has ended.

    Args:
        run: The run's id.
        run_dir: Its folder, absolute.
        place: The machine whose queue it is in (`machine.here`).
        group: What `parallel` counts, and what is paused: a target of a project.
        queued: When it was queued, in epoch seconds.
        job: The job's name.
        attempt: The attempt's number.
        resume: Why the attempt before it ended, as CONFJOB_RESUME tells it; empty for the first.
        priority: One of `PRIORITIES`.
        not_before: It does not start earlier.
        cpus: Cores that are counted for it.
        memory: Bytes that are counted for it.
        gpus: GPUs that it holds.
        slots: The GPUs that it may get.
        time: Seconds after which it is ended; None for no limit.
        grace: Seconds between TERM and KILL.
        parallel: How many of its group may run at once; None for no limit.
        retry: When it is run again.
        most_failures: After how many failed runs in a row its group is paused.
        environment: What its script is started with.
        umask: The permissions that files of the job do not get.
    """

    run: str
    run_dir: str
    place: str
    group: str
    queued: float
    job: str = ""
    attempt: int = 1
    resume: str = ""
    priority: str = "medium"
    not_before: float = 0.0
    cpus: float = 1.0
    memory: int = 0
    gpus: int = 0
    slots: tuple[str, ...] = ()
    time: float | None = None
    grace: float = 10.0
    parallel: int | None = None
    retry: Retry = Retry()
    most_failures: int | None = None
    environment: Mapping[str, str] = Factory(dict)
    umask: int = 0o022

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return Path(self.run_dir)

    @property
    def records(self) -> Path:
        """Where the attempt's records are."""
        return self.folder / "attempts" / str(self.attempt)

    @property
    def rank(self) -> tuple[int, float, str]:
        """The place in the queue: by priority, then first come, first served."""
        return PRIORITIES.index(self.priority), self.queued, self.run

    def write(self) -> None:
        """Put it into the run's folder; raises `OSError` when the disk refuses."""
        write_record(self.folder / TICKET, self.as_record())

    def as_record(self) -> Record:
        """Return it as JSON has it."""
        return {"version": _VERSION, **asdict(self)}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Ticket:
        """Return the ticket of a record.

        Raises:
            TypeError: When it is none.
            KeyError: When it is none.
            ValueError: When another version of confjob wrote it.
        """
        known = {key: value for key, value in record.items() if key != "version"}
        if record["version"] != _VERSION or known["priority"] not in PRIORITIES:
            raise ValueError("this is no ticket of this version")
        retry = known["retry"]
        known["retry"] = Retry(**{**retry, "on": tuple(retry["on"])})
        return cls(**{**known, "slots": tuple(known["slots"])})

    @classmethod
    def parse(cls, text: str) -> Ticket:
        """Return the ticket in a JSON text."""
        return cls.of(json.loads(text))

    @classmethod
    def read(cls, run_dir: Path) -> Ticket | None:
        """Return the ticket of a run; None where it has none that can be read."""
        record = read_record(run_dir / TICKET)
        try:
            # The folder may have been moved since.
            return None if record is None else evolve(cls.of(record), run_dir=str(run_dir))
        except (TypeError, KeyError, ValueError):
            return None


@frozen(kw_only=True)
class Facts:
    """What the records of an attempt say.

    Args:
        start: job.sh has begun.
        end: job.sh has ended.
        stop: The agent has ended it, and why.
        cancel: Somebody wants the run to end.
    """

    start: Record | None
    end: Record | None
    stop: Record | None
    cancel: Record | None

    @classmethod
    def of(cls, ticket: Ticket) -> Facts:
        """Read them. The end last: what has ended then has written all else."""
        read = {name: read_record(ticket.records / f"{name}.json") for name in ("start", "stop", "end")}
        return cls(**read, cancel=read_record(ticket.folder / "cancel.json"))

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, where there is an end record with one."""
        code = (self.end or {}).get("exit_code")
        return code if isinstance(code, int) else None

    @property
    def timed_out(self) -> bool:
        """Whether it was ended for its time, and had not ended well by then."""
        ended_well = self.exit_code == 0 and not (self.end or {}).get("signal")
        return self.stop is not None and not ended_well


def next_attempt(ticket: Ticket, facts: Facts, now: float) -> Ticket | None:
    """Return the ticket of the next attempt of a run that is over, or None where it ends with this one.

    It is the same for everyone who looks: whoever reads the records between an end and the
    next attempt's start knows that the run goes on.
    """
    retry = ticket.retry
    why = ending(facts)
    if facts.cancel is not None or ticket.attempt >= retry.attempts or not _is_meant(why, facts, retry):
        return None
    ended = (facts.end or {}).get("at")
    pause = min(retry.backoff * 2 ** min(ticket.attempt - 1, _DOUBLINGS), _LONGEST_BACKOFF)
    at = float(ended) if isinstance(ended, (int, float)) else now
    return evolve(
        ticket,
        attempt=ticket.attempt + 1,
        resume=why,
        queued=at,
        not_before=at + pause if pause else 0.0,
    )


def ending(facts: Facts) -> str:
    """Return how an attempt that is over ended, in the words of `retry.on`; nothing where it ended well."""
    if facts.timed_out:
        return "timeout"
    if facts.end is None:
        return "lost"
    if facts.exit_code == 0 or facts.end.get("stage") == "submit":
        return ""
    return "preempted" if facts.end.get("signal") else "failure"  # a signal: a shutdown, say


def _is_meant(why: str, facts: Facts, retry: Retry) -> bool:
    """Whether an end is one of those after which the run is run again."""
    return why in retry.on or (why == "failure" and f"exit:{facts.exit_code}" in retry.on)
