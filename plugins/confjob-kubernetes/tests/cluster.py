"""A stand-in for a cluster: its API over HTTP, as far as this backend talks to it, and its Job controller.

What is made is checked with the API's own schemas. Pods are a kubelet's to run: none, so that a test
says how they are, or Podman (`podman_kubelet`), so that they run for real.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import kubernetes_validate
import yaml

__all__ = ["Cluster", "Kubelet", "cluster"]

Object = dict[str, Any]
Fault = Callable[[str, str], "tuple[int, Object] | None"]

_PATH = re.compile(
    r"/(?:api/v1|apis/batch/v1)/namespaces/(?P<namespace>[^/]+)/(?P<kind>[a-z]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<part>[a-z]+))?"
)
_KINDS = {"jobs": "Job", "pods": "Pod", "configmaps": "ConfigMap", "secrets": "Secret", "services": "Service"}
_SCHEMAS = "1.31"


class Kubelet(Protocol):
    """What runs pods."""

    def start(self, pod: Object, objects: dict[tuple[str, str], Object]) -> None: ...

    def look(self, pod: Object) -> Object:
        """Return the pod's status."""

    def log(self, pod: Object) -> bytes | None: ...

    def stop(self, pod: Object, grace: int) -> None: ...

    def remove(self, pod: Object) -> None: ...


class Cluster:
    """The state of the stand-in.

    `objects` has them by kind and name; `asked` the requests; `fault` may answer in its place.
    """

    def __init__(self, kubelet: Kubelet | None = None) -> None:
        self.kubelet = kubelet
        self.objects: dict[tuple[str, str], Object] = {}
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.logs: dict[str, bytes] = {}
        self.denied: set[tuple[str, str]] = set()
        self.fault: Fault = lambda method, path: None
        self.page = 10_000
        self.lock = threading.RLock()
        self.url = ""
        self._threads: list[threading.Thread] = []
        self._going = True
        self._counter = 0

    # -- what tests say ----------------------------------------------------------------

    def of(self, kind: str) -> list[Object]:
        return [copy.deepcopy(thing) for (each, _), thing in sorted(self.objects.items()) if each == kind]

    def job(self) -> Object:
        [job] = self.of("jobs")
        return job

    def finish(self, name: str, kind: str, reason: str = "", message: str = "") -> None:
        """Let a Job be over."""
        condition = {"type": kind, "status": "True", "reason": reason, "message": message}
        self.objects["jobs", name].setdefault("status", {})["conditions"] = [condition]

    def add_pod(self, job: str, **status: Any) -> Object:
        """Give a Job a pod of a status."""
        pod = self._pod(self.objects["jobs", job], 0)
        pod["status"] = status
        return pod

    # -- the API -----------------------------------------------------------------------

    def answer(self, method: str, url: str, body: Object | None) -> tuple[int, Object | bytes]:
        parts = urlsplit(url)
        path, query = parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self.lock:
            self.asked.append((method, url))
            faulty = self.fault(method, url)
            if faulty is not None:
                return faulty
            if path == "/version":
                return 200, {"gitVersion": "v1.31.0"}
            if path.endswith("/selfsubjectaccessreviews"):
                asked = body["spec"]["resourceAttributes"]
                allowed = (asked["verb"], asked["resource"]) not in self.denied
                return 201, {"status": {"allowed": allowed}}
            if path == "/api/v1/namespaces/default":
                return 200, {"kind": "Namespace"}
            match = _PATH.fullmatch(path)
            if match is None or match["namespace"] != "default":
                return _status(404, f"{path} not found")
            kind, name, part = match["kind"], unquote(match["name"] or ""), match["part"]
            if (method, kind) in self.denied:
                return _status(403, f'{kind} is forbidden: User "ann" cannot {method} resource "{kind}"')
            if not name:
                return self._list(kind, query) if method == "GET" else self._create(kind, body)
            if (kind, name) not in self.objects:
                return _status(404, f'{kind} "{name}" not found')
            if part == "log":
                return self._log(name)
            return {"GET": self._get, "PATCH": self._patch, "DELETE": self._delete}[method](kind, name, body)

    def _list(self, kind: str, query: dict[str, str]) -> tuple[int, Object]:
        found = [thing for thing in self.of(kind) if _selected(thing, query.get("labelSelector", ""))]
        start, size = int(query.get("continue", 0)), min(int(query.get("limit", self.page)), self.page)
        more = {"continue": str(start + size)} if start + size < len(found) else {}
        return 200, {"kind": f"{_KINDS[kind]}List", "metadata": more, "items": found[start : start + size]}

    def _create(self, kind: str, body: Object) -> tuple[int, Object]:
        name = body["metadata"]["name"]
        if (kind, name) in self.objects:
            return _status(409, f'{kind} "{name}" already exists')
        try:
            kubernetes_validate.validate(body, _SCHEMAS, strict=True)
        except kubernetes_validate.ValidationError as error:
            return _status(400, f"strict decoding error: {error.message}")
        sizes = [len(base64.b64decode(value)) for value in (body.get("binaryData") or {}).values()]
        if sum(sizes) > 1 << 20:
            return _status(422, f'{_KINDS[kind]} "{name}" is invalid: data: Too long')
        self._put(kind, body)
        return 201, copy.deepcopy(self.objects[kind, name])

    def _put(self, kind: str, body: Object) -> Object:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        thing = copy.deepcopy(body)
        thing["metadata"] |= {"uid": str(uuid.uuid4()), "namespace": "default"}
        thing["metadata"].setdefault("creationTimestamp", now)
        self.objects[kind, body["metadata"]["name"]] = thing
        return thing

    def _get(self, kind: str, name: str, _: object) -> tuple[int, Object]:
        return 200, copy.deepcopy(self.objects[kind, name])

    def _patch(self, kind: str, name: str, body: Object) -> tuple[int, Object]:
        _merge(self.objects[kind, name], body)
        return 200, copy.deepcopy(self.objects[kind, name])

    def _delete(self, kind: str, name: str, body: Object) -> tuple[int, Object]:
        pods = self._pods_of(self.objects[kind, name])
        if body.get("propagationPolicy") == "Foreground" and pods and self.kubelet is not None:
            for thing in (self.objects[kind, name], *pods):
                thing["metadata"]["deletionTimestamp"] = "now"
            return 200, copy.deepcopy(self.objects[kind, name])
        uid = self.objects.pop((kind, name))["metadata"]["uid"]
        for (other, inner), thing in list(self.objects.items()):
            owners = [owner["uid"] for owner in thing["metadata"].get("ownerReferences") or ()]
            if uid in owners and other != "pods":
                del self.objects[other, inner]
            elif uid in owners:
                thing["metadata"]["deletionTimestamp"] = "now"
                if self.kubelet is None:
                    del self.objects[other, inner]
        return 200, {"kind": "Status", "status": "Success"}

    def _log(self, name: str) -> tuple[int, Object | bytes]:
        pod = self.objects["pods", name]
        log = self.logs.get(name) if self.kubelet is None else self.kubelet.log(pod)
        if log is None:
            return _status(400, f'container "job" in pod "{name}" is waiting to start')
        return 200, log

    # -- the Job controller --------------------------------------------------------------

    def _pod(self, job: Object, index: int) -> Object:
        template, name = copy.deepcopy(job["spec"]["template"]), job["metadata"]["name"]
        self._counter += 1
        metadata = template["metadata"] | {
            "name": f"{name}-{index}-{self._counter}",
            "ownerReferences": [{"uid": job["metadata"]["uid"]}],
            "creationTimestamp": f"2026-01-01T00:00:{self._counter % 60:02}Z",
        }
        if job["spec"].get("completionMode") == "Indexed":
            metadata["annotations"]["batch.kubernetes.io/job-completion-index"] = str(index)
            template["spec"]["containers"][0]["env"].append(
                {"name": "JOB_COMPLETION_INDEX", "value": str(index)}
            )
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        return self._put("pods", body | {"status": {"phase": "Pending"}})

    def _pods_of(self, job: Object) -> list[Object]:
        uid = job["metadata"]["uid"]
        return [
            thing
            for (kind, _), thing in self.objects.items()
            if kind == "pods" and thing["metadata"]["ownerReferences"][0]["uid"] == uid
        ]

    def run(self) -> None:
        """Control Jobs and pods until the end."""
        while self._going:
            with self.lock:
                jobs = [thing for (kind, _), thing in self.objects.items() if kind == "jobs"]
                for job in jobs:
                    self._control(job)
                pods = [thing for (kind, _), thing in self.objects.items() if kind == "pods"]
            for pod in pods:
                self._keep(pod)
            time.sleep(0.1)

    def _control(self, job: Object) -> None:
        conditions = job.setdefault("status", {}).get("conditions")
        pods = self._pods_of(job)
        if not pods and job["metadata"].get("deletionTimestamp"):
            self._delete("jobs", job["metadata"]["name"], {})
            return
        if job["spec"]["suspend"] or conditions:
            return
        if not pods:
            for index in range(job["spec"]["completions"]):
                self._pod(job, index)
            return
        phases = [pod["status"]["phase"] for pod in pods]
        if all(phase == "Succeeded" for phase in phases):
            self.finish(job["metadata"]["name"], "Complete")
        elif "Failed" in phases:
            self.finish(job["metadata"]["name"], "Failed", "BackoffLimitExceeded", "has reached the limit")
            for pod in pods:
                if pod["status"]["phase"] not in ("Failed", "Succeeded"):
                    pod["metadata"]["deletionTimestamp"] = "now"

    def _keep(self, pod: Object) -> None:
        """Do what a kubelet does for a pod."""
        if self.kubelet is None:
            return
        name, spec = pod["metadata"]["name"], pod["spec"]
        grace = spec["terminationGracePeriodSeconds"]
        if pod["metadata"].get("deletionTimestamp"):
            self._later(pod, "ending", lambda: self._drop(name, pod, grace))
        elif pod["status"]["phase"] == "Pending" and "started" not in pod:
            pod["started"] = True
            with self.lock:
                objects = copy.deepcopy(self.objects)
            self._later(pod, "starting", lambda: self.kubelet.start(pod, objects))
        elif pod["status"]["phase"] in ("Pending", "Running") and not self._busy(pod):
            status = self.kubelet.look(pod)
            if pod.get("late") and status["phase"] in ("Failed", "Succeeded"):
                status |= {"phase": "Failed", "reason": "DeadlineExceeded"}
            pod["status"] = status
            if spec.get("activeDeadlineSeconds") == 1 and status["phase"] == "Running":
                pod["late"] = True
                self._later(pod, "ending", lambda: self.kubelet.stop(pod, grace))

    def _drop(self, name: str, pod: Object, grace: int) -> None:
        self.kubelet.stop(pod, grace)
        self.kubelet.remove(pod)
        with self.lock:
            self.objects.pop(("pods", name), None)

    def _later(self, pod: Object, what: str, do: Callable[[], None]) -> None:
        if pod.get("doing") == what or self._busy(pod):
            return
        thread = threading.Thread(target=do, daemon=True)
        pod["doing"], pod["uncopied"] = what, _Thread(thread)
        self._threads.append(thread)
        thread.start()

    def _busy(self, pod: Object) -> bool:
        held = pod.get("uncopied")
        return held is not None and held.thread.is_alive() and pod["doing"] == "starting"

    def end(self) -> None:
        """End all, pods too."""
        self._going = False
        for thread in self._threads:
            thread.join(60)
        for pod in [thing for (kind, _), thing in self.objects.items() if kind == "pods"]:
            if self.kubelet is not None:
                self.kubelet.remove(pod)


class _Thread:
    """A thread that copies of a pod leave alone, and JSON as well."""

    def __init__(self, thread: threading.Thread) -> None:
        self.thread = thread

    def __deepcopy__(self, memo: object) -> _Thread:
        return self


def _status(code: int, message: str) -> tuple[int, Object]:
    return code, {"kind": "Status", "status": "Failure", "message": message, "code": code}


def _merge(thing: Object, patch: Object) -> None:
    for key, value in patch.items():
        if value is None:
            thing.pop(key, None)
        elif isinstance(value, dict) and isinstance(thing.get(key), dict):
            _merge(thing[key], value)
        else:
            thing[key] = value


def _selected(thing: Object, selector: str) -> bool:
    labels = thing["metadata"].get("labels") or {}
    for part in re.findall(r"[^,(]+(?:\([^)]*\))?", selector):
        within = re.fullmatch(r"(\S+) in \((.*)\)", part)
        name, equals, value = part.partition("=")
        if within and labels.get(within[1]) not in within[2].split(","):
            return False
        if not within and equals and labels.get(name) != value:
            return False
        if not within and not equals and name not in labels:
            return False
    return True


@contextmanager
def cluster(folder: Path, kubelet: Kubelet | None = None) -> Iterator[Cluster]:
    """Serve a stand-in; `folder/kubeconfig` leads to it."""
    state = Cluster(kubelet)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # else header and body wait for one another

        def _do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            code, answer = state.answer(self.command, self.path, json.loads(content) if content else None)
            if code == 0:  # the line is cut
                self.close_connection = True
                self.connection.close()
                return
            data = (
                answer if isinstance(answer, bytes) else json.dumps(answer, default=lambda _: None).encode()
            )
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        (folder / "kubeconfig").write_text(yaml.safe_dump(_kubeconfig(state.url)))
        threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})]
        threads += [threading.Thread(target=state.run)] if kubelet is not None else []
        for thread in threads:
            thread.start()
        try:
            yield state
        finally:
            state.end()
            server.shutdown()
            for thread in threads:
                thread.join()


def _kubeconfig(url: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stand-in",
        "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "ann"}}],
        "clusters": [{"name": "stand-in", "cluster": {"server": url}}],
        "users": [{"name": "ann", "user": {"token": "a-token"}}],
    }
