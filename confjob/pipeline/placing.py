"""Where a plan goes: the target with its variables, and what of the job's needs it does not meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve, fields

from confjob.declare import Declared, declared_target, fill_target
from confjob.errors import ManifestError
from confjob.keypath import KeyPath
from confjob.model import Backend, Document, JobSpec, Problem, Resources, Target
from confjob.project import Project
from confjob.words import listing

__all__ = ["fill", "needs", "placed"]


def placed(project: Project, declared: Declared, job: JobSpec, name: str | None) -> tuple[JobSpec, Target]:
    """Return a job with the variables of its target among its inputs, and the target as declared.

    Args:
        project: The project.
        declared: Its manifest.
        job: The job.
        name: The target that is asked for, or None for the job's own or the default one.

    Raises:
        ManifestError: When there is no such target, or it is declared wrongly.
        PluginError: When its backend is not installed and nothing can be chosen at launch.
    """
    target = declared_target(project, declared, name or job.target)
    if target.variables is None:
        return job, fill_target(project, declared, target, {})
    return evolve(job, inputs=(*job.inputs, target.variables)), target


def fill(
    project: Project, declared: Declared, target: Target, documents: Mapping[str, Document]
) -> tuple[Target, list[Problem]]:
    """Return a target with what was chosen for its variables, and what is wrong with it then."""
    if target.variables is None:
        return target, []
    try:
        return fill_target(project, declared, target, documents["target"].tree), []
    except ManifestError as error:
        return target, list(error.problems)


def needs(record: Backend, job: JobSpec, resources: Resources, *, prioritised: bool) -> Iterator[Problem]:
    """Yield what a job asks for and its target does not see to; several nodes can't be done without.

    Args:
        record: The target's backend.
        job: The job.
        resources: What it asks for.
        prioritised: Whether somebody asked for a priority.
    """
    asked = {each.name: getattr(resources, each.name) for each in fields(Resources)}
    unmet = [name for name, value in asked.items() if value is not None and name not in record.honours]
    if "nodes" in unmet and (resources.nodes or 1) > 1:
        hint = "a target whose backend starts jobs on several nodes, such as slurm"
        message = f"backend {record.name} can't give a job {resources.nodes} nodes"
        yield Problem(code="unmet", input="resources", path=KeyPath(("nodes",)), message=message, hint=hint)
    # `gpus = 0` only hides what there is, which the environment does.
    quiet = {"nodes", *(("gpus",) if resources.gpus == 0 else ())}
    ignored = [name for name in unmet if name not in quiet]
    if job.retry.attempts > 1 and "retry" not in record.honours:
        ignored.append("retry")
    if prioritised and "priority" not in record.honours:
        ignored.append("priority")
    if ignored:
        yield Problem(
            code="not-honoured",
            message=f"backend {record.name} does not see to {listing(ignored)}",
            hint="the run gets no more, no less and no sooner for it",
            severity="warning",
        )
