"""`confjob settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note, table

if TYPE_CHECKING:
    from confjob.declare.settings import Setting

__all__ = ["settings"]

_MASK = "••••••"


@click.command()
@as_json
@click.pass_context
def settings(ctx: click.Context, as_json: bool) -> None:
    """List your settings and this machine's, and where each stands.

    They give targets, and variables and resources for every job; what a project says of
    its own jobs is stronger. The files are read from the top of the first table.

    \b
    Examples:
      confjob settings
      confjob schema --settings    # what may stand in them
    """
    from confjob.declare.settings import list_settings

    places = project_of(ctx).settings
    found = list_settings(places)
    if as_json:
        files = [
            {"owner": file.owner, "path": str(file.path), "exists": file.path.exists()}
            for file in places.files
        ]
        echo_json({"files": files, "settings": [_json(setting) for setting in found]})
        return
    told = [[file.owner, file.shown, "read" if file.path.exists() else "not there"] for file in places.files]
    table(["OWNER", "FILE", "STATE"], told)
    click.echo()
    if found:
        table(["SETTING", "VALUE", "FROM", "NOTE"], [_row(setting) for setting in found], elastic=("VALUE",))
    else:
        note("nothing is set; docs: how-to/settings")


def _json(setting: Setting) -> dict[str, Any]:
    return {
        "key": str(setting.key),
        "value": _shown(setting),
        "owner": setting.owner,
        "where": setting.where,
        "used": setting.used,
    }


def _row(setting: Setting) -> list[str]:
    from confjob.words import value_text

    used = "" if setting.used else "replaced by the line above"
    return [str(setting.key), value_text(_shown(setting)), setting.where, used]


def _shown(setting: Setting) -> Any:
    return _masked(str(setting.key[-1]), setting.value)


def _masked(name: str, value: Any) -> Any:
    """Return a value, less what looks secret by its name."""
    from confjob.form import is_secret_name

    if isinstance(value, dict):
        return {key: _masked(key, below) for key, below in value.items()}
    return _MASK if is_secret_name(name) else value
