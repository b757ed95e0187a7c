"""One run: how it is doing, what it was given, what it prints, what it made, and what to do with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from confjob.errors import RunError
from confjob.pipeline.afterwards import cancel_runs, states_of
from confjob.pipeline.results import Output, outputs_of
from confjob.pipeline.retrying import retry_runs
from confjob.project import Project
from confjob.store import RunFolder
from confjob.web.fields import fields_of
from confjob.web.runs import logview
from confjob.web.runs.facts import facts_of
from confjob.web.runs.files import open_below, read_below
from confjob.web.runs.logview import LogView
from confjob.web.runs.metrics import number_text
from confjob.web.runs.searching import search
from confjob.web.site import Site, site_of
from confjob.web.templating import page
from confjob.workspace.sizes import human_size

__all__ = ["routes"]

#: Outputs that are listed at most.
_LISTED: Final = 500
#: Bytes of a job script that are shown.
_SCRIPT: Final = 1 << 20
_BLOCK: Final = 1 << 16
_FIELDS: Final = 10
#: A place in a log has no more digits.
_DIGITS: Final = 18


async def _run(request: Request) -> Response:
    context = await run_in_threadpool(_whole, site_of(request), request.path_params["run"])
    return page(request, "run.html", context)


async def _state(request: Request) -> Response:
    context = await run_in_threadpool(_stated, site_of(request), request.path_params["run"])
    facts = context["facts"]
    if request.query_params.get("seen") == facts.digest:
        return Response(status_code=204)
    headers = {"HX-Trigger": "run-ended"} if facts.over else {}
    return page(request, "run_state.html", context, headers=headers)


def _whole(site: Site, name: str) -> dict[str, Any]:
    project = site.project()
    folder = project.store.find(name)
    script = read_below(folder.path, PurePosixPath("job.sh"), limit=_SCRIPT)
    return {
        "facts": facts_of(project, folder.id),
        "view": logview.end_view(folder.log),
        "script": (script or b"").decode("utf-8", "surrogateescape"),
        "number": number_text,
        **_paper(folder),
    }


def _stated(site: Site, name: str) -> dict[str, Any]:
    return {"facts": facts_of(site.project(), name), "number": number_text}


# -- its log -------------------------------------------------------------------------------


async def _log(request: Request) -> Response:
    """Answer with a part of the log: its end, or what stands around, before or behind a place."""
    return await run_in_threadpool(_log_part, request)


def _log_part(request: Request) -> Response:
    project, asked = site_of(request).project(), request.query_params
    folder = project.store.find(request.path_params["run"])
    part = "hx-request" in request.headers
    if "q" in asked and "at" not in asked:
        return _found(request, project, folder, part=part)
    if "from" in asked:
        return _followed(request, project, folder)
    context = {**_paper(folder), "view": _view(request, folder), "over": _is_over(project, folder)}
    if not part:
        return page(request, "log.html", {**context, "found": None, "text": asked.get("q", "")})
    more = "before" in asked or "after" in asked
    return page(request, "log_more.html" if more else "log_paper.html", context)


def _view(request: Request, folder: RunFolder) -> LogView:
    for name, view in (("at", logview.place_view), ("after", logview.newer_view)):
        if (place := _place(request, name)) is not None:
            return view(folder.log, place)
    place = _place(request, "before")
    if place is None:
        return logview.end_view(folder.log)
    return logview.older_view(folder.log, place, _place(request, "floor") or 0)


def _followed(request: Request, project: Project, folder: RunFolder) -> Response:
    """Answer a page that follows the log: nothing, or what to put in place of its last lines."""
    start = _place(request, "from") or 0
    view = logview.follow_view(folder.log, start, request.query_params.get("word", ""))
    known = _place(request, "size")
    # Whether the run is over is asked before the last look at its log, or its last words were lost.
    over = view.size == known and _is_over(project, folder)
    if over:
        view = logview.follow_view(folder.log, start, request.query_params.get("word", ""))
    elif view.size == known and request.query_params.get("every") == f"{view.every:g}":
        return Response(status_code=204)
    context = {**_paper(folder), "view": view, "over": over}
    if view.restarted:
        return page(request, "log_paper.html", context, headers={"HX-Retarget": "#log-paper"})
    return page(request, "log_tail.html", context)


def _found(request: Request, project: Project, folder: RunFolder, *, part: bool) -> Response:
    text = request.query_params["q"].strip()
    found = search(folder.log, text, end=_place(request, "until")) if text else None
    context = {**_paper(folder), "found": found, "text": text}
    if part:
        return page(request, "log_found.html", context)
    view = logview.end_view(folder.log)
    return page(request, "log.html", {**context, "view": view, "over": _is_over(project, folder)})


def _paper(folder: RunFolder) -> dict[str, Any]:
    return {
        "id": folder.id,
        "address": f"/runs/{folder.id}/log",
        "human_size": human_size,
        "decoded": lambda data: data.decode("utf-8", "surrogateescape"),
    }


def _is_over(project: Project, folder: RunFolder) -> bool:
    return states_of(project, [folder.id])[folder.id].state.final


def _place(request: Request, name: str) -> int | None:
    """Return a place in the log that the address names."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


# -- its files -----------------------------------------------------------------------------


async def _raw(request: Request) -> Response:
    project = site_of(request).project()
    folder = project.store.find(request.path_params["run"])
    return await run_in_threadpool(_sent, folder, PurePosixPath("output.log"), f"{folder.id}.log")


async def _outputs(request: Request) -> Response:
    return page(request, "run_outputs.html", await run_in_threadpool(_listed, request))


def _listed(request: Request) -> dict[str, Any]:
    project = site_of(request).project()
    folder = project.store.find(request.path_params["run"])
    try:
        found, refusal = _fetchable(project, folder), ""
    except RunError as error:
        found, refusal = [], error.message
    rows = [(str(each.path), human_size(each.size), _address(folder, each)) for each in found[:_LISTED]]
    size = human_size(sum(each.size for each in found))
    return {"id": folder.id, "rows": rows, "count": len(found), "size": size, "refusal": refusal}


async def _output(request: Request) -> Response:
    return await run_in_threadpool(_output_sent, request)


def _output_sent(request: Request) -> Response:
    project = site_of(request).project()
    folder = project.store.find(request.path_params["run"])
    # A file's name need not be UTF-8.
    query = request.scope["query_string"].decode("ascii", "replace")
    asked = dict(fields_of(query, _FIELDS, errors="surrogateescape"))
    path = PurePosixPath(asked.get("path", ""))
    if path not in {each.path for each in _fetchable(project, folder)}:
        raise HTTPException(404)
    return _sent(folder, PurePosixPath("workspace") / path, path.name)


def _fetchable(project: Project, folder: RunFolder) -> list[Output]:
    """Return what a run made, less files in which it was given a secret."""
    secret = set(folder.record.get("secret_files") or ())
    return [each for each in outputs_of(project, folder.id) if str(each.path) not in secret]


def _address(folder: RunFolder, output: Output) -> str:
    """Return the address of an output, or nothing for what can't be fetched, such as a link."""
    if output.place.is_symlink() or not output.place.is_file():
        return ""
    return f"/runs/{folder.id}/output?path={quote(os.fsencode(output.path))}"


def _sent(folder: RunFolder, path: PurePosixPath, name: str) -> Response:
    try:
        file = open_below(folder.path, path)
    except RunError:
        raise HTTPException(404) from None
    size = os.fstat(file.fileno()).st_size
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "_" for each in name)
    encoded = quote(os.fsencode(name), safe="")
    return StreamingResponse(
        _pieces(file, size),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield a file's first so many bytes: it may grow while it is sent."""
    with file:
        while size > 0 and (piece := file.read(min(_BLOCK, size))):
            size -= len(piece)
            yield piece


# -- what is done with it ------------------------------------------------------------------


def _doing(act: Callable[[Project, Iterable[str]], object]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        run = request.path_params["run"]
        await run_in_threadpool(act, site_of(request).project(), [run])
        return RedirectResponse(f"/runs/{quote(run)}", status_code=303)

    return answer


routes = [
    Route("/runs/{run}", _run, name="run"),
    Route("/runs/{run}/state", _state, name="run-state"),
    Route("/runs/{run}/log", _log, name="run-log"),
    Route("/runs/{run}/log/raw", _raw, name="run-log-raw"),
    Route("/runs/{run}/outputs", _outputs, name="run-outputs"),
    Route("/runs/{run}/output", _output, name="run-output"),
    Route("/runs/{run}/cancel", _doing(cancel_runs), methods=["POST"], name="cancel-run"),
    Route("/runs/{run}/retry", _doing(retry_runs), methods=["POST"], name="retry-run"),
]
