"""Loading: from a job's declared inputs to documents with a position for every value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from attrs import evolve

from confjob.errors import ConfjobError, InputError
from confjob.keypath import KeyPath
from confjob.model import Ask, Document, Format, InputSpec, JobSpec, Node, Problem, Source, overlaid
from confjob.project import Project
from confjob.textfile import contained
from confjob.tree import Json
from confjob.words import did_you_mean, listing

__all__ = ["choose", "format_of", "load", "reload", "siblings"]

#: Beyond these, siblings would cost more than they tell; reading one takes about a millisecond.
_MOST_SIBLINGS = 50
_LARGEST_SIBLING = 1 << 16


def load(project: Project, job: JobSpec, ask: Ask | None) -> dict[str, Document]:
    """Return every input's document, by input.

    Raises:
        InputError: When sources are missing, lie outside the project or don't parse;
            all of them are named.
    """
    documents: dict[str, Document] = {}
    failed: list[ConfjobError] = []
    for spec in job.inputs:
        try:
            documents[spec.input] = _document(project, job, spec, ask)
        except ConfjobError as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        problems = [Problem(code="unreadable", message=error.message, hint=error.hint) for error in failed]
        raise InputError(f"{len(failed)} inputs can't be read", problems=problems)
    return documents


def reload(project: Project, spec: InputSpec, source: Source) -> Document:
    """Return the document of a source to which a delivery was applied."""
    return format_of(project, spec).load(source)


def siblings(project: Project, spec: InputSpec, document: Document) -> tuple[Document, ...]:
    """Return the other config files of the same kind, as evidence of what values may be.

    They are the manifest's `choices`, or files of the same suffix in the same folder that
    share most of their keys. What can't be read tells nothing, and no framework is asked.
    """
    path = document.source.path
    if path is None or not isinstance(document.tree, dict):
        return ()
    kind = format_of(project, spec)
    found = []
    for name in _around(project, spec, path):
        source = Source(input=spec.input, path=name, root=project.root)
        try:
            other = kind.load(source)
        except ConfjobError:
            continue
        if spec.choices or _alike(document.tree, other.tree):
            found.append(other)
    return tuple(found)


def _around(project: Project, spec: InputSpec, path: PurePosixPath) -> list[PurePosixPath]:
    pattern = spec.choices or str(path.parent / f"*{path.suffix}")
    try:
        files = sorted(file for file in project.root.glob(pattern) if file.is_file())
    except (ValueError, NotImplementedError, OSError):
        return []
    real = [file for file in files if file.stat().st_size <= _LARGEST_SIBLING]
    names = [PurePosixPath(file.relative_to(project.root)) for file in real[: _MOST_SIBLINGS + 1]]
    return [name for name in names if name != path][:_MOST_SIBLINGS]


def _alike(one: Json, other: Json) -> bool:
    """Whether two mappings share at least half of the keys of the larger."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    return 2 * len(one.keys() & other.keys()) >= max(len(one), len(other), 1)


def format_of(project: Project, spec: InputSpec) -> Format:
    """Return the format of a file input: the one declared, else by suffix."""
    path = spec.source or spec.path
    assert path is not None
    return project.registry.format(spec.format) if spec.format else project.registry.format_for(path)


def choose(project: Project, job: JobSpec, files: Mapping[str, str]) -> JobSpec:
    """Return `job` with other files picked for its file inputs (`--file NAME=PATH`).

    Raises:
        InputError: When an input is unknown, allows no choice, or the file is not one
            of its choices; all faults at once.
    """
    problems: list[Problem] = []
    chosen: dict[str, InputSpec] = {}
    for name, path in files.items():
        spec = job.input(name)
        problem = _bad_choice(project, job, spec, name, path)
        if problem is not None:
            problems.append(problem)
        elif spec is not None:
            chosen[spec.input] = evolve(spec, source=PurePosixPath(path.removeprefix("./")))
    if problems:
        raise InputError(f"--file: {problems[0].message}", hint=problems[0].hint, problems=problems)
    return evolve(job, inputs=tuple(chosen.get(spec.input, spec) for spec in job.inputs))


def _bad_choice(
    project: Project, job: JobSpec, spec: InputSpec | None, name: str, path: str
) -> Problem | None:
    if spec is None or spec.kind != "file":
        names = [each.name for each in job.inputs if each.kind == "file"]
        hint = did_you_mean(name, names) or f"files: {listing(names) or 'none'}"
        return Problem(
            code="unknown-input", input=name, message=f"no file input is called {name!r}", hint=hint
        )
    if spec.choices is None:
        return _not_offered(project, job, spec, path)
    try:
        options = sorted(project.root.glob(spec.choices))
    except (ValueError, NotImplementedError) as error:
        message = f"choices = {spec.choices!r} is no pattern for files of the project: {error}"
        return Problem(code="bad-choices", input=spec.input, message=message, where=spec.where)
    names = [str(option.relative_to(project.root)) for option in options if option.is_file()]
    hint = did_you_mean(path, names) or f"choices: {listing(names) or 'none'}"
    try:
        real = contained(project.root, path)
    except InputError as error:
        return Problem(code="unreadable", input=spec.input, message=error.message, hint=hint)
    if real not in [option.resolve() for option in options]:
        message = f"{path} is not one of {name}'s choices ({spec.choices})"
        return Problem(code="not-a-choice", input=spec.input, message=message, hint=hint)
    return _other_format(project, spec, path)


def _not_offered(project: Project, job: JobSpec, spec: InputSpec, path: str) -> Problem | None:
    """Return why a name may not be picked where only the format can offer some."""
    offer = format_of(project, spec).choices
    ask = project.ask(project.interpreter(job.python)) if offer else None
    offered = (
        list(offer(Source(input=spec.input, path=spec.path, root=project.root, ask=ask))) if offer else []
    )
    if path in offered:
        return None
    if offered:
        hint = did_you_mean(path, offered) or f"choices: {listing(offered)}"
        message = f"{path} is not one of {spec.name}'s choices"
        return Problem(code="not-a-choice", input=spec.input, message=message, hint=hint)
    hint = f'declare which in launch.toml: choices = "{spec.path and spec.path.parent}/*.yaml"'
    message = f"{spec.name}: no other file may be picked"
    return Problem(code="no-choices", input=spec.input, message=message, hint=hint)


def _other_format(project: Project, spec: InputSpec, path: str) -> Problem | None:
    """Return a problem for a file that would land under a name whose format it has not."""
    if spec.by_command:
        return None
    try:
        kind = format_of(project, evolve(spec, source=PurePosixPath(path))).name
        opened = format_of(project, spec).name
    except ConfjobError:
        return None
    if kind == opened:
        return None
    message = f"{path} is {kind}, but the job opens {spec.path}, which is {opened}"
    hint = f"pick a {opened} file, or let the command name the file: {{{spec.name}}}"
    return Problem(code="other-format", input=spec.input, message=message, hint=hint)


def _document(project: Project, job: JobSpec, spec: InputSpec, ask: Ask | None) -> Document:
    path = spec.source or spec.path
    command = job.command or ()
    source = Source(input=spec.input, path=path, root=project.root, command=command, ask=ask)
    if path is None:
        return Document(source=source, nodes=spec.defaults or {KeyPath(): Node(value={})})
    if (project.root / path).exists():
        # A format may know names that are no files (a framework's built-in configs); what
        # is a file must lie in the project, whoever reads it.
        contained(project.root, path)
    document = format_of(project, spec).load(source)
    if spec.kind == "run-config":
        # Its values are defaults: nothing is ever delivered into the file they come from.
        return _defaults(spec, document)
    return document


def _defaults(spec: InputSpec, document: Document) -> Document:
    if not isinstance(document.tree, dict):
        raise InputError(f"{document.source.path}: the defaults of a run config must be a mapping")
    # What the code declares and the file leaves out keeps its default.
    nodes = overlaid(spec.defaults, document.nodes)
    return Document(source=evolve(document.source, path=None), nodes=nodes)
