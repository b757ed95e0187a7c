"""What a refusal looks like: a page with place and hint, a part of one, or JSON with the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from confjob.errors import BackendError, ConfjobError, RunError, UnknownJob, UnknownRun
from confjob.shapes import refusal_json
from confjob.web.jsontext import StrictResponse
from confjob.web.templating import page

__all__ = ["HANDLERS", "fault", "refused", "status_of", "turned_away", "wants_json"]

_FAULT: Final = "A fault of confjob's own; the terminal in which confjob ui runs has told more"


def status_of(error: ConfjobError) -> int:
    """Return the HTTP status of a refusal: 404 unknown, 409 not now, 502 a backend's, 422 all else."""
    if isinstance(error, (UnknownJob, UnknownRun)):
        return 404
    if isinstance(error, RunError):
        return 409
    return 502 if isinstance(error, BackendError) else 422


def wants_json(request: Request) -> bool:
    """Whether a program asks, and not a person."""
    accepted = request.headers.get("accept", "")
    return request.url.path.startswith("/api/") or ("json" in accepted and "html" not in accepted)


async def refused(request: Request, error: Exception) -> Response:
    """Return what a refusal looks like to who asks."""
    assert isinstance(error, ConfjobError)
    return _told(request, error, status_of(error))


def turned_away(request: Request, error: HTTPException) -> Response:
    """Return what one sees who may not come in: nothing of the project is told."""
    if wants_json(request):
        return StrictResponse(refusal_json(ConfjobError(error.detail)), error.status_code, error.headers)
    headers = dict(error.headers or {})
    if error.status_code == 401 and request.headers.get("sec-fetch-site") == "cross-site":
        # The browser keeps a strict cookie back when a link elsewhere leads here: asked again
        # from here, it sends it.
        headers["Refresh"] = "0"
    return page(request, "door.html", {"error": error}, status=error.status_code, headers=headers)


def fault(request: Request) -> Response:
    """Return what is told of a fault of our own: the cause may quote a secret, so nothing of it."""
    return _told(request, ConfjobError(_FAULT), 500)


def _told(request: Request, error: ConfjobError, status: int, headers: Any = None) -> Response:
    if wants_json(request):
        return StrictResponse(refusal_json(error), status, headers)
    part = "hx-request" in request.headers and "hx-boosted" not in request.headers
    template = "refusal.html" if part else "error.html"
    return page(request, template, {"error": error, "status": status}, status=status, headers=headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "There is no such page" if error.status_code == 404 else error.detail
    return _told(request, ConfjobError(detail), error.status_code, error.headers)


#: What the application does with exceptions.
HANDLERS: Final[dict[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    ConfjobError: refused,
    HTTPException: _http,
}
