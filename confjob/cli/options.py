"""Options that several verbs share, and the project they work on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from confjob.cli import Settings

if TYPE_CHECKING:
    from confjob.pipeline import Request
    from confjob.project import Project

__all__ = ["WithExtra", "as_json", "inputs_options", "project_of", "request_of"]

Command = TypeVar("Command", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class WithExtra(click.Command):
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


def inputs_options(command: Command) -> Command:
    """Add the options that change inputs: those of `plan` and `launch`."""
    options = [
        click.option(
            "--set",
            "sets",
            metavar="[INPUT:]PATH=VALUE",
            multiple=True,
            help="Set a value. +PATH=VALUE adds a key, PATH- deletes one.",
        ),
        click.option(
            "--set-any",
            "any_sets",
            metavar="[INPUT:]PATH=VALUE",
            multiple=True,
            help="Set a value of a type that only inference refuses.",
        ),
        click.option(
            "--inputs",
            "inputs",
            metavar="FILE",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False),
            help="Read overrides from a YAML, JSON or TOML file.",
        ),
        click.option(
            "--file", "files", metavar="NAME=PATH", multiple=True, help="Pick another file for an input."
        ),
        click.option("--target", metavar="NAME", help="Where to run; default: the job's, else local."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def project_of(ctx: click.Context) -> Project:
    """Return the project around the working directory, or around `-C DIR`."""
    from confjob.project import Project

    settings: Settings = ctx.obj
    return Project.find(Path(settings.directory or "."), blocked=settings.blocked)


def request_of(
    job: str,
    sets: tuple[str, ...],
    any_sets: tuple[str, ...],
    inputs: tuple[str, ...],
    files: tuple[str, ...],
    target: str | None,
    extra: tuple[str, ...] = (),
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
        extra=extra,
    )


def _pair(text: str) -> tuple[str, str]:
    name, found, path = text.partition("=")
    if not found:
        raise click.UsageError(f"--file {text!r}: write NAME=PATH")
    return name, path
