"""Checking a project: its manifest, and the documents of all its jobs, before anyone launches."""

from __future__ import annotations

from collections.abc import Iterable

from confjob.declare import read_project
from confjob.errors import ConfjobError
from confjob.model import Problem
from confjob.pipeline import Request, read_form
from confjob.project import Project

__all__ = ["check_project"]


def check_project(project: Project) -> list[Problem]:
    """Return everything that is wrong or doubtful, each once, in the order of the files."""
    try:
        jobs = list(read_project(project).manifest.jobs)
    except ConfjobError as error:
        return _told(error)
    found = [problem for job in jobs for problem in _job(project, job)]
    return sorted(_distinct(found), key=_place)


def _job(project: Project, name: str) -> list[Problem]:
    try:
        return [each for each in read_form(project, Request(job=name)).warnings if each.severity != "note"]
    except ConfjobError as error:
        return _told(error)


def _told(error: ConfjobError) -> list[Problem]:
    return list(error.problems) or [Problem(code="unreadable", message=error.message, hint=error.hint)]


def _distinct(problems: Iterable[Problem]) -> Iterable[Problem]:
    # Two jobs may read one file.
    return {(str(each.where), str(each.path), each.message): each for each in problems}.values()


def _place(problem: Problem) -> tuple[str, int, int]:
    where = problem.where
    return (str(where.file), where.line, where.column) if where else ("", 0, 0)
