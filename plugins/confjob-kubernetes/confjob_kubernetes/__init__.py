"""Jobs on Kubernetes: each attempt of a run is a batch/v1 Job.

A pod sees no folder of this machine, so a run's files are sent with it (a ConfigMap and a Secret),
or lie on a volume that both see; nothing of confjob need be in the image but `/bin/sh` and `tar`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from confjob.plugin import Backend, Elsewhere, hookimpl
from confjob_kubernetes.engine import KubernetesEngine
from confjob_kubernetes.options import KubernetesOptions

__all__ = ["KUBERNETES", "KubernetesOptions", "confjob_backends"]


def _open(options: KubernetesOptions) -> KubernetesEngine:
    return KubernetesEngine.of(options)


def _elsewhere(options: KubernetesOptions) -> Elsewhere:
    return Elsewhere(state=PurePosixPath(options.state), python=options.python)


KUBERNETES = Backend(
    name="kubernetes",
    summary="Jobs on a Kubernetes cluster, in Kueue's queues where there are some",
    options=KubernetesOptions,
    open=_open,
    honours=frozenset({"cpus", "memory", "gpus", "nodes", "time"}),
    elsewhere=_elsewhere,
)


@hookimpl
def confjob_backends() -> Iterable[Backend]:
    """Give the Kubernetes backend."""
    return [KUBERNETES]
