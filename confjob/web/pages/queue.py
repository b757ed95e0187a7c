"""This machine's queue: what runs, what waits and why, and its order."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from confjob.builtin.local.queue.board import entries, reprioritise
from confjob.builtin.local.queue.door import ring
from confjob.builtin.local.queue.gates import EVERYTHING, Gates
from confjob.builtin.local.queue.machine import home
from confjob.builtin.local.queue.tickets import PRIORITIES
from confjob.errors import RunError
from confjob.web.fields import fields_of
from confjob.web.runs.queueview import queue_of
from confjob.web.site import Site, site_of
from confjob.web.templating import page
from confjob.workspace.sizes import human_size

__all__ = ["routes"]

_FIELDS: Final = 10


async def _queue(request: Request) -> Response:
    context = await run_in_threadpool(_context, site_of(request))
    part = "hx-request" in request.headers
    if part and request.query_params.get("seen") == context["queue"].digest:
        return Response(status_code=204)
    return page(request, "queue_table.html" if part else "queue.html", context)


def _context(site: Site) -> dict[str, Any]:
    return {"queue": queue_of(site.project()), "priorities": PRIORITIES, "human_size": human_size}


def _move(asked: Mapping[str, str]) -> None:
    folder, run, priority = home(), asked.get("run", ""), asked.get("priority", "")
    if priority not in PRIORITIES:
        raise RunError("no such priority", hint=f"one of {', '.join(PRIORITIES)}")
    chosen = [entry for entry in entries(folder) if entry.ticket.run == run and entry.phase == "waiting"]
    if not chosen:
        raise RunError(f"run {run!r} does not wait in the queue any more")
    reprioritise(folder, chosen, priority)


def _pause(_: Mapping[str, str]) -> None:
    folder = home()
    Gates(folder).pause(EVERYTHING, f"paused by {getpass.getuser()}")
    ring(folder)


def _resume(_: Mapping[str, str]) -> None:
    folder = home()
    gates = Gates(folder)
    for group in gates.paused():
        gates.resume(group)
    ring(folder)


def _doing(act: Callable[[Mapping[str, str]], None]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        await run_in_threadpool(act, dict(fields_of(body, _FIELDS)))
        return RedirectResponse("/queue", status_code=303)

    return answer


routes = [
    Route("/queue", _queue, name="queue"),
    Route("/queue/move", _doing(_move), methods=["POST"], name="queue-move"),
    Route("/queue/pause", _doing(_pause), methods=["POST"], name="queue-pause"),
    Route("/queue/resume", _doing(_resume), methods=["POST"], name="queue-resume"),
]
