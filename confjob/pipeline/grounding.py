"""What a run stands on besides its plan: interpreter, import paths, environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from confjob.form import Plan
from confjob.probe import PROBES
from confjob.project import Project
from confjob.render import Ground
from confjob.store import RunFolder
from confjob.workspace.layout import Layout

__all__ = ["ground"]


def ground(
    project: Project,
    plan: Plan,
    run: RunFolder,
    layout: Layout,
    exists: Callable[[PurePosixPath], bool],
) -> Ground:
    """Return the ground of a run; asks the job's interpreter for its import paths."""
    interpreter = project.interpreter(plan.job.python)
    imports = project.ask(interpreter)(PROBES / "describe_environment.py", {"root": str(project.checkout)})
    return Ground(
        run=run,
        root=project.checkout,
        layout=layout,
        exists=exists,
        interpreter=interpreter,
        imports=imports,
        environ=project.environ,
    )
