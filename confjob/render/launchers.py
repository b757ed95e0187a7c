"""Launchers: commands that start a job's command once for each GPU of each node.

They are a convenience of the manifest (`launcher = "torchrun"`); what they need to know of the
nodes they read from the variables that engines set, so that one line serves every target.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from confjob.form import Word
from confjob.model import Problem, Resources

__all__ = ["torchrun"]

#: `torchrun` by module, so that it is the job's interpreter's own, wherever the PATH leads.
_TORCHRUN = ("-m", "torch.distributed.run")

#: Switches of Python that a launcher may leave out: it starts the workers itself.
_WITHOUT_MEANING = ("-u", "-B")


def torchrun(command: Sequence[Word], resources: Resources) -> tuple[tuple[Word, ...], tuple[Problem, ...]]:
    """Return a command started by torchrun, and why it can't be.

    With several nodes the rendezvous comes from `PET_RDZV_BACKEND`, `PET_RDZV_ENDPOINT` and
    `PET_RDZV_ID`, which torchrun reads where no argument says otherwise
    (https://docs.pytorch.org/docs/stable/elastic/run.html).

    Args:
        command: The job's own.
        resources: `gpus` is the number of processes on each node, 1 without any.

    Example:
        >>> line, _ = torchrun(["python", "train.py", "--lr", "1"], Resources(gpus=4))
        >>> print(*line)
        python -m torch.distributed.run --standalone --nnodes=1 --nproc-per-node=4 train.py --lr 1
    """
    first, nodes = str(getattr(command[0], "name", command[0])), resources.nodes or 1
    if PurePath(first).name in ("torchrun", "accelerate"):
        return tuple(command), (_refused(f"the command starts {first} by itself", "leave launcher out"),)
    together = ("--standalone",) if nodes == 1 else ()
    options = (*together, f"--nnodes={nodes}", f"--nproc-per-node={resources.gpus or 1}")
    if not PurePath(first).name.startswith("python"):
        return ("python", *_TORCHRUN, *options, "--no-python", *command), ()
    rest = list(command[1:])
    while rest and rest[0] in _WITHOUT_MEANING:
        rest.pop(0)
    if not rest or (isinstance(rest[0], str) and rest[0].startswith("-") and rest[0] != "-m"):
        hint = 'command = ["python", "train.py", …] or ["python", "-m", "package.train", …]'
        return tuple(command), (_refused("torchrun starts a script or a module", hint),)
    return (command[0], *_TORCHRUN, *options, *rest), ()


def _refused(message: str, hint: str) -> Problem:
    return Problem(code="launcher", message=f'launcher = "torchrun": {message}', hint=hint)
