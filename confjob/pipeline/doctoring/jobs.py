"""Each job: whether it can be read, and whether its interpreter has what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from confjob.declare import declare
from confjob.errors import ConfjobError
from confjob.load import format_of
from confjob.model import JobSpec
from confjob.pipeline.doctoring.findings import Check, Finding, check, fail, note, ok, refused, warn
from confjob.pipeline.doctoring.patient import Patient
from confjob.probe import Interpreter
from confjob.project import Project

__all__ = ["job_checks"]

#: format -> the module that its files belong to, and the package that has it.
_FRAMEWORKS: Final = {
    "axolotl": ("axolotl", "axolotl"),
    "hydra": ("hydra", "hydra-core"),
    "omegaconf": ("omegaconf", "omegaconf"),
    "torchtune": ("torchtune", "torchtune"),
}

_IMPORTS_CONFJOB = re.compile(r"^[ \t]*(?:import|from)[ \t]+confjob\b", re.MULTILINE)


def job_checks(patient: Patient) -> list[Check]:
    """Return a check for each job of the manifest; where there is none, for the Python of any."""
    named = [_job_check(name) for name in patient.declared.manifest.jobs]
    return named or [_any_job]


def _job_check(name: str) -> Check:
    return Check(group="jobs", name=name, look=lambda patient: _job(patient, name))


@check("jobs", "python")
def _any_job(patient: Patient) -> Iterator[Finding]:
    try:
        interpreter = patient.project.interpreter(None)
        version = patient.inside(interpreter)["version"]
    except ConfjobError as error:
        yield note("python", error.message, error.hint)
    else:
        yield ok("python", f"{version}, {interpreter.path} ({interpreter.why})")


def _job(patient: Patient, name: str) -> Iterator[Finding]:
    project = patient.project
    interpreter = project.interpreter(patient.declared.manifest.jobs[name].python)
    inside = patient.inside(interpreter)
    found = list(_lacks(patient, name, interpreter, inside["modules"]))
    if not any(finding.mark == "fail" for finding in found):
        yield ok(name, f"Python {inside['version']}, {interpreter.path} ({interpreter.why})")
    yield from found


def _lacks(
    patient: Patient, name: str, interpreter: Interpreter, modules: dict[str, Any]
) -> Iterator[Finding]:
    try:
        job = declare(patient.project, patient.declared, name)
    except ConfjobError as error:
        yield from refused(name, error)
        return
    install = f"{interpreter.path} -m pip install"
    importer = _importer(patient.project, job)
    if importer and modules["confjob"] is None:
        yield fail(name, f"{importer} imports confjob, which this Python has not", f"{install} confjob")
    for kind in sorted(_formats(patient.project, job)):
        module, package = _FRAMEWORKS.get(kind, ("", ""))
        if module and modules[module] is None:
            detail = f"its {kind} files are typed by guessing: {module} is not installed"
            yield warn(name, detail, f"{install} {package}")


def _importer(project: Project, job: JobSpec) -> str:
    """Return the job's own file if it imports confjob; what that imports in turn is not looked at."""
    words = (
        [str(job.function.file)]
        if job.function
        else [each for each in job.command or () if each[-3:] == ".py"]
    )
    for word in words:
        try:
            text = (project.root / PurePosixPath(word)).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if _IMPORTS_CONFJOB.search(text):
            return word
    return ""


def _formats(project: Project, job: JobSpec) -> set[str]:
    """Return the names of the formats of a job's files; those that are missing are told as plugins."""
    names = set()
    for spec in job.inputs:
        if spec.kind == "file":
            try:
                names.add(format_of(project, spec).name)
            except ConfjobError:
                continue
    return names
