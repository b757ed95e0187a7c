"""Run folders with small jobs in them, as a launch would make them, for checks of engines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import frozen

from confjob import jobscript
from confjob.model import Elsewhere, Engine, Resources, Status, Submission
from confjob.quote import quote
from confjob.store import RunFolder, Store
from confjob.track import status
from confjob.workspace.environment import env_file

__all__ = ["HOSTILE", "Job", "JobFolder"]

#: Values that break whatever builds a command line or a script from text.
HOSTILE: Final = (
    "",
    " two  spaces ",
    "it's",
    'a "quoted" word',
    "$HOME $(touch pwned) `touch pwned` ${x}",
    "; touch pwned #",
    "a\\nb\\",
    "two\nlines\n",
    "\t* ? [a] ~ ! % & | > < \r",
    "-n",
    "--help",
    "Zürich 東京 🚂",
)


@frozen(kw_only=True)
class Job:
    """One small job: its run folder, and how it is handed to an engine."""

    folder: RunFolder
    submission: Submission

    @property
    def run(self) -> str:
        """The run's id."""
        return self.folder.id

    def made(self, name: str) -> bytes:
        """Return a file that the job wrote in its workspace; empty before it did."""
        path = self.folder.path / "workspace" / name
        return path.read_bytes() if path.is_file() else b""

    def told(self, engine: Engine, handle: str) -> Status:
        """Return how the run is doing, as `confjob status` would tell it."""
        self.folder.record_handle(handle)
        engine.fetch(handle, self.folder.path)
        return status(self.folder, engine)


@frozen(kw_only=True)
class JobFolder:
    """Where run folders of jobs are made.

    Args:
        state: As a project's `.confjob`.
        resources: What every job asks for.
        elsewhere: How things are called for the jobs, where they don't see this machine's folders.
    """

    state: Path
    resources: Resources = Resources()
    elsewhere: Elsewhere | None = None

    def shell(self, script: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Job:
        """Return a job that runs sh text with arguments in its workspace."""
        store = Store(state=self.state)
        folder = store.fresh()
        text = jobscript.script(
            run_dir=self._there(folder) or folder.path,
            run_id=folder.id,
            unpack="mkdir -p workspace",
            cwd=".",
            argv=["/bin/sh", "-c", script, "sh", *arguments],
        )
        record = {"version": 1, "id": folder.id, "job": "check", "submitted": 0, "changes": []}
        given = {"PATH": "/usr/local/bin:/usr/bin:/bin", **(variables or {})}
        content = env_file(given, forced=variables or ())
        store.create(folder, {"run.json": json.dumps(record), "job.sh": text, "env": content})
        return Job(folder=folder, submission=self._submission(folder))

    def _there(self, folder: RunFolder) -> PurePosixPath | None:
        return self.elsewhere.state / "runs" / folder.id if self.elsewhere else None

    def _submission(self, folder: RunFolder) -> Submission:
        tree = self.state.absolute() / "snapshots" / "check" / "tree"
        tree.mkdir(parents=True, exist_ok=True)
        return Submission(
            run=folder.id,
            job='it\'s $(touch pwned) "ü"',
            run_dir=folder.path,
            script=folder.path / "job.sh",
            resources=self.resources,
            there=self._there(folder),
            tree=tree,
            project="it's $(touch pwned), a project",
            author='ann "$(touch pwned)"',
        )

    def echo(self) -> Job:
        """Return a job that writes down the hostile values that reach it, and says so."""
        script = 'printf "%s\\0" "$@" >arguments; printf %s "$CONFJOB_CHECK" >variable; echo written; exit 0'
        return self.shell(script, *HOSTILE, variables={"CONFJOB_CHECK": "".join(HOSTILE)})

    def failing(self, code: int) -> Job:
        """Return a job that ends with an exit code."""
        return self.shell(f"echo failing >&2; exit {code}")

    def beating(self) -> Job:
        """Return a job that goes on for ever, with a grandchild that ignores TERM and writes `beats`."""
        grandchild = "trap '' TERM HUP INT; while :; do echo beat >>beats; sleep 0.1; done"
        child = f"trap '' TERM HUP INT; sh -c {quote(grandchild)} & wait"
        return self.shell(f"sh -c {quote(child)} & while :; do sleep 0.1; done")
