"""`confjob ui`."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from confjob.cli import Settings

__all__ = ["ui"]


@click.command()
@click.option("--host", default="127.0.0.1", help="The address to listen at.")
@click.option("--port", default=8800, type=int, help="The port.")
@click.option("--read-only", is_flag=True, help="Show all, change nothing.")
@click.pass_context
def ui(ctx: click.Context, host: str, port: int, read_only: bool) -> None:
    """Serve the launch form and the runs to a browser."""
    from confjob.web.serving import serve
    from confjob.web.site import Site

    settings: Settings = ctx.obj
    token = secrets.token_urlsafe(24)
    directory = Path(settings.directory or ".").resolve()
    serve(Site(directory=directory, token=token, blocked=settings.blocked, read_only=read_only), host, port)
