"""`confjob launch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from confjob.cli.options import WithExtra, as_json, inputs_options, project_of, request_of
from confjob.cli.output import echo_json, note, style, warn
from confjob.errors import ExitCode

if TYPE_CHECKING:
    from confjob.pipeline.launching import Launched
    from confjob.project import Project

__all__ = ["launch"]


@click.command(cls=WithExtra)
@click.argument("job")
@inputs_options
@click.option(
    "--follow", "-f", is_flag=True, help="Print the job's output until it ends; exit 4 if it fails."
)
@click.option(
    "--fg", "foreground", is_flag=True, help="Run in this terminal, with its stdin; Ctrl-C cancels."
)
@click.option("--name", default="", help="A name for the run.")
@click.option("--tag", "tags", multiple=True, help="A tag to find the run by; may be given several times.")
@click.option("--note", "remark", default="", help="A remark that is kept with the run.")
@as_json
@click.pass_context
def launch(
    ctx: click.Context,
    job: str,
    sets: tuple[str, ...],
    any_sets: tuple[str, ...],
    inputs: tuple[str, ...],
    files: tuple[str, ...],
    target: str | None,
    follow: bool,
    foreground: bool,
    name: str,
    tags: tuple[str, ...],
    remark: str,
    as_json: bool,
) -> int:
    """Start JOB with changed inputs.

    The run's id is printed first. The run lives on when this terminal is closed.
    Arguments after -- go to the job's command.

    \b
    Examples:
      confjob launch train --set learning_rate=0.1 --follow
      confjob launch finetune --inputs best.yaml --tag sweep-3
      confjob launch train.py:train --set epochs=3 -- --verbose
    """
    from confjob.pipeline import launching, make_plan

    if follow and foreground:
        raise click.UsageError("--follow and --fg exclude one another")
    project = project_of(ctx)
    request = request_of(job, sets, any_sets, inputs, files, target, ctx.meta["extra"])
    plan = make_plan(project, request)
    launched = launching.launch(project, plan, name=name, tags=tags, note=remark)
    if as_json:
        echo_json({"id": launched.id, "job": plan.job.name, "target": plan.target.name, "state": "STARTING"})
    else:
        click.echo(launched.id)
    warn(each for each in (*plan.warnings, *launched.warnings) if each.severity == "warning")
    if foreground:
        return _exit(launched.foreground())
    launched.start()
    return _follow(project, launched) if follow else ExitCode.OK


def _exit(code: int) -> int:
    return ExitCode.OK if code == 0 else ExitCode.JOB_FAILED


def _follow(project: Project, launched: Launched) -> int:
    from confjob.model import State
    from confjob.pipeline import afterwards

    try:
        status = afterwards.follow(project, launched.id, sys.stdout.buffer)
    except KeyboardInterrupt:
        note(
            f"\nstopped following; the run goes on. confjob logs -f {launched.id}, or confjob cancel {launched.id}"
        )
        return ExitCode.INTERRUPTED
    warn(afterwards.unread(project, launched.id))
    good = status.state is State.SUCCEEDED
    reason = f": {status.reason}" if status.reason else ""
    outcome = style(status.state.value, fg="green" if good else "red", bold=True)
    click.echo(f"{launched.id} {outcome}{reason}", err=True)
    return ExitCode.OK if good else ExitCode.JOB_FAILED
