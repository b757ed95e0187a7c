"""Where the parts of a run's workspace lie, written beside it for everyone who comes later.

The unpacking script, the tidying after the end and the listing of outputs must agree on which
snapshot a run has, where in the workspace the project is, and which folders are only linked.
`workspace.json` says it, with a relative path, so that a moved project still finds its runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

from attrs import evolve, frozen

from confjob.workspace.snapshot import Snapshot

__all__ = ["RECORD", "Layout"]

RECORD = "workspace.json"


@frozen(kw_only=True)
class Layout:
    """The parts of one run's workspace.

    Args:
        run_dir: The run's folder.
        tree: The snapshot's files.
        prefix: Where in the workspace the project is: its place in its repository.
        links: Project-relative folders that lead to the checkout's own.
    """

    run_dir: Path
    tree: Path
    prefix: PurePosixPath = PurePosixPath()
    links: tuple[str, ...] = ()

    @classmethod
    def of(cls, run_dir: Path, snapshot: Snapshot, links: tuple[str, ...] = ()) -> Layout:
        """Return the layout of a run of `snapshot`."""
        return cls(run_dir=run_dir, tree=snapshot.tree, prefix=snapshot.prefix, links=links)

    @classmethod
    def load(cls, run_dir: Path) -> Layout:
        """Read the record of the run in `run_dir`.

        Raises:
            OSError: When there is none.
            ValueError: When it can't be read.
        """
        record = json.loads((run_dir / RECORD).read_bytes())
        return cls(
            run_dir=run_dir,
            tree=Path(os.path.normpath(run_dir / record["tree"])),
            prefix=PurePosixPath(record["prefix"]),
            links=tuple(record["links"]),
        )

    def below(self, state: PurePosixPath) -> Layout:
        """Return the layout as it is for a job that has the state folder at `state`."""
        run_dir = Path(state, "runs", self.run_dir.name)
        tree = os.path.normpath(run_dir / os.path.relpath(self.tree, self.run_dir))
        return evolve(self, run_dir=run_dir, tree=Path(tree))

    def record(self) -> str:
        """Return the text of `workspace.json`."""
        tree = os.path.relpath(self.tree, self.run_dir)
        return (
            json.dumps({"version": 1, "tree": tree, "prefix": str(self.prefix), "links": self.links}) + "\n"
        )

    @property
    def workspace(self) -> Path:
        """The run's working copy: of the repository, where the project is a part of one."""
        return self.run_dir / "workspace"

    @property
    def project(self) -> Path:
        """The project's folder in the workspace: the job's working directory."""
        return self.workspace / self.prefix
