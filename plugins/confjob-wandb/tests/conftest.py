"""What the tests share: a project folder, and an interpreter that has wandb."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from confjob.testing import ProjectFolder, framework_python

pytest_plugins = ["confjob.testing.plugin"]

_EXAMPLE = Path(__file__).parents[3] / "examples" / "wandb-launch"


class WandbFolder(ProjectFolder):
    """A project in which W&B writes nowhere else, and knows nothing of the tester's own."""

    def __init__(self, root: Path, python: Path | None = None) -> None:
        self.elsewhere = root.parent / "elsewhere"
        self.elsewhere.mkdir(exist_ok=True)
        homes = {f"WANDB_{name}_DIR": str(self.elsewhere / name) for name in ("CACHE", "CONFIG", "DATA")}
        super().__init__(root, python)
        kept = {name: text for name, text in self.environ.items() if not name.startswith("WANDB_")}
        self.environ = {**kept, **homes, "HOME": str(self.elsewhere)}

    def foreground(self, *arguments: str, code: int = 0) -> str:
        """Launch in the foreground, and return what was printed."""
        return self.confjob("launch", *arguments, "--fg", code=code).stdout

    def last(self) -> dict[str, Any]:
        """Return the newest run."""
        return self.runs()[0]


@pytest.fixture
def project(tmp_path: Path) -> WandbFolder:
    """An empty project, whose jobs run in the tester's own interpreter."""
    return WandbFolder(tmp_path / "project")


@pytest.fixture(scope="session")
def wandb_python() -> Path:
    """The interpreter that has wandb."""
    return framework_python("wandb")


@pytest.fixture
def wandb_project(wandb_python: Path, tmp_path: Path) -> WandbFolder:
    """An empty project, whose jobs run where wandb is."""
    return WandbFolder(tmp_path / "project", wandb_python)


@pytest.fixture
def example(wandb_project: WandbFolder) -> WandbFolder:
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
