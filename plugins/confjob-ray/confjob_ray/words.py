"""Ray's word on a job, as confjob says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confjob.plugin import Json, State, Status

__all__ = ["status_of"]

#: Ray kills an entry point that long after it asked it to end, unless told otherwise.
_RAYS_PATIENCE: Final = 3.0

#: Why a job failed, when it was not its own end; `{}` is Ray's own word.
_FAILURES: Final = {
    "RUNTIME_ENV_SETUP_FAILURE": "its runtime environment could not be set up: {}",
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT": "it waited in vain: {}",
    "JOB_SUPERVISOR_ACTOR_START_FAILURE": "Ray could not start it: {}",
    "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE": "no node can take it: {}",
    "JOB_ENTRYPOINT_COMMAND_START_ERROR": "Ray could not start it: {}",
}
#: Then nobody knows how the job itself ended.
_LOST: Final = frozenset({"JOB_SUPERVISOR_ACTOR_DIED", "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE"})


def status_of(job: Mapping[str, Json], grace: float, now: float) -> Status | None:
    """Return a job's state; None for a word that this does not know.

    Args:
        job: As Ray tells it.
        grace: Seconds that what was asked to end is given.
        now: When Ray told it, by its own clock.
    """
    said = job.get("status")
    if said == "PENDING":
        return Status(state=State.QUEUED, reason=_first_line(job))
    if said == "RUNNING":
        return Status(state=State.RUNNING)
    if said == "STOPPED":
        return _stopped(job, grace, now)
    if said == "SUCCEEDED":
        return Status(state=State.SUCCEEDED, exit_code=0)
    return _failed(job) if said == "FAILED" else None


def _stopped(job: Mapping[str, Json], grace: float, now: float) -> Status:
    """Ray says so when it has killed the entry point, while the job may have its grace still."""
    ended = job.get("end_time")
    if grace >= _RAYS_PATIENCE and isinstance(ended, (int, float)) and now < ended / 1000 + grace - 1:
        return Status(state=State.ENDING, reason="Ray stopped it; what is left of it is being ended")
    return Status(state=State.CANCELLED, reason="stopped through Ray")


def _failed(job: Mapping[str, Json]) -> Status:
    code = job.get("driver_exit_code")
    exit_code = code if isinstance(code, int) and not isinstance(code, bool) else None
    kind = str(job.get("error_type"))
    if kind in _LOST:
        return Status(state=State.LOST, reason=f"Ray lost it: {_first_line(job)}")
    template = _FAILURES.get(kind)
    if template is not None:
        return Status(state=State.FAILED, reason=template.format(_first_line(job)), exit_code=exit_code)
    # The end record says it better; without one this is all there is.
    return Status(state=State.FAILED, exit_code=exit_code)


def _first_line(job: Mapping[str, Json]) -> str:
    lines = str(job.get("message") or "").strip().splitlines()
    return lines[0].strip()[:300] if lines else ""
