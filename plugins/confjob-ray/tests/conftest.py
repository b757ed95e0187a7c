"""What the tests share: a cluster, and a stand-in that answers as told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from attrs import define, field, frozen

from confjob.model import Elsewhere, Resources
from confjob.testing.jobs import JobFolder

pytest_plugins = ["confjob.testing.plugin"]

ENGINES = Path(__file__).parents[3] / "tests" / "engines" / "ray"


@frozen(kw_only=True)
class Cluster:
    """A cluster that runs, as `start` tells of it."""

    folder: Path
    address: str

    @classmethod
    def started(cls, folder: Path) -> Cluster:
        done = subprocess.run([ENGINES / "start", folder], capture_output=True, text=True, check=False)
        found = re.search(r"CONFJOB_RAY_ADDRESS=(\S+)", done.stdout)
        if done.returncode or not found:
            reason = f"no Ray could be started: {done.stderr[-500:]}"
            (pytest.fail if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1" else pytest.skip)(reason)
        assert found is not None
        return cls(folder=folder, address=found[1])

    def stop(self) -> None:
        subprocess.run([ENGINES / "stop", self.folder], check=True)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a cluster is; one is started for the tests if none is named."""
    named = os.environ.get("CONFJOB_RAY_ADDRESS")
    if named:
        yield named
        return
    cluster = Cluster.started(tmp_path_factory.mktemp("ray"))
    try:
        yield cluster.address
    finally:
        cluster.stop()


@pytest.fixture
def another_cluster(tmp_path: Path):
    """A function that starts a cluster of the test's own."""
    return lambda: Cluster.started(tmp_path / "own")


@pytest.fixture
def jobs(tmp_path: Path):
    """A function that returns where packed jobs are made, with what they ask for."""

    def folder(elsewhere: bool = True, **resources) -> JobFolder:
        there = Elsewhere(state=tmp_path / "there") if elsewhere else None
        state = tmp_path / "a project" / ".confjob"
        return JobFolder(state=state, resources=Resources(**resources), elsewhere=there)

    return folder


@define
class StandIn:
    """A server in the place of Ray's: it notes what it is asked, and answers as told."""

    address: str = ""
    #: Method and path to status and body (or bytes to send as they are).
    answers: dict[tuple[str, str], tuple[int, object]] = field(factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(factory=list)

    def paths(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _, _ in self.asked]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    told = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.asked.append((self.command, self.path, dict(self.headers), body))
            status, answer = told.answers.get((self.command, self.path), (404, "unknown"))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", answer.decode() if isinstance(answer, bytes) else str(answer))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 - http.server's names

        def log_message(self, *_) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()
