"""`confjob capture`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click
from attrs import evolve

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note, safe, style
from confjob.errors import InputError, ManifestError

if TYPE_CHECKING:
    from confjob.capture import Captured, Written
    from confjob.project import Project

__all__ = ["capture"]

_HEAD = """\
# What can be launched here, and with which inputs. Written by `confjob capture`, which ran
# the command once: this is what it declared then.
# `confjob show JOB` lists a job's inputs; `confjob schema` is this file's schema.

"""


# The first word of the command ends capture's own options.
@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
@click.option("--name", metavar="JOB", help="The job's name; default: the script's.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    help="End the command after so long.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the manifest instead of writing it.")
@as_json
@click.pass_context
def capture(
    ctx: click.Context,
    command: tuple[str, ...],
    name: str | None,
    timeout: float,
    only_print: bool,
    as_json: bool,
) -> None:
    """Run COMMAND once, and write the launch.toml of what it declares.

    For scripts whose manage_config() and manage_config_file() calls can't be read from
    their text. The command runs in the project's folder, as a job would; its output is
    shown, and it is ended at the time limit. With --json what was recorded is printed.

    \b
    Examples:
      confjob capture -- python train.py
      confjob capture --name finetune --timeout 300 -- python train.py --size large
    """
    from confjob.capture import capture as run_once
    from confjob.capture import job_name
    from confjob.cli.init import try_jobs

    project = project_of(ctx)
    if project.manifest is None:
        # The manifest will make this folder the root, whatever project it lies in now.
        project = project.rooted(project.cwd)
    job = name or job_name(command)
    if not only_print:
        _refuse_known(project, job)
    captured = run_once(_offline(project), command, timeout)
    _check_declared(captured, command, timeout)
    written = _tables(project, job, command, captured)
    target = None if only_print or project.manifest is not None else _write(project, written)
    left_out = [*captured.declared.left_out, *written.left_out]
    if as_json:
        echo_json(
            {
                "job": job,
                "command": list(command),
                "exit_code": captured.exit_code,
                "calls": list(captured.calls),
                "manifest": written.text,
                "written": None if target is None else str(target),
                "left_out": left_out,
            }
        )
    elif target is None:
        click.echo(_printed(written), nl=False)
    _tell(captured, left_out, timeout)
    if target is not None:
        for path in (*(target.parent / schema for schema in written.schemas), target):
            click.echo(f"wrote {path}", err=as_json)
        try_jobs(project_of(ctx), [job])
    elif not only_print:
        note("launch.toml exists already, and is left as it is: add this table to it")


def _refuse_known(project: Project, job: str) -> None:
    """Refuse before anything is run what could not be written afterwards."""
    from confjob.declare import read_project

    if job in read_project(project).manifest.jobs:
        raise ManifestError(
            f"launch.toml has a job {job!r} already",
            hint="--print shows what would be written; --name makes it another job",
        )


def _offline(project: Project) -> Project:
    """Return the project with an environment in which no library asks for an account."""
    from confjob.discover import OFFLINE

    variables = {
        name: value
        for calls in project.registry.calls()
        for name, value in OFFLINE.get(calls.name, {}).items()
    }
    return evolve(project, environ={**variables, **project.environ})


def _check_declared(captured: Captured, command: tuple[str, ...], timeout: float) -> None:
    if captured.declared.run_config is not None or captured.declared.files:
        return
    ended = _ended(captured, timeout)
    left_out = "".join(f"; left out: {words}" for words in captured.declared.left_out)
    if captured.exit_code is None:
        hint = "--timeout gives it longer; or declare its inputs at the start of the script"
    elif captured.exit_code:
        hint = "see why it failed, above"
    else:
        hint = (
            "declare inputs with confjob.manage_config() or manage_config_file(), "
            "or name its config files in launch.toml (confjob init writes a first one)"
        )
    raise InputError(f"{shlex.join(command)} declared no inputs; it {ended}{left_out}", hint=hint)


def _ended(captured: Captured, timeout: float) -> str:
    if captured.exit_code is None:
        return f"was ended at the time limit of {timeout:g} s"
    return f"ended with exit code {captured.exit_code}"


def _tables(project: Project, job: str, command: tuple[str, ...], captured: Captured) -> Written:
    from confjob.capture import manifest_text
    from confjob.discover import offline_settings

    folder = project.root / "schemas"
    taken = [PurePosixPath("schemas", path.name) for path in folder.iterdir()] if folder.is_dir() else []
    settings = offline_settings({call["reader"] for call in captured.calls})
    return manifest_text(job, command, captured.declared, settings=settings, taken=taken)


def _printed(written: Written) -> str:
    """Return the tables, and as comments the schema files that they refer to."""
    files = [
        f"\n# {path}:\n" + "".join(f"# {line}\n" for line in text.splitlines())
        for path, text in written.schemas.items()
    ]
    return written.text + "".join(files)


def _write(project: Project, written: Written) -> Path:
    """Write the manifest last: it is complete, or it is not there."""
    from confjob.project import MANIFEST

    target = project.root / MANIFEST
    _write_new(project.root, {**written.schemas, PurePosixPath(MANIFEST): _HEAD + written.text})
    return target


def _write_new(root: Path, files: Mapping[PurePosixPath, str]) -> None:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(exist_ok=True)
        try:
            with target.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            raise ManifestError(
                f"{target} came to be while the command ran", hint="--print shows the manifest"
            ) from None


def _tell(captured: Captured, left_out: list[str], timeout: float) -> None:
    if captured.exit_code != 0:
        mark = style("warning:", fg="yellow", bold=True)
        click.echo(
            f"  {mark} the command {_ended(captured, timeout)}, after it had declared inputs", err=True
        )
    else:
        note("  the command ended with exit code 0")
    for words in left_out:
        click.echo(f"  {style('left out:', fg='yellow', bold=True)} {safe(words)}", err=True)
