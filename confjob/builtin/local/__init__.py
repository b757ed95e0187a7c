"""The embedded default: this machine, with a queue of its own, as ordinary processes.

Nothing has to be installed, and no server kept running: a run is a session of its own that
outlives whoever launched it, an agent that comes and goes by itself starts what waits, and
everything that is known about a run stands in its folder.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from confjob.builtin.local.engine import LocalEngine
from confjob.builtin.local.queue.entering import Limits
from confjob.plugin import Backend, hookimpl

__all__ = ["LOCAL", "LocalOptions", "confjob_backends"]


@frozen(kw_only=True)
class LocalOptions:
    """The keys of a target with `backend = "local"`.

    Args:
        slots: GPUs of this machine to use: how many, or their indexes or UUIDs; default:
            all that are found.
        parallel: How many runs of the target may run at once; default: as many as the
            machine's cores, memory and GPUs allow.
        grace: Seconds between asking a run to end and ending it by force.
        max_consecutive_failures: After how many failed runs in a row the target is paused.
    """

    slots: int | list[str] | None = None
    parallel: int | None = None
    grace: float = 10.0
    max_consecutive_failures: int | None = None


def _open(options: LocalOptions) -> LocalEngine:
    return LocalEngine(
        limits=Limits(
            slots=tuple(options.slots) if isinstance(options.slots, list) else options.slots,
            parallel=options.parallel,
            grace=options.grace,
            most_failures=options.max_consecutive_failures,
        )
    )


LOCAL = Backend(
    name="local",
    summary="this machine, with a queue and GPU slots, without anything to install",
    options=LocalOptions,
    open=_open,
    honours=frozenset({"cpus", "memory", "gpus", "time", "priority", "retry"}),
)


@hookimpl
def confjob_backends() -> Iterable[Backend]:
    """Give the local backend."""
    return (LOCAL,)
