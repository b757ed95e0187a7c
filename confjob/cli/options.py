"""Options that several verbs share, and the project they work on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from confjob.cli import Settings, completing
from confjob.cli.completing.command import Completable

if TYPE_CHECKING:
    from confjob.model import Priority, State
    from confjob.pipeline import Request
    from confjob.pipeline.selecting import Selection
    from confjob.project import Project

__all__ = [
    "Command",
    "WithExtra",
    "all_of",
    "as_json",
    "files_option",
    "inputs_options",
    "project_of",
    "request_of",
    "selection_of",
    "selection_options",
    "target_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])


def all_of(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return one decorator for several options, which `--help` lists in this order."""

    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class WithExtra(Completable):
    """A command that keeps what follows `--` apart, in `ctx.meta["extra"]`.

    click would take a forgotten `--set` (`confjob launch train lr=0.1`) for an extra
    argument as well; here it stays an error.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put what follows `--` aside, and parse the rest."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta["extra"] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the usage line's parts, with the extra arguments at its end."""
        return [*super().collect_usage_pieces(ctx), "[-- EXTRA...]"]


files_option = click.option(
    "--file",
    "files",
    metavar="NAME=PATH",
    multiple=True,
    help="Pick another file for an input.",
    shell_complete=completing.file_choices,
)

target_option = click.option(
    "--target",
    metavar="NAME",
    help="Where to run; default: the job's target, else the default target.",
    shell_complete=completing.targets,
)

#: The options that change inputs: those of `plan` and `launch`.
inputs_options = all_of(
    click.option(
        "--set",
        "sets",
        metavar="[INPUT:]PATH=VALUE",
        multiple=True,
        help="Set a value. +PATH=VALUE adds a key, PATH- deletes one.",
        shell_complete=completing.sets,
    ),
    click.option(
        "--set-any",
        "any_sets",
        metavar="[INPUT:]PATH=VALUE",
        multiple=True,
        help="Set a value of a type that only inference refuses.",
        shell_complete=completing.sets,
    ),
    click.option(
        "--inputs",
        "inputs",
        metavar="FILE",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False),
        help="Read overrides from a YAML, JSON or TOML file.",
    ),
    files_option,
    target_option,
    click.option(
        "--set-var",
        "variables",
        metavar="NAME=VALUE",
        multiple=True,
        help="Set a variable of the target.",
        shell_complete=completing.variables,
    ),
)


#: The options that say which runs are meant.
selection_options = all_of(
    click.option(
        "--job", metavar="NAME", help="Only runs of this job.", shell_complete=completing.declared_jobs
    ),
    click.option(
        "--state",
        "states",
        metavar="STATE",
        multiple=True,
        help="Only runs in this state (running, failed, …); may be given several times.",
        shell_complete=completing.states,
    ),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        help="Only runs with this tag; may be given several times.",
        shell_complete=completing.tags,
    ),
    click.option("--name", help="Only runs of this name.", shell_complete=completing.names),
    click.option("--older-than", metavar="TIME", help="Only runs that ended longer ago: 30d, 12h."),
    click.option("--larger-than", metavar="SIZE", help="Only runs whose folder is larger: 500MiB."),
)


def selection_of(
    job: str | None,
    states: tuple[str, ...],
    tags: tuple[str, ...],
    name: str | None,
    older_than: str | None,
    larger_than: str | None,
) -> Selection:
    """Return the selection that the options make.

    Raises:
        click.BadParameter: When a state, time or size is none.
    """
    from confjob.model import Resources
    from confjob.pipeline.selecting import Selection

    return Selection(
        job=job,
        states=tuple(map(_state, states)),
        tags=tags,
        name=name,
        older_than=_amount(older_than, Resources.seconds_of, "--older-than"),
        larger_than=_amount(larger_than, Resources.bytes_of, "--larger-than"),
    )


def _state(text: str) -> State:
    from confjob.model import State
    from confjob.words import did_you_mean

    known = [state.lower() for state in State.__members__]
    if text.lower() not in known:
        hint = did_you_mean(text.lower(), known) or f"one of {', '.join(known)}"
        raise click.BadParameter(f"no state is called {text!r}; {hint}", param_hint="--state")
    return State(text.upper())


def _amount(text: str | None, read: Callable[[str], int], option: str) -> int | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def project_of(ctx: click.Context) -> Project:
    """Return the project around the working directory, or around `-C DIR`."""
    from confjob.project import Project

    settings: Settings = ctx.obj
    return Project.find(Path(settings.directory or "."), blocked=settings.blocked)


def request_of(
    job: str,
    *,
    sets: tuple[str, ...] = (),
    any_sets: tuple[str, ...] = (),
    inputs: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
    target: str | None = None,
    variables: tuple[str, ...] = (),
    extra: tuple[str, ...] = (),
    priority: Priority | None = None,
) -> Request:
    """Return the request that the options make.

    Raises:
        InvalidOverrides: With every `--set` that does not parse.
        click.UsageError: When `--file` has no `=`.
    """
    from confjob.pipeline import Request

    pairs = dict(_pair(text) for text in files)
    return Request(
        job=job,
        sets=sets,
        any_sets=any_sets,
        inputs=tuple(Path(path).absolute() for path in inputs),
        files=pairs,
        target=target,
        variables=variables,
        extra=extra,
        priority=priority,
    )


def _pair(text: str) -> tuple[str, str]:
    name, found, path = text.partition("=")
    if not found:
        raise click.UsageError(f"--file {text!r}: write NAME=PATH")
    return name, path
