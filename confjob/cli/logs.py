"""`confjob logs`."""

from __future__ import annotations

import sys

import click

from confjob.cli.options import project_of
from confjob.cli.output import note
from confjob.errors import ExitCode

__all__ = ["logs"]


@click.command()
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the run ends.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="Only the last lines.")
@click.pass_context
def logs(ctx: click.Context, run: str, follow: bool, lines: int | None) -> int:
    """Print what RUN printed.

    \b
    Examples:
      confjob logs k3f -n 20
      confjob logs -f k3f
    """
    from confjob.pipeline import afterwards

    project = project_of(ctx)
    out = sys.stdout.buffer
    if not follow:
        out.writelines(afterwards.log_of(project, run, lines))
        out.flush()
        return ExitCode.OK
    try:
        afterwards.follow(project, run, out, lines=lines)
    except KeyboardInterrupt:
        note("\nstopped following; the run goes on")
        return ExitCode.INTERRUPTED
    return ExitCode.OK
