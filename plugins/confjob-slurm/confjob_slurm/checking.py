"""What keeps jobs from being submitted: looked at before a launch, in words that say what to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from confjob.plugin import BackendError, Problem
from confjob_slurm import commands
from confjob_slurm.options import SlurmOptions

__all__ = ["problems"]

_NEEDED = ("sbatch", "squeue", "scancel", "scontrol")


def problems(options: SlurmOptions) -> Iterator[Problem]:
    """Yield what is wrong with this machine, the cluster, or a target's options."""
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing:
        message = f"not on the PATH: {', '.join(missing)}"
        yield Problem(
            code="no-slurm", message=message, hint="confjob submits from a login node of the cluster"
        )
        return
    try:
        commands.config()
        known = commands.ask(["scontrol", "show", "partition", "--oneliner"])
    except BackendError as error:
        hint = (
            error.hint or "`scontrol ping` tells whether slurmctld is up; SLURM_CONF says which one is meant"
        )
        yield Problem(code="no-slurmctld", message=error.message, hint=hint)
        return
    yield from _partitions(options, known)


def _partitions(options: SlurmOptions, text: str) -> Iterable[Problem]:
    words = (word for line in text.splitlines() for word in line.split()[:1])
    names = [name for word in words if (name := word.removeprefix("PartitionName=")) != word]
    for asked in (options.partition or "").split(",") if options.partition else ():
        if asked not in names:
            near = get_close_matches(asked, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"partitions: {', '.join(names[:12])}"
            yield Problem(code="no-partition", message=f"there is no partition {asked!r}", hint=hint)
