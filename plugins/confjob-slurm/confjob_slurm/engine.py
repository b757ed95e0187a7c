"""The Slurm engine: everything in bulk, and nothing kept but what stands beside the run folders.

A handle says which job it is (`123`, or `123_4` of an array) and on which cluster. All that is
known of thousands of runs comes from one `squeue`; what that does not show any more is asked of
`sacct` where the cluster keeps accounts, and is otherwise left to the run's own records.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from confjob.plugin import BackendError, Problem, State, Status, Submission
from confjob_slurm import commands
from confjob_slurm.checking import problems
from confjob_slurm.commands import act, ask, chunks, unreachable
from confjob_slurm.ending import end
from confjob_slurm.ledger import Entry, entries, written
from confjob_slurm.options import SlurmOptions
from confjob_slurm.script import Batch, batches
from confjob_slurm.states import SACCT, SQUEUE, Row, read_sacct, read_squeue

__all__ = ["SlurmEngine"]

_HANDLE = re.compile(r"(?P<id>(?P<job>\d+)(?:_\d+)?)@(?P<cluster>[^\s@]*)")

#: Where no cluster answers, a preview shows what Slurm's own default would give.
_USUAL_MOST: Final = 1001

#: How many lines of an array's index a preview shows.
_SHOWN: Final = 10

#: Seconds in which a batch that was just sent may still turn up in Slurm.
_SETTLING: Final = 1.0


@frozen(kw_only=True)
class SlurmEngine:
    """One target's way to a Slurm cluster.

    Args:
        options: What the target says.
    """

    options: SlurmOptions = field(factory=SlurmOptions)

    def preview(self, submissions: Sequence[Submission]) -> str:
        """Return the scripts that `sbatch` would be given, and which index is which run."""
        return "\n".join(map(_shown, batches(submissions, self.options, self._most(_USUAL_MOST))))

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Mapping[str, str]]:
        """Submit runs, those with the same resources as arrays; yields each array once it is accepted.

        Raises:
            BackendError: In the words of `sbatch`; what was yielded is accepted, the rest is not.
        """
        if not submissions:
            return
        for batch in list(batches(submissions, self.options, self._most())):
            job = _submitted(batch)
            yield {item.run: _handle(job, _index(batch, at)) for at, item in enumerate(batch.submissions)}

    def find(self, runs: Mapping[str, Path]) -> Mapping[str, str]:
        """Return the handles of runs that Slurm took, as far as it was written down or it says so.

        Raises:
            BackendError: When that can't be told: Slurm does not answer, or an `sbatch` is still
                under way whose launch is gone.
        """
        found = entries(runs)
        batch_entries = {entry.folder: entry for entry, _ in found.values()}
        jobs = _jobs(batch_entries.values())
        return {
            run: _handle(job, index)
            for run, (entry, index) in found.items()
            if (job := jobs.get(entry.folder))
        }

    def poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        """Return what Slurm knows of runs; those of other clusters are left out.

        Raises:
            BackendError: When Slurm does not answer, in its own words.
        """
        ids = _ids(handles)
        rows = _rows(ids.values())
        missing = {handle: number for handle, number in ids.items() if number not in rows}
        told = {handle: rows[number].status() for handle, number in ids.items() if number in rows}
        return told | _gone(missing)

    def cancel(self, handles: Collection[str]) -> None:
        """End runs: those that wait at once, the others by TERM, a grace, KILL.

        Raises:
            BackendError: Naming what could not be ended.
        """
        ids = _ids(handles)
        if ids:
            end(set(ids.values()), self.options.grace, _rows)

    def fetch(self, handle: str, run_dir: Path) -> None:
        """Do nothing: the run folder is where the run wrote."""

    def check(self) -> Iterable[Problem]:
        """Yield what keeps jobs from being submitted from here."""
        return problems(self.options)

    def _most(self, otherwise: int | None = None) -> int:
        """Return how many runs an array may have."""
        try:
            most = commands.config().most_in_array
        except BackendError:
            if otherwise is None:
                raise
            most = otherwise
        return min(most, self.options.max_array or most)


def _index(batch: Batch, at: int) -> str:
    return str(at) if batch.is_array else ""


def _handle(job: str, index: str) -> str:
    return f"{job}{f'_{index}' if index else ''}@{commands.config().cluster}"


def _ids(handles: Iterable[str]) -> dict[str, str]:
    """Return Slurm's ids of the handles that are of the cluster that is asked."""
    parsed = {handle: match for handle in handles if (match := _HANDLE.fullmatch(handle))}
    cluster = commands.config().cluster if parsed else ""
    return {handle: match["id"] for handle, match in parsed.items() if match["cluster"] == cluster}


# -- submitting ------------------------------------------------------------------------


def _submitted(batch: Batch) -> str:
    """Have Slurm take a batch, and return the number of the job."""
    with written(batch) as (entry, lock):
        done = act(["sbatch", "--parsable", "batch.sh"], cwd=entry.folder, keep=[lock], patience=300.0)
        job = done.stdout.strip().partition(";")[0]
        if done.returncode or not job.isdigit():
            job = _settled(entry, commands.said(done))
        if entry.abandoned:  # somebody on another machine was sure that this process is gone
            act(["scancel", job])
            raise BackendError(f"{entry.id} was given up elsewhere while it was submitted")
        entry.accept(job)
    return job


def _settled(entry: Entry, words: str) -> str:
    """Return the job of a batch whose `sbatch` failed, for a lost answer is no refusal.

    Raises:
        BackendError: When it was refused: then the batch is given up.
    """
    job = None
    if unreachable(words):
        try:
            job = _asked_twice(entry)
        except BackendError:
            job = None
    if job is None:
        entry.abandon(words)
        raise BackendError(words, hint=_hint(words))
    return job


def _hint(words: str) -> str:
    hints = {
        "invalid partition": "`sinfo` lists the partitions",
        "invalid account": "say `account` in the target; `sacctmgr show associations user=$USER` lists yours",
        "invalid qos": "`sacctmgr show qos` lists them",
        "requested node configuration is not available": "no node of the partition has what the job asks for",
        "requested time limit is invalid": "the partition allows less time; `sinfo` shows how much",
    }
    return next((hint for said, hint in hints.items() if said in words.lower()), "")


# -- finding ---------------------------------------------------------------------------


def _jobs(found: Iterable[Entry]) -> dict[Path, str]:
    """Return the job of each batch that Slurm took, by the batch's folder."""
    jobs, orphans = {}, []
    for entry in found:
        state = entry.state()
        if state == "accepted" and entry.job is not None:
            jobs[entry.folder] = entry.job
        elif state == "unclear":
            raise BackendError(
                f"a launch was killed, and its sbatch of {entry.id} is still under way",
                hint="what became of it is known when that ends",
            )
        elif state == "orphaned":
            orphans.append(entry)
    for entry in orphans:
        job = _asked_twice(entry)
        if job is None:
            entry.abandon("its launch was killed before Slurm took it")
        else:
            entry.accept(job)
            jobs[entry.folder] = job
    return jobs


def _asked_twice(entry: Entry) -> str | None:
    """Return the job of a batch that nobody submits any more; what Slurm was sent may take a moment."""
    job = _by_comment(entry)
    if job is None:
        time.sleep(_SETTLING)
        job = entry.job or _by_comment(entry)
    return job or _by_name(entry)


def _by_comment(entry: Entry) -> str | None:
    # One's own jobs alone: what others name theirs is not read.
    user = f"--user={os.getuid()}"
    text = ask(["squeue", user, "--noheader", "--states=all", "--format=%F|%k"])
    for line in text.splitlines():
        job, _, comment = line.partition("|")
        if comment == f"confjob:{entry.id}" and job.isdigit():
            return job
    return None


def _by_name(entry: Entry) -> str | None:
    """Return the job of a batch by the accounts, for one that is over and forgotten."""
    if not commands.config().accounting:
        return None
    user, since = f"--user={os.getuid()}", "--starttime=now-30days"
    text = ask(["sacct", user, since, "--allocations", "--noheader", "--parsable2", "--format=JobID,JobName"])
    for line in text.splitlines():
        number, _, name = line.partition("|")
        job = number.partition("_")[0]
        if name.endswith(f".{entry.id}") and job.isdigit():
            return job
    return None


# -- polling ---------------------------------------------------------------------------


def _rows(ids: Collection[str]) -> dict[str, Row]:
    """Return what `squeue` knows of jobs, by id; ended ones for as long as the controller does."""
    rows: dict[str, Row] = {}
    for part in chunks(_asked(ids)):
        argv = ["squeue", "--noheader", "--array", "--states=all", f"--jobs={','.join(part)}"]
        try:
            rows |= read_squeue(ask([*argv, f"--Format={SQUEUE}"]))
        except BackendError as error:
            if "Invalid job id" not in error.message:  # so it is told of one that is forgotten
                raise
    return {number: row for number, row in rows.items() if row.known}


def _asked(ids: Collection[str]) -> list[str]:
    """Return what to ask for: whole arrays, where there are many of their tasks."""
    if len(ids) <= 100:
        return sorted(ids)
    return sorted({number.partition("_")[0] for number in ids})


def _gone(missing: Mapping[str, str]) -> dict[str, Status]:
    """Return what is known of jobs that the controller has forgotten."""
    if not missing:
        return {}
    config, rows = commands.config(), dict[str, Row]()
    if config.accounting:
        for part in chunks(_asked(missing.values())):
            argv = ["sacct", "--allocations", "--array", "--noheader", "--parsable2"]
            rows |= read_sacct(ask([*argv, f"--format={SACCT}", f"--jobs={','.join(part)}"]))
    told = {handle: rows[number].status() for handle, number in missing.items() if _said(rows, number)}
    if config.shows_all and not config.accounting:
        # It answers, shows everything, and does not know the job: nothing of it runs.
        lost = {handle: number for handle, number in missing.items() if handle not in told}
        told |= {handle: _forgotten(number) for handle, number in lost.items()}
    return told


def _said(rows: Mapping[str, Row], number: str) -> bool:
    return number in rows and rows[number].known


def _forgotten(number: str) -> Status:
    return Status(state=State.LOST, reason=f"Slurm does not know job {number} any more")


def _shown(batch: Batch) -> str:
    if not batch.is_array:
        return batch.script()
    lines = batch.runs().splitlines()
    shown = [f"#   {index}: {line}" for index, line in enumerate(lines[:_SHOWN])]
    rest = [f"#   and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    title = "# runs: index, attempt and job.sh"
    return "\n".join([batch.script().rstrip("\n"), "", title, *shown, *rest, ""])
