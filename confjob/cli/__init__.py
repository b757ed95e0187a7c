"""The command line: a thin module per verb, imported only when that verb is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from confjob.cli import completing
from confjob.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["VERBS", "Settings", "confjob"]

#: purpose -> verb -> what `confjob --help` says of it; a verb's module has its name.
_PURPOSES: Final = {
    "Declare a job": {
        "init": "Write a first launch.toml from what lies in this folder.",
        "capture": "Run a command once, and write launch.toml from what it declares.",
        "jobs": "List the jobs of this project.",
        "show": "Show every input of a job: path, type, value, where it stands.",
        "explain": "Tell why a value is what it is, and what would change it.",
        "check": "Check launch.toml and the config files of every job.",
    },
    "Launch it": {
        "plan": "Show what a launch would change and run, and do nothing.",
        "launch": "Start a job with changed inputs; prints the run's id first.",
        "ui": "Serve the launch form and the runs to a browser.",
    },
    "Afterwards": {
        "runs": "List runs, the newest first.",
        "status": "Tell how a run is doing, or how it ended.",
        "logs": "Print what a run printed.",
        "outputs": "List the files that a run made, and copy them out.",
        "diff": "Tell what differs between two runs.",
        "cancel": "End runs.",
        "retry": "Begin another attempt of runs that failed.",
        "rerun": "Run a run again, as it was or with changes.",
        "rm": "Remove runs that are over.",
        "prune": "Remove what is old, and what no run needs any more.",
    },
    "This machine": {
        "queue": "Show what runs on this machine and what waits, and why.",
        "agent": "Run the agent of this machine's queue in the foreground.",
    },
    "Set up and extend": {
        "completion": "Print or install the script that completes commands in a shell.",
        "plugins": "List, start and check plugins, and what they can hook.",
        "settings": "List your settings and this machine's, and where each stands.",
        "doctor": "Tell what works on this machine, and what would mend the rest.",
        "schema": "Print the JSON Schema of launch.toml, for editors.",
    },
}

#: verb -> what it does, in the order of `confjob --help`.
VERBS: Final = {verb: text for verbs in _PURPOSES.values() for verb, text in verbs.items()}


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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Offer the verbs without importing any; behind a dash, the options."""
        from confjob.cli.completing.items import matching

        return matching(VERBS, incomplete) or click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from confjob.words import did_you_mean

            raise click.UsageError(f"No such command {args[0]!r}. {did_you_mean(args[0], VERBS)}".strip())
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs first: they are what one looks for."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, VERBS))
        for purpose, verbs in _PURPOSES.items():
            with formatter.section(purpose):
                # One width for all, so that the purposes read as one table.
                formatter.write_dl([(verb.ljust(width), text) for verb, text in verbs.items()])


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "`confjob VERB --help` tells more of a verb, with examples. Exit codes: 0 ok, 1 refused, "
        "2 usage, 3 a fault of confjob's own, 4 the job failed, 130 interrupted."
    ),
)
@click.version_option(__version__, prog_name="confjob")
@click.option(
    "-C", "--directory", metavar="DIR", type=click.Path(exists=True, file_okay=False), help="Work in DIR."
)
@click.option(
    "-p",
    "plugins",
    metavar="no:NAME",
    multiple=True,
    help="Block a plugin before it is imported.",
    shell_complete=completing.plugins,
)
@click.pass_context
def confjob(ctx: click.Context, directory: str | None, plugins: tuple[str, ...]) -> None:
    """Change the inputs of a training job, check them, and send it to hardware.

    A job is declared in launch.toml or by @job on its train function; a function is
    also named directly: train.py:train.
    """
    for plugin in plugins:
        if not plugin.startswith("no:"):
            raise click.BadParameter(f"{plugin!r}: write no:NAME", param_hint="-p")
    from confjob.cli.output import colours
    from confjob.cli.waiting import show_progress

    ctx.color = colours()
    ctx.with_resource(show_progress())
    ctx.obj = Settings(directory, tuple(plugin.removeprefix("no:") for plugin in plugins))
