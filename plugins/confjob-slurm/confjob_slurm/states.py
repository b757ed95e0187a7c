"""What Slurm says of jobs, read and put in words.

Jobs are asked for in one call, in fields that hold no user's text: a job's name may have line
breaks and separators in it, and would pass for another job's line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import frozen

from confjob.plugin import State, Status

__all__ = ["SACCT", "SQUEUE", "Row", "read_sacct", "read_squeue"]

#: The fields of a row, as `squeue` calls them; the last may hold any character but a line break.
SQUEUE: Final = "JobArrayID:|,State:|,exit_code:|,RestartCnt:|,TimeLimit:|,Reason:|"

#: The same, as `sacct` calls them.
SACCT: Final = "JobID,State,ExitCode,Timelimit"

_ID = re.compile(r"\d+(?:_\d+)?")

_STATES: Final = {
    "PENDING": State.QUEUED,
    "REQUEUED": State.QUEUED,
    "REQUEUE_FED": State.QUEUED,
    "REQUEUE_HOLD": State.QUEUED,
    "RESV_DEL_HOLD": State.QUEUED,
    "SPECIAL_EXIT": State.QUEUED,
    "CONFIGURING": State.STARTING,
    "POWER_UP_NODE": State.STARTING,
    "RUNNING": State.RUNNING,
    "RESIZING": State.RUNNING,
    "SIGNALING": State.RUNNING,
    "STOPPED": State.RUNNING,
    "SUSPENDED": State.RUNNING,
    "COMPLETING": State.ENDING,
    "STAGE_OUT": State.ENDING,
    "COMPLETED": State.SUCCEEDED,
    "CANCELLED": State.CANCELLED,
    "REVOKED": State.CANCELLED,
    "PREEMPTED": State.PREEMPTED,
    "BOOT_FAIL": State.FAILED,
    "DEADLINE": State.FAILED,
    "FAILED": State.FAILED,
    "LAUNCH_FAILED": State.FAILED,
    "NODE_FAIL": State.FAILED,
    "OUT_OF_MEMORY": State.FAILED,
    "RECONFIG_FAIL": State.FAILED,
    "TIMEOUT": State.FAILED,
}

_ENDS: Final = {
    "BOOT_FAIL": "its node did not boot",
    "CANCELLED": "cancelled in Slurm",
    "DEADLINE": "not done by its deadline",
    "LAUNCH_FAILED": "Slurm could not start it",
    "NODE_FAIL": "node failure",
    "OUT_OF_MEMORY": "out of memory",
    "PREEMPTED": "preempted by Slurm",
    "RECONFIG_FAIL": "its node could not be set up",
    "REVOKED": "another cluster of the federation runs it",
}

_LIVE: Final = {
    "REQUEUED": "Slurm runs it again",
    "REQUEUE_HOLD": "Slurm would run it again, but holds it; `scontrol release` lets it go",
    "SPECIAL_EXIT": "it ended in a special way and is held; `scontrol release` lets it go",
    "STOPPED": "stopped: its nodes were given to others for now",
    "SUSPENDED": "suspended: its nodes were given to others for now",
}

#: Why jobs wait; Slurm has over a hundred words for it, and these are the ones that are met.
_REASONS: Final = {
    "AssocGrpGRES": "the account uses all the GPUs that it may",
    "AssocMaxJobsLimit": "the account has as many jobs as it may",
    "BadConstraints": "no node fits what it asks for",
    "BeginTime": "not to begin yet",
    "Dependency": "waits for the jobs that it depends on",
    "DependencyNeverSatisfied": "what it depends on failed; it will never start",
    "InvalidAccount": "Slurm does not take the account",
    "InvalidQOS": "Slurm does not take the QoS",
    "JobArrayTaskLimit": "as many runs of the array run as may at once (`array-parallel`)",
    "JobHeldAdmin": "held by an administrator",
    "JobHeldUser": "held; `scontrol release` lets it go",
    "Licenses": "waits for a licence",
    "NodeDown": "a node that it needs is down",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is inactive",
    "PartitionNodeLimit": "asks for more nodes than the partition has or allows",
    "PartitionTimeLimit": "asks for more time than the partition allows",
    "Priority": "others have a higher priority",
    "QOSMaxJobsPerUserLimit": "you have as many jobs of this QoS as you may",
    "ReqNodeNotAvail": "a node that it needs is not available",
    "Reservation": "waits for its reservation",
    "Resources": "waits for free resources",
}

#: Why jobs failed of which Slurm says no more than that.
_FAILURES: Final = {
    "JobLaunchFailure": "Slurm could not start it (its log's folder, or its user, is not on the node?)",
    "OutOfMemory": "out of memory",
    "Preempted": "preempted by Slurm",
    "NodeDown": "node failure",
    "TimeLimit": "time limit",
}

#: Reasons that say nothing.
_SILENT = ("", "None", "(null)")

_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d\d)")


@frozen(kw_only=True)
class Row:
    """One job or task of an array, as Slurm sees it.

    Args:
        id: `JOB` or `JOB_INDEX`.
        state: In Slurm's word.
        reason: Why it waits or ended, in Slurm's word.
        exit_code: What its script ended with; None while it has not.
        signal: What ended its script; 0 for none.
        limit: Its time limit, in Slurm's writing.
        restarts: How often Slurm ran it again.
    """

    id: str
    state: str
    reason: str = ""
    exit_code: int | None = None
    signal: int = 0
    limit: str = ""
    restarts: int = 0

    @property
    def known(self) -> bool:
        """Whether the state is one of those that there were when this was written."""
        return self.state in _STATES

    @property
    def waits(self) -> bool:
        """Whether nothing of it runs."""
        return _STATES.get(self.state) is State.QUEUED

    @property
    def ended(self) -> bool:
        """Whether nothing of it will run."""
        return self.known and _STATES[self.state].final

    def status(self) -> Status:
        """Return the state in confjob's words; only of one that is known."""
        state = _STATES[self.state]
        if self.state == "COMPLETING" and self.reason in _FAILURES:
            # Its script has its end record soon, which knows of a signal only. Slurm will say more.
            return Status(state=State.RUNNING, reason=f"ending: {_FAILURES[self.reason]}")
        if not state.final:
            return Status(state=state, reason=self._why() if state is State.QUEUED else self._live())
        ran = state in (State.SUCCEEDED, State.FAILED) and not self.signal
        code = self.exit_code if ran else None
        return Status(state=state, reason=self._end(), exit_code=code)

    def _why(self) -> str:
        again = "runs again; " if self.restarts else ""
        word = self.reason.partition(",")[0].strip()
        if self.reason in _SILENT:
            return (again + _LIVE.get(self.state, "")).removesuffix("; ")
        words = _REASONS.get(word)
        return f"{again}{words} ({self.reason})" if words else f"{again}{self.reason}"

    def _live(self) -> str:
        return _LIVE.get(self.state, "")

    def _end(self) -> str:
        if self.state == "TIMEOUT":
            limit = _limit(self.limit)
            return f"time limit of {limit}" if limit else "time limit"
        if self.state in _ENDS:
            return _ENDS[self.state]
        if self.state != "FAILED":
            return ""
        if self.signal and not self.exit_code:
            return f"killed by signal {self.signal}"
        if self.reason in (*_SILENT, "NonZeroExitCode"):
            return f"exit code {self.exit_code}"
        return _FAILURES.get(self.reason) or f"Slurm says {self.reason}"


def read_squeue(text: str) -> dict[str, Row]:
    """Return the rows that `squeue` printed in the format `SQUEUE`, by id; other lines are left out."""
    return {row.id: row for row in _squeue(text.splitlines())}


def _squeue(lines: Iterable[str]) -> Iterator[Row]:
    for line in lines:
        fields = [each.strip() for each in line.removesuffix("|").split("|", 5)]
        if len(fields) == 6 and _ID.fullmatch(fields[0]):
            number, state, status, restarts, limit, reason = fields
            waited = int(status) if status.isdigit() else 0
            yield Row(
                id=number,
                state=state,
                reason=reason.rstrip("|"),
                exit_code=waited >> 8,
                signal=waited & 0x7F,
                limit=limit,
                restarts=int(restarts) if restarts.isdigit() else 0,
            )


def read_sacct(text: str) -> dict[str, Row]:
    """Return the rows that `sacct --parsable2` printed in the format `SACCT`, by id."""
    return {row.id: row for row in _sacct(text.splitlines())}


def _sacct(lines: Iterable[str]) -> Iterator[Row]:
    for line in lines:
        fields = line.split("|")
        if len(fields) == 4 and _ID.fullmatch(fields[0]):
            code, _, signal = fields[2].partition(":")
            yield Row(
                id=fields[0],
                # "CANCELLED by 1000", "NODE_FAIL+": what it is, and more.
                state=fields[1].partition(" ")[0].rstrip("+"),
                exit_code=int(code) if code.isdigit() else None,
                signal=int(signal) if signal.isdigit() else 0,
                limit=fields[3],
            )


def _limit(text: str) -> str:
    """Return a time of Slurm's (`1-02:00:00`, `3:00`) in the words that confjob has for it."""
    match = _TIME.fullmatch(text)
    if match is None:
        return ""
    parts: Mapping[str, str | None] = match.groupdict()
    days, hours, minutes, seconds = (
        int(parts[name] or 0) for name in ("days", "hours", "minutes", "seconds")
    )
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds}.0 s"
