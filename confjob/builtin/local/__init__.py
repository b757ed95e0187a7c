"""The embedded default: runs start at once on this machine, as ordinary processes.

Nothing has to be installed or kept running for it: a run is a session of its own that
outlives whoever launched it, and everything that is known about it stands in its folder.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from confjob.builtin.local.engine import LocalEngine
from confjob.plugin import Backend, hookimpl

__all__ = ["LOCAL", "LocalOptions", "confjob_backends"]


@frozen(kw_only=True)
class LocalOptions:
    """The keys of a target with `backend = "local"`.

    Args:
        slots: GPUs of this machine to use; reserved for the queue.
        grace: Seconds between asking a cancelled run to end and ending it by force.
    """

    slots: int | None = None
    grace: float = 10.0


def _open(options: LocalOptions) -> LocalEngine:
    return LocalEngine(grace=options.grace)


LOCAL = Backend(
    name="local",
    summary="this machine, at once, without anything to install",
    options=LocalOptions,
    open=_open,
)


@hookimpl
def confjob_backends() -> Iterable[Backend]:
    """Give the local backend."""
    return (LOCAL,)
