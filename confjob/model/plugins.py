"""What plugins are: records for formats, libraries' calls and backends, and the engines they open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from confjob.model.documents import Delivery, Document, Problem, Source
from confjob.model.jobs import Change
from confjob.model.runs import Status, Submission
from confjob.process import ProcessId
from confjob.schema import Schema
from confjob.tree import Json

__all__ = ["Backend", "Calls", "Elsewhere", "Engine", "Format", "Held", "Holding"]


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
class Elsewhere:
    """How things are called where jobs do not see this machine's folders.

    A run's folder is then `state/runs/ID`, and its snapshot `state/snapshots/DIGEST/tree`:
    the same places as here, below another folder.

    Args:
        state: Absolute path of the state folder there.
        python: The interpreter there, by path or as the PATH there finds it.
    """

    state: PurePosixPath
    python: str = "python3"


@frozen(kw_only=True)
class Backend:
    """A kind of hardware: a plugin is one of these records.

    Args:
        name: What a target's `backend =` says.
        summary: One line for `plugins list`.
        options: An attrs class: the keys that a target of this backend takes.
        open: Makes the engine from an instance of `options`; does no I/O.
        honours: The fields of `Resources` that the backend enforces; also `priority` and
            `retry`, where it starts runs by their priority and runs failed ones again.
        elsewhere: Returns how things are called for jobs of a target with these options, or
            None where jobs see this machine's folders.
    """

    name: str
    summary: str
    options: type
    open: Callable[[Any], Engine]
    honours: frozenset[str] = frozenset()
    elsewhere: Callable[[Any], Elsewhere | None] = lambda _: None


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
