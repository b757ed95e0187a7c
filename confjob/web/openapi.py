"""The OpenAPI document, made from the table of endpoints that also makes the routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from confjob.version import __version__
from confjob.web.endpoints import ENDPOINTS, PARAMETERS, Endpoint
from confjob.web.schemas import ANSWERS

__all__ = ["document"]

#: Statuses that any request may get: no token, a request that is none, a fault of our own.
_ANYWHERE: Final = (400, 401, 403, 500)
_WITH_BODY: Final = (408, 413, 415)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "confjob",
            "version": __version__,
            "description": "What the verbs of the command line print with `--json`, over HTTP.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": dict(ANSWERS),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token that `confjob ui` prints, or that its `--token-file` keeps.",
                }
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.does,
        "parameters": list(_parameters(endpoint)),
        "responses": dict(_responses(endpoint)),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": endpoint.body}}}
    return operation


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", endpoint.path):
        told = {"description": PARAMETERS[name], "schema": {"type": "string", "minLength": 1}}
        yield {"name": name, "in": "path", "required": True, **told}
    for name, schema in endpoint.query.items():
        yield {"name": name, "in": "query", "required": False, "schema": dict(schema)}


def _responses(endpoint: Endpoint) -> Iterator[tuple[str, dict[str, Any]]]:
    media = "text/plain" if endpoint.returns == "Log" else "application/json"
    yield str(endpoint.status), _response(endpoint.status, media, endpoint.returns)
    bodily = _WITH_BODY if endpoint.method == "POST" else (413,)
    for status in sorted({*_ANYWHERE, *bodily, *endpoint.refusals}):
        yield str(status), _response(status, "application/json", "Refusal")


def _response(status: int, media: str, name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": HTTPStatus(status).phrase, "content": {media: {"schema": schema}}}
