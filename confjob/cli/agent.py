"""`confjob agent`."""

from __future__ import annotations

import click

from confjob.cli.output import note
from confjob.errors import ExitCode

__all__ = ["agent"]


@click.command()
@click.option(
    "--idle",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Leave after so many seconds with nothing to do; default: stay.",
)
@click.option("--stop", is_flag=True, help="Let the agent that works now leave, and no run end.")
def agent(idle: float | None, stop: bool) -> int:
    """Run the agent of this machine's queue in the foreground.

    Nobody need call it: the first launch on a local target starts one in the background,
    which serves all of your projects on this machine and leaves when it has nothing to do. In the
    foreground it is for systemd and its like. A second one does not start.

    Ctrl-C or TERM ends the agent, and no run: what runs goes on, and what waits waits for
    the next agent.

    \b
    Examples:
      confjob agent
      confjob agent --stop

    \b
    Exit codes:
      0  it has left
      1  another one works already, or with --stop does not leave
    """
    import logging

    from confjob.builtin.local.queue.agent import Agent
    from confjob.builtin.local.queue.door import agent_process, stop_agent
    from confjob.builtin.local.queue.machine import home

    folder = home()
    if stop:
        if stop_agent(folder):
            return ExitCode.OK
        note("the agent has not left yet; it may be in the midst of something")
        return ExitCode.REFUSED
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s",
        level=logging.INFO if idle is None else logging.WARNING,
    )
    if Agent(folder=folder, idle=idle).run():
        return ExitCode.OK
    if idle is None:
        process = agent_process(folder)
        note(f"an agent serves this machine's queue already{f': process {process.pid}' if process else ''}")
        return ExitCode.REFUSED
    return ExitCode.OK  # somebody's launch was quicker to start one
