"""The table of runs: live, filtered by its address, and what is done with several of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from confjob.errors import RunError
from confjob.model import State
from confjob.pipeline.afterwards import cancel_runs
from confjob.pipeline.retrying import retry_runs
from confjob.project import Project
from confjob.web.fields import fields_of
from confjob.web.runs.listing import facets, listed
from confjob.web.runs.metrics import number_text
from confjob.web.runs.query import Query
from confjob.web.site import Site, site_of
from confjob.web.templating import page

__all__ = ["routes"]

#: The states to filter by; those between two of them count as running.
_OFFERED: Final = [state for state in State if state not in (State.STARTING, State.ENDING)]
#: Runs that one request may end or begin again.
_MOST: Final = 1000


async def _runs(request: Request) -> Response:
    query = Query.of(request.query_params.multi_items())
    fragment = "hx-request" in request.headers
    context = await run_in_threadpool(_context, site_of(request), query, whole=not fragment)
    if fragment and request.query_params.get("seen") == context["listing"].digest:
        return Response(status_code=204)
    chosen = fragment and "seen" not in request.query_params
    headers = {"HX-Replace-Url": query.address} if chosen else {}
    return page(request, "runs_table.html" if fragment else "runs.html", context, headers=headers)


def _context(site: Site, query: Query, *, whole: bool) -> dict[str, Any]:
    project = site.project()
    context = {"query": query, "listing": listed(project, query), "number": number_text}
    return {**context, "facets": facets(project, query), "states": _OFFERED} if whole else context


def _doing(act: Callable[[Project, Iterable[str]], object]) -> Callable[[Request], Any]:
    """Return the answer to a form in which runs are ticked: it does something with all of them."""

    async def answer(request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        pairs = fields_of(body, _MOST, blank=True)
        runs = list(dict.fromkeys(value for name, value in pairs if name == "run"))
        if not runs:
            raise RunError("no run is chosen", hint="tick the runs that are meant")
        project = site_of(request).project()
        await run_in_threadpool(act, project, runs)
        back = next((value for name, value in pairs if name == "back"), "")
        return RedirectResponse(Query.of(parse_qsl(back)).address, status_code=303)

    return answer


routes = [
    Route("/runs", _runs, name="runs"),
    Route("/runs/cancel", _doing(cancel_runs), methods=["POST"], name="cancel-runs"),
    Route("/runs/retry", _doing(retry_runs), methods=["POST"], name="retry-runs"),
]
