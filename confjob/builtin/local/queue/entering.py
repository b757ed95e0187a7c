"""From a submission to a ticket: what a run needs of this machine, and whether it can ever have it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from attrs import evolve, frozen

from confjob.builtin.local.queue import devices
from confjob.builtin.local.queue.capacity import capacity
from confjob.builtin.local.queue.machine import here
from confjob.builtin.local.queue.tickets import ASKED, Ticket
from confjob.plugin import BackendError, Submission, bare_environment, latest_attempt

__all__ = ["Limits", "group_of", "ticket_of"]


@frozen(kw_only=True)
class Limits:
    """What a target says of how its runs are queued.

    Args:
        slots: The GPUs to use: how many, or which; None for those that are found.
        parallel: How many of its runs may run at once; None for no limit but the machine's.
        grace: Seconds between TERM and KILL.
        most_failures: After how many failed runs in a row it is paused.
    """

    slots: int | tuple[str, ...] | None = None
    parallel: int | None = None
    grace: float = 10.0
    most_failures: int | None = None


def group_of(state: Path, target: str) -> str:
    """Return what the queue calls a target of the project whose runs lie in `state`."""
    return f"{state}:{target}"


def ticket_of(item: Submission, limits: Limits) -> Ticket:
    """Return the ticket of a run's latest attempt, which its folder has.

    Raises:
        BackendError: When the run needs more than this machine has.
    """
    needs, has = item.resources, capacity()
    slots = devices.named(limits.slots) if needs.gpus else ()
    cpus, memory, gpus = float(needs.cpus or 1), needs.memory or 0, needs.gpus or 0
    lacks = [
        *([f"{gpus} GPUs, and {len(slots)} can be used here"] if gpus > len(slots) else []),
        *([f"{cpus:g} cores, and there are {has.cpus:g}"] if needs.cpus and cpus > has.cpus else []),
        *([f"{memory} bytes of memory, and there are {has.memory}"] if memory > has.memory else []),
    ]
    if lacks:
        raise BackendError(
            f"run {item.run} would wait for ever: it needs {'; '.join(lacks)}",
            hint="[jobs.NAME.resources] says what it needs, slots of the target which GPUs there are",
        )
    attempt = latest_attempt(item.run_dir)
    return Ticket(
        run=item.run,
        run_dir=str(item.run_dir),
        place=here(),
        group=group_of(item.run_dir.parent.parent, item.target),
        queued=time.time(),
        job=item.job,
        attempt=attempt,
        resume=ASKED if attempt > 1 else "",
        priority=item.priority,
        cpus=min(cpus, has.cpus),
        memory=memory,
        gpus=gpus,
        slots=slots,
        time=needs.time,
        grace=limits.grace,
        parallel=limits.parallel,
        # Whoever runs it again by hand begins a new series.
        retry=evolve(item.retry, attempts=attempt - 1 + item.retry.attempts),
        most_failures=limits.most_failures,
        environment=bare_environment(),
        umask=_umask(),
    )


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
