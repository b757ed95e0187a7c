"""`confjob jobs`."""

from __future__ import annotations

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note, table

__all__ = ["jobs"]


@click.command()
@as_json
@click.pass_context
def jobs(ctx: click.Context, as_json: bool) -> None:
    """List the jobs of this project.

    These are the ones that launch.toml declares. A function or a script needs no
    entry: name it by its file, as in confjob show train.py:train.

    \b
    Examples:
      confjob jobs
      confjob jobs --json

    See also: confjob init writes a first launch.toml; confjob show JOB.
    """
    from confjob.pipeline import list_jobs
    from confjob.pipeline.shapes import jobs_json

    listed = list_jobs(project_of(ctx))
    if as_json:
        echo_json(jobs_json(listed))
    elif listed:
        rows = [[job.name, job.runs, job.description] for job in listed]
        table(["JOB", "RUNS", "DESCRIPTION"], rows, elastic=["RUNS", "DESCRIPTION"])
    else:
        note("no jobs: there is no launch.toml, or it declares none. A function is named train.py:train")
