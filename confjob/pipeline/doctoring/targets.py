"""The targets: whether each can be used, in its engine's own words."""

from __future__ import annotations

from collections.abc import Iterator

from confjob.declare import find_target, known_targets, open_engine
from confjob.declare.settings import read_settings
from confjob.errors import ConfjobError
from confjob.pipeline.doctoring.findings import Check, Finding, Mark, ok, refused
from confjob.pipeline.doctoring.patient import Patient

__all__ = ["target_checks"]


def target_checks(patient: Patient) -> list[Check]:
    """Return a check for each target, the manifest's and the settings'."""
    try:
        names = list(known_targets(patient.project, patient.declared))
    except ConfjobError:  # told of the settings
        names = list({"local": None, **patient.declared.manifest.targets})
    # A default that is nowhere declared is looked at as well.
    return [_target_check(name) for name in dict.fromkeys([*names, *_needed(patient)])]


def _target_check(name: str) -> Check:
    return Check(group="targets", name=name, look=lambda patient: _target(patient, name))


def _target(patient: Patient, name: str) -> Iterator[Finding]:
    mark: Mark = "fail" if name in _needed(patient) else "warn"
    default = name == _default(patient)
    try:
        target = find_target(patient.project, patient.declared, None if default else name)
        problems = list(open_engine(patient.project, target).check())
    except ConfjobError as error:
        yield from refused(name, error, mark)
        return
    for problem in problems:
        how: Mark = mark if problem.severity == "error" else "warn"
        yield Finding(name=name, mark=how, detail=problem.message, hint=problem.hint)
    if not problems:
        place = known_targets(patient.project, patient.declared).get(name)
        where = f" ({place.file}:{place.line})" if place else ""
        yield ok(name, f"{target.backend}{where}{', the default' if default else ''}")


def _needed(patient: Patient) -> list[str]:
    """Return the targets that the project's jobs go to when nobody says otherwise."""
    named = [job.target for job in patient.declared.manifest.jobs.values() if job.target]
    return list(dict.fromkeys([_default(patient), *named]))


def _default(patient: Patient) -> str:
    named = patient.declared.manifest.default_target
    if named is not None:
        return named
    try:
        given = read_settings(patient.project.settings).default_target
    except ConfjobError:
        return "local"
    return "local" if given is None else given[0]
