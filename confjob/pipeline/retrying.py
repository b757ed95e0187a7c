"""Another attempt of a run that is over: the same id, the same folder, the same inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from confjob.declare import elsewhere_of
from confjob.errors import RunError
from confjob.model import Problem, Resources, Retry, State, Status, Submission, Target
from confjob.pipeline.afterwards import states_of
from confjob.pipeline.engines import Engines
from confjob.pipeline.grounding import author
from confjob.project import Project
from confjob.store import RunFolder
from confjob.submit import submit
from confjob.workspace.layout import Layout

__all__ = ["retry_runs"]


def retry_runs(project: Project, runs: Iterable[str]) -> dict[str, int]:
    """Begin another attempt of each run; returns the attempts' numbers by the runs' full ids.

    Its working folder is as the last attempt left it, so that a job can go on from what it
    had saved.

    Raises:
        RunError: When one is unknown, goes on, or has succeeded; none is begun then.
        BackendError: When a target refuses.
    """
    states = states_of(project, runs)
    problems = [problem for run, status in states.items() for problem in _unfit(run, status)]
    if problems:
        raise RunError("nothing was begun", problems=problems)
    engines = Engines(project)
    folders = [project.store.find(run) for run in states]
    for folder in folders:
        engine = engines.of(folder)
        if engine is None:
            raise RunError(f"the target of {folder.id} can't be had any more")
        folder.begin_attempt()
        for _ in submit(engine, [_submission(project, folder)]):
            pass
    return {folder.id: folder.attempt for folder in folders}


def _unfit(run: str, status: Status) -> Sequence[Problem]:
    if not status.state.final:
        return [
            Problem(code="not-over", message=f"{run} is {status.state.value}", hint=f"confjob cancel {run}")
        ]
    if status.state is State.SUCCEEDED:
        hint = f"confjob rerun {run} makes a new run of it"
        return [Problem(code="succeeded", message=f"{run} has succeeded", hint=hint)]
    return []


def _submission(project: Project, folder: RunFolder) -> Submission:
    """Return the submission of a run, from what was recorded of the first one."""
    record = folder.record
    retry = record.get("retry") or {}
    target = Target(name=record["target"], backend=record["backend"], options=record["options"])
    elsewhere = elsewhere_of(project, target)
    layout = Layout.load(folder.path)
    return Submission(
        run=folder.id,
        job=record["job"],
        target=record["target"],
        run_dir=folder.path,
        script=folder.path / "job.sh",
        resources=Resources(**record.get("resources") or {}),
        priority=record.get("priority", "medium"),
        retry=Retry(**{**retry, "on": tuple(retry["on"])}) if retry else Retry(),
        attempt=folder.attempt,
        there=PurePosixPath(layout.below(elsewhere.state).run_dir) if elsewhere else None,
        tree=layout.tree,
        links={link: project.checkout.resolve() / link for link in layout.links},
        project=project.checkout.name,
        author=author(),
    )
