"""`confjob schema`."""

from __future__ import annotations

import click

from confjob.cli.output import echo_json

__all__ = ["schema"]


@click.command()
def schema() -> None:
    """Print the JSON Schema of launch.toml, for editors.

    \b
    Example:
      confjob schema > launch.schema.json    # then, on launch.toml's first line:
      #:schema ./launch.schema.json
    """
    from confjob.declare.manifest import manifest_schema

    echo_json(manifest_schema())
