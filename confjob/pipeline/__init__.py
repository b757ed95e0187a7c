"""The program as one visible list of calls: declare, load, filter, infer, override,
deliver, render, submit, track.

Front ends (the command line, Python, later the web form and sweeps) stand on these
functions; the verbs meet in this package and nowhere else. Here is the way to a plan;
`preview` shows one, `launching` makes it a run, `afterwards` looks after runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from attrs import evolve, frozen

from confjob.declare import elsewhere_of, read_project
from confjob.deliver import check, deliver
from confjob.errors import ConfjobError, InvalidOverrides
from confjob.form import Form, Invocation, Plan
from confjob.keypath import KeyPath
from confjob.model import Problem, Resources
from confjob.override import judge
from confjob.pipeline.disagreement import already_broken
from confjob.pipeline.placing import fill, needs, placed
from confjob.pipeline.reading import carry_of, form_of, formats_of, job_of
from confjob.pipeline.remembering import remember
from confjob.pipeline.requests import Asked, Request, requested
from confjob.pipeline.settling import Settled, settle
from confjob.project import Project
from confjob.render import command, torchrun
from confjob.tree import Json

__all__ = ["ListedJob", "Request", "list_jobs", "make_plan", "read_form"]


@frozen(kw_only=True)
class ListedJob:
    """A line of `confjob jobs`."""

    name: str
    runs: str
    description: str


def list_jobs(project: Project) -> list[ListedJob]:
    """Return the manifest's jobs, without reading their code."""
    jobs = read_project(project).manifest.jobs
    return [
        ListedJob(
            name=name,
            runs=table.function or " ".join(table.command or ()),
            description=table.description,
        )
        for name, table in jobs.items()
    ]


def read_form(project: Project, request: Request) -> Form:
    """Return what may be changed in a job.

    Raises:
        ConfjobError: When it is declared wrongly, or its sources can't be read.
    """
    declared = read_project(project)
    job = job_of(project, declared, request)
    try:
        job, _ = placed(project, declared, job, request.target)
    except ConfjobError:
        if request.target is not None:  # else its inputs are what they are, wherever it goes
            raise
    form = form_of(project, job)
    remember(project, request, form)
    return evolve(form, warnings=(*form.warnings, *already_broken(form)))


def make_plan(project: Project, request: Request) -> Plan:
    """Decide everything, verify it, and do nothing.

    Raises:
        InvalidOverrides: With every reason why the request can't be met.
        ConfjobError: When the job can't be read, or the target is unknown.
    """
    declared = read_project(project)
    job = job_of(project, declared, request)
    job, target = placed(project, declared, job, request.target)
    asked = requested(project, job, request)
    job = evolve(job, command=asked.command or job.command)
    form = form_of(project, job)
    settled = settle(project, form, asked.overrides)
    judged = judge(settled.form, settled.pending, form)
    formats = formats_of(project, job)
    delivered = deliver(settled.form, settled.pending, formats, settled.trees(), carry_of(project, job))
    argv, unfilled = command(settled.form, delivered.documents, delivered.whole, asked.extra)
    resources, unclear = _resources(settled)
    argv, unlaunched = torchrun(argv, resources) if job.launcher else (argv, ())
    found = [*asked.problems, *settled.problems, *judged, *delivered.problems, *unfilled, *unclear]
    found += unlaunched
    if not _errors(found):
        target, unfit = fill(project, declared, target, delivered.documents)
        found += unfit
        record = project.registry.backend(target.backend)
        found += needs(record, job, resources, prioritised=request.priority is not None)
    errors = _errors(found)
    if not errors:
        # Starting a framework takes seconds; what is refused anyway need not wait for it.
        found.extend(check(form, delivered, formats))
        errors = _errors(found)
    if errors:
        raise InvalidOverrides.of(errors)
    remember(project, request, form)
    return Plan(
        form=settled.form,
        changes=settled.changes,
        deliveries=delivered.deliveries,
        documents=delivered.documents,
        target=target,
        command=argv,
        resources=resources,
        env=delivered.documents["env"].tree,
        invocation=_invocation(project, request, asked),
        priority=request.priority or "medium",
        elsewhere=elsewhere_of(project, target),
        warnings=(*settled.form.warnings, *_distinct(each for each in found if each.severity == "warning")),
    )


def _invocation(project: Project, request: Request, asked: Asked) -> Invocation:
    stood = os.path.relpath(project.cwd, project.root)
    return Invocation(
        job=request.job, cwd=stood, files=request.files, command=asked.command, extra=asked.extra
    )


def _resources(settled: Settled) -> tuple[Resources, list[Problem]]:
    """Return what the job needs, and the amounts that can't be read."""
    good: dict[str, Json] = {}
    problems: list[Problem] = []
    for key, value in settled.trees()["resources"].items():
        try:
            Resources.parse({key: value})
        except (ValueError, TypeError) as error:
            path = KeyPath((key,))
            where = settled.form.documents["resources"].where(path)
            hint = "16GiB, 512MB; 4h, 1d12h, 90m"
            problems.append(
                Problem(
                    code="unreadable-value",
                    input="resources",
                    path=path,
                    message=str(error),
                    hint=hint,
                    where=where,
                )
            )
        else:
            good[key] = value
    return Resources.parse(good), problems


def _errors(problems: Iterable[Problem]) -> list[Problem]:
    return _distinct(problem for problem in problems if problem.severity == "error")


def _distinct(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems without repetition: a type and a whole schema may say the same."""
    seen: dict[tuple[str, KeyPath, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.input, problem.path, problem.message), problem)
    return list(seen.values())
