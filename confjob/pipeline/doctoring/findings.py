"""What checks are, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from confjob.errors import ConfjobError

if TYPE_CHECKING:
    from confjob.pipeline.doctoring.patient import Patient

__all__ = ["Check", "Finding", "Mark", "check", "fail", "note", "ok", "refused", "warn"]

#: `note` is for what is neither good nor bad: something that could be used, and is not.
Mark = Literal["ok", "note", "warn", "fail"]


@frozen(kw_only=True)
class Finding:
    """One line of `confjob doctor`.

    Args:
        name: What was looked at.
        mark: `fail` where something that this project needs is broken.
        detail: What was found; never a secret.
        hint: What would mend it, a line to type where there is one.
        group: The heading it stands under: its check's.
    """

    name: str
    mark: Mark
    detail: str
    hint: str = ""
    group: str = ""


@frozen(kw_only=True)
class Check:
    """Something to look at.

    Args:
        group: The heading of what it finds.
        name: What is told where it finds nothing, because it failed or took too long.
        look: Looks; what it raises is told as well.
    """

    group: str
    name: str
    look: Callable[[Patient], Iterable[Finding]]


def check(group: str, name: str) -> Callable[[Callable[[Patient], Iterable[Finding]]], Check]:
    """Return a decorator that makes a function the check of that group and name."""
    return lambda look: Check(group=group, name=name, look=look)


def ok(name: str, detail: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(name=name, mark="ok", detail=detail)


def note(name: str, detail: str, hint: str = "") -> Finding:
    """Return something that is neither good nor bad."""
    return Finding(name=name, mark="note", detail=detail, hint=hint)


def warn(name: str, detail: str, hint: str = "") -> Finding:
    """Return something that may become a trouble."""
    return Finding(name=name, mark="warn", detail=detail, hint=hint)


def fail(name: str, detail: str, hint: str = "") -> Finding:
    """Return that something which this project needs is broken."""
    return Finding(name=name, mark="fail", detail=detail, hint=hint)


def refused(name: str, error: ConfjobError, mark: Mark = "fail") -> Iterator[Finding]:
    """Yield what a refusal says, a finding for each of its problems."""
    if not error.problems:
        yield Finding(name=name, mark=mark, detail=error.message, hint=error.hint)
    for problem in error.problems:
        where = str(problem.where or "")
        place = f"{where}: " if where and where not in problem.message else ""
        about = f"{problem.path}: " if problem.path else ""
        detail = f"{place}{about}{problem.message}"
        yield Finding(name=name, mark=mark, detail=detail, hint=problem.hint)
