"""A first manifest for a folder: what is discovered there, with what its code declares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from attrs import evolve

from confjob.declare import Declared, declare
from confjob.declare.flags import read_flags, subcommands_of
from confjob.declare.manifest import Manifest
from confjob.discover import Found, FoundJob, discover
from confjob.errors import ConfjobError
from confjob.model import InputSpec, JobSpec
from confjob.project import Project

__all__ = ["look_around"]


def look_around(project: Project) -> Found:
    """Return what lies in the project's folder; nothing of it is run."""

    def flags(reference: str, command: Sequence[str]) -> InputSpec | None:
        try:
            return read_flags(project.root, reference, command)
        except ConfjobError:
            return None

    def subcommands(path: PurePosixPath) -> tuple[str, ...]:
        try:
            return subcommands_of(project.root, path)
        except ConfjobError:
            return ()

    found = discover(project, flags, subcommands)
    return evolve(found, jobs=tuple(_with_declared(project, job) for job in found.jobs))


def _with_declared(project: Project, job: FoundJob) -> FoundJob:
    return job if job.declares is None else evolve(job, declared=_declared(project, str(job.declares)))


def _declared(project: Project, script: str) -> JobSpec | None:
    """Return what the calls in a script declare, as far as it can be read."""
    try:
        return declare(project, Declared(manifest=Manifest()), script)
    except ConfjobError:
        return None  # it is told when the job is tried
