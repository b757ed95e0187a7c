"""The dry run: what a launch would change and run, as values that can be printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from attrs import frozen

from confjob.declare import open_engine
from confjob.deliver import diff, patched
from confjob.form import Form, Plan, Word
from confjob.keypath import KeyPath
from confjob.model import Problem, RunFile, Submission
from confjob.pipeline.grounding import ground
from confjob.pipeline.launching import expanded_target
from confjob.project import Project
from confjob.render import change_record, render
from confjob.store import RunFolder
from confjob.tree import Json
from confjob.workspace.layout import Layout

__all__ = ["Preview", "preview"]


@frozen(kw_only=True)
class Preview:
    """A plan as people and programs read it; no secret value is in it."""

    job: str
    target: str
    target_where: str
    changes: list[dict[str, Any]]
    diffs: Mapping[str, str]
    run_config: Json
    command: list[str]
    python: str
    script: str
    submission: str
    warnings: tuple[Problem, ...]


def preview(project: Project, plan: Plan) -> Preview:
    """Return what a launch of `plan` would do; `RUN` stands for the run's id."""
    run = RunFolder(id="RUN", path=project.state / "runs" / "RUN")
    layout = Layout(
        run_dir=run.path, tree=project.state / "snapshots" / "SNAPSHOT" / "tree", links=plan.job.links
    )
    stands = ground(project, plan, run, layout, lambda path: (project.root / path).exists())
    files = render(plan, stands, patched(plan.form, plan.deliveries), {})
    run_config = plan.documents["run-config"].tree if "run-config" in plan.documents else None
    return Preview(
        job=plan.job.name,
        target=plan.target.name,
        target_where=str(plan.target.where or ""),
        changes=[change_record(change) for change in plan.changes],
        diffs=_masked_diffs(plan),
        run_config=_without_secrets(plan.form, run_config),
        command=[_word(word) for word in plan.command],
        python=f"{plan.elsewhere.python} (as target {plan.target.name} calls it)"
        if plan.elsewhere
        else f"{stands.interpreter.path} ({stands.interpreter.why})",
        script=str(files.files["job.sh"]),
        submission=_submitted(project, plan, files.submission),
        warnings=(*plan.warnings, *_left_alone(plan)),
    )


def _submitted(project: Project, plan: Plan, submission: Submission) -> str:
    """Return what the target's engine would be given, in its own words."""
    engine = open_engine(project, expanded_target(project, plan, submission.run))
    return engine.preview([submission])


def _left_alone(plan: Plan) -> Iterator[Problem]:
    """Yield what a job that says nothing of GPUs means on a machine that has some."""
    from confjob.builtin.local.queue.devices import present

    if plan.target.backend == "local" and plan.resources.gpus is None and present():
        yield Problem(
            code="no-gpus-declared",
            input="resources",
            path=KeyPath(("gpus",)),
            message="the job declares none, so it holds no GPU of this machine and may see all of them",
            hint="resources = { gpus = 1 } gives it one of its own, gpus = 0 hides all",
            severity="note",
        )


def _word(word: Word) -> str:
    return f"$CONFJOB_RUN_DIR/private/{word.name}" if isinstance(word, RunFile) else word


def _masked_diffs(plan: Plan) -> dict[str, str]:
    """Return the diffs; a file with a secret in it, listed or not, is named and not shown."""
    hidden = {
        str(path) for name in plan.deliveries if _holds_secret(plan, name) for path in _files(plan, name)
    }
    shown = diff(plan.form, plan.deliveries)
    return {
        path: "(not shown: it holds a secret)\n" if path in hidden else text for path, text in shown.items()
    }


def _holds_secret(plan: Plan, name: str) -> bool:
    trees = (plan.form.documents[name].tree, plan.documents[name].tree)
    return any(plan.form.is_secret(name, KeyPath(), tree) for tree in trees)


def _files(plan: Plan, name: str) -> list[PurePosixPath]:
    delivery = plan.deliveries.get(name)
    return list(delivery.files) if delivery else []


def _without_secrets(form: Form, tree: Json, at: KeyPath = KeyPath()) -> Json:
    """Return the run config without its secret values, listed or not."""
    if isinstance(tree, dict):
        return {
            key: _without_secrets(form, below, at.child(key))
            for key, below in tree.items()
            if not form.calls_secret("run-config", at.child(key))
        }
    if isinstance(tree, list):
        return [
            _without_secrets(form, below, at.child(index))
            for index, below in enumerate(tree)
            if not form.calls_secret("run-config", at.child(index))
        ]
    return tree
