"""`confjob init`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, problem_json, safe, style, warn
from confjob.errors import ConfjobError, ManifestError
from confjob.words import listing

if TYPE_CHECKING:
    from pathlib import Path

    from confjob.discover import Found, FoundFile, FoundJob
    from confjob.form import Form
    from confjob.project import Project

__all__ = ["init", "try_jobs"]


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Print the manifest instead of writing it.")
@as_json
@click.pass_context
def init(ctx: click.Context, only_print: bool, as_json: bool) -> None:
    """Write a first launch.toml from what lies in this folder.

    Looks at scripts and their argparse or click flags, config files, decorated functions,
    the interpreter, what git ignores and what the installed plugins recognise, and runs
    none of it. An existing launch.toml is never overwritten.

    \b
    Examples:
      confjob init && confjob jobs
      confjob init --print | diff launch.toml -
    """
    from confjob.discover.manifest import manifest_text
    from confjob.pipeline.discovering import look_around
    from confjob.project import MANIFEST

    around = project_of(ctx)
    # The manifest will make this folder the root, whatever project it lies in now.
    project = around.rooted(around.cwd)
    target = project.root / MANIFEST
    if target.exists() and not only_print:
        raise ManifestError(f"{target} exists already", hint="--print shows what would be written")
    found = look_around(project)
    text = manifest_text(found)
    if not only_print:
        target.write_text(text, encoding="utf-8")
    if as_json:
        ready = None if only_print else try_jobs(project_of(ctx), [job.name for job in found.jobs])
        echo_json({**_json(found, target, text), "ready": ready and [name for name, _ in ready]})
    elif only_print:
        click.echo(text, nl=False)
    else:
        click.echo(f"wrote {target}")
        _tell(found)
        _next(project_of(ctx), found)


# -- what is said of it ----------------------------------------------------------------


def _tell(found: Found) -> None:
    """Say in aligned lines what was found, what was guessed, and what is missing."""
    rows = [("found", *row) for row in _found(found)]
    rows += [("guessed", *row) for row in _guessed(found)]
    rows += [("missing", *row) for row in _missing(found)]
    width = max((len(row[1]) for row in rows), default=0)
    last = ""
    for kind, name, what in rows:
        label = kind if kind != last else ""
        colour = {"found": "green", "guessed": "yellow", "missing": "red"}[kind]
        click.echo(f"  {style(f'{label:8}', fg=colour)} {safe(name):{width}}  {safe(what)}")
        last = kind


def _found(found: Found) -> Iterator[tuple[str, str]]:
    for job in found.jobs:
        yield job.name, job.why
        yield from _flags(job)
        for file in job.files:
            if not file.guessed:
                yield "", f"{_picked(file)}: {file.why}"
    if found.python.why and found.jobs:
        yield "python", found.python.why
    linked = [str(folder.path) for folder in found.folders if folder.role == "needed"]
    if linked:
        yield "link", f"{', '.join(linked)}: ignored by git, and named here"


def _flags(job: FoundJob) -> Iterator[tuple[str, str]]:
    if job.flags is not None and job.parser is not None:
        names = [str(flag.path) for flag in job.flags.flags]
        yield (
            "",
            f"{len(names)} {'flag' if len(names) == 1 else 'flags'} of {job.parser}: {listing(names, 6)}",
        )


def _picked(file: FoundFile) -> str:
    return f"{file.path}, or {file.others} more" if file.choices else str(file.path)


def _guessed(found: Found) -> Iterator[tuple[str, str]]:
    for job in found.jobs:
        if not job.command and job.function is None:
            yield job.name, "its command: what reads the file is not plain to see"
        for file in job.files:
            if file.guessed:
                yield job.name, f"{_picked(file)}: {file.why.removeprefix('a guess: ')}"


def _missing(found: Found) -> Iterator[tuple[str, str]]:
    for job in found.jobs:
        if job.missing:
            yield job.name, f"what reads its other calls: pip install {job.missing}"
        yield from ((job.name, each) for each in job.unread)
        if job.flags is not None and job.parser is not None:
            yield from ((job.name, f"{each.where}: {each.message}") for each in job.flags.warnings)
    if found.python.missing:
        yield "python", found.python.missing
    if found.unused:
        yield "configs", f"{listing(map(str, found.unused), 4)}: no job is known to read them"
    for path in found.notebooks:
        yield str(path), "a notebook can't be launched as it is; launch.toml tells how"
    others = [str(folder.path) for folder in found.folders if folder.role == "perhaps"]
    if others:
        yield "link", f"{', '.join(others)}: ignored by git; link in launch.toml what jobs need"
    if not found.jobs and not found.notebooks:
        yield "jobs", "no script with a main part, no @job function: fill in the commented example"


def _next(project: Project, found: Found) -> None:
    """Try the jobs, and say what to type next for the first that is ready."""
    ready = list(try_jobs(project, [job.name for job in found.jobs]))
    if ready:
        name, form = ready[0]
        shown = shlex.quote(name)
        click.echo(f"\n  {style('next', bold=True)}     confjob show {shown}")
        click.echo(f"           confjob launch {shown}{_example(form)}")


def _example(form: Form) -> str:
    """Return options that set what must be set, else a value that is likely to be changed."""
    listed = list(form.listed())
    required = [field for field in listed if field.required]
    numbers = [field for field in listed if isinstance(field.value, float)]
    return "".join(
        f" --set {shlex.quote(str(field.path))}=…" for field in required or (numbers or listed)[:1]
    )


def try_jobs(project: Project, names: Iterable[str]) -> list[tuple[str, Form]]:
    """Read jobs as they were written, say on stderr what is missing, and return those that are ready."""
    from confjob.pipeline import Request, read_form

    ready = []
    for name in names:
        try:
            form = read_form(project, Request(job=name))
        except ConfjobError as error:
            click.echo(f"  {name} is not ready: {error.message}", err=True)
            warn(error.problems)
        else:
            warn(each for each in form.warnings if each.severity != "note")
            ready.append((name, form))
    return ready


# -- the same as data ------------------------------------------------------------------


def _json(found: Found, target: Path, text: str) -> dict[str, Any]:
    return {
        "manifest": str(target),
        "text": text,
        "jobs": [_job_json(job) for job in found.jobs],
        "guessed": [{"name": name, "what": what} for name, what in _guessed(found)],
        "missing": [{"name": name, "what": what} for name, what in _missing(found)],
    }


def _job_json(job: FoundJob) -> dict[str, Any]:
    from confjob.discover.manifest import unread

    return {
        "job": job.name,
        "why": job.why,
        "command": list(job.command) or None,
        "function": job.function,
        "parser": job.parser,
        "flags": [str(flag.path) for flag in job.flags.flags] if job.flags and job.parser else [],
        "files": [{"path": str(file.path), "choices": file.choices, "why": file.why} for file in job.files],
        "unread": [problem_json(problem) for problem in unread(job)],
    }
