"""`confjob schema`."""

from __future__ import annotations

import click

from confjob.cli.output import echo_json

__all__ = ["schema"]


@click.command()
@click.option("--settings", is_flag=True, help="Print that of the settings file, confjob/config.toml.")
def schema(settings: bool) -> None:
    """Print the JSON Schema of launch.toml, for editors.

    \b
    Example:
      confjob schema > launch.schema.json    # then, on launch.toml's first line:
      #:schema ./launch.schema.json
    """
    if settings:
        from confjob.declare.settings import settings_schema

        echo_json(settings_schema())
        return
    from confjob.declare.manifest import manifest_schema

    echo_json(manifest_schema())
