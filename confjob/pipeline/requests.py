"""What a person asks for, and the overrides that this makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from attrs import field, frozen

from confjob.errors import ConfjobError
from confjob.form import Override
from confjob.keypath import PathSyntaxError
from confjob.model import Document, JobSpec, Node, Priority, Problem, Source
from confjob.override import from_document, on_top, parse_set, words_from
from confjob.project import Project
from confjob.tree import Json, walk

__all__ = ["Asked", "Request", "requested"]


@frozen(kw_only=True)
class Request:
    """What a person asks for.

    Args:
        job: A job of the manifest, `train.py:train`, or `train.py`.
        sets: `--set` arguments, in order.
        any_sets: `--set-any` arguments, in order.
        variables: `--set-var` arguments, in order: `NAME=VALUE` of the target's variables.
        inputs: Files of overrides, absolute; `sets` win over them.
        values: Overrides as a tree, laid out as in a file of them (Python, the JSON API).
        giver: Who gave `values`, as messages and records have it.
        overrides: Requests that are data already (the web form); they win.
        earlier: What an earlier run was asked for; all else goes on top of it.
        command: The command in place of the job's own, as an earlier run had it.
        files: Name of a file input to the file picked for it.
        target: Where to run, or None for the default.
        extra: Arguments for the job's command.
        priority: Before whom it starts, where runs have to wait; None for the usual, or as the
            earlier run had it.
    """

    job: str
    sets: tuple[str, ...] = ()
    any_sets: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()
    values: Mapping[str, Json] = field(factory=dict)
    giver: str = "Python"
    overrides: tuple[Override, ...] = ()
    earlier: tuple[Override, ...] = ()
    command: tuple[str, ...] = ()
    files: Mapping[str, str] = field(factory=dict)
    target: str | None = None
    extra: tuple[str, ...] = ()
    priority: Priority | None = None


@frozen(kw_only=True)
class Asked:
    """A request, read.

    Args:
        overrides: What is to change, the weakest first.
        problems: What can't be read.
        command: The command to run in place of the job's own; empty to leave it.
        extra: Arguments to append to it.
    """

    overrides: list[Override]
    problems: list[Problem]
    command: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def requested(project: Project, job: JobSpec, request: Request) -> Asked:
    """Return what a request asks for; what of it can't be read is among the problems."""
    overrides: list[Override] = []
    problems: list[Problem] = []
    command: tuple[str, ...] = request.command
    extra: tuple[str, ...] = ()
    for path in request.inputs:
        try:
            document = _overrides_file(project, path)
            overrides.extend(from_document(job, document, path.name))
            entry_point, args = words_from(job, document, path.name)
        except ConfjobError as error:
            problems.append(Problem(code="unreadable", message=error.message, hint=error.hint))
        else:
            command, extra = tuple(entry_point) or command, (*extra, *args)
    try:
        overrides.extend(from_document(job, _given(request), request.giver))
    except ConfjobError as error:
        problems.append(Problem(code="unreadable", message=error.message, hint=error.hint))
    said = {
        "--set": request.sets,
        "--set-any": request.any_sets,
        "--set-var": [f"target:{text}" for text in request.variables],
    }
    for option, texts in said.items():
        for text in texts:
            try:
                overrides.append(parse_set(text, option, any_type=option == "--set-any"))
            except PathSyntaxError as error:
                problems.append(Problem(code="syntax", message=f"{option} {error}"))
    asked, withheld = on_top(job, request.earlier, [*overrides, *request.overrides])
    return Asked(
        overrides=asked,
        problems=[*problems, *withheld],
        command=command,
        extra=(*extra, *request.extra),
    )


def _given(request: Request) -> Document:
    nodes = {path: Node(value=value) for path, value in walk(dict(request.values))}
    return Document(source=Source(input=request.giver, path=None, root=Path()), nodes=nodes)


def _overrides_file(project: Project, path: Path) -> Document:
    """Load a file of overrides, which may lie anywhere."""
    kind = project.registry.format_for(PurePosixPath(path.name))
    file = path.resolve()
    return kind.load(Source(input=path.name, path=PurePosixPath(file.name), root=file.parent))
