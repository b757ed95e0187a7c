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

    \b
    Example:
      confjob jobs
    """
    from confjob.pipeline import list_jobs

    listed = list_jobs(project_of(ctx))
    if as_json:
        echo_json([{"job": job.name, "runs": job.runs, "description": job.description} for job in listed])
    elif listed:
        table(["JOB", "RUNS", "DESCRIPTION"], [[job.name, job.runs, job.description] for job in listed])
    else:
        note("no jobs: there is no launch.toml, or it declares none. A function is named train.py:train")
