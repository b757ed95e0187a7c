"""The Job of a run, as Kubernetes has it, and what stands beside it.

No value of the job's is in it: the container's command is a script of confjob's with the state folder
and the run's id, and what the job is given lies in its archives. Kubernetes expands `$(NAME)` in
commands, so a dollar sign of a path is doubled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from attrs import frozen

from confjob.plugin import BackendError, Json, Submission
from confjob_kubernetes.inputs import EACH_NODE, START
from confjob_kubernetes.names import (
    ATTEMPT,
    RUN,
    SENDING,
    annotations_of,
    job_name,
    labels_of,
)
from confjob_kubernetes.options import INPUTS, KubernetesOptions, bytes_of
from confjob_kubernetes.templates import merged

__all__ = ["CONTAINER", "QUEUE", "Manifest"]

#: The container that runs the job; a template may add others.
CONTAINER: Final = "job"
#: The label by which Kueue finds what waits in its queues.
QUEUE: Final = "kueue.x-k8s.io/queue-name"
#: Seconds that a pod may go on after its job's grace: records and outputs are sent then.
MARGIN: Final = 30
#: Seconds of a pod's life that are not the job's: an image may be large.
_AROUND: Final = 1800

_RESTARTS: Final = "metadata.annotations['batch.kubernetes.io/job-index-ignored-failure-count']"

_PORT: Final = "29500"


@frozen(kw_only=True)
class Manifest:
    """The objects of one run, but for its files.

    Args:
        options: The target's options.
        submission: The run.
        parts: How many ConfigMaps its files are in.
    """

    options: KubernetesOptions
    submission: Submission
    parts: int = 1

    @property
    def name(self) -> str:
        """The Job's name."""
        return job_name(self.submission.run, self.submission.attempt)

    @property
    def nodes(self) -> int:
        """How many pods run at once."""
        return self.submission.resources.nodes or 1

    @property
    def labels(self) -> dict[str, str]:
        """What all objects of the run have."""
        return labels_of(self.submission, self.options.labels)

    def check(self) -> None:
        """Refuse what a cluster can't give, before anything is made.

        Raises:
            BackendError: Naming it.
        """
        volume = self.options.files == "volume"
        if self.nodes > 1 and volume:
            raise BackendError(
                f'{self.nodes} nodes and files = "volume" don\'t go together: all would write to one run folder',
                hint='use files = "pack"',
            )
        if self.nodes > 1 and self.options.requeue:
            raise BackendError(
                f"{self.nodes} nodes and requeue don't go together: one of them can't start again alone"
            )
        for link, place in self.submission.links.items():
            if not self._shows(place):
                raise BackendError(
                    f"the linked folder {link!r} is {place} here, and the target mounts nothing there",
                    hint=f'mount a claim that has it: mounts = [{{ claim = "…", path = "{place}" }}]',
                )

    def job(self) -> dict[str, Json]:
        """Return the Job as it is made: suspended, until its files are there."""
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": self.name,
                **self._namespace(),
                "labels": {**self.labels, SENDING: "true"},
                "annotations": annotations_of(self.submission, self.options.annotations),
            },
            "spec": self._spec(),
        }

    def release(self) -> dict[str, Json]:
        """Return the patch that lets the Job go, or hands it to its queue."""
        labels: dict[str, Json] = {SENDING: None}
        if self.options.queue is None:
            return {"metadata": {"labels": labels}, "spec": {"suspend": False}}
        # Kueue lets it go when its turn comes.
        return {"metadata": {"labels": {**labels, QUEUE: self.options.queue}}}

    def services(self, metadata: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
        """Yield what several nodes need to find one another."""
        if self.nodes > 1:
            yield {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": self.name, **metadata},
                "spec": {
                    "clusterIP": "None",
                    "publishNotReadyAddresses": True,
                    "selector": {RUN: self.submission.run, ATTEMPT: str(self.submission.attempt)},
                },
            }

    def _shows(self, place: Path) -> bool:
        options = self.options
        paths = [*(each.path for each in options.mounts), *(each.path for each in options.host_mounts)]
        mounts = list(map(PurePosixPath, paths))
        path = PurePosixPath(place)
        return any(mount == path or mount in path.parents for mount in mounts)

    def _namespace(self) -> dict[str, str]:
        return {"namespace": self.options.namespace} if self.options.namespace else {}

    def _spec(self) -> dict[str, Json]:
        action = "Ignore" if self.options.requeue else "FailJob"
        condition = {"type": "DisruptionTarget", "status": "True"}
        ttl = self.options.ttl_seconds_after_finished
        return {
            "suspend": True,
            "parallelism": self.nodes,
            "completions": self.nodes,
            "backoffLimit": 0,
            **({"completionMode": "Indexed"} if self.nodes > 1 or self.options.requeue else {}),
            # Only with it are the pods told how many there were before.
            **({"backoffLimitPerIndex": 0} if self.options.requeue else {}),
            # The pod itself may be gone by then; so the Job says why.
            "podFailurePolicy": {"rules": [{"action": action, "onPodConditions": [condition]}]},
            **({"ttlSecondsAfterFinished": ttl} if ttl is not None else {}),
            "template": self._template(),
        }

    def _template(self) -> dict[str, Json]:
        template = {
            "metadata": {
                "labels": self.labels,
                "annotations": annotations_of(self.submission, self.options.annotations),
            },
            "spec": {key: value for key, value in self._pod().items() if value not in (None, [], {}, False)},
        }
        # False says something here, and nothing for the others.
        template["spec"]["enableServiceLinks"] = False
        template["spec"]["automountServiceAccountToken"] = self.options.service_account is not None
        return merged(template, self.options.pod_template)

    def _pod(self) -> dict[str, Json]:
        options, limit = self.options, self.submission.resources.time
        grace = math.ceil(options.grace) + MARGIN
        gpu_type = {options.gpu_type_label: options.gpu_type} if options.gpu_type else {}
        return {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": grace,
            # The courier ends the job in time, and says so; this is for when it does not.
            "activeDeadlineSeconds": limit + grace + _AROUND if limit else None,
            "subdomain": self.name if self.nodes > 1 else None,
            "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
            "serviceAccountName": options.service_account,
            "priorityClassName": options.priority_class,
            "nodeSelector": {**options.node_selector, **gpu_type},
            "tolerations": options.tolerations,
            "affinity": options.affinity,
            "hostNetwork": options.host_network,
            # Else a pod on the node's network does not find the others by name.
            "dnsPolicy": "ClusterFirstWithHostNet" if options.host_network else None,
            "hostIPC": options.host_ipc,
            "hostPID": options.host_pid,
            "containers": [self._container()],
            "volumes": [volume for volume, _ in self._volumes()],
        }

    def _container(self) -> dict[str, Json]:
        options, run = self.options, self.submission.run
        container: dict[str, Json] = {
            "name": CONTAINER,
            "image": options.image,
            "imagePullPolicy": options.image_pull_policy,
            "command": ["/bin/sh", f"{INPUTS}/open-00/{START}", options.state.replace("$", "$$"), run],
            "env": list(self._environment()),
            "resources": self._resources(),
            "securityContext": self._security(),
            "volumeMounts": [mount for _, mount in self._volumes()],
        }
        return {key: value for key, value in container.items() if value not in (None, {}, [])}

    def _security(self) -> dict[str, Json]:
        privileged = {"privileged": True} if self.options.privileged else {}
        added = {"capabilities": {"add": list(self.options.cap_add)}} if self.options.cap_add else {}
        return {**privileged, **added}

    def _environment(self) -> Iterator[dict[str, Json]]:
        shared = self.options.files == "volume"
        limit = 0 if shared else bytes_of(self.options.outputs_limit)
        values = {
            "CONFJOB_ATTEMPT": self.submission.attempt,
            "CONFJOB_GRACE": math.ceil(self.options.grace),
            "CONFJOB_TIME": self.submission.resources.time or 0,
            "CONFJOB_SYNC": 0 if shared else math.ceil(self.options.sync),
            "CONFJOB_OUTPUTS_LIMIT": limit,
        }
        yield from ({"name": name, "value": str(value)} for name, value in values.items())
        if self.submission.resources.gpus == 0:
            # Else an image may ask the node's runtime for all by itself.
            yield {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}
        if self.options.requeue:
            yield {"name": "CONFJOB_RESTARTS", "valueFrom": {"fieldRef": {"fieldPath": _RESTARTS}}}
        if self.nodes > 1:
            yield {"name": "MASTER_ADDR", "value": f"{self.name}-0.{self.name}"}
            yield {"name": "MASTER_PORT", "value": _PORT}
            yield {"name": "NNODES", "value": str(self.nodes)}
            yield {"name": "CONFJOB_EACH_NODE", "value": f"{INPUTS}/open-00/{EACH_NODE}"}

    def _resources(self) -> dict[str, Json]:
        asked = self.submission.resources
        amounts: dict[str, Json] = {}
        if asked.cpus is not None:
            amounts["cpu"] = f"{math.ceil(asked.cpus * 1000)}m"
        if asked.memory is not None:
            amounts["memory"] = str(asked.memory)
        if asked.gpus:
            amounts[self.options.gpu_resource] = str(asked.gpus)
        return {"requests": amounts, "limits": amounts} if amounts else {}

    def _volumes(self) -> Iterator[tuple[dict[str, Json], dict[str, Json]]]:
        """Yield each volume with its mount."""
        options = self.options
        yield from self._inputs()
        if options.volume is not None:
            yield _claim("state", options.volume.claim, options.state, options.volume.sub_path)
        else:
            size = options.scratch_size
            limit = {} if size is None else {"sizeLimit": str(bytes_of(size))}
            yield _mounted("state", options.state, emptyDir=limit)
        if options.shm_size is not None:
            memory = {"medium": "Memory", "sizeLimit": str(bytes_of(options.shm_size))}
            yield _mounted("shm", "/dev/shm", emptyDir=memory)  # noqa: S108 - in the pod
        for index, claim in enumerate(options.mounts):
            yield _claim(f"claim-{index}", claim.claim, claim.path, claim.sub_path, read_only=claim.read_only)
        for index, folder in enumerate(options.host_mounts):
            place = {"path": folder.host, "type": "Directory"}
            yield _mounted(f"host-{index}", folder.path, read_only=folder.read_only, hostPath=place)

    def _inputs(self) -> Iterator[tuple[dict[str, Json], dict[str, Json]]]:
        for index in range(self.parts):
            name = f"{self.name}-{index:02}"
            # 365 is 0555: one of the scripts is run by its path.
            source = {"name": name, "defaultMode": 365}
            yield _mounted(f"open-{index:02}", f"{INPUTS}/open-{index:02}", read_only=True, configMap=source)
        if self.options.files == "pack":
            # 292 is 0444: the image's user need not be root.
            secret = {"secretName": self.name, "defaultMode": 292}
            yield _mounted("secret", f"{INPUTS}/secret", read_only=True, secret=secret)


def _mounted(
    name: str, path: str, *, read_only: bool = False, sub_path: str = "", **source: Any
) -> tuple[dict[str, Json], dict[str, Json]]:
    mount: dict[str, Json] = {"name": name, "mountPath": path}
    if sub_path:
        mount["subPath"] = sub_path
    if read_only:
        mount["readOnly"] = True
    return {"name": name, **source}, mount


def _claim(
    name: str, claim: str, path: str, sub_path: str, *, read_only: bool = False
) -> tuple[dict[str, Json], dict[str, Json]]:
    source = {"claimName": claim, **({"readOnly": True} if read_only else {})}
    return _mounted(name, path, read_only=read_only, sub_path=sub_path, persistentVolumeClaim=source)
