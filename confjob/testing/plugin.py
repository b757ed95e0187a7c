"""pytest's fixtures for the tests of a plugin.

A `conftest.py` asks for them by `pytest_plugins = ["confjob.testing.plugin"]`. They are no
entry point of pytest's on purpose: whoever has confjob installed tests other things too,
and would load this for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confjob.testing.project import ProjectFolder

__all__ = ["copy_project", "project"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectFolder]:
    """An empty project folder, whose runs are ended after the test."""
    folder = ProjectFolder(tmp_path / "project")
    yield folder
    folder.end()


@pytest.fixture
def copy_project(tmp_path: Path) -> Iterator[Callable[[Path], ProjectFolder]]:
    """A function that returns a copy of a folder as a project; its runs are ended after the test."""
    folders: list[ProjectFolder] = []

    def copy(source: Path) -> ProjectFolder:
        folders.append(ProjectFolder.copy_of(source, tmp_path / source.name))
        return folders[-1]

    yield copy
    for folder in folders:
        folder.end()
