"""Batch scripts: what Slurm must give a job, and how it finds the run's own job.sh.

Slurm runs a copy of the script from its spool, so everything in it is an absolute path. What a
user says stands in directives alone, quoted as sbatch reads them; nothing of it is shell text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from confjob.plugin import GPU_VARIABLES, BackendError, Resources, Submission, quote
from confjob_slurm.options import SlurmOptions

__all__ = ["EACH_NODE", "Batch", "batches", "directive", "grouped"]

_PLAIN = re.compile(r"[A-Za-z0-9._:,/@%+=*|&()\[\]-]+")
_NO_NAME = re.compile(r"[^\w.-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

#: Starts the command of a job once on each of its nodes, with what torchrun needs to meet.
EACH_NODE: Final = r"""#!/bin/sh
# Written by confjob: job.sh runs its command through this on the first node of several.
confjob_first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" 2>/dev/null | head -n 1)
MASTER_ADDR=${confjob_first:-$SLURMD_NODENAME}
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
NNODES=$SLURM_JOB_NUM_NODES
PET_NNODES=$NNODES
PET_RDZV_BACKEND=c10d
PET_RDZV_ENDPOINT=$MASTER_ADDR:$MASTER_PORT
PET_RDZV_ID=$CONFJOB_RUN_ID
export MASTER_ADDR MASTER_PORT NNODES PET_NNODES PET_RDZV_BACKEND PET_RDZV_ENDPOINT PET_RDZV_ID
# Since Slurm 22.05, srun takes no more cores of the job than it is told to take.
confjob_cpus=${SLURM_CPUS_PER_TASK:+--cpus-per-task=$SLURM_CPUS_PER_TASK}
exec srun --export=ALL --nodes="$NNODES" --ntasks="$NNODES" --ntasks-per-node=1 --kill-on-bad-exit=1 \
  --unbuffered ${confjob_cpus:+"$confjob_cpus"} /bin/sh -c \
  'NODE_RANK=$SLURM_NODEID PET_NODE_RANK=$SLURM_NODEID; export NODE_RANK PET_NODE_RANK; exec "$@"' sh "$@"
"""

#: What is done in front of job.sh, in the shell that Slurm starts.
_BODY: Final = r"""
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
# What --export=NONE leaves behind would be srun's: no PATH for whatever it starts.
unset SLURM_EXPORT_ENV
if [ -e "$confjob_batch/abandoned.json" ]; then
  echo "confjob: nobody waits for this job any more: it was told that Slurm had not taken it" >&2
  exit 75
fi
# Which job this is, for whoever submitted it and did not live to hear of it.
(umask 077 && printf '{"job": "%s"}\n' "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}" >"$confjob_batch/.job.$$" &&
  mv -f "$confjob_batch/.job.$$" "$confjob_batch/job.json")
"""

_CHOOSE: Final = r"""
confjob_left=$SLURM_ARRAY_TASK_ID confjob_line=
while IFS= read -r confjob_line && [ "$confjob_left" -gt 0 ]; do
  confjob_left=$((confjob_left - 1))
done <"$confjob_batch/runs"
confjob_attempt=${confjob_line%%/*} confjob_script=/${confjob_line#*/}
"""

_RUN: Final = r"""
CONFJOB_ATTEMPT=$((confjob_attempt + ${SLURM_RESTART_COUNT:-0}))
export CONFJOB_ATTEMPT
[ "$CONFJOB_ATTEMPT" -eq "$confjob_attempt" ] || export CONFJOB_RESUME=preempted
exec /bin/sh "$confjob_script"
"""


@frozen(kw_only=True)
class Batch:
    """What one `sbatch` submits: a run, or an array of them.

    Args:
        id: Its name for good: the same runs and attempts have the same.
        submissions: The runs, by index.
        options: The target's.
    """

    id: str
    submissions: tuple[Submission, ...]
    options: SlurmOptions

    @property
    def folder(self) -> Path:
        """Where it is written down: beside the run folders, as long as they are."""
        return self.submissions[0].run_dir.parent.parent / "slurm" / self.id

    @property
    def comment(self) -> str:
        """What Slurm is told to remember it by."""
        return f"confjob:{self.id}"

    @property
    def is_array(self) -> bool:
        """Whether its runs have indexes."""
        return len(self.submissions) > 1

    @property
    def name(self) -> str:
        """What people see in `squeue`."""
        return f"{_NO_NAME.sub('-', self.submissions[0].job)[:40].strip('-') or 'job'}.{self.id}"

    def runs(self) -> str:
        """Return the lines by which an index finds its run: attempt and script.

        Raises:
            BackendError: On a path with a line break or another control character.
        """
        return "".join(f"{item.attempt}{_path(item.script)}\n" for item in self.submissions)

    def script(self) -> str:
        """Return the text for `sbatch`.

        Raises:
            BackendError: On a path that no script can hold, or resources that can't be asked for.
        """
        item = self.submissions[0]
        resources = item.resources
        lines = [
            "#!/bin/sh",
            *(directive(name, value) for name, value in self._directives()),
            *_remarks(resources),
            f"confjob_batch={quote(_path(self.folder))}",
        ]
        if resources.gpus == 0:
            lines += [f"export {name}=" for name in GPU_VARIABLES]
        if (resources.nodes or 1) > 1:
            lines.append('export CONFJOB_EACH_NODE="$confjob_batch/each-node"')
        one = f"confjob_attempt={item.attempt} confjob_script={quote(_path(item.script))}"
        return "\n".join(lines) + _BODY + (_CHOOSE if self.is_array else f"{one}\n") + _RUN.lstrip("\n")

    def _directives(self) -> Iterator[tuple[str, str | None]]:
        yield "job-name", self.name
        yield "comment", self.comment
        yield "export", "NONE"
        # Relative, to the folder that sbatch is called in: a path would be read as a pattern.
        folder = str(self.folder)
        pattern = "%A_%a.log" if self.is_array else "%j.log"
        yield "output", "/dev/null" if "%" in folder or "\\" in folder else pattern
        yield "open-mode", "append"
        if self.is_array:
            parallel = f"%{self.options.array_parallel}" if self.options.array_parallel else ""
            yield "array", f"0-{len(self.submissions) - 1}{parallel}"
        yield from _resources(self.submissions[0].resources, self.options)
        yield from self.options.said()


def batches(grouped_submissions: Sequence[Submission], options: SlurmOptions, most: int) -> Iterator[Batch]:
    """Yield what is submitted together: runs with the same resources, `most` in one array."""
    for group in grouped(grouped_submissions).values():
        for start in range(0, len(group), most):
            chosen = tuple(group[start : start + most])
            yield Batch(id=_id(chosen), submissions=chosen, options=options)


def grouped(submissions: Sequence[Submission]) -> dict[object, list[Submission]]:
    """Return submissions by what one array must have in common, in their order."""
    groups: dict[object, list[Submission]] = {}
    for item in submissions:
        groups.setdefault((item.resources, item.job, item.run_dir.parent), []).append(item)
    return groups


def directive(name: str, value: str | None) -> str:
    r"""Return the line of a script that sbatch reads as an option.

    Raises:
        BackendError: On a value with a line break, a NUL or another control character.

    Example:
        >>> print(directive("constraint", "a b#\"c\""))
        #SBATCH --constraint="a b#\"c\""
    """
    if value is None:
        return f"#SBATCH --{name}"
    if _CONTROL.search(value):
        raise BackendError(f"--{name} can't be {value!r}: a directive is one line of a script")
    if not _PLAIN.fullmatch(value):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"#SBATCH --{name}={value}"


def _id(submissions: Sequence[Submission]) -> str:
    """Return the same name for the same runs and attempts, and no other."""
    from hashlib import sha256

    text = "\n".join(f"{item.run} {item.attempt}" for item in submissions)
    return f"{submissions[0].run}-{sha256(text.encode()).hexdigest()[:8]}"


def _path(path: Path) -> str:
    text = str(path)
    if _CONTROL.search(text) or not path.is_absolute():
        raise BackendError(
            f"{text!r} is no path for a Slurm job: it must be absolute, without line breaks",
            hint="`state-dir` in confjob's settings says where run folders are",
        )
    return text


def _resources(resources: Resources, options: SlurmOptions) -> Iterator[tuple[str, str]]:
    nodes = resources.nodes or 1
    if nodes > 1:
        yield "nodes", str(nodes)
        yield "ntasks-per-node", "1"
    if resources.cpus is not None:
        yield "cpus-per-task", str(max(1, math.ceil(resources.cpus)))
    if resources.memory is not None:
        # Slurm's --mem=0 means all of the node's.
        yield "mem", f"{max(1, math.ceil(resources.memory / 2**20))}M"
    if resources.gpus:
        kind = f"{options.gpu_type}:" if options.gpu_type else ""
        yield "gpus-per-node", f"{kind}{resources.gpus}"
    if resources.time is not None:
        yield "time", str(minutes(resources.time))


def minutes(seconds: float) -> int:
    """Return a time limit as Slurm counts it; 0 would be none at all."""
    return max(1, math.ceil(seconds / 60))


def _remarks(resources: Resources) -> Iterator[str]:
    if resources.time is not None and resources.time % 60:
        yield f"# Slurm counts minutes: {resources.time} s are {minutes(resources.time)} of them."
    if resources.cpus is not None and resources.cpus != math.ceil(resources.cpus):
        yield f"# Slurm gives whole cores: {resources.cpus:g} are {max(1, math.ceil(resources.cpus))}."
