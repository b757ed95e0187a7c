"""`confjob plan`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.options import WithExtra, as_json, inputs_options, project_of, request_of
from confjob.cli.output import echo_json, patch, safe, style, warn
from confjob.words import changed_to, value_text

if TYPE_CHECKING:
    from confjob.pipeline.preview import Preview

__all__ = ["plan", "print_preview"]


@click.command(cls=WithExtra)
@click.argument("job", shell_complete=completing.jobs)
@inputs_options
@as_json
@click.pass_context
def plan(ctx: click.Context, /, job: str, as_json: bool, **asked: Any) -> None:
    """Show what `launch` with the same arguments would do, and do nothing.

    Prints the job script, a unified diff per config file, the command, and the
    changes with the origin of each. Arguments after -- go to the job's command.

    \b
    Examples:
      confjob plan train --set learning_rate=0.1
      confjob plan train --set config.yaml:model.dropout=0.2 --json
      confjob plan train --set +optimizer.beta=0.9 --set scheduler-

    Exit code 1: the changes are refused, each with place and hint.

    See also: confjob show JOB for what can be changed; confjob launch.
    """
    from confjob.pipeline import make_plan
    from confjob.pipeline.preview import preview

    project = project_of(ctx)
    made = make_plan(project, request_of(job, extra=ctx.meta["extra"], **asked))
    print_preview(preview(project, made), as_json=as_json)


def print_preview(shown: Preview, *, as_json: bool) -> None:
    """Print what a launch would do."""
    if as_json:
        from confjob.pipeline.shapes import plan_json

        echo_json(plan_json(shown))
    else:
        _print(shown)


def _print(shown: Preview) -> None:
    """Print the longest part first, so that what matters is still on the screen at the end."""
    place = f" of {shown.target_where}" if shown.target_where else ""
    _heading(f"job script, target {shown.target}{place} (RUN stands for the run's id)")
    click.echo(style(shown.script.rstrip(), dim=True))
    if len(shown.submission.splitlines()) > 1 or shown.script.splitlines() == []:
        _heading(f"what {shown.target} is given")
        click.echo(style(shown.submission.rstrip(), dim=True))
    for path, diff in shown.diffs.items():
        _heading(path)
        for line in patch(diff):
            click.echo(line)
    _heading(f"command, with python {shown.python}")
    click.echo(shlex.join(shown.command))
    _heading("changes" if shown.changes else "no changes: the job runs with its present inputs")
    for change in shown.changes:
        click.echo(_change(change))
    warn(shown.warnings)


def _heading(text: str) -> None:
    click.echo(style(f"## {text}", bold=True))


def _change(change: dict[str, Any]) -> str:
    """Return `config.yaml:lr  0.1 -> 0.2  (--set, replaces config.yaml:3:5)`."""
    before = value_text(change["before"]) if "before" in change else "(absent)"
    before = "(hidden)" if change.get("secret") else before
    place = f", replaces {change['where']}" if change["where"] and "before" in change else ""
    name = style(safe(f"{change['input']}:{change['path']}"), bold=True)
    return f"{name}  {safe(before)} -> {safe(changed_to(change))}  ({change['origin']}{place})"
