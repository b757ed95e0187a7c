"""`confjob retry`."""

from __future__ import annotations

import click

from confjob.cli import completing
from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note

__all__ = ["retry"]


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True, shell_complete=completing.run_ids)
@as_json
@click.pass_context
def retry(ctx: click.Context, run_ids: tuple[str, ...], as_json: bool) -> None:
    """Begin another attempt of runs that failed, were cancelled or got lost.

    A run keeps its id, its inputs and its working folder, so that the job can go on from
    what it had saved there; CONFJOB_ATTEMPT tells it the number, and CONFJOB_RESUME is
    `asked`. `confjob rerun` makes a new run instead, where other inputs are wanted.

    \b
    Examples:
      confjob retry k3f m8w
      confjob retry k3f && confjob logs -f k3f

    See also: [jobs.NAME.retry] in launch.toml retries without being asked.
    """
    from confjob.pipeline.retrying import retry_runs
    from confjob.pipeline.shapes import attempts_json

    runs = retry_runs(project_of(ctx), run_ids)
    if as_json:
        echo_json(attempts_json(runs))
    else:
        for run, attempt in runs.items():
            note(f"attempt {attempt} of {run} is queued")
