"""A site over a folder, and a browser of it that has shown its token."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from confjob.builtin.local.queue import door
from confjob.web.app import create_app
from confjob.web.site import Site

#: The token of the tests' sites, and where their browser believes the server to be.
TOKEN = "t0ken-of-the-tests-of-the-web"
BASE = "http://127.0.0.1:8765"


@pytest.fixture(autouse=True)
def _as_the_project(tmp_path, monkeypatch) -> Iterator[None]:
    """Let the site share queue and interpreter with the `project` fixture, whose command line runs elsewhere."""
    machine = tmp_path / "machine"
    monkeypatch.setenv("CONFJOB_MACHINE_DIR", str(machine))
    monkeypatch.setenv("CONFJOB_SLOTS_DIR", str(tmp_path / "slots"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    before = set(door._started)
    yield
    if machine.is_dir():
        door.stop_agent(machine)
    for agent in set(door._started) - before:
        # One that was only starting when another was stopped has taken its place since.
        while agent.poll() is None:
            door.stop_agent(machine)
            time.sleep(0.02)


@pytest.fixture
def visit(_as_the_project) -> Iterator[Callable[..., TestClient]]:
    """A function that returns a client of the project in a folder, let in as a browser is."""
    with ExitStack() as opened:

        def client(folder, *, let_in=True, **more) -> TestClient:
            site = Site(directory=folder, token=TOKEN, **more)
            visitor = TestClient(create_app(site), base_url=BASE, headers={"Origin": BASE})
            opened.enter_context(visitor)
            if let_in:
                visitor.cookies.set("confjob-8765", TOKEN, domain="127.0.0.1")
            return visitor

        yield client
