"""Where a person's and a machine's settings lie, and where they say that runs are kept.

Whoever looks after runs needs no more of the settings than `state-dir`, so that one is read
by itself: a fault anywhere else in a file must not keep anyone from the runs that there are.
What else the files say is read by `confjob.declare.settings`, when a job is declared.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from attrs import frozen

from confjob.errors import InputError, ManifestError
from confjob.keypath import KeyPath
from confjob.model import Document, Problem, Source, Span
from confjob.plugin import builtin_format
from confjob.textfile import decode
from confjob.tree import MISSING, Json, get

__all__ = [
    "STATE_DIR",
    "STATE_VARIABLE",
    "Settings",
    "SettingsFile",
    "StateDir",
    "checked_folder",
    "settings_files",
]

#: The key of the folder that all projects' runs go to.
STATE_DIR: Final = "state-dir"
#: The variable that says the same, and wins.
STATE_VARIABLE: Final = "CONFJOB_STATE_DIR"

_KEY = re.compile(rf"""^[ \t]*["']?{STATE_DIR}["']?[ \t]*=.*""", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


@frozen(kw_only=True)
class SettingsFile:
    """One place where settings are looked for.

    Args:
        owner: Whose they are: this user's, or everybody's on this machine.
        path: The file's absolute path; it need not be there.
    """

    owner: Literal["user", "site"]
    path: Path

    @property
    def shown(self) -> str:
        """The path as people know it: `~/.config/confjob/config.toml`."""
        home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails where there is none
        return f"~/{self.path.relative_to(home)}" if self.path.is_relative_to(home) else str(self.path)

    def read(self) -> Document | None:
        """Return what stands there, or None where there is no such file.

        Raises:
            InputError: When it can't be read, is not UTF-8, or is not TOML.
        """
        text = self._text()
        return None if text is None else self._parsed(text)

    def state_dir(self) -> tuple[Json, Span | None]:
        """Return what the file calls `state-dir`, or `MISSING`, whatever else is wrong in it.

        Raises:
            InputError: When that can't be told.
        """
        text = self._text()
        if text is None:
            return MISSING, None
        try:
            document = self._parsed(text)
        except InputError:
            document = self._salvaged(text)
        at = KeyPath((STATE_DIR,))
        return get(document.tree, at), document.where(at)

    def _text(self) -> str | None:
        try:
            return decode(self.path.read_bytes(), self.shown).text
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            hint = "confjob looks for settings there"
            raise InputError(f"{self.shown}: can't be read: {error.strerror}", hint=hint) from None

    def _parsed(self, text: str) -> Document:
        name = PurePosixPath(self.shown)
        # Given as a text: its place is shown from the user's home, and lies in no project.
        source = Source(input=self.shown, path=name, root=Path("/"), provided={name: text})
        return builtin_format("toml").load(source)

    def _salvaged(self, text: str) -> Document:
        """Return the one line that says `state-dir`, where the file as a whole does not parse."""
        table = _TABLE.search(text)
        line = _KEY.search(text, 0, table.start() if table else len(text))
        if line is None:
            return self._parsed("")
        return self._parsed("\n" * text.count("\n", 0, line.start()) + line[0])


@frozen(kw_only=True)
class StateDir:
    """The folder that all projects' runs go to, and who says so."""

    folder: Path
    where: str


@frozen(kw_only=True)
class Settings:
    """The places of settings, and what is needed of them before anything else.

    Args:
        files: Where settings are looked for, the strongest first.
        variable: What `CONFJOB_STATE_DIR` is, or nothing.
    """

    files: tuple[SettingsFile, ...] = ()
    variable: str = ""

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings of this user and machine; reads none of them."""
        return cls(files=settings_files(), variable=environ.get(STATE_VARIABLE, ""))

    def state_dir(self) -> StateDir | None:
        """Return where runs are kept, if not in their projects.

        Raises:
            ManifestError: When what is said is no usable path.
            InputError: When a file that might say it can't be read.
        """
        if self.variable:
            return StateDir(folder=_folder(self.variable, STATE_VARIABLE, None), where=STATE_VARIABLE)
        for file in self.files:
            value, where = file.state_dir()
            if value is not MISSING:
                return StateDir(folder=_folder(value, file.shown, where), where=str(where or file.shown))
        return None


def settings_files() -> tuple[SettingsFile, ...]:
    """Return where settings are looked for, the strongest first: the user's, then the site's."""
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("confjob", appauthor=False, multipath=True)
    site = [Path(folder) for folder in dirs.site_config_dir.split(os.pathsep)]
    user = SettingsFile(owner="user", path=dirs.user_config_path / "config.toml")
    return (user, *(SettingsFile(owner="site", path=folder / "config.toml") for folder in site))


def checked_folder(value: Json) -> Path:
    """Return the folder that a `state-dir` names.

    Raises:
        ValueError: When it is no whole path.
    """
    if not isinstance(value, str) or not value:
        raise ValueError("must be the path of a folder")
    if "$" in value:
        raise ValueError(f"{value!r}: variables are not replaced here")
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"{value!r}: there is no such user") from None
    if not path.is_absolute():
        raise ValueError(f"{value!r} is relative, and nobody could tell to what")
    return path


def _folder(value: Json, name: str, where: Span | None) -> Path:
    try:
        return checked_folder(value)
    except ValueError as error:
        key = KeyPath() if name == STATE_VARIABLE else KeyPath((STATE_DIR,))
        hint = "write the whole path; ~ may begin it"
        problem = Problem(code="settings", input=name, path=key, message=str(error), hint=hint, where=where)
        raise ManifestError(f"{name}: 1 problem", problems=[problem]) from None
