"""`confjob cancel`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.options import as_json, project_of, selection_of, selection_options
from confjob.cli.output import echo, echo_json, note, state, table
from confjob.words import plural

if TYPE_CHECKING:
    from confjob.pipeline.selecting import Selection
    from confjob.project import Project

__all__ = ["cancel"]


@click.command()
@click.argument("run_ids", metavar="[RUN]...", nargs=-1, shell_complete=completing.going_runs)
@selection_options
@click.option("--all", "every", is_flag=True, help="All runs of the project that go on.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def cancel(
    ctx: click.Context, /, run_ids: tuple[str, ...], every: bool, yes: bool, as_json: bool, **meant: Any
) -> None:
    """End runs: a warning signal to all their processes, a grace, then by force.

    The runs are named by id, or by what is known of them: those that match and go on are
    listed, and a question comes first.

    \b
    Examples:
      confjob cancel k3f
      confjob cancel --job train --tag sweep-3
      confjob cancel --all --yes
    """
    from confjob.pipeline.afterwards import cancel_runs
    from confjob.pipeline.shapes import ends_json

    project = project_of(ctx)
    selection = selection_of(**meant)
    if bool(run_ids) == bool(selection or every):
        raise click.UsageError("name runs, or say which by --all, --job, --state, --tag, --name and the like")
    runs = run_ids or _going(project, selection)
    # Ids in a script are meant; what a pattern meets, or a hand at a terminal types, may be a slip.
    if runs and not yes and (not run_ids or (len(runs) > 1 and sys.stdin.isatty())):
        _ask(project, runs)
    outcomes = cancel_runs(project, runs)
    if as_json:
        echo_json(ends_json(outcomes))
        return
    if not outcomes:
        note("no run that goes on matches")
    for name, each in outcomes:
        echo(f"{name}  {state(each.state.value)}" + (f"  {each.reason}" if each.reason else ""))


def _going(project: Project, selection: Selection) -> tuple[str, ...]:
    from confjob.model import State
    from confjob.pipeline.afterwards import find_runs

    return tuple(run["id"] for run in find_runs(project, selection) if not State(run["state"]).final)


def _ask(project: Project, runs: tuple[str, ...]) -> None:
    from confjob.cli.asking import agreed
    from confjob.pipeline.afterwards import status_of
    from confjob.times import ago

    known = [status_of(project, run) for run in runs]
    table(
        ["RUN", "JOB", "STATE", "SUBMITTED", "NAME"],
        [[run["id"], run["job"], run["state"], ago(run["submitted"]), run["name"]] for run in known],
    )
    agreed(f"Cancel {plural(len(runs), 'run')}?", otherwise="nothing was cancelled")
