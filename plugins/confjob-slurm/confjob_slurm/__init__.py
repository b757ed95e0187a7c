"""Slurm as hardware for confjob: the same job.sh, in job arrays, on a shared file system.

All that Slurm does is asked of its own commands (`sbatch`, `squeue`, `scancel`, `scontrol`,
`sacct`), which are there wherever jobs can be submitted, speak for the site's plugins, and stay
the same over the years; nothing has to be installed on the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confjob.plugin import Backend, Engine, hookimpl
from confjob_slurm.options import SlurmOptions

__all__ = ["SLURM", "SlurmOptions", "confjob_backends"]


def _open(options: SlurmOptions) -> Engine:
    # Only a run needs the rest.
    from confjob_slurm.engine import SlurmEngine

    return SlurmEngine(options=options)


SLURM: Final = Backend(
    name="slurm",
    summary="a Slurm cluster whose file system this machine shares: job arrays, requeues, several nodes",
    options=SlurmOptions,
    open=_open,
    honours=frozenset({"cpus", "memory", "gpus", "nodes", "time"}),
)


@hookimpl
def confjob_backends() -> Iterable[Backend]:
    """Give the Slurm backend."""
    return (SLURM,)
