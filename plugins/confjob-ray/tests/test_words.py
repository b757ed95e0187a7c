"""Each of Ray's words is told as what it is, and one that is new is left out."""

import pytest
from confjob_ray.words import status_of

from confjob.model import State


def told(grace: float = 1.0, now: float = 1000.0, **job):
    return status_of(job, grace, now)


def test_what_waits_says_why() -> None:
    status = told(status="PENDING", message="Job has not started yet. It may be waiting for resources.\nmore")
    assert status.state is State.QUEUED
    assert status.reason == "Job has not started yet. It may be waiting for resources."


def test_what_runs_and_what_ended_well() -> None:
    assert told(status="RUNNING", message="Job is currently running.").state is State.RUNNING
    ended = told(status="SUCCEEDED", driver_exit_code=0)
    assert (ended.state, ended.exit_code) == (State.SUCCEEDED, 0)


def test_a_jobs_own_failure_is_left_to_its_record() -> None:
    status = told(
        status="FAILED",
        error_type="JOB_ENTRYPOINT_COMMAND_ERROR",
        driver_exit_code=3,
        message="Job entrypoint …",
    )
    assert (status.state, status.exit_code, status.reason) == (State.FAILED, 3, "")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("RUNTIME_ENV_SETUP_FAILURE", "runtime environment"),
        ("JOB_SUPERVISOR_ACTOR_START_TIMEOUT", "waited in vain"),
        ("JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE", "no node can take it"),
        ("JOB_ENTRYPOINT_COMMAND_START_ERROR", "could not start"),
    ],
)
def test_what_never_began_says_why_in_rays_words(kind, words) -> None:
    status = told(status="FAILED", error_type=kind, message="Because.\nTraceback")
    assert status.state is State.FAILED
    assert words in status.reason
    assert status.reason.endswith("Because.")


@pytest.mark.parametrize("kind", ["JOB_SUPERVISOR_ACTOR_DIED", "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE"])
def test_a_job_whose_node_died_is_lost_and_not_failed(kind) -> None:
    status = told(status="FAILED", error_type=kind, message="Job supervisor actor died: its node has died")
    assert status.state is State.LOST
    assert "its node has died" in status.reason


def test_a_stopped_job_is_being_ended_for_as_long_as_its_grace_may_last() -> None:
    assert told(status="STOPPED", end_time=999_000, grace=30).state is State.ENDING
    assert told(status="STOPPED", end_time=960_000, grace=30).state is State.CANCELLED
    assert told(status="STOPPED", end_time=999_000, grace=1).state is State.CANCELLED  # Ray waited for it
    assert told(status="STOPPED").state is State.CANCELLED


def test_a_word_that_nobody_knows_is_no_end() -> None:
    assert told(status="HIBERNATING") is None
    assert told() is None
