"""`confjob init`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click
from attrs import evolve

from confjob.cli.options import project_of
from confjob.cli.output import note, warn
from confjob.errors import ConfjobError, ManifestError

if TYPE_CHECKING:
    from confjob.discover import Found, FoundFile, FoundJob
    from confjob.model import InputSpec, JobSpec
    from confjob.project import Project

__all__ = ["init", "try_jobs"]

_HEAD = """\
# What can be launched here, and with which inputs. Written by `confjob init`, which ran
# nothing: read it, and change what it guessed wrongly.
# `confjob show JOB` lists a job's inputs; `confjob schema` is this file's schema.
"""


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Print the manifest instead of writing it.")
@click.pass_context
def init(ctx: click.Context, only_print: bool) -> None:
    """Write a first launch.toml from what lies in this folder.

    Looks at scripts, config files, decorated functions and what the installed plugins
    recognise, and runs none of it.

    \b
    Example:
      confjob init && confjob jobs
    """
    from confjob.discover import discover
    from confjob.project import MANIFEST

    around = project_of(ctx)
    # The manifest will make this folder the root, whatever project it lies in now.
    project = evolve(around, root=around.cwd)
    target = project.root / MANIFEST
    if target.exists() and not only_print:
        raise ManifestError(f"{target} exists already", hint="--print shows what would be written")
    found = discover(project)
    text = "\n".join(_manifest(project, found))
    if only_print:
        click.echo(text, nl=False)
        return
    target.write_text(text, encoding="utf-8")
    click.echo(f"wrote {target}")
    _tell(found)
    try_jobs(project_of(ctx), [job.name for job in found.jobs])


def _manifest(project: Project, found: Found) -> Iterator[str]:
    yield _HEAD
    for job in found.jobs:
        yield from _job(project, job)
    if not found.jobs:
        yield '# [jobs.train]\n# command = ["python", "train.py"]\n'
    if found.unused:
        yield "# Config files that no job is known to read:"
        yield from (f"#   {path}" for path in found.unused)
        yield ""
    if found.ignored:
        folders = ", ".join(json.dumps(name.rstrip("/")) for name in found.ignored)
        yield "# git ignores these folders, so runs don't have them. Those they need can be linked:"
        yield f"# [workspace]\n# link = [{folders}]\n"


def _job(project: Project, job: FoundJob) -> Iterator[str]:
    from confjob.words import toml_key

    name = toml_key(job.name)
    yield f"[jobs.{name}]    # {job.why}"
    if job.function is not None:
        yield f"function = {json.dumps(job.function)}"
    elif job.command:
        yield f"command = {json.dumps(list(job.command))}"
    else:
        yield 'command = ["python", "train.py"]    # a guess: what reads the file is not plain to see'
    yield from job.settings
    declared = _declared(project, job)
    yield from (f"# {line}".rstrip() for line in _listed(job, declared))
    yield ""
    known = {path for spec in declared.inputs for path in (spec.path, spec.source)} if declared else set()
    for file in job.files:
        if file.path not in known:
            yield from _file(name, file)


def _declared(project: Project, job: FoundJob) -> JobSpec | None:
    """Return what the calls in a job's script declare, as far as it can be read."""
    from confjob.declare import Declared, declare
    from confjob.declare.manifest import Manifest

    if job.declares is None:
        return None
    try:
        return declare(project, Declared(manifest=Manifest()), str(job.declares))
    except ConfjobError:
        return None  # it is told when the job is tried


def _listed(job: FoundJob, declared: JobSpec | None) -> Iterator[str]:
    """Yield what a script's calls declare, and what of it only the running script knows."""
    inputs = [spec for spec in declared.inputs if spec.kind in ("run-config", "file")] if declared else []
    if inputs:
        yield "Read from the calls in its text, so nothing else need be said here:"
        yield from (f"  {_described(spec)}" for spec in inputs)
    unread = [*(declared.warnings if declared else ()), *(each for spec in inputs for each in spec.warnings)]
    if unread:
        yield "Not to be read without running it:"
        yield from (f"  {problem.where}: {_line(problem.message)}" for problem in unread)
        yield f"This runs it once, and prints what it declares: {_capture(job)}"
    if job.missing:
        yield f"Calls of another library declare its inputs, too; they are read with: pip install {job.missing}"


def _described(spec: InputSpec) -> str:
    said = [
        f"{word} {', '.join(map(str, prefixes))}"
        for word, prefixes in (("include", spec.filter.include), ("exclude", spec.filter.exclude))
        if prefixes
    ]
    said += ["a schema"] if spec.schema is not None else []
    at = f" ({spec.where.file}:{spec.where.line})" if spec.where else ""
    return _line(f"{spec.input}{at}{': ' if said else ''}{'; '.join(said)}")


def _line(text: str) -> str:
    return " ".join(text.split())


def _capture(job: FoundJob) -> str:
    return f"confjob capture --print -- {shlex.join(job.command)}"


def _file(job: str, file: FoundFile) -> Iterator[str]:
    yield f"[[jobs.{job}.files]]    # {file.why}"
    if file.name is not None:
        yield f"name = {json.dumps(file.name)}"
    yield f"path = {json.dumps(str(file.path))}"
    if file.format is not None:
        yield f"format = {json.dumps(file.format)}"
    yield "# exclude = []    # what nobody should change\n"


def _tell(found: Found) -> None:
    for job in found.jobs:
        click.echo(f"  {job.name}: {job.why}")
        for file in job.files:
            click.echo(f"    {file.path}: {file.why}")
        if job.missing:
            note(f"    other calls of it declare inputs, too; to have them read: pip install {job.missing}")
    for path in found.unused:
        note(f"  {path}: no job is known to read it")
    if not found.jobs:
        note("  no scripts with a main part and no @job functions: fill in the commented example")


def try_jobs(project: Project, names: Iterable[str]) -> None:
    """Read jobs as they were written, and say on stderr what is missing."""
    from confjob.pipeline import Request, read_form

    for name in names:
        try:
            warn(read_form(project, Request(job=name)).warnings)
        except ConfjobError as error:
            click.echo(f"  {name} is not ready: {error.message}", err=True)
            warn(error.problems)
