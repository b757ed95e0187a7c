"""The shapes of JSON that every front end shares: a problem, a refusal, and what JSON can't say.

They stand below everything, so that a refusal can be told whatever could not be loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from confjob.errors import ConfjobError
    from confjob.model import Problem

__all__ = ["problem_json", "refusal_json", "strict"]


def problem_json(problem: Problem) -> dict[str, str]:
    """Return a problem in the shape that `--json` promises."""
    return {
        "code": problem.code,
        "input": problem.input,
        "path": str(problem.path),
        "where": str(problem.where or ""),
        "message": problem.message,
        "hint": problem.hint,
    }


def refusal_json(error: ConfjobError) -> dict[str, Any]:
    """Return a refusal in the shape that `--json` promises: it has one problem at least."""
    problems = [problem_json(problem) for problem in error.problems]
    if not problems:
        problems = [{"input": "", "path": "", "where": "", "message": error.message, "hint": error.hint}]
    return {"error": error.message, "problems": problems}


def strict(value: Any) -> Any:
    """Return a value as strict JSON can have it: NaN and infinities, which it can't say, as YAML spells them."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return value
