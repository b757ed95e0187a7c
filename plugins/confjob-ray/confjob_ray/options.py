"""What a target of this backend may say.

Only what the manifest says counts: no variable of the environment names another cluster. What
Ray knows by a name of its own (`runtime-env`, resources) passes through under that name.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from confjob.plugin import OUTPUTS_LIMIT, Json

__all__ = ["RayOptions"]

#: What a runtime environment may hold; its working folder is where the run's files are.
_RUNTIME_ENV: Final = frozenset(
    {
        *("pip", "conda", "uv", "env_vars", "py_modules", "py_executable", "java_jars", "config"),
        *("container", "image_uri", "nsight", "mpi", "rocprof_sys", "worker_process_setup_hook"),
    }
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def _is_address(_: object, __: Attribute[Any], value: str) -> None:
    parts = urlsplit(value)
    try:
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or _CONTROL.search(value) or " " in value or parts.query or parts.fragment:
        raise ValueError(
            f"address can't be {value!r}: say http://HOST:8265, where the cluster's dashboard is"
        )
    if parts.username or parts.password:
        raise ValueError("address can't hold a user's name or password: say headers-file")


def _is_state(_: object, __: Attribute[Any], value: str) -> None:
    place = PurePosixPath(value)
    if not place.is_absolute() or ".." in place.parts or len(place.parts) < 2 or _CONTROL.search(value):
        raise ValueError(f"state can't be {value!r}: say the absolute path of a folder on the nodes")


def _is_word(_: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is not None and (not value.strip() or _CONTROL.search(value)):
        raise ValueError(f"{attribute.name} can't be {value!r}: it is empty, or has a control character")


def _is_not_negative(_: object, attribute: Attribute[Any], value: float) -> None:
    if value < 0:
        raise ValueError(f"{attribute.name.replace('_', '-')} can't be {value}: it is never negative")


def _is_runtime_env(_: object, __: Attribute[Any], value: dict[str, Json]) -> None:
    from difflib import get_close_matches

    for key in value:
        if key in ("working_dir", "excludes"):
            raise ValueError(f"runtime-env can't hold {key}: the working folder holds the run's files")
        if key not in _RUNTIME_ENV:
            near = get_close_matches(key, _RUNTIME_ENV, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(_RUNTIME_ENV))}"
            raise ValueError(f"runtime-env has no {key!r}; {hint}")
    variables = value.get("env_vars", {})
    if not isinstance(variables, dict) or not all(isinstance(each, str) for each in variables.values()):
        raise ValueError("runtime-env.env_vars must be a table of texts")


@frozen(kw_only=True)
class RayOptions:
    """The keys of a target with `backend = "ray"`.

    Args:
        address: Where the cluster's dashboard is, which has the API for jobs.
        files: `pack` sends a run's files to the cluster and brings back what it made; `shared`
            leaves them where they are, for clusters that see this machine's folders.
        state: The folder on the nodes in which packed runs lie.
        python: The interpreter there, for packed runs.
        headers_file: A file with HTTP headers, one `Name: value` a line, for a cluster that wants
            to know who asks.
        runtime_env: Ray's runtime environment for the job, under Ray's own names.
        resources: Custom resources of Ray that the job holds.
        accelerator: The type of GPU, as Ray calls it (`A100`, `H100`).
        label_selector: Labels of the nodes that will do, as Ray takes them.
        metadata: Further metadata of the job in Ray.
        grace: Seconds between asking a run to end and ending it by force.
        sync: Seconds between two looks for small outputs that changed, while a packed run runs;
            0 brings them at its end.
        outputs_limit: The bytes of outputs that a packed run sends back.
        keep: Leave packed runs on the node after their end.
        timeout: Seconds to wait for an answer.
    """

    address: str = field(default="http://127.0.0.1:8265", validator=_is_address)
    files: Literal["pack", "shared"] = "pack"
    state: str = field(default="/tmp/confjob-ray", validator=_is_state)  # noqa: S108 - there, checked to be ours
    python: str = field(default="python3", validator=_is_word)
    headers_file: str | None = field(default=None, validator=_is_word)
    runtime_env: dict[str, Json] = field(factory=dict, validator=_is_runtime_env)
    resources: dict[str, float] = field(factory=dict)
    accelerator: str | None = field(default=None, validator=_is_word)
    label_selector: dict[str, str] = field(factory=dict)
    metadata: dict[str, str] = field(factory=dict)
    grace: float = field(default=10.0, validator=_is_not_negative)
    sync: float = field(default=0.0, validator=_is_not_negative)
    outputs_limit: int = field(default=OUTPUTS_LIMIT, validator=_is_not_negative)
    keep: bool = False
    timeout: float = field(default=30.0, validator=_is_not_negative)
