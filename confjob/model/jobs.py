"""What is declared: jobs, their inputs, what they need, and the changes that are made to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Literal

from attrs import field, frozen

from confjob.keypath import KeyPath, PathFilter
from confjob.model.documents import Document, Node, Problem, Span
from confjob.schema import Schema
from confjob.tree import MISSING, Json, MissingType

__all__ = [
    "Change",
    "Flag",
    "FunctionRef",
    "InputSpec",
    "JobSpec",
    "Origin",
    "Priority",
    "Resources",
    "Retry",
    "Takes",
    "Target",
]


class Origin(IntEnum):
    """Where a value comes from; the higher one wins."""

    DEFAULT = 0
    FILE = 1
    SETTINGS = 2
    MANIFEST = 3
    OVERRIDE = 4


#: What follows a flag: one word; nothing (it is a switch); all items of a list, or (`tuple`)
#: a fixed number of them, whatever they look like; an item, the flag again for each; nothing,
#: the flag again as often as the number says; a word that is empty for false. An `argument`
#: has no flag: its place tells.
Takes = Literal["value", "switch", "words", "tuple", "repeat", "count", "truthy", "argument"]


@frozen(kw_only=True)
class Flag:
    """How a value of the run config is said on the command line.

    Args:
        path: The value's.
        word: The flag as it is spelled, dashes included; a switch that only says false has none.
        off: The flag that says false, of a switch.
        takes: What follows the flag.
        default: What the job takes when nothing is said, so that it need not be; `MISSING`
            when it is not known.
    """

    path: KeyPath
    word: str = ""
    off: str = ""
    takes: Takes = "value"
    default: Json | MissingType = MISSING


@frozen(kw_only=True)
class InputSpec:
    """One source of inputs: a config file, the run config, `resources`, `env` or the target's variables.

    Args:
        name: What a person may call it; the default is the path.
        kind: What the source is.
        path: The file's project-relative path, as the job opens it.
        source: The file that is read in its place (`--file NAME=PATH`).
        defaults: Values that are declared rather than read from a file.
        schema: The author's schema, or None.
        schema_where: Where that schema stands, for people.
        schema_places: Where the parts of that schema stand, by their paths in it.
        required: Paths that have no default and must be set.
        by_command: Whether the command names the file by placeholder, so that another
            file may be used where it lies.
        reader: The library that reads the run config in the job (the name of its
            `Calls`), or None for `load_config()`.
        flags: How values of the run config are said on the command line.
        warnings: What is doubtful in the declaration.
    """

    name: str
    kind: Literal["run-config", "file", "resources", "env", "target"]
    path: PurePosixPath | None = None
    source: PurePosixPath | None = None
    choices: str | None = None
    format: str | None = None
    filter: PathFilter = field(factory=PathFilter)
    filter_where: Span | None = None
    defaults: Mapping[KeyPath, Node] | None = None
    schema: Schema | None = None
    schema_where: str = ""
    schema_places: Mapping[KeyPath, Span] = field(factory=dict, repr=False)
    required: tuple[KeyPath, ...] = ()
    secrets: tuple[KeyPath, ...] = ()
    by_command: bool = False
    reader: str | None = None
    flags: tuple[Flag, ...] = ()
    where: Span | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def input(self) -> str:
        """The input's name in messages and JSON: the path of a file, else the kind."""
        return str(self.path) if self.path is not None else self.kind


_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


_TIME = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.IGNORECASE)


@frozen(kw_only=True)
class Resources:
    """What a job needs, in no backend's words.

    Args:
        cpus: Processor cores, possibly a fraction.
        memory: Bytes.
        gpus: Whole GPUs per node; 0 hides all, None leaves them alone.
        nodes: Machines.
        time: Seconds of wall clock.
    """

    cpus: float | None = None
    memory: int | None = None
    gpus: int | None = None
    nodes: int | None = None
    time: int | None = None

    @classmethod
    def parse(cls, table: Mapping[str, Json]) -> Resources:
        """Read the manifest's spelling: `memory = "16GiB"`, `time = "1d4h30m"`.

        Raises:
            ValueError: On a memory or time that can't be read.
        """
        read = {"memory": cls.bytes_of, "time": cls.seconds_of}
        return cls(**{key: read.get(key, lambda value: value)(value) for key, value in table.items()})

    @staticmethod
    def bytes_of(text: str | int) -> int:
        """Return bytes: `16GiB` and `16G` are binary in the first case, decimal in the second."""
        match = _MEMORY.fullmatch(str(text).strip())
        if match is None:
            raise ValueError(f"{text!r} is not an amount of memory such as 16GiB, 512MB or 2000000")
        base = 1024 if match[3] else 1000
        return int(float(match[1]) * base ** " kmgt".index(match[2].lower() or " "))

    @staticmethod
    def seconds_of(text: str | int) -> int:
        """Return seconds: `4h`, `1d12h`, `90m`, or a plain number of seconds."""
        plain = str(text).strip()
        match = _TIME.fullmatch(plain)
        if plain.isascii() and plain.isdigit():
            return int(plain)
        if match is None or not plain:
            raise ValueError(f"{text!r} is not a time such as 4h, 1d12h, 90m or 3600")
        return sum(
            int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True)
        )


@frozen(kw_only=True)
class FunctionRef:
    """A train function, as the runner finds and calls it in the job's interpreter.

    Args:
        module: The dotted name it is imported under.
        file: Its file, relative to the project root.
        function: Its name in the module.
        call: `parameters` (each run-config key is an argument), `config` (the whole run
            config is the one argument) or `none`.
    """

    module: str
    file: PurePosixPath
    function: str
    call: Literal["parameters", "config", "none"] = "parameters"


#: How much a run matters to whoever launched it, the strongest first.
Priority = Literal["critical", "high", "medium", "low"]


@frozen(kw_only=True)
class Retry:
    """When a run that is over is run again.

    Args:
        attempts: How many there may be in all.
        backoff: Seconds before the second one; twice as many before each further one.
        on: After which ends: `failure` (any exit code but 0), `exit:N`, `timeout`, `preempted`
            (somebody else ended it), `lost` (its process is gone without a word).
    """

    attempts: int = 1
    backoff: float = 0.0
    on: tuple[str, ...] = ("failure", "preempted", "lost")


@frozen(kw_only=True)
class JobSpec:
    """A declared job.

    Exactly one of `command` (argv) and `function` is given.
    """

    name: str
    inputs: tuple[InputSpec, ...]
    command: tuple[str, ...] | None = None
    function: FunctionRef | None = None
    description: str = ""
    python: str | None = None
    target: str | None = None
    deliver: Literal["file", "flags"] = "file"
    flag_style: Literal["space", "equals", "bare"] = "space"
    retry: Retry = Retry()
    links: tuple[str, ...] = ()
    #: Variables of the submitter that the job gets where it does not get them all.
    env_pass: tuple[str, ...] = ()
    #: What starts the command once for each GPU of each node.
    launcher: Literal["torchrun"] | None = None
    #: The largest snapshot that is taken without a question, in bytes.
    snapshot_limit: int = 1 << 30
    where: Span | None = None
    warnings: tuple[Problem, ...] = ()

    def input(self, name: str) -> InputSpec | None:
        """Return the input called `name`: by name, by path or by the file read for it."""
        asked = name.removeprefix("./")
        by_name = {spec.name: spec for spec in reversed(self.inputs)}
        by_path = {spec.input: spec for spec in reversed(self.inputs)}
        by_source = {str(spec.source): spec for spec in reversed(self.inputs) if spec.source is not None}
        return by_name.get(asked) or by_path.get(asked) or by_source.get(asked)


@frozen(kw_only=True)
class Change:
    """One decided change; a value that is absent before or after is `MISSING`.

    `any_type` says that a type which only inference refuses was accepted.
    """

    input: str
    path: KeyPath
    before: Json | MissingType
    after: Json | MissingType
    origin: Origin = Origin.OVERRIDE
    said: str = ""
    where: Span | None = None
    secret: bool = False
    any_type: bool = False


@frozen(kw_only=True)
class Target:
    """Where a job goes.

    Args:
        name: The target's name.
        backend: The name of its backend.
        options: The options in its table.
        variables: What of the options may be chosen at launch, as an input of the job.
        where: Where its table stands.
        document: The file that it stands in, if it does.
    """

    name: str
    backend: str
    options: Mapping[str, Json] = field(factory=dict)
    variables: InputSpec | None = None
    where: Span | None = None
    document: Document | None = field(default=None, eq=False, repr=False)
