"""`confjob runs`."""

from __future__ import annotations

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note, table

__all__ = ["runs"]


@click.command()
@click.option("--job", help="Only runs of this job.")
@click.option("--state", help="Only runs in this state (running, failed, …).")
@click.option("--tag", "tags", multiple=True, help="Only runs with this tag.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many.")
@as_json
@click.pass_context
def runs(
    ctx: click.Context,
    job: str | None,
    state: str | None,
    tags: tuple[str, ...],
    limit: int | None,
    as_json: bool,
) -> None:
    """List runs, the newest first.

    \b
    Examples:
      confjob runs --state running
      confjob runs --job train --limit 5 --json
    """
    from confjob.pipeline.afterwards import find_runs

    found = find_runs(project_of(ctx), job=job, state=_state(state), tags=tags, limit=limit)
    if as_json:
        echo_json(found)
    elif found:
        linked = any(run["links"] for run in found)
        heads = ["RUN", "JOB", "STATE", "SUBMITTED", "NAME", "TAGS", "CHANGES"]
        rows = [[*_row(run), *([" ".join(run["links"].values())] if linked else [])] for run in found]
        table([*heads, "RECORDED IN"] if linked else heads, rows, elastic=6)
    else:
        note("no runs" + (" match" if job or state or tags else " yet: confjob launch JOB"))


def _state(text: str | None) -> str | None:
    from confjob.model import State

    if text is None:
        return None
    if text.upper() not in State.__members__:
        raise click.BadParameter(f"one of {', '.join(state.lower() for state in State.__members__)}")
    return text.upper()


def _row(run: dict) -> list[str]:  # type: ignore[type-arg]
    from confjob.cli.times import ago
    from confjob.words import changed_to

    changes = (f"{change['path']}={changed_to(change)}" for change in run["changes"])
    return [
        run["id"],
        run["job"],
        run["state"],
        ago(run["submitted"]),
        run["name"],
        ",".join(run["tags"]),
        " ".join(changes),
    ]
