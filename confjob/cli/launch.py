"""`confjob launch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.options import WithExtra, all_of, as_json, inputs_options, project_of, request_of
from confjob.cli.output import echo_json, note, state, warn
from confjob.errors import ExitCode

if TYPE_CHECKING:
    from confjob.form import Plan
    from confjob.model import Priority
    from confjob.pipeline.launching import Launched
    from confjob.project import Project

__all__ = ["carry_out", "launch", "launch_options", "require_one_way"]


#: The options of what makes a run: those of `launch` and `rerun`.
launch_options = all_of(
    click.option(
        "--follow", "-f", is_flag=True, help="Print the job's output until it ends; exit 4 if it fails."
    ),
    click.option(
        "--fg", "foreground", is_flag=True, help="Run in this terminal, with its stdin; Ctrl-C cancels."
    ),
    click.option(
        "--priority",
        type=click.Choice(["critical", "high", "medium", "low"]),
        help="Before whom it starts, where runs have to wait; default: medium; of a rerun, as it was.",
    ),
    click.option("--name", default="", help="A name for the run."),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        help="A tag to find the run by; may be given several times.",
        shell_complete=completing.tags,
    ),
    click.option("--note", "remark", default="", help="A remark that is kept with the run."),
)


@click.command(cls=WithExtra)
@click.argument("job", shell_complete=completing.jobs)
@inputs_options
@launch_options
@as_json
@click.pass_context
def launch(
    ctx: click.Context,
    /,
    job: str,
    follow: bool,
    foreground: bool,
    priority: Priority | None,
    name: str,
    tags: tuple[str, ...],
    remark: str,
    as_json: bool,
    **asked: Any,
) -> int:
    """Start JOB with changed inputs.

    The run's id is printed first. The run gets a copy of the project as it is now,
    and lives on when this terminal is closed. Arguments after -- go to the job's
    command.

    \b
    Examples:
      confjob launch train --set learning_rate=0.1 --follow
      confjob launch finetune --inputs best.yaml --tag sweep-3
      confjob launch train.py:train --set epochs=3 -- --verbose

    \b
    Exit codes:
      0    the run is on its way; with --follow or --fg, it succeeded
      1    refused: nothing was started
      4    with --follow or --fg, the job failed
      130  Ctrl-C while following: the run goes on

    See also: confjob plan shows all of it and starts nothing; confjob status.
    """
    from confjob.pipeline import launching, make_plan

    require_one_way(follow=follow, foreground=foreground)
    project = project_of(ctx)
    request = request_of(job, extra=ctx.meta["extra"], priority=priority, **asked)
    plan = make_plan(project, request)
    launched = launching.launch(project, plan, launching.Label(name=name, tags=tags, note=remark))
    return carry_out(project, plan, launched, follow=follow, foreground=foreground, as_json=as_json)


def require_one_way(*, follow: bool, foreground: bool) -> None:
    """Refuse to stay with a run in two ways at once; raises `click.UsageError`."""
    if follow and foreground:
        raise click.UsageError("--follow and --fg exclude one another")


def carry_out(
    project: Project, plan: Plan, launched: Launched, *, follow: bool, foreground: bool, as_json: bool
) -> int:
    """Tell of a run that was made, start it, and stay with it as asked; returns the exit code."""
    if as_json:
        from confjob.pipeline.shapes import launched_json

        echo_json(launched_json(plan, launched, foreground=foreground))
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
    from confjob.cli.following import teller
    from confjob.model import State
    from confjob.pipeline import afterwards

    try:
        status = afterwards.follow(project, launched.id, sys.stdout.buffer, tell=teller(launched.id))
    except KeyboardInterrupt:
        note(
            f"\nstopped following; the run goes on. confjob logs -f {launched.id}, or confjob cancel {launched.id}"
        )
        return ExitCode.INTERRUPTED
    warn(afterwards.unread(project, launched.id))
    good = status.state is State.SUCCEEDED
    reason = f": {status.reason}" if status.reason else ""
    click.echo(f"{launched.id} {state(status.state.value)}{reason}", err=True)
    return ExitCode.OK if good else ExitCode.JOB_FAILED
