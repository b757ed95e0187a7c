"""A plugin's package that is not installed: what its `pyproject.toml` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from confjob.errors import ConfjobError
from confjob.registry.installed import GROUPS

__all__ = ["Package"]


@frozen(kw_only=True)
class Package:
    """A package as its author wrote it.

    Args:
        name: The distribution's name.
        version: Its version; `0` where a build backend finds it out.
        modules: The folder that belongs on the path: the package's own, or its `src`.
        entry_points: Those of confjob's groups: group to name to module.
    """

    name: str
    version: str
    modules: Path
    entry_points: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, folder: Path) -> Package:
        """Read `pyproject.toml` in a folder.

        Raises:
            ConfjobError: When there is none, or it can't be read.
        """
        project = _table(folder / "pyproject.toml")
        if "name" not in project:
            raise ConfjobError(f"{folder / 'pyproject.toml'} has no [project] name")
        groups = project.get("entry-points", {})
        return cls(
            name=project["name"],
            version=project.get("version", "0"),
            modules=folder / "src" if (folder / "src").is_dir() else folder,
            entry_points={group: groups[group] for group in GROUPS if group in groups},
        )


def _table(file: Path) -> dict[str, Any]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        read = tomlkit.parse(file.read_text(encoding="utf-8")).unwrap()
    except OSError as error:
        raise ConfjobError(f"{file}: {error.strerror}", hint="name the folder of a package") from None
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ConfjobError(f"{file}: {error}") from None
    project: dict[str, Any] = read.get("project", {})
    return project
