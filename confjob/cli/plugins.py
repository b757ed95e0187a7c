"""`confjob plugins`."""

from __future__ import annotations

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, table

__all__ = ["plugins"]


@click.group()
def plugins() -> None:
    """List what is installed, and what can be hooked."""


@plugins.command("list")
@as_json
@click.pass_context
def list_plugins(ctx: click.Context, as_json: bool) -> None:
    """List formats, backends and other plugins, importing none of them.

    \b
    Example:
      confjob plugins list
    """
    from attrs import asdict

    found = [asdict(plugin) for plugin in project_of(ctx).registry.installed()]
    keys = ["kind", "name", "distribution", "version", "module", "state"]
    if as_json:
        echo_json(found)
    else:
        table([key.upper() for key in keys], [[plugin[key] for key in keys] for plugin in found])


@plugins.command("hooks")
@click.pass_context
def list_hooks(ctx: click.Context) -> None:
    """Print every hook with its documentation."""
    import inspect

    for signature, doc in project_of(ctx).registry.hooks():
        click.echo(f"{signature}\n{_indented(inspect.cleandoc(doc))}\n")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
