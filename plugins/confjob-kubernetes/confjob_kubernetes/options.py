"""What a target of this backend may say, and why some of it stands apart.

Whatever lets a job out of its pod (the host's network, its folders, privileges) is an option of its
own, so that a policy can forbid it by name; `pod-template`, which takes all else in Kubernetes' own
words, refuses these. Names are checked here, where the line of the manifest can be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen

from confjob.plugin import Json, Resources

__all__ = ["INPUTS", "ClaimMount", "HostMount", "KubernetesOptions", "StateVolume", "bytes_of"]

#: Where the run's files come into the pod, and where they are unpacked.
INPUTS: Final = "/confjob-in"
_STATE: Final = "/confjob"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DNS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")
_LONGEST_LABEL: Final = 63
_LONGEST_NAME: Final = 253

#: Where a policy could not see them; each with the option that says it.
_OWN_OPTIONS: Final[Mapping[str, str]] = {
    "hostNetwork": "host-network",
    "hostIPC": "host-ipc",
    "hostPID": "host-pid",
    "hostPath": "host-mounts",
    "privileged": "privileged",
    "allowPrivilegeEscalation": "privileged",
    "capabilities": "cap-add",
    "serviceAccount": "service-account",
    "serviceAccountName": "service-account",
    "priorityClassName": "priority-class",
}

#: What this backend relies on, in the container called `job`.
_TAKEN: Final = frozenset({"command", "args", "restartPolicy", "terminationGracePeriodSeconds", "subdomain"})


def _key(attribute: Attribute[Any]) -> str:
    return attribute.name.replace("_", "-")


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each)


def _is_word(_: object, attribute: Attribute[Any], value: object) -> None:
    for text in _texts_in(value):
        if not text or text != text.strip() or _CONTROL.search(text):
            raise ValueError(
                f"{_key(attribute)} can't be {text!r}: it must not be empty, begin or end with a space, "
                "or hold a control character"
            )


def _is_image(instance: object, attribute: Attribute[Any], value: str) -> None:
    _is_word(instance, attribute, value)
    if re.search(r"\s", value):
        raise ValueError(f"image can't be {value!r}: the name of an image has no spaces")


def _is_name(_: object, attribute: Attribute[Any], value: object) -> None:
    for text in _texts_in(value):
        if len(text) > _LONGEST_NAME or not _DNS.fullmatch(text):
            raise ValueError(
                f"{_key(attribute)} can't be {text!r}: a name in Kubernetes has lower-case letters, digits, "
                "'-' and '.', and begins and ends with a letter or digit"
            )


def _is_label_key(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    fits = bool(name) and len(name) <= _LONGEST_LABEL and bool(_LABEL.fullmatch(name))
    return fits and (not slash or (len(prefix) <= _LONGEST_NAME and bool(_DNS.fullmatch(prefix))))


def _are_labels(_: object, attribute: Attribute[Any], value: Mapping[str, str]) -> None:
    _have_keys(_, attribute, value)
    for name, text in value.items():
        if len(text) > _LONGEST_LABEL or not _LABEL.fullmatch(text):
            raise ValueError(
                f"{_key(attribute)}: {name!r} can't be {text!r}: a label has at most 63 letters, digits, "
                "'-', '_' and '.', and begins and ends with a letter or digit"
            )


def _have_keys(_: object, attribute: Attribute[Any], value: Mapping[str, str]) -> None:
    for name in value:
        if not _is_label_key(name):
            raise ValueError(f"{_key(attribute)}: {name!r} is no name such as 'team' or 'example.com/team'")
        if name.startswith("confjob/"):
            raise ValueError(
                f"{_key(attribute)}: {name!r}: names that begin with 'confjob/' are confjob's own"
            )


def _is_label_name(_: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is not None and not _is_label_key(value):
        raise ValueError(f"{_key(attribute)} can't be {value!r}: it is a name such as 'nvidia.com/gpu'")


def _is_label_value(_: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is not None and not (value and len(value) <= _LONGEST_LABEL and _LABEL.fullmatch(value)):
        raise ValueError(f"{_key(attribute)} can't be {value!r}: it is the value of a label of nodes")


def _is_path(_: object, attribute: Attribute[Any], value: str) -> None:
    parts = value.split("/")
    bad = not value.startswith("/") or ":" in value or ".." in parts or _CONTROL.search(value)
    if bad or not value.strip("/"):
        raise ValueError(f"{_key(attribute)} can't be {value!r}: say an absolute path, without ':' and '..'")


def _is_target(instance: object, attribute: Attribute[Any], value: str) -> None:
    _is_path(instance, attribute, value)
    clean = value.rstrip("/")
    if clean in (_STATE, INPUTS) or clean.startswith((f"{_STATE}/", f"{INPUTS}/")):
        raise ValueError(f"{_key(attribute)} can't be {value!r}: confjob's own files are there")


def _is_inner(_: object, attribute: Attribute[Any], value: str) -> None:
    if value.startswith("/") or ".." in value.split("/") or _CONTROL.search(value):
        raise ValueError(f"{_key(attribute)} can't be {value!r}: say a path inside of the volume")


def _is_count(_: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and value < 0:
        raise ValueError(f"{_key(attribute)} can't be {value}: it is a number of seconds")


def bytes_of(value: str | int) -> int:
    """Return an amount of memory in bytes, as `resources.memory` has it."""
    return Resources.bytes_of(value)


def _is_size(_: object, attribute: Attribute[Any], value: str | int | None) -> None:
    if value is not None:
        try:
            bytes_of(value)
        except ValueError as error:
            raise ValueError(f"{_key(attribute)}: {error}") from None


def _is_template(_: object, attribute: Attribute[Any], value: Mapping[str, Json]) -> None:
    del attribute
    for name in value:
        if name not in ("metadata", "spec"):
            close = get_close_matches(name, ("metadata", "spec"), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"pod-template: {name!r} is no part of one: it has metadata and spec{hint}")
    metadata = value.get("metadata", {})
    if not isinstance(metadata, Mapping) or set(metadata) - {"annotations", "labels"}:
        raise ValueError("pod-template: metadata may have annotations and labels")
    for path, name in _names(value, ()):
        where = ".".join((*path, name))
        if name in _OWN_OPTIONS:
            raise ValueError(f"pod-template: {where}: say it with the target's option {_OWN_OPTIONS[name]!r}")
        if name in _TAKEN and path in (("spec",), ("spec", "containers", "job")):
            raise ValueError(f"pod-template: {where} is confjob's own")
        if path[:1] == ("metadata",) and name.startswith("confjob/"):
            raise ValueError(f"pod-template: {where} is confjob's own")


def _names(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each key in a template with its path; items of lists are known by their names."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield path, str(name)
            yield from _names(inner, (*path, str(name)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            name = str(inner.get("name", index)) if isinstance(inner, Mapping) else str(index)
            yield from _names(inner, (*path, name))


def _text(check: Callable[..., None] = _is_word) -> Any:
    return field(default=None, validator=check)


@frozen(kw_only=True)
class StateVolume:
    """A claim on which the state folder lies, which this machine sees as well.

    Args:
        claim: The PersistentVolumeClaim.
        path: Where it is mounted: the state folder's path for jobs.
        sub_path: The state folder in the volume; default: the volume's top.
    """

    claim: str = field(validator=_is_name)
    path: str = field(validator=_is_path)
    sub_path: str = field(default="", validator=_is_inner)


@frozen(kw_only=True)
class ClaimMount:
    """A claim that is mounted for the job.

    Args:
        claim: The PersistentVolumeClaim.
        path: Where it is mounted.
        sub_path: The folder of it that is; default: all of it.
        read_only: Whether the job may only read.
    """

    claim: str = field(validator=_is_name)
    path: str = field(validator=_is_target)
    sub_path: str = field(default="", validator=_is_inner)
    read_only: bool = False


@frozen(kw_only=True)
class HostMount:
    """A folder of the node that is mounted for the job.

    Args:
        host: Its path on the node.
        path: Where it is mounted.
        read_only: Whether the job may only read.
    """

    host: str = field(validator=_is_path)
    path: str = field(validator=_is_target)
    read_only: bool = False


def _has_volume(instance: Any, _: object, value: str) -> None:
    if (value == "volume") is not (instance.volume is not None):
        raise ValueError('files = "volume" and volume = { claim = …, path = … } belong together')


@frozen(kw_only=True)
class KubernetesOptions:
    """The keys of a target with `backend = "kubernetes"`.

    Args:
        image: The image of the job's container, best by digest (`NAME@sha256:…`).
        namespace: Where the Jobs are made; default: the context's own.
        context: The context of the kubeconfig; default: the current one.
        kubeconfig: Path of the kubeconfig; default: as kubectl finds it.
        python: The interpreter in the image, by path or as the PATH there finds it.
        image_pull_policy: As Kubernetes has it.
        image_pull_secrets: Names of Secrets with which the image is pulled.
        service_account: Who the pod is for the API; without one it gets no token.
        queue: The LocalQueue of Kueue in which the Job waits.
        priority_class: The PriorityClass of the pods.
        node_selector: Labels that the node must have.
        tolerations: Taints that the pods bear, in Kubernetes' words.
        affinity: In Kubernetes' words.
        gpu_resource: What a GPU is called in the cluster.
        gpu_type: The value of the nodes' label that names their GPUs.
        gpu_type_label: That label.
        mounts: Claims that are mounted.
        host_mounts: Folders of the node that are mounted.
        host_network: Give the job the node's network.
        host_ipc: Give the job the node's shared memory.
        host_pid: Let the job see the node's processes.
        privileged: Give the job all of the node.
        cap_add: Capabilities that are added.
        shm_size: Size of /dev/shm (`8GiB`): data loaders with worker processes need more than the
            usual 64 MB; it counts as the job's memory.
        scratch_size: The most that the job's run folder may take of the node's disk.
        labels: Further labels of Job and pods.
        annotations: Further annotations of Job and pods.
        ttl_seconds_after_finished: How long a finished Job stays, with its pod and log; 0 removes it
            at once, before anybody can fetch what it made.
        requeue: Run again where a pod is evicted or preempted.
        grace: Seconds between asking a run to end and ending it by force.
        files: How the run's files get there: `pack` sends them, `volume` has them on a shared volume.
        volume: That volume.
        sync: Seconds between two looks for small outputs that have changed; 0: at the end only.
        outputs_limit: The most that is brought back of outputs; a node keeps about 10 MiB of a log.
        pod_template: What else the pods shall be, in Kubernetes' words (`spec`, `metadata`).
    """

    image: str = field(validator=_is_image)
    namespace: str | None = _text(_is_name)
    context: str | None = _text()
    kubeconfig: str | None = _text()
    python: str = field(default="python3", validator=_is_word)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: list[str] = field(factory=list, validator=_is_name)
    service_account: str | None = _text(_is_name)
    queue: str | None = _text(_is_name)
    priority_class: str | None = _text(_is_name)
    node_selector: dict[str, str] = field(factory=dict, validator=_are_labels)
    tolerations: list[dict[str, Any]] = field(factory=list)
    affinity: dict[str, Any] = field(factory=dict)
    gpu_resource: str = field(default="nvidia.com/gpu", validator=_is_label_name)
    gpu_type: str | None = _text(_is_label_value)
    gpu_type_label: str = field(default="nvidia.com/gpu.product", validator=_is_label_name)
    mounts: list[ClaimMount] = field(factory=list)
    host_mounts: list[HostMount] = field(factory=list)
    host_network: bool = False
    host_ipc: bool = False
    host_pid: bool = False
    privileged: bool = False
    cap_add: list[str] = field(factory=list, validator=_is_word)
    shm_size: str | int | None = field(default=None, validator=_is_size)
    scratch_size: str | int | None = field(default=None, validator=_is_size)
    labels: dict[str, str] = field(factory=dict, validator=_are_labels)
    annotations: dict[str, str] = field(factory=dict, validator=_have_keys)
    ttl_seconds_after_finished: int | None = field(default=7 * 86400, validator=_is_count)
    requeue: bool = False
    grace: float = field(default=10.0, validator=_is_count)
    volume: StateVolume | None = None
    files: Literal["pack", "volume"] = field(default="pack", validator=_has_volume)
    sync: float = field(default=0.0, validator=_is_count)
    outputs_limit: str | int = field(default="4MiB", validator=_is_size)
    pod_template: dict[str, Any] = field(factory=dict, validator=_is_template)

    @property
    def state(self) -> str:
        """The state folder's path for jobs."""
        return self.volume.path.rstrip("/") if self.volume is not None else _STATE
