"""The kit for plugin authors: one function per kind of plugin that states what it must do.

confjob's own plugins are tested with the same functions. For tests through the command
line, `pytest_plugins = ["confjob.testing.plugin"]` in a `conftest.py` gives the fixtures
`project` and `copy_project`.
"""

from __future__ import annotations

from confjob.testing.backends import check_backend
from confjob.testing.formats import check_format
from confjob.testing.frameworks import framework_python
from confjob.testing.lightness import check_light
from confjob.testing.project import ProjectFolder

__all__ = ["ProjectFolder", "check_backend", "check_format", "check_light", "framework_python"]
