"""The project a command works on: its root, its plugins, and where its state lies.

One value that every verb can be handed, so that none of them looks at the process's
working directory or environment by itself, and tests can make as many as they like.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from attrs import field, frozen

from confjob.model import Ask
from confjob.probe import Interpreter, asker, find_interpreter
from confjob.registry import Registry
from confjob.store import Store

__all__ = ["MANIFEST", "Project"]

#: The manifest's file name.
MANIFEST = "launch.toml"


@frozen(kw_only=True, slots=False)
class Project:
    """A project root with its registry of plugins.

    Args:
        root: Absolute path: the folder of the nearest `launch.toml` upwards, else the
            git root, else the working directory.
        cwd: Where the user stands; names of scripts are read from here.
        environ: The submitter's environment.
        registry: The plugins.
    """

    root: Path
    cwd: Path
    registry: Registry
    environ: Mapping[str, str] = field(factory=lambda: dict(os.environ), repr=False)

    @classmethod
    def find(
        cls,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        blocked: Collection[str] = (),
    ) -> Project:
        """Return the project around `cwd` (default: the working directory)."""
        start = (cwd or Path.cwd()).resolve()
        root = _upwards(start, MANIFEST) or _upwards(start, ".git") or start
        registry = Registry(blocked=blocked, inline=root / "confjob_plugins.py")
        return cls(
            root=root, cwd=start, registry=registry, environ=dict(os.environ if environ is None else environ)
        )

    @property
    def manifest(self) -> PurePosixPath | None:
        """The manifest's path relative to the root, or None when there is none."""
        return PurePosixPath(MANIFEST) if (self.root / MANIFEST).is_file() else None

    @property
    def state(self) -> Path:
        """The folder of runs, snapshots and caches."""
        return self.root / ".confjob"

    @cached_property
    def store(self) -> Store:
        """The run folders of this project."""
        return Store(state=self.state)

    def interpreter(self, declared: str | None) -> Interpreter:
        """Return the Python that jobs run with; raises `InputError` when there is none."""
        return find_interpreter(self.root, declared, self.environ)

    def ask(self, interpreter: Interpreter) -> Ask:
        """Return a way to ask scripts in the job's interpreter, with a cache by content."""
        return asker(interpreter, self.root, self.state / "cache")

    def relative(self, name: str) -> PurePosixPath:
        """Return a file named from where the user stands, relative to the root."""
        return PurePosixPath(os.path.relpath(self.cwd / name, self.root))


def _upwards(start: Path, name: str) -> Path | None:
    return next((folder for folder in (start, *start.parents) if (folder / name).exists()), None)
