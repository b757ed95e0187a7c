"""`confjob status`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo, echo_json, note, safe, state, style, warn
from confjob.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confjob.project import Project

__all__ = ["status"]


@click.command()
@click.argument("run", shell_complete=completing.run_ids)
@click.option("--wait", is_flag=True, help="Wait until it is over; exit 4 unless it succeeded.")
@as_json
@click.pass_context
def status(ctx: click.Context, run: str, wait: bool, as_json: bool) -> int:
    """Tell how RUN is doing, or how it ended. An id may be abbreviated.

    \b
    Examples:
      confjob status k3f
      confjob status k3f --wait && confjob outputs k3f --copy results

    \b
    Exit codes of --wait:
      0    the run succeeded
      4    it ended otherwise
      130  Ctrl-C; the run goes on

    See also: confjob logs RUN, confjob outputs RUN; confjob runs lists all.
    """
    from confjob.model import State
    from confjob.pipeline.afterwards import status_of, unread

    project = project_of(ctx)
    try:
        known = _ended(project, run) if wait else status_of(project, run)
    except KeyboardInterrupt:
        note("\nstopped waiting; the run goes on")
        return ExitCode.INTERRUPTED
    if as_json:
        echo_json(known)
    else:
        _print(known)
    warn(unread(project, known["id"]))
    return ExitCode.OK if not wait or known["state"] == State.SUCCEEDED else ExitCode.JOB_FAILED


def _ended(project: Project, run: str) -> dict[str, Any]:
    """Return a run's status once it is over."""
    from confjob.cli.watching import Pace, is_over
    from confjob.pipeline.afterwards import status_of
    from confjob.progress import doing

    pace = Pace()
    known = status_of(project, run)
    with doing("") as waiting:
        while not is_over(known):
            waiting.what = f"{known['id']} is {known['state']}"
            began, before = time.monotonic(), known["state"]
            known = status_of(project, known["id"])
            cost = time.monotonic() - began
            time.sleep(pace.after(changed=known["state"] != before, cost=cost) if not is_over(known) else 0)
    return known


def _print(known: dict[str, Any]) -> None:
    reason = f"  {safe(known['reason'])}" if known["reason"] else ""
    echo(f"{style(known['id'], bold=True)}  {safe(known['job'])}  {state(known['state'])}{reason}")
    for label, value in _facts(known):
        echo(f"  {style(f'{label:<10}', dim=True)}{safe(value)}")


def _facts(known: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from confjob.words import changed_to

    for label, value in (
        ("name", known["name"]),
        ("tags", ", ".join(known["tags"])),
        ("note", known["note"]),
    ):
        if value:
            yield label, value
    yield from _times(known)
    if known["commit"]:
        yield "commit", known["commit"][:12] + (" with uncommitted changes" if known["dirty"] else "")
    for number, change in enumerate(known["changes"]):
        told = f"{change['input']}:{change['path']} = {changed_to(change)}"
        yield "" if number else "changed", told
    yield "folder", known["dir"]
    yield from known["links"].items()


def _times(known: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from confjob.times import ago, duration, moment, ran

    yield "submitted", f"{moment(known['submitted'])} ({ago(known['submitted'])})"
    seconds = ran(known)
    if known["started"] is not None:
        lasted = (
            ""
            if seconds is None
            else f", {'lasted' if known['ended'] else 'going on for'} {duration(seconds)}"
        )
        yield "started", f"{moment(known['started'])}{lasted}"
    if known["attempts"] > 1:
        yield "attempts", str(known["attempts"])
    if known["target"] != "local":
        yield "target", known["target"]
