"""What the plugin's tests share: an interpreter with Hydra, and what they ask of a project."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from confjob.testing import ProjectFolder, framework_python

pytest_plugins = ["confjob.testing.plugin"]

EXAMPLE = Path(__file__).parents[3] / "examples" / "hydra"


class Project(ProjectFolder):
    """A project whose job is called `train`."""

    def problems(self, *arguments: str):
        return self.json(*arguments, code=1)["problems"]

    def inputs(self, job: str = "train"):
        return {item["path"]: item for item in self.json("show", job)["inputs"]}

    def printed(self, *arguments: str) -> str:
        """Launch the job, wait for its end, and return what it printed."""
        run = self.launch("train", *arguments)
        output = self.output(run["id"])
        assert run["state"] == "SUCCEEDED", f"{run}\n{output}"
        return output


@pytest.fixture(scope="session")
def hydra_python() -> Path:
    """An interpreter with Hydra; the second name is that of the plugin's folder."""
    return framework_python("hydra", "omegaconf")


@pytest.fixture
def app(tmp_path, hydra_python):
    """A copy of examples/hydra."""
    copy = Project.copy_of(EXAMPLE, tmp_path / "hydra-app", hydra_python)
    yield copy
    copy.end()


@pytest.fixture
def project(tmp_path, hydra_python):
    """An empty project."""
    folder = Project(tmp_path / "project", hydra_python)
    yield folder
    folder.end()


@pytest.fixture
def bare(tmp_path):
    """An empty project whose interpreter has no Hydra: the one that the tests' own was made from."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys._base_executable)
    return Project(tmp_path / "project", tmp_path / "bin" / "python")
