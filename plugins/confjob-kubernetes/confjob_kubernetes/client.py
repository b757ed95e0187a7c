"""Talking to a cluster's API: the official client's configuration and credentials, and plain JSON.

The client's own models would read thousands of pods slowly and drop what they do not know, and here
whole lists are read, a page at a time. What the API refuses is told in its own words; what can't be
reached is never read as "not there".
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from attrs import define, field, frozen

from confjob.plugin import BackendError, Json
from confjob_kubernetes.names import place_of
from confjob_kubernetes.options import KubernetesOptions

__all__ = ["Api", "ApiError", "batch", "core"]

#: How many objects one answer has.
_PAGE: Final = 500
#: Seconds to connect, and to wait for more of an answer.
_PATIENCE: Final = (10.0, 60.0)
#: How often a list whose pages have expired is begun again.
_AGAIN: Final = 3
_GONE: Final = 410

_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class ApiError(BackendError):
    """The API's refusal, with its status code."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


def core(namespace: str, kind: str, name: str = "", part: str = "") -> str:
    """Return the path of objects of the core API, such as pods."""
    return _path(f"/api/v1/namespaces/{quote(namespace)}/{kind}", name, part)


def batch(namespace: str, name: str = "") -> str:
    """Return the path of Jobs."""
    return _path(f"/apis/batch/v1/namespaces/{quote(namespace)}/jobs", name, "")


def _path(base: str, name: str, part: str) -> str:
    return "/".join([base, *(quote(each) for each in (name, part) if each)])


@frozen(kw_only=True)
class _Opened:
    """The client, as configured."""

    configuration: Any
    pool: Any
    namespace: str


@define(kw_only=True)
class Api:
    """A cluster, as a target's options say; nothing is read before it is asked.

    Args:
        options: The target's options.
    """

    options: KubernetesOptions
    _opened: _Opened | None = field(default=None, init=False, repr=False, eq=False)
    _lock: Any = field(factory=threading.Lock, init=False, repr=False, eq=False)

    @property
    def namespace(self) -> str:
        """Where the Jobs are."""
        return self.options.namespace or self._client().namespace

    @property
    def place(self) -> str:
        """Which cluster it is."""
        return place_of(str(self._client().configuration.host))

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return an object; raises `ApiError` when there is none."""
        return self._json("GET", path, query)

    def create(self, path: str, body: Mapping[str, Json]) -> dict[str, Any]:
        """Make an object; the API refuses fields that it does not know."""
        return self._json("POST", path, {"fieldValidation": "Strict"}, body)

    def patch(self, path: str, body: Mapping[str, Json]) -> dict[str, Any]:
        """Merge into an object."""
        return self._json("PATCH", path, None, body)

    def delete(self, path: str, *, propagation: str = "Background") -> None:
        """Remove an object and what it owns; one that is not there is none the less removed."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        try:
            self._json("DELETE", path, None, body)
        except ApiError as refused:
            if refused.status != 404:
                raise

    def items(self, path: str, selector: str) -> Iterator[dict[str, Any]]:
        """Yield all objects that have labels, page by page.

        One may come twice, where the pages expired and the list was begun again.
        """
        token, left = "", _AGAIN
        while True:
            query = {"labelSelector": selector, "limit": str(_PAGE), **({"continue": token} if token else {})}
            try:
                page = self.get(path, query)
            except ApiError as refused:
                if refused.status != _GONE or not token or not left:
                    raise
                token, left = "", left - 1
                continue
            if not str(page.get("kind")).endswith("List"):  # else all runs would be taken for gone
                raise BackendError(f"the API of {self.place} answers what is no list of objects")
            yield from page.get("items") or ()
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """Yield what the API sends, as bytes."""
        answer = self._ask("GET", path, query, None, accept="*/*")
        with contextlib.closing(answer), self._told():
            if answer.status >= 400:
                raise _refusal(answer.status, answer.read())
            yield from answer.stream(1 << 16)

    # -- below ---------------------------------------------------------------------------

    def _json(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, Json] | None = None
    ) -> dict[str, Any]:
        answer = self._ask(method, path, query, body)
        with contextlib.closing(answer), self._told():
            content = answer.read()
        if answer.status >= 400:
            raise _refusal(answer.status, content)
        try:
            value = json.loads(content)
        except ValueError as error:
            raise BackendError(f"the API of {self.place} answers what is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise BackendError(f"the API of {self.place} answers what is no object of JSON")
        return value

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Json] | None,
        accept: str = "application/json",
    ) -> Any:
        import urllib3

        opened = self._client()
        url = f"{str(opened.configuration.host).rstrip('/')}{path}"
        url += f"?{urlencode(query)}" if query else ""
        merge = "application/merge-patch+json" if method == "PATCH" else "application/json"
        # A busy server says when to come back; what is asked twice is the same both times.
        retry = urllib3.Retry(
            total=5, connect=2, read=2, redirect=0, backoff_factor=0.2, allowed_methods=None,
            status_forcelist=(429, 502, 503, 504), raise_on_status=False,
        )  # fmt: skip
        with self._told():
            return opened.pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers={"Accept": accept, "Content-Type": merge, **_credentials(opened.configuration)},
                timeout=urllib3.Timeout(*_PATIENCE),
                retries=retry,
                preload_content=False,
            )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what can't be reached as a `BackendError`."""
        import urllib3

        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise BackendError(
                f"the cluster's API at {self.place} can't be reached: {reason}",
                hint="is the network, the VPN or the kubeconfig's context another one?",
            ) from error

    def _client(self) -> _Opened:
        with self._lock:
            if self._opened is None:
                self._opened = _open(self.options)
            return self._opened


def _credentials(configuration: Any) -> dict[str, str]:
    """Return the headers that say who asks; a token that has expired is fetched anew by the client."""
    settings = configuration.auth_settings().values()
    return {each["key"]: each["value"] for each in settings if each.get("in") == "header" and each["value"]}


def _refusal(status: int, content: bytes) -> ApiError:
    """Return an answer as an error, in the server's words."""
    try:
        told = json.loads(content)
        words = str(told.get("message") or told.get("reason") or "")
    except (ValueError, AttributeError):
        words = content[:200].decode("utf-8", "replace").strip()
    hints = {401: "log in to the cluster again", 403: "`confjob doctor` says what this account may not do"}
    return ApiError(status, f"Kubernetes: {words or f'status {status}'}", hints.get(status, ""))


def _open(options: KubernetesOptions) -> _Opened:
    try:
        client: Any = import_module("kubernetes.client")
        config: Any = import_module("kubernetes.config")
    except ImportError as error:
        raise BackendError(
            f"the Kubernetes client can't be imported: {error}", hint="pip install kubernetes"
        ) from error
    file = str(Path(options.kubeconfig).expanduser()) if options.kubeconfig else None
    try:
        opened = config.new_client_from_config(config_file=file, context=options.context)
        namespace = _namespace(config.list_kube_config_contexts(file), options.context)
    except Exception as error:  # the client raises whatever its YAML and files raise
        if file or options.context or not _POD_NAMESPACE.is_file():
            raise BackendError(
                f"the kubeconfig can't be used: {str(error) or type(error).__name__}",
                hint="kubectl config get-contexts shows what there is",
            ) from error
        # confjob itself runs in a pod.
        configuration = client.Configuration()
        config.load_incluster_config(client_configuration=configuration)
        opened = client.ApiClient(configuration)
        namespace = _POD_NAMESPACE.read_text().strip()
    return _Opened(
        configuration=opened.configuration, pool=opened.rest_client.pool_manager, namespace=namespace
    )


def _namespace(contexts: Any, wanted: str | None) -> str:
    known, active = contexts
    chosen = next((each for each in known if each.get("name") == wanted), active) if wanted else active
    return str(((chosen or {}).get("context") or {}).get("namespace") or "default")
