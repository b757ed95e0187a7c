"""confjob from Python: what notebooks and scripts launch with, on the command line's own functions."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from confjob.errors import RunError
from confjob.model import State
from confjob.pipeline import Request, make_plan
from confjob.pipeline.afterwards import cancel_runs, log_of, status_of
from confjob.pipeline.launching import Label
from confjob.pipeline.launching import launch as launch_plan
from confjob.pipeline.preview import Preview, preview
from confjob.pipeline.rerunning import plan_again
from confjob.pipeline.results import Output, copy_outputs, outputs_of
from confjob.project import Project

if TYPE_CHECKING:
    from confjob.form import Plan
    from confjob.tree import Json

__all__ = ["PlannedLaunch", "Run", "launch", "plan"]

Changes = Mapping[str, Any]


@frozen(kw_only=True)
class PlannedLaunch:
    """A launch that is decided and verified, and not done."""

    _project: Project = field(repr=False)
    _plan: Plan = field(repr=False)

    @property
    def preview(self) -> Preview:
        """The changes, a diff per file, the command and the job script; no secret is in it."""
        return preview(self._project, self._plan)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful, in words."""
        return tuple(problem.message for problem in self._plan.warnings)

    def launch(self, *, name: str = "", tags: Sequence[str] = (), note: str = "") -> Run:
        """Do it; see `launch`."""
        label = Label(name=name, tags=tuple(tags), note=note)
        launched = launch_plan(self._project, self._plan, label)
        launched.start()
        return Run(id=launched.id, project=self._project)

    def _repr_html_(self) -> str:
        shown = self.preview
        rows = [
            (f"{each['input']}:{each['path']}", _told(each, "before"), _told(each, "after"))
            for each in shown.changes
        ]
        diffs = "".join(f"<pre>{html.escape(text)}</pre>" for text in shown.diffs.values())
        return f"<b>{html.escape(shown.job)}</b>{_table(('input', 'before', 'after'), rows)}{diffs}"


@frozen(kw_only=True)
class Run:
    """A run, from here or from any shell.

    Args:
        id: Its id.
        project: Its project.
    """

    id: str
    project: Project = field(repr=False)

    @classmethod
    def find(cls, run: str, *, project: str | PathLike[str] = ".") -> Run:
        """Return the run whose id is `run`, or alone begins with it.

        Args:
            run: The id, or its beginning.
            project: A folder in the project.

        Raises:
            RunError: When there is none, or more than one.
        """
        found = Project.find(Path(project))
        return cls(id=found.store.find(run).id, project=found)

    @property
    def status(self) -> dict[str, Any]:
        """How it is doing, in the shape of `confjob status --json`."""
        return status_of(self.project, self.id)

    @property
    def state(self) -> str:
        """`RUNNING`, `SUCCEEDED` and so on."""
        return str(self.status["state"])

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait until it is over, and return its status.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: When it is not over by then; it goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        pause = 0.05
        while not State((status := self.status)["state"]).final:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"{self.id} is still {status['state']} after {timeout} s")
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)
        return status

    def logs(self, lines: int | None = None) -> str:
        """Return what it printed so far, or the last `lines` of it."""
        return b"".join(log_of(self.project, self.id, lines)).decode(errors="replace")

    def outputs(self, copy_to: str | PathLike[str] | None = None) -> list[Output]:
        """Return the files that it made; `copy_to` is a folder to copy them into.

        Raises:
            RunError: When a copy would replace a file.
        """
        found = outputs_of(self.project, self.id)
        if copy_to is not None:
            copy_outputs(found, Path(copy_to))
        return found

    def rerun(  # noqa: PLR0913 - what the command line takes
        self,
        changes: Changes | None = None,
        *,
        current: bool = False,
        files: Mapping[str, str] | None = None,
        target: str | None = None,
        extra: Iterable[str] = (),
        name: str = "",
        tags: Sequence[str] = (),
        note: str = "",
    ) -> Run:
        """Run it again, as it was or with changes.

        Args:
            changes: What to change, on top of what it was launched with; see `plan`.
            current: Take code, configs and manifest as they are now, not as this run had them.
            files: Picks that replace its own; `target` and `extra` likewise.
            target: Where to run; default: where this one did.
            extra: Arguments for the job's command.
            name: A name; default: its own.
            tags: More tags.
            note: A remark.

        Raises:
            InvalidOverrides: With every reason why the changes can't be made, such as a
                secret that must be given again.
            InputError: When what it was given is gone.
        """
        values = {key: _json(value) for key, value in (changes or {}).items()}
        request = Request(job="", values=values, files=files or {}, target=target, extra=tuple(extra))
        again = plan_again(self.project, self.id, request, current=current)
        launched = again.launch(Label(name=name, tags=tuple(tags), note=note))
        launched.start()
        return Run(id=launched.id, project=self.project)

    def cancel(self) -> None:
        """End it; one that is over stays as it is."""
        cancel_runs(self.project, [self.id])

    def _repr_html_(self) -> str:
        try:
            known = self.status
        except RunError as error:
            return html.escape(error.message)
        rows = [(key, known[key]) for key in ("id", "job", "state", "reason", "dir") if known[key]]
        rows += [(f"{each['input']}:{each['path']}", _told(each, "after")) for each in known["changes"]]
        return _table(("run", self.id), rows)


def plan(  # noqa: PLR0913 - what the command line takes
    job: str,
    changes: Changes | None = None,
    *,
    files: Mapping[str, str] | None = None,
    target: str | None = None,
    extra: Iterable[str] = (),
    project: str | PathLike[str] = ".",
) -> PlannedLaunch:
    """Decide a launch, and do nothing.

    Args:
        job: A job of the manifest, or `train.py:train`.
        changes: Values by path, as `--inputs` reads them: `{"lr": 0.1}`,
            `{"config.yaml:model.layers": 4}`, `{"config.yaml": {"model": {"layers": 4}}}`;
            `+path` adds a key, `path-` deletes one.
        files: Name of a file input to the file picked for it.
        target: Where to run; default: the job's, else local.
        extra: Arguments for the job's command.
        project: A folder in the project.

    Raises:
        InvalidOverrides: With every reason why the changes can't be made.
        ConfjobError: When the job can't be read, or the target is unknown.

    Example:
        >>> confjob.plan("train", {"learning_rate": 0.05}).preview.changes  # doctest: +SKIP
    """
    found = Project.find(Path(project))
    values = {key: _json(value) for key, value in (changes or {}).items()}
    request = Request(job=job, values=values, files=files or {}, target=target, extra=tuple(extra))
    return PlannedLaunch(project=found, plan=make_plan(found, request))


def launch(
    job: str,
    changes: Changes | None = None,
    *,
    name: str = "",
    tags: Sequence[str] = (),
    note: str = "",
    **how: Any,
) -> Run:
    """Launch a job with changed inputs; the run outlives this process.

    Args:
        job: As in `plan`, and so are `changes` and `how`.
        changes: What to change.
        name: A name for the run.
        tags: Tags to find it by.
        note: A remark that is kept with it.
        how: `files`, `target`, `extra` and `project`.

    Raises:
        InvalidOverrides: With every reason why the changes can't be made; nothing is created.
        ConfjobError: As `plan`, and `BackendError` when the target refuses.

    Example:
        >>> confjob.launch("train", {"epochs": 3}).wait()["state"]  # doctest: +SKIP
        'SUCCEEDED'
    """
    return plan(job, changes, **how).launch(name=name, tags=tags, note=note)


def _json(value: Any) -> Json:
    """Return a value as JSON: tuples are lists, paths are text, NumPy's numbers are numbers."""
    if isinstance(value, Mapping):
        return {str(key): _json(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(below) for below in value]
    if isinstance(value, PathLike):
        return str(value)
    plain = getattr(value, "tolist", None)
    return plain() if callable(plain) else value


def _told(change: Mapping[str, Any], side: str) -> Any:
    return "••••••" if change.get("secret") else change.get(side, "")


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    cells = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in head)
    lines = ("".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{cells}</tr>{body}</table>"
