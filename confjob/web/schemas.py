"""JSON Schemas of what the API takes and tells: docs/reference/json.md in a form that programs read.

What is told may get more keys, so that these leave room for them; what is asked may not have
unknown ones, for they would be slips.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from confjob.model import Priority, State

__all__ = ["ANSWERS", "FORM_QUERY", "LAUNCH", "LOG_QUERY", "PLAN", "RUNS_QUERY"]

Schema = Mapping[str, Any]

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}
_FLAG: Final = {"type": "boolean"}
_NUMBER: Final = {"type": "number"}
_MAP_OF_TEXTS: Final = {"type": "object", "additionalProperties": _TEXT}
_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_MAYBE_COUNT: Final = {"type": ["integer", "null"]}
_MAYBE_NUMBER: Final = {"type": ["number", "null"]}
_STATE: Final = {"enum": list(State.__members__)}
_PRIORITIES: Final = list(get_args(Priority))


def _list(items: Schema, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def _told(needed: Schema, **possible: Schema) -> dict[str, Any]:
    """Return the schema of an object that has `needed` keys, and possibly others."""
    return {"type": "object", "properties": {**needed, **possible}, "required": list(needed)}


def _texts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, _TEXT)


def _asked(**properties: Schema) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _sets(option: str, what: str) -> dict[str, Any]:
    return _list(_TEXT, description=f"As `{option}` takes it: {what}.")


_INPUTS: Final = {
    "set": _sets("--set", "`[INPUT:]PATH=VALUE`, `+PATH=VALUE`, `PATH-`"),
    "set_any": _sets("--set-any", "`[INPUT:]PATH=VALUE`"),
    "set_var": _sets("--set-var", "`NAME=VALUE` of the target's variables"),
    "inputs": {"type": "object", "description": "Overrides, laid out as a file for `--inputs` is."},
    "files": {
        "type": "object",
        "additionalProperties": _TEXT,
        "description": "Other files for file inputs, by the input's name.",
    },
    "target": {**_TEXT, "description": "Where to run; the job's own target, else the default, if absent."},
    "extra": _list(_TEXT, description="Arguments for the job's command."),
    "priority": {"enum": _PRIORITIES, "description": "Before whom it starts, where runs have to wait."},
}

#: What `plan` is asked.
PLAN: Final[Schema] = _asked(**_INPUTS)

#: What `launch` is asked.
LAUNCH: Final[Schema] = _asked(
    **_INPUTS,
    name={**_TEXT, "description": "A name for the run."},
    tags=_list(_TEXT, description="Tags to find the run by."),
    note={**_TEXT, "description": "A remark that is kept with the run."},
)

#: How a form is asked for.
FORM_QUERY: Final[Mapping[str, Schema]] = {
    "file": _list({**_TEXT, "pattern": "="}, description="`NAME=PATH`: another file for a file input."),
    "target": {**_TEXT, "description": "Where to run."},
}

#: Which runs are meant.
RUNS_QUERY: Final[Mapping[str, Schema]] = {
    "job": {**_TEXT, "description": "Only runs of this job."},
    "state": _list(
        {"enum": [name.lower() for name in State.__members__]}, description="Only in these states."
    ),
    "tag": _list(_TEXT, description="Only runs with all of these tags."),
    "name": {**_TEXT, "description": "Only runs of this name."},
    "older_than": {**_TEXT, "description": "Only runs that ended longer ago: `30d`, `12h`."},
    "larger_than": {**_TEXT, "description": "Only runs whose folder is larger: `500MiB`."},
    "limit": {"type": "integer", "minimum": 1, "description": "At most so many."},
}

#: How much of a log is meant.
LOG_QUERY: Final[Mapping[str, Schema]] = {
    "lines": {"type": "integer", "minimum": 0, "description": "Only so many lines, from the end."}
}

_PROBLEM: Final = _told(_texts("input", "path", "where", "message", "hint"), code=_TEXT)
_CHANGE: Final = _told(
    _texts("input", "path", "origin") | {"where": _MAYBE_TEXT},
    before={},
    after={},
    secret=_FLAG,
    any_type=_FLAG,
)
_INPUT: Final = _told(
    _texts("input", "path", "type", "where", "typed_by", "evidence")
    | {"schema": {"type": "object"}, "confidence": {"enum": ["high", "medium", "low"]}},
    value={},
    required=_FLAG,
    secret=_FLAG,
)
_RUN: Final = _told(
    _texts("id", "job", "target", "name", "note", "reason", "dir")
    | {"tags": _list(_TEXT), "changes": _list(_CHANGE), "state": _STATE, "dirty": _FLAG, "attempts": _COUNT}
    | dict.fromkeys(("commit", "rerun_of", "engine_id"), _MAYBE_TEXT)
    | dict.fromkeys(("started", "ended"), _MAYBE_NUMBER)
    | {"submitted": _NUMBER, "exit_code": _MAYBE_COUNT, "links": _MAP_OF_TEXTS}
)
_WAITING: Final = _told(
    _texts("id", "project", "job", "target", "priority", "reason", "dir")
    | {"state": {"enum": ["RUNNING", "QUEUED"]}, "attempt": _COUNT, "slots": _list(_TEXT)}
    | {"queued": _NUMBER, "started": _MAYBE_NUMBER, "needs": {"type": "object"}}
)
_PLAN: Final = _told(
    _texts("job", "target", "target_where", "python", "script", "submission")
    | {"changes": _list(_CHANGE), "command": _list(_TEXT), "run_config": {}}
    | {"files": {"type": "object", "additionalProperties": _told({"diff": _TEXT})}}
    | {"warnings": _list(_PROBLEM)}
)

#: What is told, by the name that endpoints have for it.
ANSWERS: Final[Mapping[str, Schema]] = {
    "Refusal": _told({"error": _TEXT, "problems": _list(_ref("Problem"), minItems=1)}),
    "Problem": _PROBLEM,
    "Jobs": _list(_told(_texts("job", "runs", "description"))),
    "Form": _told({"job": _TEXT, "inputs": _list(_INPUT), "warnings": _list(_ref("Problem"))}),
    "JsonSchema": {"type": "object"},
    "Plan": _PLAN,
    "Launched": _told(_texts("id", "job", "target") | {"state": _STATE}),
    "Run": _RUN,
    "Runs": _list(_ref("Run")),
    "Log": _TEXT,
    "Ends": _list(_told(_texts("id", "reason") | {"state": _STATE})),
    "Attempts": _list(_told({"id": _TEXT, "attempt": _COUNT, "state": _STATE})),
    "Queue": _told(
        {
            "agent": _MAYBE_COUNT,
            "paused": _list(_told(_texts("target", "why"))),
            "runs": _list(_WAITING),
        }
    ),
}
