"""What a target of this backend may say, and why some of it stands apart.

Whatever lets a job out of its container (the host's network, folders, devices, privileges) is an
option of its own, so that a policy can forbid it by name. The rest of `run`'s long options stand
together in `options`, under their own names; those that would undo what this backend relies on
(`--env`, `--init`, `--pid`, `--restart`, `--rm`, …) are not among them.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from attrs import Attribute, field, fields, frozen

from confjob_container.mounts import Mount, MountTable, mount_of

__all__ = ["STATE", "ContainerOptions", "RunOptions"]

#: Where the state folder is in every container.
STATE = PurePosixPath("/confjob")

_SIZE = re.compile(r"[0-9]+[bkmg]?", re.IGNORECASE)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _key(attribute: Attribute[Any]) -> str:
    return attribute.name.replace("_", "-")


def _is_word(_: object, attribute: Attribute[Any], value: object) -> None:
    """A value must not read as an option, nor as two lines of something."""
    for text in value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(text, str):
            continue
        if not text or text.startswith("-") or text != text.strip() or _CONTROL.search(text):
            raise ValueError(
                f"{_key(attribute)} can't be {text!r}: it must not be empty, begin with '-', "
                "begin or end with a space, or hold a control character"
            )


def _is_image(instance: object, attribute: Attribute[Any], value: str) -> None:
    _is_word(instance, attribute, value)
    if re.search(r"\s", value):
        raise ValueError(f"image can't be {value!r}: the name of an image has no spaces")


def _is_size(_: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, str) and not _SIZE.fullmatch(value):
        raise ValueError(f"{_key(attribute)} can't be {value!r}: say bytes, or 512m, 8g")
    if isinstance(value, int) and value < 0:
        raise ValueError(f"{_key(attribute)} can't be {value}: say bytes, or 512m, 8g")


def _is_user(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None and not _USER.fullmatch(value):
        raise ValueError(f"user can't be {value!r}: say UID:GID, or names that the image knows")


def _is_engine(instance: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is None or value in ("podman", "docker"):
        return
    _is_word(instance, attribute, value)
    if not Path(value).is_absolute() or ":" in value:
        raise ValueError(f"engine can't be {value!r}: say podman, docker, or the absolute path of one")


def _is_positive(_: object, attribute: Attribute[Any], value: float) -> None:
    if value < 0:
        raise ValueError(f"{_key(attribute)} can't be {value}: it is a number of seconds")


def _is_gpus(instance: object, attribute: Attribute[Any], value: object) -> None:
    _is_word(instance, attribute, value)
    if isinstance(value, str) and value != "all":
        raise ValueError(f'gpus can\'t be {value!r}: say "all", or a list of indexes or UUIDs')
    for each in value if isinstance(value, list) else []:
        if not re.fullmatch(r"[A-Za-z0-9:/_.-]+", str(each)):
            raise ValueError(f"gpus can't hold {each!r}: say indexes or UUIDs")


def _are_mounts(_: object, __: Attribute[Any], value: list[str | MountTable]) -> None:
    for each in value:
        mount_of(each)


def _text() -> Any:
    return field(default=None, validator=_is_word)


def _texts() -> Any:
    return field(factory=list, validator=_is_word)


@frozen(kw_only=True)
class RunOptions:
    """Further long options of `run`, by the names that Docker and Podman both give them.

    A list says the option once for each item.
    """

    add_host: list[str] = _texts()
    annotation: list[str] = _texts()
    blkio_weight: int | None = None
    cgroup_parent: str | None = _text()
    cpu_shares: int | None = None
    cpuset_cpus: str | None = _text()
    cpuset_mems: str | None = _text()
    dns: list[str] = _texts()
    dns_option: list[str] = _texts()
    dns_search: list[str] = _texts()
    expose: list[str] = _texts()
    group_add: list[str] = _texts()
    hostname: str | None = _text()
    ip: str | None = _text()
    ip6: str | None = _text()
    log_driver: str | None = _text()
    log_opt: list[str] = _texts()
    mac_address: str | None = _text()
    memory_reservation: str | None = _text()
    memory_swappiness: int | None = None
    network_alias: list[str] = _texts()
    oom_score_adj: int | None = None
    pids_limit: int | None = None
    platform: str | None = _text()
    tmpfs: list[str] = _texts()
    ulimit: list[str] = _texts()

    def argv(self) -> list[str]:
        """Return the options as `run` takes them."""
        words = []
        for attribute in fields(RunOptions):
            value = getattr(self, attribute.name)
            for each in value if isinstance(value, list) else [value]:
                if each is not None:
                    words += [f"--{_key(attribute)}={each}"]
        return words


@frozen(kw_only=True)
class ContainerOptions:
    """The keys of a target with `backend = "container"`.

    Args:
        image: The image, best by digest (`NAME@sha256:…`): a tag may be another image tomorrow.
        engine: `podman`, `docker`, or the absolute path of one; default: whichever is found,
            Podman first.
        python: The interpreter in the image, by path or as the PATH there finds it.
        mounts: More folders of this machine: `SRC:DST`, `SRC:DST:ro`, or a table of `source`,
            `target` and `read-only`; SRC is absolute or relative to the project's folder.
        network: As `--network` has it: `host`, `none`, or the name of a network.
        privileged: Give the job all of the machine.
        user: `UID:GID` or names that the image knows; default: whoever calls, so that outputs
            are theirs.
        gpus: The GPUs that jobs may have: `"all"`, or a list of indexes or UUIDs, of which a
            job gets the first ones.
        shm_size: Size of /dev/shm (`8g`): data loaders with worker processes need more than
            the usual 64 MB.
        ipc: As `--ipc` has it: `private`, `shareable`, `host`.
        pull: Whether the image is fetched: if it is `missing`, `never`, or `always`.
        grace: Seconds between asking a run to end and ending it by force.
        read_only: Let the job write to its run folder, linked folders and mounts alone.
        cap_add: Capabilities that are added.
        devices: Devices of this machine, as `--device` has them.
        security_opt: As `--security-opt` has them.
        userns: As `--userns` has it; default: with Podman for a user who is not root, `keep-id`.
        options: Further options of `run`, under their own names.
    """

    image: str = field(validator=_is_image)
    engine: str | None = field(default=None, validator=_is_engine)
    python: str = field(default="python3", validator=_is_word)
    mounts: list[str | MountTable] = field(factory=list, validator=_are_mounts)
    network: str | None = _text()
    privileged: bool = False
    user: str | None = field(default=None, validator=_is_user)
    gpus: str | list[str | int] | None = field(default=None, validator=_is_gpus)
    shm_size: str | int | None = field(default=None, validator=_is_size)
    ipc: str | None = _text()
    pull: Literal["missing", "never", "always"] = "missing"
    grace: float = field(default=10.0, validator=_is_positive)
    read_only: bool = False
    cap_add: list[str] = _texts()
    devices: list[str] = _texts()
    security_opt: list[str] = _texts()
    userns: str | None = _text()
    options: RunOptions = RunOptions()

    @property
    def extra_mounts(self) -> list[Mount]:
        """What `mounts` says."""
        return [mount_of(each) for each in self.mounts]
