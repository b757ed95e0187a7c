"""`confjob logs`."""

from __future__ import annotations

import sys

import click

from confjob.cli import completing
from confjob.cli.options import project_of
from confjob.cli.output import note
from confjob.errors import ExitCode

__all__ = ["logs"]


@click.command()
@click.argument("run", shell_complete=completing.run_ids)
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the run ends.")
@click.option("-n", "--lines", metavar="N", type=click.IntRange(min=0), help="Only the last lines.")
@click.pass_context
def logs(ctx: click.Context, run: str, follow: bool, lines: int | None) -> int:
    """Print what RUN printed.

    Both of its streams are in one log, as they came. With --follow Ctrl-C stops
    printing, and not the run; how the run ended is told by confjob status. It goes on
    through all attempts of a run, and says on a terminal why it waits.

    \b
    Examples:
      confjob logs k3f
      confjob logs k3f -n 20
      confjob logs -f k3f

    See also: confjob launch --follow; confjob cancel RUN.
    """
    from confjob.cli.following import teller
    from confjob.pipeline import afterwards

    project = project_of(ctx)
    out = sys.stdout.buffer
    if not follow:
        out.writelines(afterwards.log_of(project, run, lines))
        out.flush()
        return ExitCode.OK
    try:
        afterwards.follow(project, run, out, lines=lines, tell=teller(run))
    except KeyboardInterrupt:
        note("\nstopped following; the run goes on")
        return ExitCode.INTERRUPTED
    return ExitCode.OK
