"""The project: its root and manifest, the settings, and git."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from confjob.declare.settings import read_settings
from confjob.errors import ConfjobError
from confjob.pipeline.doctoring.findings import Finding, check, note, ok, refused, warn
from confjob.pipeline.doctoring.patient import Patient
from confjob.pipeline.doctoring.programs import Said, ask_program
from confjob.settings import Settings
from confjob.workspace.gitcmd import git_environment

__all__ = ["git", "manifest", "settings"]


@check("project", "manifest")
def manifest(patient: Patient) -> Iterator[Finding]:
    """Look whether there is a project, and whether its manifest can be read."""
    project = patient.project
    yield ok("root", str(project.root))
    if patient.error is not None:
        yield from refused("launch.toml", patient.error)
    elif project.manifest is None:
        yield note("launch.toml", "there is none; functions can be named directly", "confjob init")
    else:
        jobs = len(patient.declared.manifest.jobs)
        yield ok("launch.toml", f"{jobs} job{'' if jobs == 1 else 's'}")


@check("project", "settings")
def settings(patient: Patient) -> Iterator[Finding]:
    """Look at each place where settings may be."""
    places = patient.project.settings
    for file in places.files:
        alone = Settings(files=(file,))
        try:
            found = read_settings(alone).read
        except ConfjobError as error:
            yield from refused(f"{file.owner} settings", error)
        else:
            yield ok(f"{file.owner} settings", f"{file.shown}{'' if found else ' (not there)'}")


@check("project", "git")
def git(patient: Patient) -> Iterator[Finding]:
    """Look whether git can name the project's files and its commit."""
    root = patient.project.checkout
    version = _git(root, "--version")
    if version.code != 0:
        detail = f"{version.lines[0]}: runs record no commit, and .gitignore is read without it"
        yield warn("git", detail, "install git")
        return
    number = version.lines[0].removeprefix("git version ")
    inside = _git(root, "rev-parse", "--show-toplevel")
    if inside.code == 0:
        yield from _repository(root, number, inside.lines[-1])
    elif any("dubious ownership" in line for line in inside.lines):
        detail = f"{number}; it will not read this repository, which is somebody else's"
        yield warn("git", detail, f"git config --global --add safe.directory {root}")
    else:
        yield ok("git", f"{number}; this is no repository, so runs record no commit")


def _repository(root: Path, number: str, top: str) -> Iterator[Finding]:
    head = _git(root, "rev-parse", "--short", "HEAD")
    if head.code == 0:
        yield ok("git", f"{number}; {top} at {head.lines[-1]}")
    else:
        yield note("git", f"{number}; {top} has no commit yet, so runs record none")


def _git(folder: Path, *arguments: str) -> Said:
    return ask_program(folder, git_environment(), "git", *arguments)
