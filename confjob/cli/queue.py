"""`confjob queue`."""

from __future__ import annotations

import getpass
import sys
import time
from typing import TYPE_CHECKING

import click

from confjob.cli import completing
from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo, echo_json, is_terminal, line_of, note, room_of
from confjob.errors import ExitCode, RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from confjob.builtin.local.queue.board import Entry

__all__ = ["queue"]

#: Seconds between looks at the queue while somebody watches or waits.
_PAUSE = 0.5

_NOTHING = "nothing runs or waits"


@click.group(invoke_without_command=True)
@click.option("--watch", is_flag=True, help="Keep the table on the terminal true, until Ctrl-C.")
@as_json
@click.pass_context
def queue(ctx: click.Context, watch: bool, as_json: bool) -> int:
    """Show what runs on this machine and what waits, and why; change the order, pause and go on.

    All of your projects on this machine share one queue: by priority, then first come,
    first served. What does not fit waits; what comes after it may start if it fits, but
    takes nothing that the first one in the queue is waiting for.

    \b
    Examples:
      confjob queue
      confjob queue move k3f --priority high
      confjob queue pause && confjob queue resume

    See also: confjob runs for what is over; confjob cancel RUN takes a run out of the queue.
    """
    if ctx.invoked_subcommand is not None:
        if watch:
            raise click.UsageError("--watch goes with no other command of the queue")
        return ExitCode.OK
    if watch:
        return _watch(_own(ctx))
    from confjob.builtin.local.queue.board import entries
    from confjob.builtin.local.queue.door import agent_process
    from confjob.builtin.local.queue.gates import Gates

    folder = _home()
    if as_json:
        from confjob.pipeline.shapes import queue_json

        found, agent = entries(folder), agent_process(folder)
        echo_json(queue_json(None if agent is None else agent.pid, Gates(folder).paused(), found))
        return ExitCode.OK
    lines = _lines(folder, _own(ctx), room_of(sys.stdout))
    if not lines:
        note(_NOTHING)
    for line in (*lines, *_paused(folder)):
        echo(line)
    return ExitCode.OK


@queue.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True, shell_complete=completing.going_runs)
@click.option(
    "--priority",
    type=click.Choice(["critical", "high", "medium", "low"]),
    required=True,
    help="The new priority.",
)
def move(run_ids: tuple[str, ...], priority: str) -> None:
    """Give runs that wait another priority.

    \b
    Example:
      confjob queue move k3f m8w --priority low
    """
    from confjob.builtin.local.queue.board import entries, reprioritise

    folder = _home()
    found = entries(folder)
    chosen = [_named(found, run) for run in run_ids]
    reprioritise(folder, chosen, priority)
    note(f"{', '.join(entry.ticket.run for entry in chosen)}: priority {priority}")


@queue.command()
@click.argument("target", required=False, shell_complete=completing.targets)
@click.option("--why", default="", metavar="TEXT", help="What to tell those who wait.")
@click.pass_context
def pause(ctx: click.Context, target: str | None, why: str) -> None:
    """Let nothing start; what runs goes on. With TARGET only that target of this project.

    \b
    Examples:
      confjob queue pause --why "back at 3 pm"
      confjob queue pause gpus
    """
    from confjob.cli.queuetable import group_words

    group = _paused_group(ctx, target, why)
    own = f" {target}" if target else ""
    note(f"{line_of(group_words(group))} is paused; confjob queue resume{own} lets it go on")


@queue.command()
@click.argument("target", required=False, shell_complete=completing.targets)
@click.pass_context
def resume(ctx: click.Context, target: str | None) -> None:
    """Let runs start again, after a pause or after too many failures.

    Without TARGET, whatever is paused goes on.

    \b
    Example:
      confjob queue resume
    """
    from confjob.builtin.local.queue.door import ring
    from confjob.builtin.local.queue.gates import EVERYTHING, Gates
    from confjob.cli.queuetable import group_words

    folder = _home()
    gates = Gates(folder)
    groups = [_group(ctx, target)] if target else list(gates.paused())
    resumed = [group for group in groups if gates.resume(group)]
    ring(folder)
    for group in resumed:
        note(f"{line_of(group_words(group))} goes on")
    if target and EVERYTHING in gates.paused():
        note("everything is paused still: confjob queue resume")
    elif not resumed:
        note("nothing was paused")


@queue.command()
@click.argument("target", required=False, shell_complete=completing.targets)
@click.pass_context
def drain(ctx: click.Context, target: str | None) -> None:
    """Let nothing start, and wait until nothing runs.

    Before a reboot, say. With TARGET only that target of this project. `confjob queue resume`
    lets what waits go on.

    \b
    Example:
      confjob queue drain && sudo reboot
    """
    from confjob.builtin.local.queue.board import entries
    from confjob.progress import doing

    group, folder = _paused_group(ctx, target, "drained"), _home()

    def going() -> Iterator[str]:
        for entry in entries(folder):
            if entry.phase == "running" and (target is None or entry.ticket.group == group):
                yield entry.ticket.run

    with doing("") as waiting:
        while runs := list(going()):
            waiting.what = f"waiting for {', '.join(runs[:4])}{', …' if len(runs) > 4 else ''}"
            time.sleep(_PAUSE)
    note(f"nothing runs; confjob queue resume{f' {target}' if target else ''} lets what waits go on")


def _home() -> Path:
    from confjob.builtin.local.queue.machine import home

    return home()


def _own(ctx: click.Context) -> Path | None:
    """Return the state folder of the project around; None outside of any, or where that can't be told."""
    from confjob.errors import ConfjobError

    try:
        return project_of(ctx).store.folder.absolute().parent
    except ConfjobError:
        return None


def _lines(folder: Path, own: Path | None, room: int | None, *, strict: bool = False) -> list[str]:
    from confjob.builtin.local.queue.board import entries
    from confjob.cli.queuetable import queue_lines

    found = entries(folder)
    return list(queue_lines(found, own, room=room, strict=strict)) if found else []


def _paused(folder: Path) -> list[str]:
    from confjob.builtin.local.queue.gates import Gates
    from confjob.cli.queuetable import group_words

    return [f"{line_of(group_words(group))}: {line_of(why)}" for group, why in Gates(folder).paused().items()]


def _watch(own: Path | None) -> int:
    """Keep the table on the terminal true until Ctrl-C; it stays there at the end. Returns the exit code."""
    if not is_terminal(sys.stdout):
        raise click.UsageError("--watch needs a terminal; `confjob runs --watch` prints a line per change")
    from confjob.cli.screen import Screen

    folder, screen = _home(), Screen(sys.stdout.fileno())
    lines: list[str] = []
    try:
        with screen:
            while True:
                columns, height = screen.size
                lines = [*(_lines(folder, own, columns, strict=True) or [_NOTHING]), *_paused(folder)]
                screen.draw(lines if len(lines) <= height else [*lines[: height - 1], "…"])
                time.sleep(_PAUSE)
    except KeyboardInterrupt:
        for line in lines:
            echo(line)
    return ExitCode.INTERRUPTED


def _paused_group(ctx: click.Context, target: str | None, why: str) -> str:
    """Pause a target of this project, or everything; returns what the queue calls it."""
    from confjob.builtin.local.queue.door import ring
    from confjob.builtin.local.queue.gates import Gates
    from confjob.declare import find_target, read_project

    if target is not None:
        project = project_of(ctx)
        find_target(project, read_project(project), target)  # a misspelt one would pause nothing
    folder, group = _home(), _group(ctx, target)
    Gates(folder).pause(group, f"paused by {getpass.getuser()}{f': {why}' if why else ''}")
    ring(folder)
    return group


def _group(ctx: click.Context, target: str | None) -> str:
    """Return what the queue calls a target of this project; all of them without a name."""
    from confjob.builtin.local.queue.entering import group_of
    from confjob.builtin.local.queue.gates import EVERYTHING

    return EVERYTHING if target is None else group_of(project_of(ctx).store.folder.absolute().parent, target)


def _named(found: Iterable[Entry], run: str) -> Entry:
    """Return the run that waits and whose id begins so; raises `RunError` when there is not one."""
    meant = [entry for entry in found if entry.ticket.run.startswith(run)]
    waiting = [entry for entry in meant if entry.phase == "waiting"]
    if len(waiting) == 1:
        return waiting[0]
    if waiting:
        known = ", ".join(entry.ticket.run for entry in waiting)
        raise RunError(f"run {run!r} is ambiguous", hint=f"it may be {known}")
    if meant:
        raise RunError(f"run {meant[0].ticket.run} does not wait any more: it runs")
    raise RunError(f"no run {run!r} waits in the queue", hint="`confjob queue` lists them")
