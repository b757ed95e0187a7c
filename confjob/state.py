"""Where a project's runs lie: in the project, or in a folder of its own on another disk.

A folder on a scratch disk says whose it is: its name begins as the project's, ends in a hash
of the project's real path, and holds a note that a person reads who wonders what fills the disk.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from attrs import frozen

from confjob.errors import InputError
from confjob.store import Store

__all__ = ["BESIDE", "NOTE", "MovedStore", "folder_in", "left_behind", "owner_of", "require_folder"]

#: The name of the state folder in a project.
BESIDE: Final = ".confjob"
#: The file in a moved state folder that says whose it is.
NOTE: Final = "project.json"


def folder_in(state_dir: Path, checkout: Path) -> Path:
    """Return the folder of a project among those of all projects.

    Example:
        >>> folder_in(Path("/scratch"), Path("/home/me/digits")).name
        'digits-4fca2432'
    """
    real = checkout.resolve()
    return state_dir / f"{real.name or 'root'}-{sha256(os.fsencode(real)).hexdigest()[:8]}"


def require_folder(state_dir: Path, where: str) -> None:
    """Check that a folder for all projects' runs is one, or can become one.

    Raises:
        InputError: When a file stands in its way.
    """
    nearest = next(place for place in (state_dir, *state_dir.parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise InputError(f"state-dir: {nearest} is no folder", hint=f"{where} says {state_dir}")


def left_behind(checkout: Path, state: Path) -> int:
    """Return how many runs lie in the project, although its state folder is another one."""
    beside = checkout / BESIDE
    runs = [] if state == beside else Store(state=beside).folder.glob("[!.]*")
    return sum(1 for _ in runs)


def owner_of(folder: Path) -> Path | None:
    """Return the project that a moved state folder belongs to, or None where nothing says so."""
    try:
        return Path(json.loads((folder / NOTE).read_bytes())["project"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@frozen(kw_only=True)
class MovedStore(Store):
    """The runs of a project whose state folder lies elsewhere.

    Args:
        checkout: The project.
    """

    checkout: Path

    def ensure(self) -> None:
        """Make the state folder, with a note of whose it is."""
        super().ensure()
        if owner_of(self.state) != self.checkout.resolve():
            note = self.state / NOTE
            draft = note.with_name(f".{NOTE}.{os.getpid()}")
            draft.write_text(json.dumps({"version": 1, "project": str(self.checkout.resolve())}) + "\n")
            draft.replace(note)
