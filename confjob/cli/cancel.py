"""`confjob cancel`."""

from __future__ import annotations

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json

__all__ = ["cancel"]


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@as_json
@click.pass_context
def cancel(ctx: click.Context, run_ids: tuple[str, ...], as_json: bool) -> None:
    """End runs: a warning signal to all their processes, a grace, then by force.

    \b
    Example:
      confjob cancel k3f m8w
    """
    from confjob.pipeline.afterwards import cancel_runs

    outcomes = cancel_runs(project_of(ctx), run_ids)
    if as_json:
        echo_json(
            [{"id": name, "state": status.state.value, "reason": status.reason} for name, status in outcomes]
        )
    else:
        for name, status in outcomes:
            click.echo(f"{name}  {status.state.value}" + (f"  {status.reason}" if status.reason else ""))
