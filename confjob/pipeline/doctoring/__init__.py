"""`confjob doctor`: what works on this machine, what is missing, and the line that would mend it.

A check is a small function that yields findings. What many of them need is looked at first; the
rest runs side by side, because one of them may wait for a disk or a server that does not answer.
Such a one is told, and waited for no longer: doctor is what people run when something hangs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve

from confjob.pipeline.doctoring.findings import Check, Finding, Mark
from confjob.pipeline.doctoring.here import completion, confjob_itself, machine
from confjob.pipeline.doctoring.jobs import job_checks
from confjob.pipeline.doctoring.keeping import state_folder
from confjob.pipeline.doctoring.patient import patient_of
from confjob.pipeline.doctoring.plugins import all_plugins
from confjob.pipeline.doctoring.queue import Repaired, machine_queue, repair_queue
from confjob.pipeline.doctoring.sources import git, manifest, settings
from confjob.pipeline.doctoring.targets import target_checks
from confjob.pipeline.doctoring.tools import programs_here
from confjob.pipeline.doctoring.waiting import side_by_side
from confjob.project import Project
from confjob.words import plural

__all__ = ["Check", "Finding", "Mark", "Repaired", "examine", "repair_queue", "verdict"]

#: Seconds that a check may take; those of jobs ask the jobs' interpreters.
LIMIT = 20.0


def examine(project: Project, *, limit: float = LIMIT) -> list[Finding]:
    """Return everything that is worth telling, in the order it is told in; never waits for long.

    Args:
        project: The project around the working directory, which need not have a manifest.
        limit: Seconds after which a check that has not ended is told as such.
    """
    patient = patient_of(project, patience=limit / 2)
    # Importing plugins side by side would import one twice, so this one goes alone.
    first = side_by_side([all_plugins], patient, limit)
    others: list[Check] = [confjob_itself, machine, completion, manifest, settings, git, state_folder]
    others += [*job_checks(patient), *target_checks(patient), machine_queue, programs_here]
    found = [*side_by_side(others, patient, limit), *first]
    return list(_once(sorted(found, key=lambda finding: _GROUPS.index(finding.group))))


def verdict(findings: Iterable[Finding]) -> str:
    """Return the one line that sums up findings."""
    marks = [finding.mark for finding in findings]
    broken, doubtful = marks.count("fail"), marks.count("warn")
    also = f"; {plural(doubtful, 'thing')} to know of" if doubtful else ""
    if broken:
        return (
            f"{plural(broken, 'thing')} that this project needs {'is' if broken == 1 else 'are'} broken{also}"
        )
    return f"all that this project needs works{also}"


#: The groups of findings, in the order they are told in.
_GROUPS = ("confjob", "project", "runs", "jobs", "plugins", "targets", "queue", "this machine")


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings, each trouble once: a broken settings file stands in every job's way."""
    told: set[tuple[str, str]] = set()
    for finding in findings:
        trouble = (finding.detail, finding.hint)
        if finding.mark == "ok" or trouble not in told:
            yield finding
        else:
            yield evolve(finding, mark="note", detail="can't be looked at; see above", hint="")
        told.add(trouble)
