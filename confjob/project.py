"""The project a command works on: its root, its plugins, and where its state lies.

One value that every verb can be handed, so that none of them looks at the process's
working directory or environment by itself, and tests can make as many as they like.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from attrs import Factory, evolve, field, frozen

from confjob.model import Ask
from confjob.probe import Interpreter, asker, find_interpreter
from confjob.registry import Registry
from confjob.settings import Settings
from confjob.state import BESIDE, MovedStore, folder_in, require_folder
from confjob.store import Store

__all__ = ["MANIFEST", "Project"]

#: The manifest's file name.
MANIFEST = "launch.toml"
#: The file beside it that may hold plugins of the project's own.
PLUGINS = "confjob_plugins.py"


@frozen(kw_only=True, slots=False)
class Project:
    """A project root with its registry of plugins.

    Args:
        root: Absolute path: the folder of the nearest `launch.toml` upwards, else the
            git root, else the working directory.
        cwd: Where the user stands; names of scripts are read from here.
        registry: The plugins.
        environ: The submitter's environment.
        checkout: The folder that people work in: interpreters, linked folders, git and the
            state belong to it. It is `root`, except where a run's snapshot is read instead.
        python: The interpreter of every job, whatever is declared; None to look for it.
        settings: The user's and the site's settings; none, unless they are given.
        patience: Seconds that a question to the job's interpreter may take.
    """

    root: Path
    cwd: Path
    registry: Registry
    environ: Mapping[str, str] = field(factory=lambda: dict(os.environ), repr=False)
    checkout: Path = field(default=Factory(lambda self: self.root, takes_self=True))
    python: Path | None = None
    settings: Settings = field(factory=Settings)
    patience: float = 60.0

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
        variables = dict(os.environ if environ is None else environ)
        return cls(
            root=root,
            cwd=start,
            registry=Registry(blocked=blocked, inline=root / PLUGINS),
            environ=variables,
            settings=Settings.find(variables),
        )

    @property
    def manifest(self) -> PurePosixPath | None:
        """The manifest's path relative to the root, or None when there is none."""
        return PurePosixPath(MANIFEST) if (self.root / MANIFEST).is_file() else None

    @cached_property
    def state(self) -> Path:
        """The folder of runs, snapshots and caches: `.confjob`, or the project's below `state-dir`.

        Raises:
            ManifestError: When the settings name no usable folder.
            InputError: When a settings file that might name one can't be read, or a file stands
                in the folder's place.
        """
        moved = self.settings.state_dir()
        if moved is None:
            return self.checkout / BESIDE
        require_folder(moved.folder, moved.where)
        return folder_in(moved.folder, self.checkout)

    @cached_property
    def store(self) -> Store:
        """The run folders of this project."""
        if self.state == self.checkout / BESIDE:
            return Store(state=self.state)
        return MovedStore(state=self.state, checkout=self.checkout)

    def interpreter(self, declared: str | None) -> Interpreter:
        """Return the Python that jobs run with; raises `InputError` when there is none."""
        return find_interpreter(self.checkout, str(self.python or declared or ""), self.environ)

    def rooted(self, root: Path) -> Project:
        """Return the project that `root` is the root of, whatever it lies in now."""
        return evolve(self, root=root, checkout=root)

    def at_snapshot(self, tree: Path, cwd: PurePosixPath, python: Path | None) -> Project:
        """Return this project as a run was given it, for its jobs to be read from there.

        Args:
            tree: The snapshot's files.
            cwd: Where in it the user stood.
            python: The run's interpreter; None to look for one.
        """
        return Project(
            root=tree,
            cwd=tree / cwd,
            registry=Registry(blocked=self.registry.blocked, inline=tree / PLUGINS),
            environ=self.environ,
            checkout=self.checkout,
            python=python,
            settings=self.settings,
        )

    def ask(self, interpreter: Interpreter) -> Ask:
        """Return a way to ask scripts in the job's interpreter, with a cache by content."""
        return asker(interpreter, self.root, self.state / "cache", time_limit=self.patience)

    def relative(self, name: str) -> PurePosixPath:
        """Return a file named from where the user stands, relative to the root."""
        return PurePosixPath(os.path.relpath(self.cwd / name, self.root))


def _upwards(start: Path, name: str) -> Path | None:
    return next((folder for folder in (start, *start.parents) if (folder / name).exists()), None)
