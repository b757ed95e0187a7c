"""What the tests share: images of a real engine, jobs that go there, and a stand-in that answers as told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from confjob_container import CONTAINER
from confjob_container.engine import ContainerEngine
from confjob_container.options import STATE

from confjob.model import Elsewhere, Resources
from confjob.testing.jobs import JobFolder

pytest_plugins = ["confjob.testing.plugin"]


def _image(variable: str) -> str:
    name = os.environ.get(variable)
    if not name:
        reason = f"{variable} names no image; tests/engines/container/start makes one"
        (pytest.fail if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1" else pytest.skip)(reason)
        raise AssertionError(reason)
    return name


@pytest.fixture
def image() -> str:
    """A small image with sh."""
    return _image("CONFJOB_CONTAINER_IMAGE")


@pytest.fixture
def python_image() -> str:
    """An image with Python, NumPy and scikit-learn."""
    return _image("CONFJOB_CONTAINER_PYTHON_IMAGE")


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[..., JobFolder]:
    """A function that returns where jobs are made, with what they ask for."""

    def folder(**resources: Any) -> JobFolder:
        state = tmp_path / "a project" / ".confjob"
        return JobFolder(
            state=state, resources=Resources(**resources), elsewhere=Elsewhere(state=STATE, python="python3")
        )

    return folder


@frozen(kw_only=True)
class StandIn:
    """A program in the place of an engine's: it writes down what it was asked, and answers as told."""

    path: Path

    @property
    def asked(self) -> list[list[str]]:
        """The command lines so far."""
        log = self.path.with_name("asked")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def answers(self, command: str, stdout: str = "", stderr: str = "", code: int = 0) -> None:
        """Say how a command is answered from now on."""
        answer = {"stdout": stdout, "stderr": stderr, "code": code}
        self.path.with_name(f"answer-{command}").write_text(json.dumps(answer))


_STAND_IN = """#!{python}
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "asked"), "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
try:
    with open(os.path.join(here, "answer-" + sys.argv[1])) as file:
        answer = json.load(file)
except FileNotFoundError:
    answer = {{"stdout": "", "stderr": "", "code": 0}}
sys.stdout.write(answer["stdout"])
sys.stderr.write(answer["stderr"])
sys.exit(answer["code"])
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[[str], StandIn]:
    """A function that makes a stand-in for an engine of a name."""

    def make(name: str) -> StandIn:
        path = tmp_path / "engines" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_STAND_IN.format(python=sys.executable))
        path.chmod(0o755)
        return StandIn(path=path)

    return make


@pytest.fixture
def engine() -> Callable[..., ContainerEngine]:
    """A function that opens the engine with a target's options, as attributes."""

    def opened(**options: Any) -> Any:
        return CONTAINER.open(CONTAINER.options(**options))

    return opened
