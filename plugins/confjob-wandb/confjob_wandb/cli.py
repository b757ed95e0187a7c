"""`confjob-wandb`: W&B's files, written from confjob's runs and jobs and read into a manifest."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from confjob.plugin import ConfjobError, Json

__all__ = ["cli", "main"]

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
@click.option("-C", "folder", type=click.Path(exists=True, file_okay=False), default=".", help="The project.")
@click.pass_context
def cli(ctx: click.Context, folder: str) -> None:
    """Read and write the files of W&B Launch."""
    ctx.obj = Path(folder)


@cli.command("launch-config")
@click.argument("run")
@click.pass_obj
def launch_config(folder: Path, run: str) -> None:
    """Print RUN as W&B's launch-config JSON: overrides of run_config and files, args, entry_point.

    `confjob launch JOB --inputs FILE` reads it.
    """
    from confjob.project import Project
    from confjob_wandb.launchconfig import launch_config as config_of

    project = Project.find(folder)
    record = project.store.find(run).record
    found = config_of(record["changes"], record["command"], _command(project, record["job"]))
    _echo(found.content)
    _notes([f"not in it: {each}" for each in found.unsaid])


@cli.command()
@click.argument("job")
@click.pass_obj
def metadata(folder: Path, job: str) -> None:
    """Print what W&B keeps of JOB's inputs: input_types and input_schemas."""
    from confjob.pipeline import Request, read_form
    from confjob.project import Project
    from confjob_wandb.metadata import metadata as metadata_of

    _echo(metadata_of(read_form(Project.find(folder), Request(job=job))))


@cli.command()
@_file
@click.option("--job", default="NAME", help="The job's name in the manifest.")
def inputs(file: Path, job: str) -> None:
    """Print the inputs in FILE (a W&B job's metadata, as JSON) as tables for launch.toml."""
    from confjob_wandb.metadata import manifest_inputs
    from confjob_wandb.tables import table

    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfjobError(f"{file}: {error}") from None
    click.echo(table(["jobs", job], manifest_inputs(told)), nl=False)


@cli.command()
@_file
@click.option("--job", required=True, help="The job that is swept.")
@click.option("--name", default="", help="The sweep's name; default: W&B's, else the file's.")
def sweep(file: Path, job: str, name: str) -> None:
    """Print the W&B sweep in FILE (YAML) as a table for launch.toml."""
    import yaml

    from confjob_wandb.sweeps import read_sweep
    from confjob_wandb.tables import table

    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfjobError(f"{file}: {error}") from None
    found = read_sweep(told)
    click.echo(table(["sweeps", name or found.name or file.stem], {"job": job, **found.table}), nl=False)
    _notes(found.notes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a refusal is a message and exit code 1."""
    try:
        cli.main(args=arguments, prog_name="confjob-wandb", standalone_mode=True)
    except ConfjobError as error:
        _refuse(error)
        sys.exit(1)


def _command(project: Any, job: str) -> tuple[str, ...] | None:
    """Return the job's own command as it is declared now, or None."""
    from confjob.declare import declare, read_project

    try:
        return declare(project, read_project(project), job).command
    except ConfjobError:
        return None


def _refuse(error: ConfjobError) -> None:
    click.echo(f"confjob-wandb: {error.message}", err=True)
    for problem in error.problems:
        click.echo(f"  {problem.message}", err=True)
        if problem.hint:
            click.echo(f"    hint: {problem.hint}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def _echo(content: Json) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _notes(notes: Sequence[str]) -> None:
    for each in notes:
        click.echo(each, err=True)
