"""The JSON API: what `--json` prints, over HTTP.

One table of endpoints is all there is: the routes, the checks of what is asked, and the OpenAPI
document (`confjob.web.openapi`) are read from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from confjob.errors import InvalidOverrides
from confjob.model import Problem
from confjob.tree import Json
from confjob.validation import Validator
from confjob.web.endpoints import ENDPOINTS, Call, Endpoint, Log
from confjob.web.jsontext import StrictResponse
from confjob.web.openapi import document
from confjob.web.site import site_of

__all__ = ["routes"]


def _route(endpoint: Endpoint) -> Route:
    async def answer(request: HttpRequest) -> Response:
        call = Call(
            site=site_of(request),
            path=dict(request.path_params),
            query=_query(endpoint, request),
            body=await _body(endpoint, request),
        )
        try:
            told = await run_in_threadpool(endpoint.answer, call)
        except RecursionError:
            raise HTTPException(400, "The body is nested too deeply") from None
        if isinstance(told, Log):
            pieces = iterate_in_threadpool(told.pieces)
            return StreamingResponse(pieces, endpoint.status, media_type="text/plain")
        return StrictResponse(told, endpoint.status)

    path = endpoint.path.replace("{job}", "{job:path}")
    return Route(path, answer, methods=[endpoint.method], name=endpoint.name)


def _query(endpoint: Endpoint, request: HttpRequest) -> dict[str, Json]:
    """Return the query's values; raises `InvalidOverrides` when they are not what the table says."""
    said: dict[str, Json] = {}
    for name in request.query_params:
        texts = request.query_params.getlist(name)
        schema = endpoint.query.get(name, {})
        many = schema.get("type") == "array"
        read = [_number(text) if schema.get("type") == "integer" else text for text in texts]
        said[name] = read if many or len(read) > 1 else read[0]
    _require(endpoint.query_schema, said)
    return said


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 20 else text


async def _body(endpoint: Endpoint, request: HttpRequest) -> dict[str, Json]:
    """Return the body.

    Raises:
        HTTPException: When it is no JSON.
        InvalidOverrides: When it is not what the table says.
    """
    content = await request.body()
    if endpoint.body is None or not content:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "The body must be application/json")
    try:
        read = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise HTTPException(400, "The body is no JSON") from None
    _require(endpoint.body, read)
    body: dict[str, Json] = read
    return body


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _require(schema: Mapping[str, Any], said: Json) -> None:
    problems = list(_problems(schema, said))
    if problems:
        raise InvalidOverrides.of(problems)


def _problems(schema: Mapping[str, Any], said: Json) -> Iterator[Problem]:
    for fault in Validator(dict(schema)).violations(said):
        yield Problem(code=fault.keyword, path=fault.path, message=fault.message)


async def _openapi(_: HttpRequest) -> Response:
    return StrictResponse(document())


routes = [
    *map(_route, ENDPOINTS),
    Route("/api/openapi.json", _openapi, name="openapi"),
]
