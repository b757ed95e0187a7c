"""What becomes of a job: a submission, and how the run of it is doing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path, PurePosixPath

from attrs import field, frozen

from confjob.model.jobs import Priority, Resources, Retry

__all__ = ["State", "Status", "Submission"]


@frozen(kw_only=True)
class Submission:
    """A run ready to start: plain data without a secret or an environment value.

    Args:
        run: The run's id.
        job: The job's name.
        target: The target's name.
        run_dir: Absolute path of the run folder, complete but for the records of attempts.
        script: Absolute path of `job.sh`.
        there: Absolute path of the run folder as the job sees it, where that is another one
            (`Backend.elsewhere`); `job.sh` is written for it.
        tree: Absolute path of the snapshot's files, which lie for the job where they lie
            relative to the run folder here; None for a run without one.
        links: Project-relative folders of `[workspace] link`, each with its absolute path here.
        resources: What the engine must give.
        priority: Before whom it starts, where runs have to wait.
        retry: When it is run again.
        attempt: The number of the attempt that shall run: `CONFJOB_ATTEMPT` of `job.sh`.
        project: What people call the project, for labels; any text.
        author: Who launches it, for labels; any text.
    """

    run: str
    job: str
    run_dir: Path
    script: Path
    resources: Resources
    target: str = "local"
    priority: Priority = "medium"
    retry: Retry = Retry()
    there: PurePosixPath | None = None
    tree: Path | None = None
    links: Mapping[str, Path] = field(factory=dict)
    attempt: int = 1
    project: str = ""
    author: str = ""


class State(str, Enum):
    """Where a run is in its life."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    ENDING = "ENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    PREEMPTED = "PREEMPTED"
    LOST = "LOST"

    @property
    def final(self) -> bool:
        """Whether the run is over."""
        return self in _FINAL


_FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.PREEMPTED, State.LOST})


@frozen(kw_only=True)
class Status:
    """What is known of a run; `as_of` (epoch seconds) is None when it is the last known."""

    state: State
    reason: str = ""
    exit_code: int | None = None
    as_of: float | None = None
