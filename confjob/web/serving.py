"""Serving: the port, the address that lets one in, and an end that waits for nobody."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from attrs import frozen

from confjob.errors import ConfjobError
from confjob.web.app import create_app
from confjob.web.site import Site

__all__ = ["PORT", "Place", "listen", "serve"]

#: The port that is tried first, where none is asked for: an address that stays is a bookmark.
PORT: Final = 8765

#: Seconds that answers under way have when the server ends; a log that is followed has no end.
_GRACE: Final = 1

#: Requests at once; a browser makes a handful.
_AT_ONCE: Final = 200


@frozen(kw_only=True)
class Place:
    """Where a server listens.

    Args:
        socket: The bound socket.
        host: The address that was asked for.
        port: The port.
    """

    socket: socket.socket
    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self._bound_to.is_loopback

    @property
    def name(self) -> str:
        """The name of the machine as an address and a Host header have it."""
        name = socket.gethostname() if self._bound_to.is_unspecified else self.host
        return (f"[{name}]" if ":" in name else name).lower()

    @property
    def address(self) -> str:
        """The address for a browser."""
        return f"http://{self.name}:{self.port}/"

    @property
    def _bound_to(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        return ipaddress.ip_address(self.socket.getsockname()[0].partition("%")[0])


def listen(host: str, port: int | None) -> Place:
    """Bind a socket.

    Args:
        host: A name or address of this machine.
        port: The port; 0 for any that is free, None for the usual one, else any.

    Raises:
        ConfjobError: When the host is not this machine's, or the port is taken.
    """
    try:
        bound = _bound(host, PORT if port is None else port)
    except OSError as error:
        if port is not None or error.errno != errno.EADDRINUSE:
            raise _refusal(host, port, error) from None
        bound = _bound(host, 0)
    return Place(socket=bound, host=host, port=bound.getsockname()[1])


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _refusal(host: str, port: int | None, error: OSError) -> ConfjobError:
    if error.errno == errno.EADDRINUSE:
        return ConfjobError(f"port {port} of {host} is taken", hint="--port 0 takes any that is free")
    hint = "--host takes a name or an address of this machine" if isinstance(error, socket.gaierror) else ""
    return ConfjobError(f"can't listen at {host}: {error.strerror}", hint=hint)


def serve(site: Site, place: Place, ready: Callable[[], None]) -> None:
    """Serve a site until Ctrl-C or TERM.

    Args:
        site: What is served.
        place: Where.
        ready: Called once requests are answered.
    """
    # Nothing is logged of requests: the address of the first one has the token.
    config = uvicorn.Config(
        create_app(site),
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=_GRACE,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _Server(config, ready).run([place.socket])
    except KeyboardInterrupt:  # which is how it is meant to end
        return


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line tells more than that an answer under way was given up at the end."""
    cause = record.exc_info[1] if record.exc_info else None
    return "graceful shutdown" not in record.msg and not isinstance(cause, asyncio.CancelledError)


class _Server(uvicorn.Server):
    """A server that says when it is there."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
