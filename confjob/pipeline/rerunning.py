"""Running a run again: what it was asked for, on what it was given or on the checkout as it is now.

The changes are asked for again and decided anew, so a rerun is checked like any launch, and
what is asked on top is decided together with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import evolve, frozen

from confjob.errors import RunError
from confjob.form import Override, Plan
from confjob.keypath import KeyPath
from confjob.model import Problem
from confjob.pipeline import make_plan
from confjob.pipeline.launching import Earlier, Label, Launched, launch
from confjob.pipeline.requests import Request
from confjob.project import Project
from confjob.store import Record, RunFolder
from confjob.tree import MISSING
from confjob.workspace.layout import Layout
from confjob.workspace.snapshot import Snapshot, recall

__all__ = ["Again", "Given", "given_again", "plan_again", "requests_of"]


@frozen(kw_only=True)
class Again:
    """A rerun that is decided and verified, and not done.

    Args:
        project: The project, its sources as the run was given them or as they are.
        plan: What is decided.
        earlier: The run that is repeated.
        record: What was recorded of it.
    """

    project: Project
    plan: Plan
    earlier: Earlier
    record: Record

    def launch(self, label: Label) -> Launched:
        """Make the run; it has the earlier one's name, unless it is given another, and its tags.

        Raises:
            InputError: When the project can't be captured.
        """
        tags = tuple(dict.fromkeys([*self.record["tags"], *label.tags]))
        label = evolve(label, name=label.name or str(self.record["name"]), tags=tags)
        return launch(self.project, self.plan, label, earlier=self.earlier)


@frozen(kw_only=True)
class Given:
    """What a run was given, to be launched again.

    Args:
        project: The project, its sources as the run was given them or as they are.
        earlier: The run.
        record: What was recorded of it.
        invocation: How it was asked for.
    """

    project: Project
    earlier: Earlier
    record: Record
    invocation: dict[str, Any]

    def again(self, plan: Plan) -> Again:
        """Return the rerun that a plan is for; tells if the run's interpreter is gone."""
        python = Path(str(self.record["python"]))
        if self.earlier.snapshot is not None and not python.is_file():
            plan = evolve(plan, warnings=(*plan.warnings, _other_python(self.project, plan, python)))
        return Again(project=self.project, plan=plan, earlier=self.earlier, record=self.record)


def plan_again(project: Project, run: str, request: Request, *, current: bool = False) -> Again:
    """Decide to run a run again, and do nothing.

    Args:
        project: The project.
        run: The run's id, or its beginning.
        request: What is asked on top of what the run was asked for; its `job` does not
            count. Files that are picked, extra arguments and a target replace the run's.
        current: Take code, configs and manifest as they are now, not as the run had them.

    Raises:
        RunError: When the run is unknown, or what was asked for it is not recorded.
        InputError: When what it was given is gone, or was altered.
        InvalidOverrides: With every reason why the changes can't be made.
    """
    given = given_again(project, run, current=current)
    plan = make_plan(given.project, _asked(given.record, given.invocation, request))
    return given.again(plan)


def given_again(project: Project, run: str, *, current: bool = False) -> Given:
    """Return what a run was given, for it to be asked for again.

    Args:
        project: The project.
        run: The run's id, or its beginning.
        current: Take code, configs and manifest as they are now, not as the run had them.

    Raises:
        RunError: When the run is unknown, or what was asked for it is not recorded.
        InputError: When what it was given is gone, or was altered.
    """
    folder = project.store.find(run)
    record = folder.record
    invocation = record.get("invocation")
    if not isinstance(invocation, dict):
        raise RunError(f"what was asked for {folder.id} is not recorded: an older confjob launched it")
    snapshot = None if current else _given(folder, record)
    python = Path(str(record["python"]))
    cwd = PurePosixPath(invocation["cwd"])
    if snapshot is not None:
        project = project.at_snapshot(snapshot.tree, cwd, python if python.is_file() else None)
    else:
        project = evolve(project, cwd=project.root / cwd)
    earlier = Earlier(run=folder.id, snapshot=snapshot)
    return Given(project=project, earlier=earlier, record=record, invocation=invocation)


def _given(folder: RunFolder, record: Record) -> Snapshot:
    try:
        layout = Layout.load(folder.path)
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"what {folder.id} was given can't be read: {error}") from None
    return recall(
        layout.tree,
        str(record["snapshot"]),
        commit=record["commit"],
        dirty=bool(record["dirty"]),
        prefix=layout.prefix,
    )


def _asked(record: Record, invocation: dict[str, Any], request: Request) -> Request:
    # Another target has variables of its own.
    same = request.target in (None, record["target"])
    return evolve(
        request,
        job=invocation["job"],
        earlier=tuple(each for each in requests_of(record) if same or each.input != "target"),
        command=tuple(invocation["command"]),
        files={**invocation["files"], **request.files},
        extra=request.extra or tuple(invocation["extra"]),
        target=request.target or record["target"],
        priority=request.priority or record.get("priority"),
    )


def requests_of(record: Record) -> Iterator[Override]:
    """Yield the changes that a run was given, as requests for them."""
    for change in record["changes"]:
        secret = bool(change.get("secret"))
        deleted = "after" not in change and not secret
        # Whether a secret was there before is not recorded; to be given again, it need not be.
        added = "before" not in change and not secret
        yield Override(
            input=change["input"],
            path=KeyPath.parse(change["path"]),
            operation="delete" if deleted else "add" if added else "set",
            value=change.get("after", MISSING),
            any_type=bool(change.get("any_type")),
            earlier=True,
            said=change["origin"],
        )


def _other_python(project: Project, plan: Plan, gone: Path) -> Problem:
    found = project.interpreter(plan.job.python)
    return Problem(
        code="other-python",
        message=f"the run's interpreter {gone} is gone; this one has {found.path} ({found.why})",
        severity="warning",
    )
