"""What the tests share: a project folder, and an interpreter that has wandb."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

_EXAMPLE = Path(__file__).parents[3] / "examples" / "wandb-launch"
_COMMAND = [sys.executable, "-c", "import sys; from confjob.__main__ import main; sys.exit(main())"]
_NOT_INHERITED = ("CONFJOB_", "GIT_", "WANDB_", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX")


class ProjectFolder:
    """A project in which confjob runs as a user would run it, and writes nowhere else."""

    def __init__(self, root: Path, python: Path) -> None:
        self.root = root
        self.elsewhere = root.parent / "elsewhere"
        self.elsewhere.mkdir(exist_ok=True)
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        homes = {f"WANDB_{name}_DIR": str(self.elsewhere / name) for name in ("CACHE", "CONFIG", "DATA")}
        path = f"{python.parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
        self.environ = {**kept, **homes, "PATH": path, "HOME": str(self.elsewhere)}
        if python != Path(sys.executable):
            self.environ["VIRTUAL_ENV"] = str(python.parent.parent)

    def write(self, files: Mapping[str, str]) -> ProjectFolder:
        """Write files by relative path."""
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        return self

    def confjob(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command line; `code` is the exit code that is expected."""
        return self.run(*_COMMAND, *arguments, code=code)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with `--json` and return what it prints."""
        return json.loads(self.confjob(*arguments, "--json", code=code).stdout)

    def run(self, *argv: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run any command in the project."""
        done = subprocess.run(
            argv,
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def launch(self, *arguments: str, code: int = 0) -> str:
        """Launch in the foreground, and return what was printed."""
        return self.confjob("launch", *arguments, "--fg", code=code).stdout

    def last(self) -> dict[str, Any]:
        """Return the newest run."""
        return self.json("runs")[0]


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """An empty project, whose jobs run in the tester's own interpreter."""
    (tmp_path / "project").mkdir()
    return ProjectFolder(tmp_path / "project", Path(sys.executable))


@pytest.fixture(scope="session")
def wandb_python() -> Path:
    """The interpreter that has wandb."""
    named = os.environ.get("CONFJOB_PYTHON_WANDB")
    if named:
        return Path(named)
    reason = "CONFJOB_PYTHON_WANDB names no interpreter with wandb; engine.sh makes one"
    if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def wandb_project(wandb_python: Path, tmp_path: Path) -> ProjectFolder:
    """An empty project, whose jobs run where wandb is."""
    (tmp_path / "project").mkdir()
    return ProjectFolder(tmp_path / "project", wandb_python)


@pytest.fixture
def example(wandb_project: ProjectFolder) -> ProjectFolder:
    """A copy of the example, whose jobs leave their temporary files in the test's folder."""
    ignored = shutil.ignore_patterns(".confjob", "__pycache__", "wandb")
    shutil.copytree(_EXAMPLE, wandb_project.root, ignore=ignored, dirs_exist_ok=True)
    manifest = wandb_project.root / "launch.toml"
    temporary = f'WANDB_SILENT = "true", TMPDIR = "{wandb_project.elsewhere}"'
    manifest.write_text(manifest.read_text().replace('WANDB_SILENT = "true"', temporary))
    return wandb_project


@pytest.fixture
def record_of(wandb_python: Path) -> Callable[[Path], dict[str, Any]]:
    """A function that returns what is in the `.wandb` file of a W&B run folder."""

    def read(folder: Path) -> dict[str, Any]:
        (file,) = folder.glob("run-*.wandb")
        script = Path(__file__).with_name("decode_record.py")
        done = subprocess.run([wandb_python, "-B", script, file], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return read
