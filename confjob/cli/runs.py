"""`confjob runs`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from confjob.cli.options import as_json, project_of, selection_of, selection_options
from confjob.cli.output import echo, echo_json, note
from confjob.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confjob.cli.runtable import Run
    from confjob.cli.watching import Look
    from confjob.pipeline.selecting import Selection
    from confjob.project import Project

__all__ = ["runs"]


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float | None:
    """Return the seconds of `--watch`: 0 where none are said, None without the option."""
    if not text:
        return None if text is None else 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise click.BadParameter(f"{text!r} is no number of seconds above 0")
    return seconds


@click.command()
@selection_options
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most this many.")
@click.option(
    "--watch",
    metavar="[SECONDS]",
    is_flag=False,
    flag_value="",
    callback=_seconds,
    help="Go on until Ctrl-C, looking every so many seconds; in a pipe, a line per change.",
)
@click.option("--until-done", is_flag=True, help="Watch until none of them goes on; exit 4 if one failed.")
@as_json
@click.pass_context
def runs(
    ctx: click.Context,
    job: str | None,
    states: tuple[str, ...],
    tags: tuple[str, ...],
    name: str | None,
    older_than: str | None,
    larger_than: str | None,
    limit: int | None,
    watch: float | None,
    until_done: bool,
    as_json: bool,
) -> int:
    """List runs, the newest first.

    With --watch the table stays and is kept true until Ctrl-C. In a pipe it is a line
    for each run, and then one for each change of a state; with --json, a JSON object
    on each line. Looks are rarer while nothing changes, unless SECONDS are given.

    \b
    Examples:
      confjob runs --state running
      confjob runs --job train --limit 5 --json
      confjob runs --watch
      confjob runs --tag sweep-3 --until-done && echo all well

    \b
    Exit codes of --until-done:
      0    all of the listed runs succeeded
      4    some did not
      130  Ctrl-C; the runs go on

    See also: confjob status RUN --wait for one run; confjob logs -f RUN.
    """
    from confjob.pipeline.afterwards import find_runs

    project = project_of(ctx)
    selection = selection_of(job, states, tags, name, older_than, larger_than)
    if until_done or watch is not None:
        from confjob.cli.watching import watch as watched

        look = _looker(project, selection, limit)
        return watched(look, every=watch or None, until_done=until_done, as_json=as_json)
    found = find_runs(project, selection=selection, limit=limit)
    if as_json:
        echo_json(found)
    elif found:
        _print(found)
    else:
        note("no runs" + (" match" if selection else " yet: confjob launch JOB"))
        _tell_left_behind(project)
    return ExitCode.OK


def _tell_left_behind(project: Project) -> None:
    """Tell of the runs from before `state-dir` was set, which no verb looks at."""
    from confjob.state import BESIDE, left_behind

    count = left_behind(project.checkout, project.state)
    if count:
        lie = "1 run lies" if count == 1 else f"{count} runs lie"
        note(f"{lie} in {project.checkout / BESIDE}; state-dir leads to {project.state}")


def _print(found: Sequence[Run]) -> None:
    from confjob.cli.output import room_of
    from confjob.cli.runtable import run_lines

    for line in run_lines(found, room=room_of(sys.stdout)):
        echo(line)


def _looker(project: Project, selection: Selection, limit: int | None) -> Look:
    """Return a way to look at the runs that are meant; one that leaves a state is shown on."""
    from attrs import evolve

    from confjob.cli.watching import once_in
    from confjob.pipeline.afterwards import find_runs

    everywhere = evolve(selection, states=())
    states = {state.value for state in selection.states}
    if not states:
        return partial(find_runs, project, selection=selection, limit=limit)
    return once_in(states, partial(find_runs, project, selection=everywhere), limit)
