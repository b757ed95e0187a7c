"""What the plugin's tests share: an interpreter with Hydra, and confjob as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

_CONFJOB = [sys.executable, "-c", "import sys; from confjob.__main__ import main; sys.exit(main())"]
_NOT_INHERITED = ("CONFJOB_", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "GIT_", "NO_COLOR")
EXAMPLE = Path(__file__).parents[3] / "examples" / "hydra"


def engine() -> Path | None:
    """Return the interpreter that has Hydra; the second name is that of the plugin's folder."""
    names = ("CONFJOB_PYTHON_HYDRA", "CONFJOB_PYTHON_OMEGACONF")
    return next((Path(os.environ[name]) for name in names if os.environ.get(name)), None)


class Project:
    """A project folder whose jobs run with `python`."""

    def __init__(self, root: Path, python: Path) -> None:
        self.root = root
        self.python = python
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        self.environ = {**kept, "VIRTUAL_ENV": str(python.parent.parent)}

    def write(self, files: dict[str, str]) -> Project:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self

    def confjob(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [*_CONFJOB, *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        shown = f"$ confjob {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        assert done.returncode == code, f"exit code {done.returncode}, not {code}\n{shown}"
        return done.stdout + done.stderr if code or "--json" not in arguments else done.stdout

    def json(self, *arguments: str):
        return json.loads(self.confjob(*arguments, "--json"))

    def problems(self, *arguments: str):
        text = self.confjob(*arguments, "--json", code=1)
        return json.JSONDecoder().raw_decode(text)[0]["problems"]

    def inputs(self, job: str = "train"):
        return {item["path"]: item for item in self.json("show", job)["inputs"]}

    def printed(self, *arguments: str) -> str:
        """Launch the job, wait for its end, and return what it printed."""
        run = self.json("launch", "train", *arguments)["id"]
        until = time.monotonic() + 60
        while (known := self.json("status", run))["state"] not in ("SUCCEEDED", "FAILED", "LOST"):
            assert time.monotonic() < until, known
            time.sleep(0.05)
        output = self.confjob("logs", run)
        assert known["state"] == "SUCCEEDED", f"{known}\n{output}"
        return output


@pytest.fixture(scope="session")
def hydra_python() -> Path:
    """An interpreter with Hydra."""
    found = engine()
    if found is None:
        reason = "no interpreter with Hydra: ./engine.sh VENV, then CONFJOB_PYTHON_HYDRA=VENV/bin/python"
        if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def app(tmp_path, hydra_python) -> Project:
    """A copy of examples/hydra."""
    root = tmp_path / "hydra-app"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".confjob", "__pycache__", "outputs"))
    return Project(root, hydra_python)


@pytest.fixture
def project(tmp_path, hydra_python) -> Project:
    """An empty project."""
    root = tmp_path / "project"
    root.mkdir()
    return Project(root, hydra_python)


@pytest.fixture
def bare(tmp_path) -> Project:
    """An empty project whose interpreter has no Hydra: the tests' own."""
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys._base_executable)
    return Project(root, tmp_path / "bin" / "python")
