"""Who may ask, and what the browser may do with the answer.

The server can start programs as its user, and every page that is open in the same browser can
send it requests. So each request has to pass: the Host must be a name by which this server is
meant (a rebound DNS name is not), a page elsewhere is turned away by Origin and Sec-Fetch-Site,
the token must be shown, and the body must be small. Nothing here looks at what is asked for.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import anyio
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from confjob.web.errors import fault, turned_away
from confjob.web.site import Site

__all__ = ["BODY_LIMIT", "HEADERS", "Guard", "cookie_name"]

#: Bytes that a request's body may have: a config that is pasted whole is far smaller.
BODY_LIMIT: Final = 4 * 2**20

#: Seconds in which a body must have arrived.
BODY_TIME: Final = 30.0

#: What every answer says.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "; ".join(
        (
            *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"),
            *("connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"),
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: What is asked for by POST because it is long, and changes nothing.
_HARMLESS: Final = re.compile(r"/api/jobs/.*/plan|/(?:jobs|runs)/.*/preview", re.DOTALL)


class Guard:
    """Stands in front of the application.

    Args:
        app: What is guarded.
        site: Whom it serves.
        body_time: Seconds in which a body must have arrived.
    """

    def __init__(self, app: ASGIApp, site: Site, body_time: float = BODY_TIME) -> None:
        self._app = app
        self._site = site
        self._body_time = body_time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or turn it away."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        request = Request(scope)
        guarded = _Answer(request, send)
        try:
            early = self._introduced(request)
            if early is None:
                replay = await self._body(request, receive)
                await self._app(scope, replay, guarded.send)
                return
        except HTTPException as error:
            early = turned_away(request, error)
        except Exception:
            # Told on the server's stderr by who called us; a page must not quote it.
            if not guarded.begun:
                await fault(request)(scope, receive, guarded.send)
            raise
        await early(scope, receive, guarded.send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # which no page here asks for
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    def _introduced(self, request: Request) -> Response | None:
        """Return None when the request may pass, or the answer that lets a browser in.

        Raises:
            HTTPException: When it may not pass.
        """
        host, bearer = self._host(request), _bearer(request)
        changing = request.method not in _SAFE
        _require_same_origin(request, host, changing=changing, by_browser=bearer is None)
        if request.url.path.startswith("/static/"):
            return None
        entrance = self._entrance(request, host, bearer)
        if changing and self._site.read_only and not _HARMLESS.fullmatch(request.url.path):
            raise HTTPException(403, "This server is read-only: nothing can be launched or changed")
        return entrance

    def _entrance(self, request: Request, host: str, bearer: str | None) -> Response | None:
        """Return the redirect that drops a token from the address; None where none stands there."""
        cookie = request.cookies.get(cookie_name(host), "")
        asked = request.query_params.get("token") if request.method == "GET" else None
        if asked is not None:
            # An old link does no harm in a browser that is let in.
            if self._is_token(asked) or self._is_token(cookie):
                return _let_in(request, host, self._site.token)
        elif self._is_token(cookie if bearer is None else bearer):
            return None
        raise HTTPException(401, _WRONG if asked or bearer or cookie else _MISSING)

    def _host(self, request: Request) -> str:
        """Return the Host, which must be a name by which this server is meant."""
        given = request.headers.getlist("host")
        found = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if found is None or found["name"].lower() not in _LOOPBACK | set(self._site.hosts):
            raise HTTPException(403, "This server is not called by that name; --allow-host NAME allows one")
        return given[0].lower()

    def _is_token(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self._site.token.encode())

    async def _body(self, request: Request, receive: Receive) -> Receive:
        """Return a way to receive the body, which has arrived and is small."""
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 9 or int(length) > BODY_LIMIT:
            raise HTTPException(413, _TOO_LARGE)
        with anyio.move_on_after(self._body_time):
            return _replay(await _whole(receive), receive)
        raise HTTPException(408, "The request did not arrive in time")


_MISSING: Final = "Open the address that confjob ui printed: it has the token that lets you in"
_WRONG: Final = (
    "That is not the token of this server: open the address that confjob ui printed when it started"
)
_TOO_LARGE: Final = f"The request is larger than {BODY_LIMIT // 2**20} MiB"


def cookie_name(host: str) -> str:
    """Return the name of the cookie with the token.

    Cookies know no ports, so that two servers on one name would overwrite each other's; the
    port is the one that the browser sees, for `ssh -L` may lead to equal ones.
    """
    found = _HOST.fullmatch(host)
    return f"confjob-{found['port'] if found and found['port'] else 'token'}"


def _bearer(request: Request) -> str | None:
    """Return the token that a program shows; no page can make a browser show one unasked."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _require_same_origin(request: Request, host: str, *, changing: bool, by_browser: bool) -> None:
    """Turn away what a page of another origin sends.

    Raises:
        HTTPException: When it is, or when a browser changes something and does not say.
    """
    elsewhere = HTTPException(403, "The request comes from another page")
    origins = request.headers.getlist("origin")
    if not all(_is_same(origin, host) for origin in origins) or len(origins) > 1:
        raise elsewhere
    if changing and by_browser and not origins:
        raise elsewhere
    if request.headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return
    # A link on another page may lead here; a picture, a frame or a script on it may not.
    visit = request.headers.get("sec-fetch-mode") == "navigate"
    if changing or not visit or request.headers.get("sec-fetch-dest") != "document":
        raise elsewhere


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and origin.lower() == f"{parts.scheme}://{host}"


def _let_in(request: Request, host: str, token: str) -> Response:
    """Keep the token in a cookie, and drop it from the address bar."""
    rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
    # One slash: two would name another host.
    path = "/" + quote(request.url.path.lstrip("/"), safe="/")
    response = RedirectResponse(path + (f"?{urlencode(rest)}" if rest else ""), status_code=303)
    response.set_cookie(
        cookie_name(host),
        token,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


async def _whole(receive: Receive) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The request broke off")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, _TOO_LARGE)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a way to receive a body that has arrived, and then whatever comes after it."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


class _Answer:
    """Passes an answer on, with the headers that every answer has."""

    def __init__(self, request: Request, send: Send) -> None:
        self.begun = False
        versioned = request.url.path.startswith("/static/") and "v" in request.query_params
        # Pages tell of configs: no cache between may keep them. A static file with its digest never changes.
        self._kept = "public, max-age=31536000, immutable" if versioned else "private, no-cache"
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", self._kept)
        await self._send(message)
