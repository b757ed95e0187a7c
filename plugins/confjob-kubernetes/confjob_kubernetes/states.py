"""How a run is doing, from what the cluster says of its Job and pods.

The Job says whether it is over; why, is told by its pods, as long as they are there. A pod that
somebody else's claim removed leaves its reason in the Job's own condition. Nothing is concluded from
silence: a pod that ended and a Job that does not say so yet is a run that is ending.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve

from confjob.plugin import State, Status
from confjob_kubernetes.manifest import CONTAINER, QUEUE
from confjob_kubernetes.names import CANCELLED, SENDING

__all__ = ["finished", "is_cut_off", "newest", "status_of", "without_job"]

Object = Mapping[str, Any]

_INDEX: Final = "batch.kubernetes.io/job-completion-index"

#: Why the kubelet did not start a container; what is not here is on its way.
_STUCK: Final[Mapping[str, str]] = {
    "ImagePullBackOff": "its image can't be pulled",
    "ErrImagePull": "its image can't be pulled",
    "ErrImageNeverPull": "its image is not on the node",
    "InvalidImageName": "its image has no valid name",
    "CreateContainerConfigError": "its container can't be made",
    "CreateContainerError": "its container can't be made",
    "RunContainerError": "its container can't be started",
}
#: Reasons of a pod that ended because its node was wanted or went away.
_TAKEN: Final[Mapping[str, str]] = {
    "Evicted": "evicted from its node",
    "Preempting": "preempted",
    "Preempted": "preempted",
    "Shutdown": "its node was shut down",
    "NodeShutdown": "its node was shut down",
    "Terminated": "its node was shut down",
}
_DISRUPTIONS: Final[Mapping[str, str]] = {
    "PreemptionByScheduler": "preempted by the scheduler",
    "EvictionByEvictionAPI": "evicted",
    "TerminationByKubelet": "ended by its node",
    "DeletionByTaintManager": "removed because of a taint of its node",
    "DeletionByPodGC": "its node is gone",
}
_LOST: Final = frozenset({"NodeLost", "DeletionByPodGC"})

_KILLED: Final = 137
#: Above this, an exit code is a signal's.
_SIGNALS: Final = 128


def status_of(job: Object, pods: Sequence[Object]) -> Status:
    """Return how a run is doing.

    Args:
        job: Its Job.
        pods: The Job's pods, those of earlier tries among them.
    """
    current = newest(pods)
    for condition in _conditions(job):
        if condition.get("type") == "Complete":
            return Status(state=State.SUCCEEDED, reason=_missing(current), exit_code=0)
        if condition.get("type") == "Failed":
            return _failed(job, condition, current)
    if _dig(job, "metadata", "deletionTimestamp"):
        return Status(state=State.ENDING, reason="its Job is being removed")
    if CANCELLED in (_dig(job, "metadata", "annotations") or {}):
        return Status(state=State.ENDING, reason="its pods were asked to end")
    if _dig(job, "spec", "suspend"):
        return _suspended(job, current)
    return _going(current, job)


def without_job(pods: Sequence[Object]) -> Status:
    """Return how a run is whose Job is not there: cancelled, if somebody asked for that."""
    if any(_dig(pod, "status", "phase") not in ("Succeeded", "Failed") for pod in pods):
        return Status(state=State.ENDING, reason="its Job was removed; its pods are being ended")
    return Status(state=State.LOST, reason="its Job is not in the cluster any more")


def finished(job: Object) -> bool:
    """Whether a Job is over."""
    return any(each.get("type") in ("Complete", "Failed") for each in _conditions(job))


def is_cut_off(job: Object) -> bool:
    """Whether a Job's files have not all been sent."""
    return SENDING in (_dig(job, "metadata", "labels") or {})


def newest(pods: Iterable[Object]) -> list[Object]:
    """Return the latest pod of each node of a run, the first node's first."""
    latest: dict[int, Object] = {}
    for pod in sorted(pods, key=lambda pod: str(_dig(pod, "metadata", "creationTimestamp") or "")):
        latest[_index(pod)] = pod
    return [latest[index] for index in sorted(latest)]


def _index(pod: Object) -> int:
    for part in ("annotations", "labels"):
        text = str((_dig(pod, "metadata", part) or {}).get(_INDEX, ""))
        if text.isdecimal():
            return int(text)
    return 0


def _conditions(thing: Object) -> Iterator[Object]:
    for each in _dig(thing, "status", "conditions") or ():
        if isinstance(each, Mapping) and each.get("status") == "True":
            yield each


def _dig(thing: Any, *path: str) -> Any:
    for name in path:
        thing = thing.get(name) if isinstance(thing, Mapping) else None
    return thing


# -- a run that goes on ------------------------------------------------------------------


def _suspended(job: Object, pods: Sequence[Object]) -> Status:
    if is_cut_off(job):
        return Status(state=State.QUEUED, reason="its files are being sent")
    if any(_dig(pod, "status", "phase") == "Running" for pod in pods):
        return Status(state=State.ENDING, reason="its Job was suspended; its pods are being ended")
    queue = (_dig(job, "metadata", "labels") or {}).get(QUEUE)
    if queue:
        return Status(state=State.QUEUED, reason=f"waits in queue {queue}")
    return Status(state=State.QUEUED, reason="its Job is suspended, and not by confjob")


def _going(pods: Sequence[Object], job: Object) -> Status:
    if not pods:
        return Status(state=State.QUEUED, reason="waits for its pod")
    each = [_of_pod(pod) for pod in pods]
    # The one that is furthest back tells: a run of several nodes goes on when all do.
    # One node that has ended is not the end: only all of them are.
    order = (State.QUEUED, State.STARTING, State.RUNNING, State.ENDING)
    said = min(each, key=lambda status: order.index(status.state))
    wanted = _dig(job, "spec", "parallelism")
    if isinstance(wanted, int) and len(pods) < wanted and said.state is State.RUNNING:
        return Status(state=State.STARTING, reason=f"{len(pods)} of {wanted} pods are there")
    return said


def _of_pod(pod: Object) -> Status:
    phase = _dig(pod, "status", "phase")
    if phase in ("Succeeded", "Failed"):
        return Status(state=State.ENDING, reason="its pod has ended")
    if _dig(pod, "metadata", "deletionTimestamp"):
        return Status(state=State.ENDING, reason="its pod is being removed")
    if phase == "Running":
        return Status(state=State.RUNNING)
    if phase == "Unknown":
        node = _dig(pod, "spec", "nodeName") or "its node"
        return Status(state=State.RUNNING, reason=f"{node} does not answer")
    return _pending(pod)


def _pending(pod: Object) -> Status:
    for condition in _dig(pod, "status", "conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            words = str(condition.get("message") or condition.get("reason") or "")
            return Status(state=State.QUEUED, reason=_line(f"waits for a node: {words}"))
    if not _dig(pod, "spec", "nodeName") and not _dig(pod, "status", "containerStatuses"):
        return Status(state=State.QUEUED, reason="waits for a node")
    for container in _containers(pod):
        waiting = _dig(container, "state", "waiting") or {}
        reason = str(waiting.get("reason") or "")
        if reason in _STUCK:
            words = str(waiting.get("message") or reason)
            return Status(state=State.STARTING, reason=_line(f"{_STUCK[reason]}: {words}"))
    return Status(state=State.STARTING, reason="its container is being made")


def _containers(pod: Object) -> list[Object]:
    """Return what is known of a pod's containers, the job's first."""
    found = [
        each
        for part in ("containerStatuses", "initContainerStatuses")
        for each in _dig(pod, "status", part) or ()
    ]
    return sorted(found, key=lambda each: each.get("name") != CONTAINER)


# -- its end -----------------------------------------------------------------------------


def _missing(pods: Sequence[Object]) -> str:
    """Say where what was not fetched before is gone."""
    return "" if pods else "its pod is gone, and what was not fetched of log and outputs with it"


def _failed(job: Object, condition: Object, pods: Sequence[Object]) -> Status:
    ends = [(pod, end) for pod in pods if (end := _end(pod)) is not None]
    if CANCELLED in (_dig(job, "metadata", "annotations") or {}):
        code = next((end.exit_code for _, end in ends if end.exit_code is not None), None)
        return Status(state=State.CANCELLED, reason="cancelled", exit_code=code)
    if not ends:
        return _by_condition(condition, pods)
    pod, end = min(ends, key=lambda each: _explains(each[1]))
    if len(pods) == 1:
        return end
    told = end.reason or f"exit code {end.exit_code}"
    return evolve(end, reason=f"on node {_index(pod)}: {told}")


def _explains(end: Status) -> int:
    """Return how little an end of one node says about that of the run: the others are ended for it."""
    if end.reason:
        return 0
    return 2 if (end.exit_code or 0) > _SIGNALS else 1


def _by_condition(condition: Object, pods: Sequence[Object]) -> Status:
    """Return an end that only the Job tells of."""
    reason, words = str(condition.get("reason") or ""), str(condition.get("message") or "")
    if reason == "PodFailurePolicy" and "DisruptionTarget" in words:
        return Status(state=State.PREEMPTED, reason="preempted or evicted from its node")
    if reason == "DeadlineExceeded":
        return Status(state=State.FAILED, reason="time limit")
    told = ": ".join(each for each in (reason, words) if each) or "failed"
    return Status(state=State.FAILED, reason=_line("; ".join(filter(None, (told, _missing(pods))))))


def _end(pod: Object) -> Status | None:
    """Return how a pod ended, or None when it did well or has not ended."""
    reason, words = str(_dig(pod, "status", "reason") or ""), str(_dig(pod, "status", "message") or "")
    code = _exit_code(pod)
    for condition in _conditions(pod):
        if condition.get("type") == "DisruptionTarget":
            why = str(condition.get("reason") or "")
            told = _DISRUPTIONS.get(why, why or "disrupted")
            state = State.LOST if why in _LOST else State.PREEMPTED
            return Status(state=state, reason=_line(_with(told, condition.get("message"))), exit_code=code)
    if _dig(pod, "status", "phase") != "Failed":
        return None
    if reason in _LOST:
        return Status(state=State.LOST, reason=_line(_with("its node is gone", words)))
    if reason in _TAKEN:
        return Status(state=State.PREEMPTED, reason=_line(_with(_TAKEN[reason], words)), exit_code=code)
    if reason == "DeadlineExceeded":
        return Status(state=State.FAILED, reason="time limit", exit_code=code)
    return _of_container(pod) or Status(
        state=State.FAILED, reason=_line(_with(reason, words)), exit_code=code
    )


def _of_container(pod: Object) -> Status | None:
    for container in _containers(pod):
        ended = _dig(container, "state", "terminated") or {}
        code, reason = ended.get("exitCode"), str(ended.get("reason") or "")
        if reason == "OOMKilled":
            return Status(state=State.FAILED, reason="out of memory", exit_code=_KILLED)
        if isinstance(code, int) and code:
            started = reason in ("Error", "Completed", "")
            told = "" if started else _line(_with("its container could not be started", ended.get("message")))
            return Status(state=State.FAILED, reason=told, exit_code=code)
    return None


def _exit_code(pod: Object) -> int | None:
    for container in _containers(pod):
        code = _dig(container, "state", "terminated", "exitCode")
        if isinstance(code, int) and container.get("name") == CONTAINER:
            return code
    return None


def _with(told: str, words: object) -> str:
    return ": ".join(str(each) for each in (told, words) if each)


def _line(text: str) -> str:
    """Return text as one line of a length that people read."""
    return " ".join(text.split())[:400]
