"""The engine: runs as Jobs of a cluster, listed together and asked about together.

It keeps nothing: what there is stands in the cluster, and is found by labels. A Job that is not
there any more is a run that nothing will be heard of, if it is the same cluster that says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from confjob.plugin import BackendError, Problem, Status, Submission, latest_attempt
from confjob_kubernetes.client import Api, ApiError, batch, core
from confjob_kubernetes.doctor import problems
from confjob_kubernetes.fetching import fetch
from confjob_kubernetes.names import ATTEMPT, CANCELLED, RUN, Handle, selector_of
from confjob_kubernetes.options import KubernetesOptions
from confjob_kubernetes.previewing import preview
from confjob_kubernetes.sending import Sender
from confjob_kubernetes.states import finished, is_cut_off, status_of, without_job

__all__ = ["KubernetesEngine"]

#: How many runs are sent at the same time, and told together.
_TOGETHER: Final = 8

_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404

Object = dict[str, Any]


@frozen(kw_only=True)
class KubernetesEngine:
    """Runs of a cluster.

    Args:
        options: The target's options.
        api: The cluster.
    """

    options: KubernetesOptions
    api: Api

    @classmethod
    def of(cls, options: KubernetesOptions) -> KubernetesEngine:
        """Return the engine of a target; nothing is read."""
        return cls(options=options, api=Api(options=options))

    def preview(self, submissions: Sequence[Submission]) -> str:
        """Return the manifests, without what the archives hold."""
        return preview(self.options, submissions)

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Mapping[str, str]]:
        """Send runs, some at a time.

        Raises:
            BackendError: With the first refusal; what was accepted with it is told before.
        """
        sender = Sender(api=self.api, options=self.options)
        if submissions:
            sender.tidy()
        for at in range(0, len(submissions), _TOGETHER):
            some = submissions[at : at + _TOGETHER]
            with ThreadPoolExecutor(max_workers=_TOGETHER) as threads:
                sent = {each.run: threads.submit(sender.send, each) for each in some}
            accepted = {run: each.result() for run, each in sent.items() if each.exception() is None}
            if accepted:
                yield accepted
            _raise_first(sent.values())

    def find(self, runs: Mapping[str, Path]) -> Mapping[str, str]:
        """Return the handles of runs whose Jobs have all their files; of each the attempt that was launched."""
        if not runs:
            return {}
        wanted = {run: _launched(path) for run, path in runs.items()}
        found = {}
        for job in self.api.items(batch(self.api.namespace), selector_of(runs)):
            run, attempt = _attempt_of(job)
            if wanted.get(run) == attempt and not is_cut_off(job):
                handle = Handle(namespace=self.api.namespace, run=run, attempt=attempt, place=self.api.place)
                found[run] = str(handle)
        return found

    def poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        """Return what the cluster says; two questions for all runs of a namespace."""
        told = {}
        for namespace, known in self._known(handles).items():
            jobs = self._jobs(namespace, known.values())
            pods = self._pods(namespace, known.values())
            for text, handle in known.items():
                job, own = jobs.get(handle.job), pods.get(handle.job, [])
                told[text] = without_job(own) if job is None else status_of(job, own)
        return told

    def cancel(self, handles: Collection[str]) -> None:
        """Ask pods that run to end, so that their logs stay; remove the Jobs of the others.

        Raises:
            BackendError: When the cluster refuses, after all were asked.
        """
        failures: list[BackendError] = []
        for namespace, known in self._known(handles).items():
            jobs = self._jobs(namespace, known.values())
            pods = self._pods(namespace, known.values())
            for name, job in jobs.items():
                try:
                    self._end(namespace, job, pods.get(name, []))
                except BackendError as error:
                    failures.append(error)
        for failure in failures[:1]:
            raise failure

    def fetch(self, handle: str, run_dir: Path) -> None:
        """Bring what a run's pod printed so far: log, records and outputs; on a volume they are there."""
        for namespace, known in self._known([handle]).items():
            if self.options.files == "pack":
                fetch(self.api, namespace, known[handle], run_dir, self.options)

    def check(self) -> Iterable[Problem]:
        """Yield what keeps Jobs from being made in the cluster."""
        return problems(self.api)

    # -- below ---------------------------------------------------------------------------

    def _known(self, handles: Iterable[str]) -> dict[str, dict[str, Handle]]:
        """Return the handles of this cluster, by namespace."""
        parsed = {text: handle for text in handles if (handle := Handle.parse(text)) is not None}
        place = self.api.place if parsed else ""
        out: dict[str, dict[str, Handle]] = {}
        for text, handle in parsed.items():
            if handle.place == place:
                out.setdefault(handle.namespace, {})[text] = handle
        return out

    def _jobs(self, namespace: str, handles: Iterable[Handle]) -> dict[str, Object]:
        """Return the Jobs of runs, by name."""
        names = {handle.job: handle.run for handle in handles}
        selector = selector_of(names.values())
        found = ((str(job["metadata"]["name"]), job) for job in self.api.items(batch(namespace), selector))
        return {name: job for name, job in found if name in names}

    def _pods(self, namespace: str, handles: Iterable[Handle]) -> dict[str, list[Object]]:
        """Return the pods of runs, by the names of their Jobs."""
        names = {(handle.run, handle.attempt): handle.job for handle in handles}
        found: dict[str, dict[str, Object]] = {}
        if not names:
            return {}
        for pod in self.api.items(core(namespace, "pods"), selector_of(run for run, _ in names)):
            job = names.get(_attempt_of(pod))
            if job is not None:
                found.setdefault(job, {})[str(pod["metadata"]["name"])] = pod
        return {job: list(pods.values()) for job, pods in found.items()}

    def _end(self, namespace: str, job: Object, pods: Sequence[Object]) -> None:
        """End a run: a deadline that is over lets a pod's log stay, and removing the Job does not."""
        if finished(job):
            return
        name = str(job["metadata"]["name"])
        running = [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]
        if running and len(running) == len([pod for pod in pods if not _ended(pod)]):
            with contextlib.suppress(_Unable):
                self._hasten(namespace, name, running)
                return
        # In the foreground: it is there until its pods are not.
        self.api.delete(batch(namespace, name), propagation="Foreground")

    def _hasten(self, namespace: str, name: str, pods: Sequence[Object]) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        try:
            self.api.patch(batch(namespace, name), {"metadata": {"annotations": {CANCELLED: now}}})
            for pod in pods:
                path = core(namespace, "pods", str(pod["metadata"]["name"]))
                self.api.patch(path, {"spec": {"activeDeadlineSeconds": 1}})
        except ApiError as refused:
            if refused.status == _FORBIDDEN:
                raise _Unable from refused
            if refused.status != _NOT_FOUND:
                raise


class _Unable(Exception):  # noqa: N818 - no error: there is another way
    """This account may not change pods."""


def _raise_first(sent: Iterable[Future[str]]) -> None:
    for each in sent:
        error = each.exception()
        if error is not None:
            raise error


def _ended(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _attempt_of(thing: Object) -> tuple[str, int]:
    labels = thing["metadata"].get("labels") or {}
    text = str(labels.get(ATTEMPT, ""))
    return str(labels.get(RUN, "")), int(text) if text.isdecimal() else 0


def _launched(run_dir: Path) -> int:
    """Return the attempt that somebody launched last; those after it are the cluster's own."""
    attempt = latest_attempt(run_dir)
    while attempt > 1 and not (run_dir / "attempts" / str(attempt) / "launch.json").exists():
        attempt -= 1
    return attempt
