"""What the cluster says of a Job and its pods, and what that is called."""

from __future__ import annotations

import pytest
from confjob_kubernetes.states import newest, status_of, without_job

from confjob.plugin import State


def job(conditions=(), *, suspend=False, labels=None, annotations=None, parallelism=1):
    return {
        "metadata": {"labels": labels or {}, "annotations": annotations or {}},
        "spec": {"suspend": suspend, "parallelism": parallelism},
        "status": {"conditions": [{"status": "True", **each} for each in conditions]},
    }


def pod(phase="Running", state=None, index=0, created="1", node="gpu1", **status):
    containers = [{"name": "job", "state": state}] if state is not None else []
    return {
        "metadata": {
            "creationTimestamp": created,
            "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
        },
        "spec": {"nodeName": node},
        "status": {"phase": phase, "containerStatuses": containers, **status},
    }


def ended(code, reason="Error", **more):
    return {"terminated": {"exitCode": code, "reason": reason, **more}}


COMPLETE, FAILED = {"type": "Complete"}, {"type": "Failed", "reason": "BackoffLimitExceeded"}
POLICY = {
    "type": "Failed",
    "reason": "PodFailurePolicy",
    "message": "Pod a/b has condition DisruptionTarget matching FailJob rule at index 0",
}
UNSCHEDULABLE = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        }
    ]
}
PREEMPTED = {
    "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "for b"}
    ]
}


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


@pytest.mark.parametrize(
    ("job", "pods", "state", "reason", "code"),
    [
        (job(suspend=True, labels={"confjob/sending": "true"}), [], "QUEUED", "being sent", None),
        (
            job(suspend=True, labels={"kueue.x-k8s.io/queue-name": "q"}),
            [],
            "QUEUED",
            "waits in queue q",
            None,
        ),
        (job(suspend=True), [], "QUEUED", "suspended, and not by confjob", None),
        (job(suspend=True), [pod()], "ENDING", "being ended", None),
        (job(), [], "QUEUED", "waits for its pod", None),
        (
            job(),
            [pod("Pending", node=None, **UNSCHEDULABLE)],
            "QUEUED",
            "3 Insufficient nvidia.com/gpu",
            None,
        ),
        (job(), [pod("Pending", node=None)], "QUEUED", "waits for a node", None),
        (job(), [pod("Pending", waiting("ContainerCreating"))], "STARTING", "being made", None),
        (
            job(),
            [pod("Pending", waiting("ImagePullBackOff", "no such image"))],
            "STARTING",
            "its image can't be pulled: no such image",
            None,
        ),
        (
            job(),
            [pod("Pending", waiting("CreateContainerConfigError", "x"))],
            "STARTING",
            "can't be made: x",
            None,
        ),
        (job(), [pod()], "RUNNING", "", None),
        (job(), [pod("Unknown")], "RUNNING", "gpu1 does not answer", None),
        (job(), [pod("Succeeded")], "ENDING", "its pod has ended", None),
        (job(), [pod("Failed", ended(1))], "ENDING", "its pod has ended", None),
        (job(annotations={"confjob/cancelled": "now"}), [pod()], "ENDING", "asked to end", None),
        (job(parallelism=2), [pod(), pod(index=1)], "RUNNING", "", None),
        (job(parallelism=2), [pod()], "STARTING", "1 of 2 pods", None),
        (job(parallelism=2), [pod("Succeeded"), pod(index=1)], "RUNNING", "", None),
        (job(parallelism=2), [pod(), pod("Pending", index=1, node=None)], "QUEUED", "waits for a node", None),
        (job([COMPLETE]), [pod("Succeeded")], "SUCCEEDED", "", 0),
        (job([COMPLETE]), [], "SUCCEEDED", "its pod is gone, and what was not fetched", 0),
        (job([FAILED]), [pod("Failed", ended(3))], "FAILED", "", 3),
        (job([FAILED]), [pod("Failed", ended(137, "OOMKilled"))], "FAILED", "out of memory", 137),
        (
            job([FAILED]),
            [pod("Failed", ended(128, "StartError", message="no sh"))],
            "FAILED",
            "could not be started: no sh",
            128,
        ),
        (job([FAILED]), [pod("Failed", ended(137), reason="DeadlineExceeded")], "FAILED", "time limit", 137),
        (
            job([FAILED], annotations={"confjob/cancelled": "now"}),
            [pod("Failed", ended(143), reason="DeadlineExceeded")],
            "CANCELLED",
            "cancelled",
            143,
        ),
        (
            job([FAILED]),
            [pod("Failed", reason="Evicted", message="low on memory")],
            "PREEMPTED",
            "evicted from its node: low on memory",
            None,
        ),
        (
            job([FAILED]),
            [pod("Failed", ended(143), **PREEMPTED)],
            "PREEMPTED",
            "preempted by the scheduler: for b",
            143,
        ),
        (job([POLICY]), [], "PREEMPTED", "preempted or evicted", None),
        (job([FAILED]), [pod("Failed", reason="NodeLost")], "LOST", "its node is gone", None),
        (
            job([FAILED]),
            [pod("Failed", reason="OutOfcpu", message="too many")],
            "FAILED",
            "OutOfcpu: too many",
            None,
        ),
        (
            job([{"type": "Failed", "reason": "Other", "message": "why"}]),
            [],
            "FAILED",
            "Other: why; its pod is gone",
            None,
        ),
        (
            job([FAILED], parallelism=2),
            [pod("Failed", ended(143)), pod("Failed", ended(3), index=1)],
            "FAILED",
            "on node 1: exit code 3",
            3,
        ),
    ],
)
def test_every_word_of_the_cluster_is_a_state_with_its_reason(job, pods, state, reason, code):
    said = status_of(job, pods)
    assert said.state is State[state]
    assert reason in said.reason
    assert bool(reason) is bool(said.reason)
    assert said.exit_code == code


def test_a_pod_that_stands_in_for_another_counts_in_its_place():
    first, second, other = pod("Failed", created="1"), pod(created="2"), pod(index=1, created="0")
    assert newest([second, other, first]) == [second, other]
    assert status_of(job(parallelism=2), [first, second, other]).state is State.RUNNING


def test_a_job_that_was_removed_is_lost_once_its_pods_are_gone_and_not_before():
    assert without_job([pod()]).state is State.ENDING
    assert without_job([pod("Failed")]).state is State.LOST
    assert without_job([]).state is State.LOST


@pytest.mark.parametrize("strange", [{}, {"metadata": None, "status": None, "spec": None}])
def test_what_says_nothing_is_no_end(strange):
    assert not status_of(strange, []).state.final
    assert not status_of(job(), [strange]).state.final
