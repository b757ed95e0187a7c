"""`confjob status`."""

from __future__ import annotations

from typing import Any

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, safe, style, warn

__all__ = ["status"]


@click.command()
@click.argument("run")
@as_json
@click.pass_context
def status(ctx: click.Context, run: str, as_json: bool) -> None:
    """Tell how RUN is doing, or how it ended. An id may be abbreviated.

    \b
    Example:
      confjob status k3f
    """
    from confjob.pipeline.afterwards import status_of, unread

    project = project_of(ctx)
    known = status_of(project, run)
    if as_json:
        echo_json(known)
    else:
        _print(known)
    warn(unread(project, known["id"]))


def _print(known: dict[str, Any]) -> None:
    from confjob.cli.times import duration, moment
    from confjob.words import changed_to

    colour = {"SUCCEEDED": "green", "RUNNING": "cyan", "STARTING": "cyan"}.get(known["state"], "red")
    reason = f"  {known['reason']}" if known["reason"] else ""
    click.echo(f"{known['id']}  {known['job']}  {style(known['state'], fg=colour, bold=True)}{reason}")
    for label, value in (
        ("name", known["name"]),
        ("tags", ", ".join(known["tags"])),
        ("note", known["note"]),
    ):
        if value:
            click.echo(f"  {label:<10}{value}")
    click.echo(f"  {'submitted':<10}{moment(known['submitted'])}")
    if known["started"] is not None:
        ended = known["ended"]
        lasted = f", lasted {duration(ended - known['started'])}" if ended is not None else ""
        click.echo(f"  {'started':<10}{moment(known['started'])}{lasted}")
    if known["commit"]:
        dirty = " with uncommitted changes" if known["dirty"] else ""
        click.echo(f"  {'commit':<10}{known['commit'][:12]}{dirty}")
    for change in known["changes"]:
        told = f"{change['input']}:{change['path']} = {changed_to(change)}"
        click.echo(f"  {'changed':<10}{safe(told)}")
    click.echo(f"  {'folder':<10}{known['dir']}")
    for label, place in known["links"].items():
        click.echo(f"  {label:<10}{safe(place)}")
