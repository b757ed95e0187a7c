"""The command line: a thin module per verb, imported only when that verb is called."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from confjob.version import __version__

__all__ = ["VERBS", "Settings", "confjob"]

#: verb -> what `confjob --help` says of it; the module has the verb's name.
VERBS: Final = {
    "init": "Write a first launch.toml from what lies in this folder.",
    "capture": "Run a command once, and write the launch.toml of what it declares.",
    "jobs": "List the jobs of this project.",
    "show": "Show every input of a job: path, type, value, where it stands.",
    "explain": "Tell why a value is what it is, and what would change it.",
    "check": "Check launch.toml and the config files of every job.",
    "plan": "Show what a launch would change and run, and do nothing.",
    "launch": "Start a job with changed inputs; prints the run's id first.",
    "runs": "List runs, the newest first.",
    "status": "Tell how a run is doing, or how it ended.",
    "logs": "Print what a run printed.",
    "outputs": "List the files that a run made, and copy them out.",
    "diff": "Tell what differs between two runs.",
    "cancel": "End runs.",
    "rm": "Remove runs that are over.",
    "plugins": "List what is installed and what can be hooked.",
    "schema": "Print the JSON Schema of launch.toml, for editors.",
}


class Settings:
    """What the options before the verb say."""

    def __init__(self, directory: str | None, blocked: tuple[str, ...]) -> None:
        self.directory = directory
        self.blocked = blocked


class _Verbs(click.Group):
    """A group that knows its verbs' names and help without importing any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"confjob.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from confjob.words import did_you_mean

            raise click.UsageError(f"No such command {args[0]!r}. {did_you_mean(args[0], VERBS)}".strip())
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 refused, 2 usage, 3 a fault of confjob's own, 4 the job failed, 130 interrupted.",
)
@click.version_option(__version__, prog_name="confjob")
@click.option(
    "-C", "--directory", metavar="DIR", type=click.Path(exists=True, file_okay=False), help="Work in DIR."
)
@click.option("-p", "plugins", metavar="no:NAME", multiple=True, help="Block a plugin before it is imported.")
@click.pass_context
def confjob(ctx: click.Context, directory: str | None, plugins: tuple[str, ...]) -> None:
    """Change the inputs of a training job, check them, and send it to hardware.

    A job is declared in launch.toml or by @job on its train function; a function is
    also named directly: train.py:train.
    """
    for plugin in plugins:
        if not plugin.startswith("no:"):
            raise click.BadParameter(f"{plugin!r}: write no:NAME", param_hint="-p")
    ctx.obj = Settings(directory, tuple(plugin.removeprefix("no:") for plugin in plugins))
