"""`confjob init`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from attrs import evolve

from confjob.cli.options import project_of
from confjob.cli.output import note, warn
from confjob.errors import ConfjobError, ManifestError

if TYPE_CHECKING:
    from confjob.discover import Found, FoundFile, FoundJob
    from confjob.project import Project

__all__ = ["init"]

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
    text = "\n".join(_manifest(found))
    if only_print:
        click.echo(text, nl=False)
        return
    target.write_text(text, encoding="utf-8")
    click.echo(f"wrote {target}")
    _tell(found)
    _try(project_of(ctx), found)


def _manifest(found: Found) -> Iterator[str]:
    yield _HEAD
    for job in found.jobs:
        yield from _job(job)
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


def _job(job: FoundJob) -> Iterator[str]:
    name = job.name if job.name.replace("-", "").replace("_", "").isalnum() else json.dumps(job.name)
    yield f"[jobs.{name}]    # {job.why}"
    if job.function is not None:
        yield f"function = {json.dumps(job.function)}\n"
    elif job.command:
        yield f"command = {json.dumps(list(job.command))}\n"
    else:
        yield 'command = ["python", "train.py"]    # a guess: what reads the file is not plain to see\n'
    for file in job.files:
        yield from _file(name, file)


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
    for path in found.unused:
        note(f"  {path}: no job is known to read it")
    if not found.jobs:
        note("  no scripts with a main part and no @job functions: fill in the commented example")


def _try(project: Project, found: Found) -> None:
    """Read every job as it was written, and say what is missing."""
    from confjob.pipeline import Request, read_form

    for job in found.jobs:
        try:
            warn(read_form(project, Request(job=job.name)).warnings)
        except ConfjobError as error:
            click.echo(f"  {job.name} is not ready: {error.message}", err=True)
            warn(error.problems)
