"""`confjob ui`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from confjob.cli import Settings
from confjob.cli.output import note

if TYPE_CHECKING:
    from confjob.web.serving import Place
    from confjob.web.site import Site

__all__ = ["ui"]

#: What the extra `confjob[ui]` brings.
_EXTRA = ("anyio", "jinja2", "starlette", "uvicorn")


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen at."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="The port, 0 for any that is free; default: 8765, else any.",
)
@click.option(
    "--open/--no-browser",
    "opened",
    default=None,
    help="Open it in the browser; default: where there is a screen.",
)
@click.option("--read-only", is_flag=True, help="Show all, and let nothing be launched or changed.")
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the token in FILE, which is made if need be, and do not print it.",
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="Another name by which people come, through a proxy say; may be given several times.",
)
@click.pass_context
def ui(
    ctx: click.Context,
    host: str,
    port: int | None,
    opened: bool | None,
    read_only: bool,
    token_file: Path | None,
    hosts: tuple[str, ...],
) -> None:
    """Serve the launch form and the runs of this project to a browser.

    Prints the address to open; who opens it is let in by the token in it, and nobody
    else is. Runs go on when the server ends. From another machine come through ssh:
    ssh -L 8765:localhost:8765 MACHINE. It needs pip install 'confjob[ui]'.

    \b
    Examples:
      confjob ui
      confjob ui --read-only --port 9000
      confjob -C ~/project ui --no-browser

    Ctrl-C ends the server.
    """
    _require_extra()
    from confjob.web.serving import listen
    from confjob.web.site import Site
    from confjob.web.tokens import kept_token, new_token

    settings: Settings = ctx.obj
    token = new_token() if token_file is None else kept_token(token_file)
    place = listen(host, port)
    site = Site(
        directory=Path(settings.directory or ".").resolve(),
        token=token,
        blocked=settings.blocked,
        read_only=read_only,
        hosts=(place.name, *(name.lower() for name in hosts)),
    )
    _serve(site, place, token_file, opened=opened)


def _require_extra() -> None:
    """Raises `ConfjobError` when the extra is not installed."""
    from importlib.util import find_spec

    from confjob.errors import ConfjobError

    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        needs = ", ".join(missing)
        raise ConfjobError(f"the web interface needs {needs}", hint="pip install 'confjob[ui]'")


def _serve(site: Site, place: Place, token_file: Path | None, *, opened: bool | None) -> None:
    from confjob.web import browser
    from confjob.web.serving import serve

    whole = f"{place.address}?token={site.token}"
    pages: list[Path] = []

    def ready() -> None:
        click.echo(place.address if token_file else whole)
        for remark in _remarks(place, token_file):
            note(remark)
        if browser.has_browser(os.environ) if opened is None else opened:
            pages.append(browser.show(whole))

    try:
        serve(site, place, ready)
    finally:
        for page in pages:
            page.unlink(missing_ok=True)


def _remarks(place: Place, token_file: Path | None) -> list[str]:
    remarks = [] if token_file is None else [f"the token that lets one in stands in {token_file}"]
    if not place.is_local:
        remarks.append(
            "this listens beyond this machine, and without TLS whoever reads the traffic has the token: "
            "put a proxy with TLS in front"
        )
    elif "SSH_CONNECTION" in os.environ:
        remarks.append(
            f"on the machine before you: ssh -L {place.port}:localhost:{place.port} and the name of this one"
        )
    return [*remarks, "Ctrl-C ends the server; runs go on"]
