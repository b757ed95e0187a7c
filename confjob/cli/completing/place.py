"""Where completion looks: the project around the working directory, found without loading it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

__all__ = ["Place"]


class Place:
    """The project that the words before the cursor are about.

    Args:
        ctx: The context of the command that is completed.
    """

    def __init__(self, ctx: click.Context) -> None:
        given = ctx.find_root().params
        self.cwd = os.path.realpath(os.path.expanduser(given.get("directory") or os.curdir))
        self.blocked = tuple(str(each).removeprefix("no:") for each in given.get("plugins") or ())
        self.root = _upwards(self.cwd, "launch.toml") or _upwards(self.cwd, ".git") or self.cwd

    @property
    def state(self) -> str:
        """The folder of runs and caches, as `confjob.project` finds it."""
        moved = os.environ.get("CONFJOB_STATE_DIR") or _configured()
        if not moved:
            return os.path.join(self.root, ".confjob")
        from pathlib import Path

        from confjob.state import folder_in  # 30 ms, for those who keep their runs elsewhere

        return str(folder_in(Path(moved).expanduser(), Path(self.root)))

    def manifest(self) -> Mapping[str, Any]:
        """Return `launch.toml` as it stands; raises what its parser does where it is no TOML."""
        try:
            return _toml(os.path.join(self.root, "launch.toml"))
        except FileNotFoundError:
            return {}

    def table(self, name: str) -> dict[str, Mapping[str, Any]]:
        """Return the tables in a table of the manifest, such as its jobs."""
        return _tables(self.manifest().get(name))

    def settings_table(self, name: str) -> dict[str, Mapping[str, Any]]:
        """Return the tables in a table of the settings; the user's win over the site's."""
        found: dict[str, Mapping[str, Any]] = {}
        for settings in _settings():
            found = {**_tables(settings.get(name)), **found}
        return found


def _tables(found: object) -> dict[str, Mapping[str, Any]]:
    items = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in items if isinstance(value, dict)}


def _upwards(folder: str, name: str) -> str | None:
    while not os.path.exists(os.path.join(folder, name)):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _configured() -> str | None:
    """Return what the user's settings, else the site's, call `state-dir`."""
    found = (settings.get("state-dir") for settings in _settings())
    return next((each for each in found if isinstance(each, str) and each), None)


def _settings() -> Iterator[Mapping[str, Any]]:
    """Yield the settings files that are there, the user's first."""
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("confjob", appauthor=False, multipath=True)
    for folder in (dirs.user_config_dir, *dirs.site_config_dir.split(os.pathsep)):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield _toml(os.path.join(folder, "config.toml"))


def _toml(path: str) -> Mapping[str, Any]:
    with open(path, "rb") as file:
        text = file.read()
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text.decode("utf-8-sig"))
