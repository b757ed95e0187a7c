"""Sending a run to a cluster, so that no `kill -9` in between leaves half of one.

The Job is made first, suspended and marked as being sent; the files follow, owned by it; then one
patch takes the mark away and lets it go. What is killed before that patch leaves a Job that never
runs, which is not taken for one that was accepted, and which a later submission removes with all it
owns. The Job's name says run and attempt, so that doing it twice makes one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from confjob.plugin import BackendError, Submission
from confjob_kubernetes.client import Api, ApiError, batch, core
from confjob_kubernetes.inputs import Inputs
from confjob_kubernetes.manifest import Manifest
from confjob_kubernetes.names import ATTEMPT, MANAGED, RUN, SENDING, Handle
from confjob_kubernetes.options import KubernetesOptions
from confjob_kubernetes.states import is_cut_off

__all__ = ["Sender"]

_CONFLICT: Final = 409
#: Seconds after which nobody sends any more.
_OLD: Final = 3600.0

_KINDS: Final = {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services"}


@frozen(kw_only=True)
class Sender:
    """What sends runs.

    Args:
        api: The cluster.
        options: The target's options.
    """

    api: Api
    options: KubernetesOptions

    def send(self, submission: Submission) -> str:
        """Send a run; returns its handle once it is accepted.

        Raises:
            BackendError: When it is refused, in the cluster's words; nothing of it is left then.
        """
        inputs = Inputs.of(submission, packed=self.options.files == "pack")
        manifest = Manifest(options=self.options, submission=submission, parts=inputs.count)
        manifest.check()
        handle = Handle(
            namespace=self.api.namespace,
            run=submission.run,
            attempt=submission.attempt,
            place=self.api.place,
        )
        job = self._made(manifest)
        if is_cut_off(job):
            try:
                self._follow_up(manifest, inputs, job)
            except BaseException:
                with contextlib.suppress(BackendError):
                    self.api.delete(batch(self.api.namespace, manifest.name))
                raise
        return str(handle)

    def tidy(self) -> None:
        """Remove what was cut off long ago; what can't be removed does no harm."""
        selector = f"{MANAGED}=confjob,{SENDING}"
        with contextlib.suppress(BackendError):
            for job in list(self.api.items(batch(self.api.namespace), selector)):
                if _age(job) > _OLD:
                    self.api.delete(batch(self.api.namespace, str(job["metadata"]["name"])))

    def _made(self, manifest: Manifest) -> dict[str, Any]:
        """Make the Job, or return the one that is there for the same attempt."""
        try:
            return self.api.create(batch(self.api.namespace), manifest.job())
        except ApiError as refused:
            if refused.status != _CONFLICT:
                raise
        job = self.api.get(batch(self.api.namespace, manifest.name))
        labels: Mapping[str, str] = job.get("metadata", {}).get("labels") or {}
        wanted = {MANAGED: "confjob", RUN: manifest.labels[RUN], ATTEMPT: manifest.labels[ATTEMPT]}
        if any(labels.get(name) != text for name, text in wanted.items()):
            raise BackendError(
                f"there is a Job {manifest.name} in {self.api.namespace} that is not confjob's"
            )
        return job

    def _follow_up(self, manifest: Manifest, inputs: Inputs, job: Mapping[str, Any]) -> None:
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": manifest.name,
            "uid": job["metadata"]["uid"],
        }
        metadata = {"labels": manifest.labels, "ownerReferences": [owner]}
        for each in (*manifest.services(metadata), *inputs.objects(metadata)):
            try:
                self.api.create(core(self.api.namespace, _KINDS[each["kind"]]), each)
            except ApiError as refused:
                if refused.status != _CONFLICT:  # else an answer was lost, and it was asked again
                    raise
        self.api.patch(batch(self.api.namespace, manifest.name), manifest.release())


def _age(job: Mapping[str, Any]) -> float:
    text = str(job.get("metadata", {}).get("creationTimestamp") or "")
    try:
        return time.time() - datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
