"""Two runs or more beside each other."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from confjob.web.runs.together import together
from confjob.web.site import site_of
from confjob.web.templating import page

__all__ = ["routes"]


async def _compare(request: Request) -> Response:
    return page(request, "compare.html", await run_in_threadpool(_context, request))


def _context(request: Request) -> dict[str, Any]:
    everything = request.query_params.get("all") == "1"
    names = request.query_params.getlist("run")
    found = together(site_of(request).project(), names, everything=everything)
    return {"together": found, "everything": everything, "address": _address}


def _address(runs: list[str], *, everything: bool) -> str:
    """Return the address of a comparison."""
    pairs = [("run", run) for run in runs] + ([("all", "1")] if everything else [])
    return f"/compare?{urlencode(pairs)}"


routes = [Route("/compare", _compare, name="compare")]
