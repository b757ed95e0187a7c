"""Bringing back what a run made: from what its pod printed, as long as the cluster keeps that.

The whole log is read each time, since what was in it before may have been cut off by the node; once
the pod has ended and all was read, it is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from confjob.plugin import read_record, receive, write_record
from confjob_kubernetes.client import Api, ApiError, core
from confjob_kubernetes.manifest import CONTAINER
from confjob_kubernetes.names import ATTEMPT, MANAGED, RUN, Handle
from confjob_kubernetes.options import KubernetesOptions, bytes_of
from confjob_kubernetes.states import newest

__all__ = ["fetch"]

#: In the run folder: which pod was read last, and whether to its end.
_NOTE: Final = "pod.json"

#: Not there any more, or no container that has begun.
_NOTHING: Final = (400, 404)

_RESTARTS: Final = "batch.kubernetes.io/job-index-ignored-failure-count"


def fetch(api: Api, namespace: str, handle: Handle, run_dir: Path, options: KubernetesOptions) -> None:
    """Bring log, records and outputs of a run.

    Args:
        api: The cluster.
        namespace: Where its Job is.
        handle: The attempt.
        run_dir: Where they go.
        options: The target's options.

    Raises:
        BackendError: When the cluster can't be asked.
    """
    note = read_record(run_dir / _NOTE) or {}
    if note.get("job") == handle.job and note.get("done"):
        return
    selector = f"{MANAGED}=confjob,{RUN}={handle.run},{ATTEMPT}={handle.attempt}"
    pods = newest(api.items(core(namespace, "pods"), selector))
    if not pods:
        return
    pod = pods[0]
    over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    _forget(handle, pod, note, run_dir)
    try:
        log = api.stream(core(namespace, "pods", pod["metadata"]["name"], "log"), {"container": CONTAINER})
        receive(_begun(log), run_dir, limit=bytes_of(options.outputs_limit))
    except ApiError as refused:
        if refused.status not in _NOTHING:
            raise
        return
    write_record(run_dir / _NOTE, {"job": handle.job, "uid": pod["metadata"]["uid"], "done": over})


def _begun(stream: Iterator[bytes]) -> Iterator[bytes]:
    """Return a stream whose first piece is there: a refusal comes before anything is written."""
    first = next(stream, b"")

    def whole() -> Iterator[bytes]:
        yield first
        yield from stream

    return whole()


def _forget(handle: Handle, pod: Mapping[str, Any], note: Mapping[str, Any], run_dir: Path) -> None:
    """Remove how an earlier pod of the attempt ended: a queue took it away and let the run begin anew."""
    another = note.get("job") == handle.job and note.get("uid") != pod["metadata"]["uid"]
    if another and not (pod["metadata"].get("annotations") or {}).get(_RESTARTS):
        for name in ("end.json", "stop.json"):
            (run_dir / "attempts" / str(handle.attempt) / name).unlink(missing_ok=True)
