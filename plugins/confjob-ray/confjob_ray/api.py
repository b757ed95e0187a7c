"""The part of Ray's HTTP API that is needed here, and in whose words it refuses.

Only the standard library is used. Nothing is taken from the environment, proxies included, and
no redirection is followed: headers may hold a token, which is for the named cluster alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote as url_quote
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from attrs import frozen

from confjob.plugin import BackendError, Json

__all__ = ["Api", "RefusedError"]

#: How long to wait before asking once more, when nobody answers.
_PAUSES: Final = (0.2, 1.0)
_JSON: Final = "application/json"


class RefusedError(BackendError):
    """An answer that is none; `status` is HTTP's."""

    def __init__(self, message: str, status: int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none; the redirection itself is then the answer."""


@frozen(kw_only=True)
class Answer:
    """What came back, and when it was sent by the cluster's own clock."""

    body: bytes
    at: float

    def json(self) -> Json:
        """Return the body as JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise BackendError(
                f"Ray's answer is no JSON: {error}", hint="is `address` Ray's dashboard?"
            ) from None


@frozen(kw_only=True)
class Api:
    """Ray's API for jobs at one address.

    Args:
        address: The dashboard's.
        headers_file: A file with headers to send.
        timeout: Seconds to wait for an answer.
    """

    address: str
    headers_file: Path | None = None
    timeout: float = 30.0

    def version(self) -> Mapping[str, Json]:
        """Return which versions of Ray and of its API answer."""
        return _table(self._ask("GET", "/api/version").json())

    def jobs(self) -> tuple[list[Mapping[str, Json]], float]:
        """Return all jobs, and when that was so."""
        answer = self._ask("GET", "/api/jobs/")
        listed = answer.json()
        if not isinstance(listed, list):
            raise BackendError("Ray's list of jobs is no list", hint="is `address` Ray's dashboard?")
        return [job for job in listed if isinstance(job, dict)], answer.at

    def job(self, name: str) -> Mapping[str, Json] | None:
        """Return one job; None where it is unknown."""
        try:
            return _table(self._ask("GET", f"/api/jobs/{_part(name)}").json())
        except RefusedError as refused:
            if refused.status == 404:
                return None
            raise

    def submit(self, request: Mapping[str, Json]) -> None:
        """Submit a job."""
        self._ask("POST", "/api/jobs/", json.dumps(request).encode(), _JSON)

    def upload(self, package: str, content: bytes) -> None:
        """Store a package for the jobs that name it."""
        path = f"/api/packages/gcs/{_part(package)}"
        try:
            self._ask("GET", path)  # Ray keeps for some minutes what was asked for
        except RefusedError as refused:
            if refused.status != 404:
                raise
        self._ask("PUT", path, content, "application/octet-stream")

    def stop(self, name: str) -> bool:
        """Ask a job to end; returns whether Ray knows it."""
        try:
            self._ask("POST", f"/api/jobs/{_part(name)}/stop", b"")
        except RefusedError as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def logs(self, name: str) -> bytes:
        """Return what a job's entry point printed so far; nothing of one that is unknown."""
        try:
            found = _table(self._ask("GET", f"/api/jobs/{_part(name)}/logs").json()).get("logs")
        except RefusedError as refused:
            if refused.status == 404:
                return b""
            raise
        return found.encode("utf-8", "surrogatepass") if isinstance(found, str) else b""

    # -- asking ------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Answer:
        headers = {**dict(self._headers()), **({"Content-Type": kind} if kind else {})}
        url = f"{self.address.rstrip('/')}{path}"
        request = Request(url, data=body, headers=headers, method=method)  # noqa: S310 - http(s) by `RayOptions`
        for pause in (*_PAUSES, None):
            try:
                return self._answer(request)
            except HTTPError as error:
                raise _refused(error) from None
            except (OSError, HTTPException) as error:
                if pause is None:
                    raise self._unreachable(error) from None
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _answer(self, request: Request) -> Answer:
        opener = build_opener(ProxyHandler({}), _Stay())
        with opener.open(request, timeout=self.timeout) as response:
            return Answer(body=response.read(), at=_date(response.headers.get("Date")))

    def _unreachable(self, error: Exception) -> BackendError:
        reason = getattr(error, "reason", None) or error
        return BackendError(
            f"Ray at {self.address} can't be reached: {reason}",
            hint="is the cluster up, and is that its dashboard? a tunnel or `ray dashboard` may lead there",
        )

    def _headers(self) -> Iterator[tuple[str, str]]:
        if self.headers_file is None:
            return
        try:
            lines = self.headers_file.read_text(encoding="latin-1").splitlines()
        except OSError as error:
            raise BackendError(f"headers-file {self.headers_file} can't be read: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            name, colon, value = line.partition(":")
            if line.strip() and not line.startswith("#"):
                if not colon or not name.strip():
                    raise BackendError(f"{self.headers_file}:{number}: no header", hint="say Name: value")
                yield name.strip(), value.strip()


def _part(name: str) -> str:
    return url_quote(name, safe="")


def _table(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _date(text: str | None) -> float:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (TypeError, ValueError):
        return time.time()


def _refused(error: HTTPError) -> RefusedError:
    """Return Ray's refusal in its own words: of a traceback the last line."""
    with error:
        text = error.read().decode("utf-8", "replace").strip()
    last = text.splitlines()[-1].strip() if text else error.reason
    hint = "it wants to know who asks: see `headers-file`" if error.code in (401, 403) else ""
    return RefusedError(f"Ray refused ({error.code}): {last[:500]}", error.code, hint)
