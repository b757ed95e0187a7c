"""What the checks look at, looked up once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Lock
from typing import Any, Final

from attrs import evolve, field, frozen

from confjob.declare import Declared, read_project
from confjob.declare.manifest import Manifest
from confjob.errors import ConfjobError, InputError
from confjob.probe import PROBES, Interpreter, asker
from confjob.project import Project

__all__ = ["Patient", "patient_of"]

#: The modules that a job's interpreter is asked for: confjob's own, and what formats ask for.
MODULES: Final = ("confjob", "axolotl", "hydra", "omegaconf", "torchtune")


@frozen(kw_only=True)
class Patient:
    """A project and its machine, as far as they can be read.

    Args:
        project: The project, with little patience for the jobs' interpreters.
        declared: What its manifest says; nothing where that can't be read.
        error: Why it can't be read.
    """

    project: Project
    declared: Declared
    error: ConfjobError | None = None
    _known: dict[Path, Any] = field(factory=dict, init=False, repr=False)
    _lock: Any = field(factory=Lock, init=False, repr=False)

    def inside(self, interpreter: Interpreter) -> dict[str, Any]:
        """Return an interpreter's `version` and its `modules`: name to version, null for none.

        Each interpreter is asked once, whoever else wants to know at the same time.

        Raises:
            InputError: When it gives no answer.
        """
        with self._lock:
            if interpreter.path not in self._known:
                self._known[interpreter.path] = self._asked(interpreter)
        answer = self._known[interpreter.path]
        if isinstance(answer, InputError):
            raise answer
        return dict(answer)

    def _asked(self, interpreter: Interpreter) -> Any:
        # Nothing is kept: a cache would be one more thing that could be wrong.
        with tempfile.TemporaryDirectory(prefix="confjob-doctor-") as cache:
            ask = asker(interpreter, self.project.root, Path(cache), time_limit=self.project.patience)
            try:
                return ask(PROBES / "describe_modules.py", {"modules": MODULES})
            except InputError as error:
                return error


def patient_of(project: Project, patience: float) -> Patient:
    """Return a project with its manifest read, if that is possible."""
    project = evolve(project, patience=patience)
    try:
        return Patient(project=project, declared=read_project(project))
    except ConfjobError as error:
        return Patient(project=project, declared=Declared(manifest=Manifest()), error=error)
