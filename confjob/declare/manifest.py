"""`launch.toml` as records, declared once: from them come the reader, the refusals with
their suggestions, and the JSON Schema that editors use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from attrs import NOTHING, field, fields, frozen, has, resolve_types

from confjob.declare.policy import rule_faults
from confjob.declare.structure import is_union, kebab, problem_at, refusal, structure
from confjob.errors import ManifestError
from confjob.keypath import KeyPath
from confjob.model import Document, Problem, Resources, Retry, Takes
from confjob.tree import Json, get

__all__ = [
    "Declared",
    "FileTable",
    "FlagTable",
    "JobTable",
    "Manifest",
    "PolicyTable",
    "ResourcesTable",
    "RetryTable",
    "RunConfigTable",
    "WorkspaceTable",
    "manifest_schema",
    "read_manifest",
    "table_schema",
]

Prefixes = list[str] | str


@frozen(kw_only=True)
class FlagTable:
    """`jobs.NAME.run-config.flags.PATH`: how a value is said on the command line."""

    flag: str = ""
    off: str = ""
    takes: Takes = "value"


@frozen(kw_only=True)
class RunConfigTable:
    """`[jobs.NAME.run-config]`: what the job reads with `load_config()`."""

    defaults: dict[str, Any] | str = field(factory=dict)
    include: Prefixes = field(factory=list)
    exclude: Prefixes = field(factory=list)
    schema: dict[str, Any] | str | None = None
    secret: Prefixes = field(factory=list)
    reader: str | None = None
    parser: str | None = None
    flags: dict[str, str | FlagTable] = field(factory=dict)


@frozen(kw_only=True)
class FileTable:
    """`[[jobs.NAME.files]]`: a config file of the job."""

    path: str
    name: str | None = None
    choices: str | None = None
    format: str | None = None
    include: Prefixes = field(factory=list)
    exclude: Prefixes = field(factory=list)
    schema: dict[str, Any] | str | None = None
    secret: Prefixes = field(factory=list)


@frozen(kw_only=True)
class ResourcesTable:
    """`[jobs.NAME.resources]`: what the job needs, in no backend's words."""

    cpus: int | float | None = None
    memory: str | int | None = None
    gpus: int | None = None
    nodes: int | None = None
    time: str | int | None = None


@frozen(kw_only=True)
class RetryTable:
    """`[jobs.NAME.retry]`: when a run that is over is run again."""

    attempts: int = 1
    backoff: str | int | float = 0
    on: list[str] = field(factory=lambda: list(Retry().on))


@frozen(kw_only=True)
class JobTable:
    """`[jobs.NAME]`: one job, by `function` or by `command`."""

    function: str | None = None
    command: list[str] | None = None
    description: str = ""
    python: str | None = None
    env: dict[str, str] = field(factory=dict)
    env_pass: list[str] = field(factory=list)
    launcher: Literal["torchrun"] | None = None
    target: str | None = None
    deliver: Literal["file", "flags"] = "file"
    flag_style: Literal["space", "equals", "bare"] = "space"
    run_config: RunConfigTable | None = None
    files: list[FileTable] = field(factory=list)
    resources: ResourcesTable = field(factory=ResourcesTable)
    retry: RetryTable = field(factory=RetryTable)


@frozen(kw_only=True)
class WorkspaceTable:
    """`[workspace]`: what a run's private folder holds besides the project's files."""

    link: list[str] = field(factory=list)
    max_size: str | int = "1GiB"


@frozen(kw_only=True)
class PolicyTable:
    """`[policy]`: what targets may not ask for."""

    forbid: list[str] = field(factory=list)


@frozen(kw_only=True)
class Manifest:
    """The whole `launch.toml`."""

    jobs: dict[str, JobTable] = field(factory=dict)
    workspace: WorkspaceTable = field(factory=WorkspaceTable)
    targets: dict[str, dict[str, Any]] = field(factory=dict)
    policy: PolicyTable = field(factory=PolicyTable)
    sweeps: dict[str, dict[str, Any]] = field(factory=dict)
    plugins: list[str] = field(factory=list)
    default_target: str | None = None


@frozen(kw_only=True)
class Declared:
    """A project's manifest with the document it was read from."""

    manifest: Manifest
    document: Document | None = None


def read_manifest(document: Document) -> Manifest:
    """Structure a loaded `launch.toml`.

    Raises:
        ManifestError: With a problem for every unknown key, wrong type and missing key.
    """
    odd = [*_odd_jobs(document), *_odd_size(document), *rule_faults(document)]
    try:
        manifest = structure(document, KeyPath(), Manifest)
    except ManifestError as error:
        raise refusal(document, [*error.problems, *odd]) from None
    if odd:
        raise refusal(document, odd)
    return manifest


def _odd_jobs(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with jobs whose types may all be right."""
    jobs = get(document.tree, KeyPath(("jobs",)))
    for name, job in jobs.items() if isinstance(jobs, dict) else ():
        if isinstance(job, dict) and ("function" in job) == ("command" in job):
            given = "both" if "function" in job else "neither"
            yield problem_at(
                document,
                KeyPath(("jobs", name)),
                f"a job has either 'function' or 'command'; this one has {given}",
                hint='function = "train:train", or command = ["python", "train.py"]',
            )
        if isinstance(job, dict) and job.get("command") in ([], [""]):
            yield problem_at(document, KeyPath(("jobs", name, "command")), "the command is empty")


def _odd_size(document: Document) -> Iterator[Problem]:
    at = KeyPath(("workspace", "max-size"))
    size = get(document.tree, at)
    if isinstance(size, str):
        try:
            Resources.bytes_of(size)
        except ValueError as error:
            yield problem_at(document, at, str(error))


# -- the manifest's own JSON Schema ----------------------------------------------------


def manifest_schema() -> dict[str, Json]:
    """Return the JSON Schema of `launch.toml`, for editors (`confjob schema`)."""
    return table_schema(Manifest, "launch.toml")


def table_schema(kind: type, title: str) -> dict[str, Json]:
    """Return the JSON Schema of a file whose whole content is one attrs class."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_of(kind)}


def _of(kind: Any) -> dict[str, Json]:
    origin, arguments = get_origin(kind), get_args(kind)
    if has(kind):
        return _of_table(kind)
    if origin is Literal:
        return {"enum": list(arguments)}
    if is_union(kind):
        options = [_of(option) for option in arguments if option is not type(None)]
        return options[0] if len(options) == 1 else {"anyOf": options}
    if origin is list:
        return {"type": "array", "items": _of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1])}
    return {str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}}.get(kind, {})


def _of_table(kind: type) -> dict[str, Json]:
    table: dict[str, Json] = {
        "type": "object",
        "description": (kind.__doc__ or "").strip().partition("\n")[0],
        "properties": {kebab(attribute): _of(attribute.type) for attribute in fields(resolve_types(kind))},
        "additionalProperties": False,
    }
    required = [kebab(attribute) for attribute in fields(kind) if attribute.default is NOTHING]
    return {**table, "required": required} if required else table
