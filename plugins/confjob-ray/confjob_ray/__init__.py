"""Jobs on a Ray cluster, by its HTTP API for jobs; Ray itself need not be installed here.

A job is not made into a Ray program: it runs as the entry point of a Ray job, on a node that has
what it asks for, and may call Ray if it likes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from confjob.plugin import Backend, Elsewhere, hookimpl
from confjob_ray.engine import RayEngine
from confjob_ray.options import RayOptions

__all__ = ["RAY", "RayOptions", "confjob_backends"]


def _open(options: RayOptions) -> RayEngine:
    return RayEngine(options=options)


def _elsewhere(options: RayOptions) -> Elsewhere | None:
    if options.files == "shared":
        return None
    return Elsewhere(state=PurePosixPath(options.state), python=options.python)


RAY = Backend(
    name="ray",
    summary="a Ray cluster, by its jobs API; nothing of Ray is needed here",
    options=RayOptions,
    open=_open,
    honours=frozenset({"cpus", "memory", "gpus", "time"}),
    elsewhere=_elsewhere,
)


@hookimpl
def confjob_backends() -> Iterable[Backend]:
    """Give the Ray backend."""
    return (RAY,)
