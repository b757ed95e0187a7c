"""The table of the JSON API: what may be asked, what is told, and who tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from attrs import field, frozen

from confjob.errors import InvalidOverrides
from confjob.keypath import KeyPath
from confjob.model import Problem, Resources, State
from confjob.pipeline import Request, launching, list_jobs, make_plan, read_form
from confjob.pipeline.afterwards import cancel_runs, find_runs, log_of, status_of
from confjob.pipeline.export import json_schema_of
from confjob.pipeline.preview import preview
from confjob.pipeline.retrying import retry_runs
from confjob.pipeline.selecting import Selection
from confjob.pipeline.shapes import (
    attempts_json,
    ends_json,
    form_json,
    jobs_json,
    launched_json,
    plan_json,
    queue_json,
)
from confjob.tree import Json
from confjob.web.schemas import FORM_QUERY, LAUNCH, LOG_QUERY, PLAN, RUNS_QUERY
from confjob.web.site import Site

__all__ = ["ENDPOINTS", "PARAMETERS", "Call", "Endpoint", "Log"]

#: What the parameters in paths are.
PARAMETERS: Final[Mapping[str, str]] = {
    "job": "A job of launch.toml, or a function or script by its path: `train.py:train`.",
    "run": "A run's id, or the beginning of one.",
}


@frozen(kw_only=True)
class Call:
    """A request whose parts are what the table says.

    Args:
        site: The site that is asked.
        path: The parameters in the path.
        query: The parameters in the query.
        body: The body.
    """

    site: Site
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]


@frozen(kw_only=True)
class Log:
    """An answer that is no JSON: what a run printed, in pieces."""

    pieces: Iterable[bytes]


@frozen(kw_only=True)
class Endpoint:
    """A row of the table.

    Args:
        method: The HTTP method.
        path: The path, its parameters in braces.
        name: The operation's name.
        does: What it does, in a sentence.
        answer: Who answers, in a thread of its own.
        returns: The name of the answer's schema.
        status: The status of an answer.
        query: The query's parameters, a JSON Schema each.
        body: The JSON Schema of the body, or None where there is none.
        refusals: The statuses of refusals.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    does: str
    answer: Callable[[Call], Any]
    returns: str
    status: int = 200
    query: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    body: Mapping[str, Any] | None = None
    refusals: tuple[int, ...] = (422,)

    @property
    def query_schema(self) -> dict[str, Any]:
        """The JSON Schema of the whole query."""
        return {"type": "object", "properties": dict(self.query), "additionalProperties": False}


def _jobs(call: Call) -> Json:
    return jobs_json(list_jobs(call.site.project()))


def _form(call: Call) -> Json:
    return form_json(read_form(call.site.project(), _shown(call)))


def _schema(call: Call) -> Json:
    return json_schema_of(read_form(call.site.project(), _shown(call)))


def _plan(call: Call) -> Json:
    project = call.site.project()
    return plan_json(preview(project, make_plan(project, _request(call))))


def _launch(call: Call) -> Json:
    project = call.site.project()
    plan = make_plan(project, _request(call))
    label = launching.Label(
        name=call.body.get("name", ""), tags=tuple(call.body.get("tags", ())), note=call.body.get("note", "")
    )
    launched = launching.launch(project, plan, label)
    launched.start()
    return launched_json(plan, launched)


def _runs(call: Call) -> Json:
    asked = call.query
    selection = Selection(
        job=asked.get("job"),
        states=tuple(State(name.upper()) for name in asked.get("state", ())),
        tags=tuple(asked.get("tag", ())),
        name=asked.get("name"),
        older_than=_amount(asked, "older_than", Resources.seconds_of),
        larger_than=_amount(asked, "larger_than", Resources.bytes_of),
    )
    return find_runs(call.site.project(), selection, limit=asked.get("limit"))


def _status(call: Call) -> Json:
    return status_of(call.site.project(), call.path["run"])


def _log(call: Call) -> Log:
    return Log(pieces=log_of(call.site.project(), call.path["run"], call.query.get("lines")))


def _cancel(call: Call) -> Json:
    return ends_json(cancel_runs(call.site.project(), [call.path["run"]]))


def _retry(call: Call) -> Json:
    return attempts_json(retry_runs(call.site.project(), [call.path["run"]]))


def _queue(_: Call) -> Json:
    from confjob.builtin.local.queue.board import entries
    from confjob.builtin.local.queue.door import agent_process
    from confjob.builtin.local.queue.gates import Gates
    from confjob.builtin.local.queue.machine import home

    folder = home()
    found, agent = entries(folder), agent_process(folder)
    return queue_json(None if agent is None else agent.pid, Gates(folder).paused(), found)


def _shown(call: Call) -> Request:
    files = dict(text.partition("=")[::2] for text in call.query.get("file", ()))
    return Request(job=call.path["job"], files=files, target=call.query.get("target"))


def _request(call: Call) -> Request:
    asked = call.body
    return Request(
        job=call.path["job"],
        sets=tuple(asked.get("set", ())),
        any_sets=tuple(asked.get("set_any", ())),
        variables=tuple(asked.get("set_var", ())),
        values=asked.get("inputs", {}),
        giver="the API",
        files=asked.get("files", {}),
        target=asked.get("target"),
        extra=tuple(asked.get("extra", ())),
        priority=asked.get("priority"),
    )


def _amount(asked: Mapping[str, Any], name: str, read: Callable[[str], int]) -> int | None:
    if name not in asked:
        return None
    try:
        return read(asked[name])
    except (ValueError, OverflowError) as error:
        told = Problem(code="unreadable-value", path=KeyPath((name,)), message=str(error))
        raise InvalidOverrides.of([told]) from None


_JOB: Final = "/api/jobs/{job}"
_RUN: Final = "/api/runs/{run}"

#: The order matters to the routes: a job's name may have slashes.
ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        method="GET", path="/api/jobs", name="jobs", does="List the jobs.", answer=_jobs, returns="Jobs"
    ),
    Endpoint(
        method="GET",
        path=f"{_JOB}/schema",
        name="schema",
        does="Return one JSON Schema for all inputs of a job.",
        answer=_schema,
        returns="JsonSchema",
        query=FORM_QUERY,
        refusals=(404, 422),
    ),
    Endpoint(
        method="POST",
        path=f"{_JOB}/plan",
        name="plan",
        does="Tell what a launch would change and run, and do nothing.",
        answer=_plan,
        returns="Plan",
        body=PLAN,
        refusals=(404, 422, 502),
    ),
    Endpoint(
        method="POST",
        path=f"{_JOB}/launch",
        name="launch",
        does="Start a job with changed inputs.",
        answer=_launch,
        returns="Launched",
        status=201,
        body=LAUNCH,
        refusals=(404, 409, 422, 502),
    ),
    Endpoint(
        method="GET",
        path=_JOB,
        name="show",
        does="Tell every input of a job.",
        answer=_form,
        returns="Form",
        query=FORM_QUERY,
        refusals=(404, 422),
    ),
    Endpoint(
        method="GET",
        path="/api/runs",
        name="runs",
        does="List runs, the newest first.",
        answer=_runs,
        returns="Runs",
        query=RUNS_QUERY,
    ),
    Endpoint(
        method="GET",
        path=_RUN,
        name="status",
        does="Tell how a run is doing, or how it ended.",
        answer=_status,
        returns="Run",
        refusals=(404, 409, 422),
    ),
    Endpoint(
        method="GET",
        path=f"{_RUN}/log",
        name="log",
        does="Return what a run printed so far.",
        answer=_log,
        returns="Log",
        query=LOG_QUERY,
        refusals=(404, 409, 422),
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/cancel",
        name="cancel",
        does="End a run.",
        answer=_cancel,
        returns="Ends",
        refusals=(404, 409, 422, 502),
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/retry",
        name="retry",
        does="Begin another attempt of a run that failed.",
        answer=_retry,
        returns="Attempts",
        refusals=(404, 409, 422, 502),
    ),
    Endpoint(
        method="GET",
        path="/api/queue",
        name="queue",
        does="Tell what runs on this machine and what waits, and why.",
        answer=_queue,
        returns="Queue",
    ),
)
