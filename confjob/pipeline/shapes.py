"""What the verbs and the web interface tell as JSON, from the same hands: docs/reference/json.md promises it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from confjob.form import Field, Form, Plan
from confjob.model import Status
from confjob.pipeline import ListedJob
from confjob.pipeline.launching import Launched
from confjob.pipeline.preview import Preview
from confjob.shapes import problem_json

if TYPE_CHECKING:
    from confjob.builtin.local.queue.board import Entry

__all__ = [
    "attempts_json",
    "ends_json",
    "entry_json",
    "form_json",
    "jobs_json",
    "launched_json",
    "plan_json",
    "queue_json",
    "type_text",
]

_QUEUE_STATES: Final = {"running": "RUNNING", "waiting": "QUEUED"}


def jobs_json(listed: Iterable[ListedJob]) -> list[dict[str, str]]:
    """Return what `jobs --json` prints."""
    return [{"job": job.name, "runs": job.runs, "description": job.description} for job in listed]


def form_json(form: Form) -> dict[str, Any]:
    """Return what `show --json` prints."""
    return {
        "job": form.job.name,
        "inputs": [_field(field) for field in form.listed()],
        "warnings": [problem_json(problem) for problem in form.warnings],
    }


def _field(field: Field) -> dict[str, Any]:
    from confjob.tree import MISSING

    value = {} if field.secret or field.value is MISSING else {"value": field.value}
    return {
        "input": field.input,
        "path": str(field.path),
        "type": type_text(field),
        **value,
        "schema": field.schema,
        "where": str(field.where or ""),
        "typed_by": field.typed_by,
        "evidence": field.evidence.because,
        "confidence": field.evidence.confidence,
        **({"required": True} if field.required else {}),
        **({"secret": True} if field.secret else {}),
    }


def type_text(field: Field) -> str:
    """Return the type as people know it; a null of which nothing more is known is `null`."""
    from confjob import schema as schemas

    return "null" if field.value is None and not field.schema else schemas.type_name(field.schema)


def plan_json(shown: Preview) -> dict[str, Any]:
    """Return what `plan --json` prints."""
    return {
        "job": shown.job,
        "target": shown.target,
        "target_where": shown.target_where,
        "changes": shown.changes,
        "files": {path: {"diff": diff} for path, diff in shown.diffs.items()},
        "run_config": shown.run_config,
        "command": shown.command,
        "python": shown.python,
        "script": shown.script,
        "submission": shown.submission,
        "warnings": [problem_json(problem) for problem in shown.warnings],
    }


def launched_json(plan: Plan, launched: Launched, *, foreground: bool = False) -> dict[str, str]:
    """Return what `launch --json` prints, as soon as the run exists."""
    return {
        "id": launched.id,
        "job": plan.job.name,
        "target": plan.target.name,
        "state": "STARTING" if foreground else "QUEUED",
    }


def ends_json(outcomes: Iterable[tuple[str, Status]]) -> list[dict[str, str]]:
    """Return what `cancel --json` prints."""
    return [{"id": name, "state": each.state.value, "reason": each.reason} for name, each in outcomes]


def attempts_json(attempts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what `retry --json` prints."""
    return [{"id": run, "attempt": attempt, "state": "QUEUED"} for run, attempt in attempts.items()]


def queue_json(agent: int | None, paused: Mapping[str, str], entries: Sequence[Entry]) -> dict[str, Any]:
    """Return what `queue --json` prints.

    Args:
        agent: The process of the agent, or None while there is none.
        paused: What is paused, and why.
        entries: What runs and waits, in the order of the queue.
    """
    return {
        "agent": agent,
        "paused": [{"target": group, "why": why} for group, why in paused.items()],
        "runs": [entry_json(entry) for entry in entries],
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return what runs or waits in the shape that `queue --json` promises."""
    ticket = entry.ticket
    return {
        "id": ticket.run,
        "project": str(entry.project),
        "job": ticket.job,
        "target": entry.target,
        "state": _QUEUE_STATES[entry.phase],
        "priority": ticket.priority,
        "reason": entry.reason,
        "queued": ticket.queued,
        "started": entry.started,
        "attempt": ticket.attempt,
        "slots": list(entry.slots),
        "needs": {"cpus": ticket.cpus, "memory": ticket.memory, "gpus": ticket.gpus, "time": ticket.time},
        "dir": ticket.run_dir,
    }
