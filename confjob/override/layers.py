"""What is asked now, on top of what an earlier run was asked for.

`rerun RUN --set x=2` speaks of the run as it was, so a key that the run added is there to be
set or deleted, and one that it deleted is there to be added. A secret of the run was recorded
nowhere; who runs it again must give it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from confjob.form import Override
from confjob.keypath import KeyPath
from confjob.model import JobSpec, Problem
from confjob.tree import MISSING, get

__all__ = ["on_top"]


def on_top(
    job: JobSpec, earlier: Sequence[Override], given: Iterable[Override]
) -> tuple[list[Override], list[Problem]]:
    """Return both as one list, the weakest first, and a problem for each secret that is needed again.

    Args:
        job: The job.
        earlier: What the run was asked for; each names its input.
        given: What is asked now.
    """
    kept = list(earlier)
    asked: list[Override] = []
    for override in given:
        same = [each for each in kept if _speaks_of(job, override, each)]
        exact = [each for each in same if _words(each.path) == _words(override.path)]
        kept = [each for each in kept if each not in exact]
        added = next((each for each in same if each.operation == "add" and _is_in(each, override)), None)
        if override.operation == "delete" and added in exact:
            continue  # what the run added is simply not added
        asked.append(_adapted(override, added, deleted=any(each.operation == "delete" for each in exact)))
    needed = [each for each in kept if _is_withheld(each) and not _covered(job, each, asked)]
    return [*(each for each in kept if not _is_withheld(each)), *asked], [_withheld(each) for each in needed]


def _adapted(override: Override, added: Override | None, *, deleted: bool) -> Override:
    if override.operation == "set" and added is not None:
        return evolve(override, input=added.input, operation="add")
    if override.operation == "add" and deleted:
        return evolve(override, operation="set")
    return override


def _speaks_of(job: JobSpec, override: Override, earlier: Override) -> bool:
    """Whether a request is for the place of an earlier change, or for one within it."""
    size = len(earlier.path)
    inside = _words(override.path)[:size] == _words(earlier.path)
    return inside and _is_input(job, override, earlier)


def _is_input(job: JobSpec, override: Override, earlier: Override) -> bool:
    if override.input is None:
        return True
    spec = job.input(override.input)
    return spec is not None and spec.input == earlier.input


def _words(path: KeyPath) -> tuple[str, ...]:
    """Return the parts of a path as text: `layers.0` and `layers[0]` are one place."""
    return tuple(map(str, path))


def _is_in(earlier: Override, override: Override) -> bool:
    """Whether what an earlier change added has the place of a request."""
    rest = KeyPath(override.path[len(earlier.path) :])
    return not rest or (earlier.value is not MISSING and get(earlier.value, rest) is not MISSING)


def _is_withheld(override: Override) -> bool:
    return override.value is MISSING and override.text is None and override.operation != "delete"


def _covered(job: JobSpec, earlier: Override, asked: Iterable[Override]) -> bool:
    """Whether something around the place is asked for anew."""
    words = _words(earlier.path)
    return any(
        words[: len(each.path)] == _words(each.path) and _is_input(job, each, earlier) for each in asked
    )


def _withheld(override: Override) -> Problem:
    return Problem(
        code="secret-not-recorded",
        input=override.input or "",
        path=override.path,
        message="the run was given a secret here, and secrets are not recorded",
        hint=f"give it again: --set {override.input}:{override.path}=…",
    )
