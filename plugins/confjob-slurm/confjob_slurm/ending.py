"""Ending jobs and all that they started.

`scancel` alone gives what the site's KillWait says, and asks nothing of processes that left the
job. So what waits is taken out of the queue, what runs gets TERM in all its processes, and after
the target's grace KILL; at last, processes on this machine that carry a cancelled job in their
environment are ended one by one. On other nodes that is up to the cluster: with
`proctrack/cgroup` nothing is left, with `proctrack/linuxproc` what has cut itself off may be.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from confjob.plugin import BackendError
from confjob_slurm.commands import act, chunks, config, said
from confjob_slurm.states import Row

__all__ = ["compressed", "end"]

#: Looks at jobs by id.
Look = Callable[[Collection[str]], Mapping[str, Row]]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0

#: Seconds that Slurm may take to notice that all of a job is gone.
_NOTICED: Final = 10.0

#: What scancel says of jobs that are over, or not there yet.
_HARMLESS: Final = (
    *("already completing or completed", "invalid job id", "job not running", "job/step already"),
    *("is in state", "not pending nor running", "no jobs", "signal suspended"),
)


def end(ids: Collection[str], grace: float, look: Look) -> None:
    """End jobs, and return when they are gone or Slurm was told everything there is to tell.

    Args:
        ids: Slurm's ids.
        grace: Seconds between TERM and KILL.
        look: Says what Slurm knows of them.

    Raises:
        BackendError: When Slurm refuses, in its words.
    """
    known = look(ids)
    # It may start while this is told: then the next word reaches it.
    waiting = [number for number, row in known.items() if row.waits]
    _scancel("--state=PENDING", waiting)
    live = _live(look(waiting)) | (_live(known) - set(waiting))
    if live:
        _scancel("--signal=TERM", live, "--full")
        live = _gone(live, grace, look)
    if live:
        _scancel("--signal=KILL", live, "--full")
        _scancel("", live)
        _gone(live, _NOTICED, look)
    _end_left_ones(known)


def _live(rows: Mapping[str, Row]) -> set[str]:
    return {number for number, row in rows.items() if not row.ended}


def _gone(live: Collection[str], seconds: float, look: Look) -> set[str]:
    """Wait for jobs to be over; returns those that are not."""
    left, pause = set(live), _FIRST_PAUSE
    deadline = time.monotonic() + seconds
    while left and (rest := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, rest))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        left = _live(look(left))
    return left


def _scancel(how: str, ids: Collection[str], *more: str) -> None:
    for part in chunks(compressed(ids)):
        done = act(["scancel", *filter(None, [how]), *more, *part])
        lines = [line for line in done.stderr.lower().splitlines() if line.strip()]
        if done.returncode and not all(any(each in line for each in _HARMLESS) for line in lines):
            raise BackendError(said(done))


def compressed(ids: Collection[str]) -> list[str]:
    """Return ids with the tasks of each array as one word, so that Slurm is asked once for all.

    Example:
        >>> compressed(["7_4", "9", "7_1", "7_2"])
        ['9', '7_[1-2,4]']
    """
    alone = sorted(number for number in ids if "_" not in number)
    arrays: dict[str, list[int]] = {}
    for job, _, index in (number.partition("_") for number in ids):
        if index:
            arrays.setdefault(job, []).append(int(index))
    return [*alone, *(word for job in sorted(arrays) for word in _words(job, sorted(arrays[job])))]


def _words(job: str, indexes: Sequence[int]) -> Iterator[str]:
    """Yield an array's indexes as ranges, each word short enough for what reads it."""
    ranges = list(_ranges(indexes))
    for start in range(0, len(ranges), 100):
        part = ranges[start : start + 100]
        alone = len(part) == 1 and "-" not in part[0]
        yield f"{job}_{part[0]}" if alone else f"{job}_[{','.join(part)}]"


def _ranges(indexes: Sequence[int]) -> Iterator[str]:
    for _, run in groupby(enumerate(indexes), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        yield str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"


def _end_left_ones(known: Collection[str]) -> None:
    """Kill this machine's processes of jobs that are over, whatever session and parent they have."""
    for _ in range(20):
        left = list(_left_ones(set(known)))
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _left_ones(ids: Collection[str]) -> Iterator[int]:
    for entry in Path("/proc").iterdir() if ids else ():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _job_of(entry) in ids:
            yield int(entry.name)


def _job_of(process: Path) -> str | None:
    """Return the job that a process says it is of; only one's own can be read."""
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
        state = (process / "stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return None
    said = dict(each.partition(b"=")[::2] for each in variables)
    if state in (b"Z", b"X"):
        return None
    if said.get(b"SLURM_CLUSTER_NAME", b"").decode("utf-8", "replace") != config().cluster:
        return None
    if b"SLURM_ARRAY_JOB_ID" in said:
        number = said[b"SLURM_ARRAY_JOB_ID"] + b"_" + said.get(b"SLURM_ARRAY_TASK_ID", b"")
    else:
        number = said.get(b"SLURM_JOB_ID", b"")
    return number.decode("ascii", "replace")
