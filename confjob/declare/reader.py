"""Reads one job: what its manifest table says, over what its code says.

The manifest wins, key by key: its author saw the code, not the other way round.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from attrs import evolve

from confjob.declare.environs import environs, faults
from confjob.declare.manifest import FileTable, FlagTable, JobTable, Manifest, RunConfigTable
from confjob.declare.structure import problem_at, refusal
from confjob.errors import ConfjobError, ManifestError
from confjob.keypath import KeyPath, PathFilter, PathSyntaxError
from confjob.model import (
    Ask,
    Document,
    FunctionRef,
    InputSpec,
    JobSpec,
    Node,
    Problem,
    Resources,
    Retry,
    Span,
    overlaid,
)
from confjob.project import Project
from confjob.tree import MISSING, Json, get, walk
from confjob.validation import check_schema
from confjob.words import did_you_mean, listing

if TYPE_CHECKING:
    from confjob.declare.functions import CodeJob

__all__ = ["from_code", "from_manifest"]


def from_manifest(project: Project, document: Document, manifest: Manifest, name: str) -> JobSpec:
    """Return the manifest's job called `name`.

    Raises:
        ManifestError: With every fault of its declaration.
        InputError: When its code can't be read.
    """
    return _Reader(project, document, manifest, name).job()


def from_code(project: Project, manifest: Manifest, name: str, path: PurePosixPath, function: str) -> JobSpec:
    """Return a job that the manifest does not declare.

    Raises:
        ManifestError: When its code declares it wrongly.
        InputError: When its code can't be read.
    """
    from confjob.declare.functions import read_function

    ask = project.ask(project.interpreter(None))
    if function:
        job = _of_function(name, read_function(project.root, f"{path}:{function}", ask))
    else:
        job = _of_script(project, name, ("python", str(path)), path, ask)
        job = job if job.inputs else _of_flags(project, job, path)
        job = evolve(job, inputs=(*job.inputs, *environs({}, {})))
    problems = [
        *_malformed(job.inputs),
        *(
            Problem(
                code="manifest",
                input=str(path),
                path=KeyPath((spec.kind, *at)),
                message=message,
                where=job.where,
            )
            for spec in job.inputs
            for at, message in faults(spec)
        ),
    ]
    if problems:
        raise ManifestError(f"{name}: its declaration in {path} is wrong", problems=problems)
    return _in_workspace(job, manifest)


def _of_script(
    project: Project, name: str, command: tuple[str, ...], path: PurePosixPath, ask: Ask
) -> JobSpec:
    """Return what a script's `manage_*` calls declare, with a warning for each that can't be read."""
    from confjob.declare.scripts import read_script, unread_calls

    libraries = project.registry.calls()
    inputs = read_script(project.root, path, ask, libraries)
    unread = unread_calls(project.root, path, libraries)
    return JobSpec(name=name, command=command, inputs=inputs, warnings=unread)


def _of_flags(project: Project, job: JobSpec, path: PurePosixPath) -> JobSpec:
    """Return a script that declares nothing with its own command line as run config, if it has one."""
    from confjob.declare.flags import read_flags

    try:
        flags = read_flags(project.root, str(path), job.command or ())
    except ConfjobError:
        return job
    return evolve(job, inputs=(flags,), deliver="flags")


def _malformed(specs: Iterable[InputSpec]) -> Iterator[Problem]:
    """Yield what is wrong with the schemas that code declares; the manifest's have been checked by now."""
    for spec in specs:
        if spec.schema is not None and spec.kind in ("run-config", "file"):
            for fault in check_schema(spec.schema):
                message = f"its schema, at '{fault.path}': {fault.message}" if fault.path else fault.message
                yield Problem(code="malformed-schema", input=spec.input, message=message, where=spec.where)


def _in_workspace(job: JobSpec, manifest: Manifest) -> JobSpec:
    limit = Resources.bytes_of(manifest.workspace.max_size)
    return evolve(job, links=tuple(manifest.workspace.link), snapshot_limit=limit)


def _of_function(name: str, code: CodeJob) -> JobSpec:
    return JobSpec(
        name=name,
        function=FunctionRef(module=code.module, file=code.file, function=code.function, call=code.call),
        description=code.description,
        inputs=(code.run_config, *code.files, *environs(_nodes(code.resources), _nodes(code.env))),
        where=code.where,
    )


def _nodes(table: Mapping[str, Json]) -> Mapping[KeyPath, Node]:
    return {
        KeyPath(): Node(value=dict(table)),
        **{KeyPath((key,)): Node(value=value) for key, value in table.items()},
    }


#: What `retry.on` may name.
_RETRIED = re.compile(r"failure|preempted|timeout|lost|exit:([1-9]\d?|1\d\d|2[0-4]\d|25[0-5])")


class _Reader:
    """Reads one job of the manifest; gathers problems, and raises them together."""

    def __init__(self, project: Project, document: Document, manifest: Manifest, name: str) -> None:
        self.project = project
        self.document = document
        self.manifest = manifest
        self.name = name
        self.at = KeyPath(("jobs", name))
        self.table: JobTable = manifest.jobs[name]
        self.problems: list[Problem] = []

    def job(self) -> JobSpec:
        ask = self.project.ask(self.project.interpreter(self.table.python))
        base = self._base(ask)
        inputs = (*self._inputs(base, ask), *self._environs(base))
        for spec in inputs:
            for path, message in faults(spec):
                self._problem(self.at.join((spec.kind, *path)), message)
        self.problems.extend(_malformed(inputs))
        if self.problems:
            raise refusal(self.document, self.problems)
        return evolve(
            _in_workspace(base, self.manifest),
            inputs=inputs,
            description=self.table.description or base.description,
            python=self.table.python,
            target=self.table.target,
            env_pass=self._passed(),
            launcher=self.table.launcher,
            retry=self._retry(),
            deliver="flags" if self._has_flags() else self.table.deliver,
            flag_style=self.table.flag_style,
            where=self.document.where(self.at),
        )

    def _passed(self) -> tuple[str, ...]:
        for number, name in enumerate(self.table.env_pass):
            if not (name.isascii() and name.isidentifier()):
                at = self.at.join(("env-pass", number))
                self._problem(at, f"{name!r} is not the name of an environment variable")
        return tuple(self.table.env_pass)

    def _retry(self) -> Retry:
        table, at = self.table.retry, self.at.child("retry")
        if table.attempts < 1:
            self._problem(at.child("attempts"), "must be 1 or more", "1 is to run it once")
        for number, reason in enumerate(table.on):
            if not _RETRIED.fullmatch(reason):
                known = ("failure", "preempted", "timeout", "lost", "exit:137")
                hint = did_you_mean(reason, known) or f"one of {listing(known)}"
                self._problem(at.join(("on", number)), f"no run ends with {reason!r}", hint)
        return Retry(attempts=table.attempts, backoff=self._seconds(table.backoff, at), on=tuple(table.on))

    def _seconds(self, value: str | float, at: KeyPath) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        try:
            return float(Resources.seconds_of(value))
        except ValueError as error:
            self._problem(at.child("backoff"), str(error))
            return 0.0

    def _has_flags(self) -> bool:
        table = self.table.run_config
        return table is not None and (table.parser is not None or bool(table.flags))

    def _base(self, ask: Ask) -> JobSpec:
        """Return what the code says: the function's declaration, or the script's calls."""
        from confjob.declare.functions import read_function

        root = self.project.root
        if self.table.function is not None:
            return _of_function(self.name, read_function(root, self.table.function, ask))
        command = tuple(self.table.command or ())
        script = self._script(command)
        if script is None:
            return JobSpec(name=self.name, command=command, inputs=())
        job = _of_script(self.project, self.name, command, script, ask)
        # Files in the manifest are how a call that can't be read is made good.
        return evolve(job, warnings=()) if self.table.files else job

    def _script(self, command: tuple[str, ...]) -> PurePosixPath | None:
        """Return the project's Python file that a command runs, if it is plain to see."""
        for number, word in enumerate(command):
            if word == "-m" and number + 1 < len(command):
                module = command[number + 1].replace(".", "/")
                tried = [f"{base}{module}{end}" for base in ("", "src/") for end in (".py", "/__main__.py")]
            else:
                tried = [word] if word.endswith(".py") else []
            found = next((path for path in tried if (self.project.root / path).is_file()), None)
            if found is not None and not PurePosixPath(found).is_absolute():
                return PurePosixPath(found)
        return None

    def _inputs(self, base: JobSpec, ask: Ask) -> tuple[InputSpec, ...]:
        by_code = {spec.input: spec for spec in base.inputs if spec.kind in ("run-config", "file")}
        run_config = by_code.pop("run-config", None)
        table = self.table.run_config
        if table is not None:
            run_config = self._run_config(table, run_config, ask)
        own: dict[str, InputSpec] = {}
        for number, file_table in enumerate(self.table.files):
            at = self.at.join(("files", number))
            path = PurePosixPath(posixpath.normpath(file_table.path))
            if str(path) in own:
                self._problem(
                    at.child("path"), f"{path} is declared twice", "one table has all that is said of it"
                )
            own[str(path)] = self._file(file_table, by_code.get(str(path)), at, ask)
        by_code.update(own)
        self._check_names(by_code.values())
        first = () if run_config is None else (run_config,)
        return (*first, *by_code.values())

    def _run_config(self, table: RunConfigTable, code: InputSpec | None, ask: Ask) -> InputSpec:
        from confjob.declare.flags.byhand import flags_with

        at = self.at.child("run-config")
        spec = self._of_parser(table, at) or code or InputSpec(name="run-config", kind="run-config")
        if isinstance(table.defaults, str):
            spec = evolve(spec, source=PurePosixPath(table.defaults))
        elif table.defaults:
            spec = evolve(spec, defaults=overlaid(spec.defaults, self._below(at.child("defaults"))))
        spec = self._schema(spec, table.schema, at, ask)
        warnings = tuple(each for each in spec.warnings if not _made_good(table, each))
        return evolve(
            spec,
            warnings=warnings,
            reader=self._known_reader(table.reader, at) or spec.reader,
            flags=flags_with(spec.flags, self._said_flags(table, at)),
            filter=self._filter(table, at, spec.filter),
            filter_where=self.document.where(at),
            secrets=(*spec.secrets, *self._paths(table.secret, at.child("secret"))),
            where=self.document.where(at),
        )

    def _of_parser(self, table: RunConfigTable, at: KeyPath) -> InputSpec | None:
        """Return what the script's own command line declares, if the manifest names it."""
        from confjob.declare.flags import read_flags

        if self.table.function is not None and (table.parser or table.flags):
            key = "parser" if table.parser else "flags"
            self._problem(
                at.child(key), "a function takes its values as arguments", "flags are for a command"
            )
        if table.parser is None:
            return None
        try:
            return read_flags(self.project.root, table.parser, tuple(self.table.command or ()))
        except ConfjobError as error:
            self._problem(at.child("parser"), error.message, error.hint)
            return None

    def _said_flags(self, table: RunConfigTable, at: KeyPath) -> Iterator[tuple[KeyPath, str | FlagTable]]:
        for name, said in table.flags.items():
            yield from ((path, said) for path in self._paths(name, at.join(("flags", name))))

    def _known_reader(self, name: str | None, at: KeyPath) -> str | None:
        names = [library.name for library in self.project.registry.calls()]
        if name is not None and name not in names:
            hint = did_you_mean(name, names) or f"pip install confjob-{name}"
            self._problem(at.child("reader"), f"no plugin knows the reader {name!r}", hint)
        return name

    def _file(self, table: FileTable, code: InputSpec | None, at: KeyPath, ask: Ask) -> InputSpec:
        path = PurePosixPath(posixpath.normpath(table.path))
        name = table.name or str(path)
        spec = code or InputSpec(name=name, kind="file", path=path)
        spec = evolve(
            spec,
            name=name,
            choices=table.choices,
            format=table.format or spec.format,
            filter=self._filter(table, at, spec.filter),
            filter_where=self.document.where(at),
            secrets=(*spec.secrets, *self._paths(table.secret, at.child("secret"))),
            by_command=self._is_named_by_command(name, str(path)),
            where=self.document.where(at),
        )
        return self._schema(spec, table.schema, at, ask)

    def _is_named_by_command(self, *names: str) -> bool:
        """Whether the command has `{name}`; `{{name}}` is literal."""
        words = self.table.command or ()
        return any(f"{{{name}}}" in word.replace(f"{{{{{name}}}}}", "") for name in names for word in words)

    def _schema(
        self, spec: InputSpec, reference: dict[str, Json] | str | None, at: KeyPath, ask: Ask
    ) -> InputSpec:
        """Return `spec` with the author's schema; an instance's values become defaults."""
        if reference is None:
            return spec
        from confjob.declare.schemas import resolve

        try:
            resolved = resolve(self.project.root, reference, ask)
        except ConfjobError as error:
            self._problem(at.child("schema"), error.message, error.hint)
            return spec
        malformed = check_schema(resolved.schema)
        for fault in malformed:
            inline = fault.path if isinstance(reference, dict) else KeyPath()
            inside = f"{reference}, at '{fault.path}': " if isinstance(reference, str) and fault.path else ""
            self._problem(at.child("schema").join(inline), f"{inside}{fault.message}")
        if malformed:
            return spec
        where = self.document.where(at.child("schema"))
        stands = reference if isinstance(reference, str) else f"{where.file}:{where.line}" if where else ""
        places = resolved.places or _below_schema(self.document, at.child("schema"))
        spec = evolve(spec, schema=resolved.schema, schema_where=stands, schema_places=places)
        if spec.kind == "run-config" and resolved.values:
            below = _valued(resolved.values, self.document, at.child("schema"))
            spec = evolve(spec, defaults=overlaid(below, spec.defaults or {}))
        return spec

    def _filter(self, table: RunConfigTable | FileTable, at: KeyPath, code: PathFilter) -> PathFilter:
        """Return the filter; the manifest's `include` replaces the code's, and so does `exclude`."""
        include = self._prefixes(table.include, at, "include") or map(str, code.include)
        exclude = self._prefixes(table.exclude, at, "exclude") or map(str, code.exclude)
        return PathFilter(include, exclude)

    def _prefixes(self, prefixes: list[str] | str, at: KeyPath, key: str) -> list[str]:
        """Return the prefixes that parse; a faulty one becomes a problem."""
        good = []
        for number, prefix in enumerate([prefixes] if isinstance(prefixes, str) else prefixes):
            try:
                PathFilter([prefix])
            except PathSyntaxError as error:
                self._problem(at.join((key, number)), str(error))
            else:
                good.append(prefix)
        return good

    def _paths(self, texts: list[str] | str, at: KeyPath) -> tuple[KeyPath, ...]:
        paths = []
        for text in [texts] if isinstance(texts, str) else texts:
            try:
                paths.append(KeyPath.parse(text))
            except PathSyntaxError as error:
                self._problem(at, str(error))
        return tuple(paths)

    def _environs(self, base: JobSpec) -> tuple[InputSpec, ...]:
        code = {spec.kind: spec.defaults or {} for spec in base.inputs if spec.kind in ("resources", "env")}
        return environs(
            overlaid(code.get("resources"), self._below(self.at.child("resources"))),
            overlaid(code.get("env"), self._below(self.at.child("env"))),
        )

    def _below(self, at: KeyPath) -> Mapping[KeyPath, Node]:
        """Return the manifest's nodes at and below `at`, as a tree of their own."""
        size = len(at)
        below = {
            KeyPath(path[size:]): node for path, node in self.document.nodes.items() if path.startswith(at)
        }
        return below or {KeyPath(): Node(value={})}

    def _check_names(self, specs: Iterable[InputSpec]) -> None:
        taken = {"run-config", "resources", "env", "target"}
        for spec in specs:
            names = {spec.name, spec.input}
            for name in sorted(taken & names):
                self._problem(self.at.child("files"), f"two inputs are called {name!r}", "set name = …")
            taken |= names

    def _problem(self, path: KeyPath, message: str, hint: str = "") -> None:
        self.problems.append(problem_at(self.document, path, message, hint))


def _made_good(table: RunConfigTable, warning: Problem) -> bool:
    """Whether the manifest says what could not be read from the code."""
    if warning.path:
        return isinstance(table.defaults, str) or get(table.defaults, warning.path) is not MISSING
    said = {
        "include": table.include,
        "exclude": table.exclude,
        "schema": table.schema,
        "defaults": table.defaults,
    }
    return bool(said.get(warning.message.partition(":")[0]))


def _below_schema(document: Document, at: KeyPath) -> dict[KeyPath, Span]:
    """Return where each part of a schema that is a table stands, by its path in it."""
    nodes = document.nodes.items()
    found = {KeyPath(path[len(at) :]): node.where for path, node in nodes if path.startswith(at)}
    return {path: where for path, where in found.items() if where is not None}


def _valued(values: Json, document: Document, at: KeyPath) -> Mapping[KeyPath, Node]:
    where = document.where(at)
    return {path: Node(value=value, where=where) for path, value in walk(values)}
