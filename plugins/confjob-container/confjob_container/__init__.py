"""Jobs in containers: Docker or Podman, by their command line, on this machine.

A job sees its run folder, its snapshot and what is linked or mounted, and no more of the machine;
what it needs to run is in the image. Nothing of confjob need be in there but `/bin/sh`.
"""

from __future__ import annotations

from collections.abc import Iterable

from confjob.plugin import Backend, Elsewhere, hookimpl
from confjob_container.engine import ContainerEngine
from confjob_container.options import STATE, ContainerOptions

__all__ = ["CONTAINER", "ContainerOptions", "confjob_backends"]


def _open(options: ContainerOptions) -> ContainerEngine:
    return ContainerEngine(options=options)


def _elsewhere(options: ContainerOptions) -> Elsewhere:
    return Elsewhere(state=STATE, python=options.python)


CONTAINER = Backend(
    name="container",
    summary="containers on this machine, by Docker or Podman",
    options=ContainerOptions,
    open=_open,
    honours=frozenset({"cpus", "memory", "gpus", "nodes", "time", "retry"}),
    elsewhere=_elsewhere,
)


@hookimpl
def confjob_backends() -> Iterable[Backend]:
    """Give the container backend."""
    return [CONTAINER]
