"""The nouns that plugins and verbs share.

A job is *declared* (`JobSpec`), its sources are *loaded* (`Document`), `Change`s to them
are carried by a `Delivery`, and a `Submission` becomes a run of some `Status`. The nouns
of deciding in between (`Form`, `Override`, `Plan`) are the core's own: see `form.py`.

Everything here is a frozen record without behaviour beyond looking things up, so that
each verb can be tested with plain values and plugins can build any of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum, IntEnum
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol, runtime_checkable

from attrs import evolve, field, frozen

from confjob.errors import InputError
from confjob.keypath import KeyPath, PathFilter, is_index
from confjob.process import ProcessId
from confjob.schema import Schema
from confjob.textfile import TextFile, contained, decode
from confjob.tree import MISSING, Json, MissingType, merge, walk

__all__ = [
    "Ask",
    "Backend",
    "Calls",
    "Change",
    "Delivery",
    "Document",
    "Engine",
    "Flag",
    "Format",
    "FunctionRef",
    "Held",
    "Holding",
    "InputSpec",
    "JobSpec",
    "Node",
    "Origin",
    "Priority",
    "Problem",
    "Resources",
    "Retry",
    "RunFile",
    "Source",
    "Span",
    "State",
    "Status",
    "Submission",
    "Takes",
    "Target",
]

#: Runs a stdlib-only script (by path) in the job's interpreter with a JSON request and
#: returns its JSON answer; answers are cached.
Ask = Callable[[Path, Json], Json]


@frozen(kw_only=True)
class Span:
    """Where a value stands. Offsets count characters from 0; line and column from 1."""

    file: PurePosixPath
    line: int
    column: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def in_project(self) -> bool:
        """Whether it is in a file of the project, and not in someone's settings."""
        return self.file.parts[:1] not in (("~",), ("/",))


@frozen(kw_only=True)
class Node:
    """One value of a document, as read and as spelled.

    `value` of a mapping or list is the whole value below it, shared, not copied.
    `style` is how a scalar is written (`""` plain, `"'"`, `'"'`, `"|"`, `">"`);
    `comment` is the text of the comment on its line, without the `#`.
    """

    value: Json
    where: Span | None = None
    style: str = ""
    comment: str = ""


@frozen(kw_only=True)
class RunFile:
    """Stands for the absolute path of a private file, which only the run knows."""

    name: str


@frozen(kw_only=True)
class Delivery:
    """How changes reach the job. Secrets may stand in `private` only.

    Args:
        files: Workspace-relative path to the whole new text.
        private: Name to content of 0600 files in the run folder.
        environment: Variables for the job.
        command: The whole new argv, or None to leave it.
    """

    files: Mapping[PurePosixPath, str] = field(factory=dict)
    private: Mapping[str, str] = field(factory=dict)
    environment: Mapping[str, str | RunFile] = field(factory=dict)
    command: tuple[str, ...] | None = None

    @classmethod
    def together(cls, deliveries: Iterable[Delivery]) -> Delivery:
        """Return deliveries as one, in order."""
        return reduce(cls.then, deliveries, cls())

    def then(self, later: Delivery) -> Delivery:
        """Return both deliveries as one; `later` wins where they touch the same thing."""
        return Delivery(
            files={**self.files, **later.files},
            private={**self.private, **later.private},
            environment={**self.environment, **later.environment},
            command=self.command if later.command is None else later.command,
        )


@frozen(kw_only=True)
class Source:
    """All that a format may read.

    Args:
        input: `run-config`, or the file's project-relative path.
        path: The file that is read, relative to `root`; None where there is no file.
        root: The project root.
        command: The job's argv, for formats that deliver through it.
        delivered: What has been applied so far; `text` shows files with it applied.
        ask: Asks a script in the job's interpreter; None where there is none to ask.
        provided: Texts that stand for files the project does not have: a format that knows
            configs by name (a framework's built-in ones) gives the file it delivers.
    """

    input: str
    path: PurePosixPath | None
    root: Path
    command: tuple[str, ...] = ()
    delivered: Delivery = field(factory=Delivery)
    ask: Ask | None = None
    provided: Mapping[PurePosixPath, str] = field(factory=dict)

    def text(self, path: PurePosixPath) -> str:
        """Return the text of a project file: line feeds only, no byte-order mark.

        Raises:
            InputError: When it is missing, outside the project, or not UTF-8.
        """
        return self.delivered.files[path] if path in self.delivered.files else self.on_disk(path).text

    def on_disk(self, path: PurePosixPath) -> TextFile:
        """Return the file as it stands in the project, whatever has been delivered."""
        if path in self.provided:
            return decode(self.provided[path].encode(), path)
        file = contained(self.root, path)
        try:
            return decode(file.read_bytes(), path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None

    def applied(self, delivery: Delivery) -> Source:
        """Return the source that a job with `delivery` will read."""
        after = self.delivered.then(delivery)
        return evolve(self, delivered=after, command=after.command or self.command)


@frozen(kw_only=True)
class Document:
    """A loaded source: every value by path, in document order; `KeyPath()` is the root.

    `selectors` are paths whose change changes the tree or its types (a Hydra group, a
    `_component_`): they are applied first and the source is loaded again. `required` are
    paths whose value is only a mark for a missing one (`???`): no job starts before they
    are given one.
    """

    source: Source
    nodes: Mapping[KeyPath, Node]
    selectors: frozenset[KeyPath] = frozenset()
    warnings: tuple[Problem, ...] = ()
    required: frozenset[KeyPath] = frozenset()

    @property
    def tree(self) -> Json:
        """The whole value; an empty document is an empty mapping."""
        root = self.nodes.get(KeyPath())
        return {} if root is None else root.value

    def resolve(self, path: KeyPath) -> KeyPath:
        """Return `path` with digit components turned into indices where a list stands."""
        found = KeyPath()
        for part in path:
            node = self.nodes.get(found)
            in_list = node is not None and isinstance(node.value, list)
            digits = isinstance(part, str) and is_index(part)
            found = found.child(int(part) if in_list and digits else part)
        return found

    def where(self, path: KeyPath) -> Span | None:
        """Return the position of the value at `path`, else of its nearest ancestor."""
        while path and path not in self.nodes:
            path = path.parent
        node = self.nodes.get(path)
        return node.where if node else None


@frozen(kw_only=True)
class Problem:
    """Something wrong, with all that a person needs to mend it.

    `code` is a stable word for machines (`unknown-path`, `type`, …). A warning does not
    keep a job from starting; a note is for whoever looks at the inputs, and `launch` does
    not repeat it.
    """

    code: str
    message: str
    input: str = ""
    path: KeyPath = field(factory=KeyPath)
    hint: str = ""
    where: Span | None = None
    severity: Literal["error", "warning", "note"] = "error"


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
    """One source of inputs: a config file, the run config, `resources` or `env`.

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
    kind: Literal["run-config", "file", "resources", "env"]
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
    """Where a job goes: a backend by name, with the options of its table, and where that stands."""

    name: str
    backend: str
    options: Mapping[str, Json] = field(factory=dict)
    where: Span | None = None


@frozen(kw_only=True)
class Submission:
    """A run ready to start: plain data without a secret or an environment value.

    Args:
        run: The run's id.
        job: The job's name.
        target: The target's name.
        run_dir: Absolute path of the run folder, complete but for the records of attempts.
        script: Absolute path of `job.sh`.
        resources: What the engine must give.
        priority: Before whom it starts, where runs have to wait.
        retry: When it is run again.
    """

    run: str
    job: str
    run_dir: Path
    script: Path
    resources: Resources
    target: str = "local"
    priority: Priority = "medium"
    retry: Retry = Retry()


class State(str, Enum):
    """Where a run is in its life."""

    QUEUED = "QUEUED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    ENDING = "ENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    PREEMPTED = "PREEMPTED"
    LOST = "LOST"

    @property
    def final(self) -> bool:
        """Whether the run is over."""
        return self in _FINAL


_FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.PREEMPTED, State.LOST})


@frozen(kw_only=True)
class Status:
    """What is known of a run; `as_of` (epoch seconds) is None when it is the last known."""

    state: State
    reason: str = ""
    exit_code: int | None = None
    as_of: float | None = None


@frozen(kw_only=True)
class Format:
    """A config format: a plugin is one of these records.

    `text_format` builds one from two functions over one text.

    Args:
        name: What the manifest's `format =` says.
        load: Reads a source into a document; raises `InputError` with the position.
        deliver: Carries changes to the job; raises `InvalidOverrides` with all refusals.
            The law: `load(source.applied(delivery))` has the tree of the document with
            the changes made. The core checks it.
        suffixes: Endings of file names (`.yaml`, `.env`), matched by `str.endswith`.
        schema: The framework's own schema of the document, or None.
        check: The framework's own verdict on each of many deliveries, in one start.
        recognize: Files in a folder that this format knows, as `[[jobs.x.files]]` tables;
            the extra keys `job` and `command` name the job that reads the file.
        choices: What else may be picked for a source by `--file`, where the manifest says
            nothing: names that the framework knows, such as its built-in configs.
    """

    name: str
    load: Callable[[Source], Document]
    deliver: Callable[[Document, Sequence[Change]], Delivery]
    suffixes: tuple[str, ...] = ()
    schema: Callable[[Document], Schema | None] = lambda _: None
    check: Callable[[Document, Sequence[Delivery]], Sequence[Sequence[Problem]]] | None = None
    recognize: Callable[[Path], Iterable[Mapping[str, Json]]] | None = None
    choices: Callable[[Source], Iterable[str]] | None = None


@frozen(kw_only=True)
class Calls:
    """A library's calls by which a script declares its inputs, and how it is given them.

    confjob reads the calls from the script's text. A run config that they declare is read
    by the library in its own way, so the library's plugin says how changes reach it.

    Args:
        name: What `[jobs.NAME.run-config] reader =` says.
        deliver: Carries changes of the run config, possibly none, to the library; raises
            `InvalidOverrides` with all refusals.
        run_config: Dotted name of a call that declares the run config to its parameters
            in order; `defaults`, `include`, `exclude` and `schema` are read.
        file: The same for a config file, with `path`.
        values: Dotted name of a call that is given the run config's values to its
            parameters in order; `config` is read.
        schema: Returns a schema as the library takes it as JSON Schema.
        watch: A script of the standard library alone that tells `confjob capture` of
            the calls while they are made.
    """

    name: str
    deliver: Callable[[Document, Sequence[Change]], Delivery]
    run_config: Mapping[str, tuple[str, ...]] = field(factory=dict)
    file: Mapping[str, tuple[str, ...]] = field(factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(factory=dict)
    schema: Callable[[Schema], Schema] = lambda schema: schema
    watch: Path | None = None


@frozen(kw_only=True)
class Backend:
    """A kind of hardware: a plugin is one of these records.

    Args:
        name: What a target's `backend =` says.
        summary: One line for `plugins list`.
        options: An attrs class: the keys that a target of this backend takes.
        open: Makes the engine from an instance of `options`; does no I/O.
        honours: The fields of `Resources` that the backend enforces.
    """

    name: str
    summary: str
    options: type
    open: Callable[[Any], Engine]
    honours: frozenset[str] = frozenset()


class Engine(Protocol):
    """A backend with its options: everything in bulk, so that one call serves many runs."""

    def preview(self, submissions: Sequence[Submission]) -> str:
        """Return what `submit` would do, in the backend's own words; pure."""

    def submit(self, submissions: Sequence[Submission]) -> Iterator[Mapping[str, str]]:
        """Start or queue; yields run id to handle, a chunk as soon as it is accepted."""

    def find(self, runs: Mapping[str, Path]) -> Mapping[str, str]:
        """Return handles of runs (id to run folder) that were accepted, whatever was recorded."""

    def poll(self, handles: Collection[str]) -> Mapping[str, Status]:
        """Return what the engine knows of each handle; unknown ones are left out."""

    def cancel(self, handles: Collection[str]) -> None:
        """Ask to end the runs: a warning signal, a grace, then by force."""

    def fetch(self, handle: str, run_dir: Path) -> None:
        """Bring log, records and outputs to `run_dir`; nothing to do on a shared file system."""

    def check(self) -> Iterable[Problem]:
        """Yield what keeps this engine from working on this machine."""


@frozen(kw_only=True)
class Held:
    """What a run in somebody's terminal is given of the machine, for as long as it runs.

    Args:
        environment: What its script is started with, on top of the rest.
        descriptors: Open files that all its processes shall hold.
        started: To be called with the process of its script once that is there.
    """

    environment: Mapping[str, str] = field(factory=dict)
    descriptors: tuple[int, ...] = ()
    started: Callable[[ProcessId], None] = lambda _: None


@runtime_checkable
class Holding(Protocol):
    """An engine whose runs hold something of this machine, also those that it does not start."""

    def hold(self, submission: Submission) -> AbstractContextManager[Held]:
        """Take what a run needs, for as long as the block lasts; raises `BackendError` if it can't be had."""


def overlaid(below: Mapping[KeyPath, Node] | None, above: Mapping[KeyPath, Node]) -> Mapping[KeyPath, Node]:
    """Return two trees of nodes as one; `above` wins, mappings are merged."""
    if not below or not above:
        return above or below or {}
    tree = merge(below[KeyPath()].value, above[KeyPath()].value)
    spelled = {**below, **above}
    return {path: evolve(spelled[path], value=value) for path, value in walk(tree)}


def require_text(source: Source) -> str:
    """Return the text of the file that `source` names.

    Raises:
        InputError: When it names none, or the file can't be read.
    """
    if source.path is None:
        raise InputError(f"{source.input}: this format reads files")
    return source.text(source.path)
