"""What a run stands on besides its plan: interpreter, import paths, environment."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from confjob.form import Plan
from confjob.probe import PROBES
from confjob.project import Project
from confjob.render import Ground
from confjob.store import RunFolder
from confjob.tree import Json
from confjob.workspace.layout import Layout

__all__ = ["author", "ground"]


def ground(
    project: Project,
    plan: Plan,
    run: RunFolder,
    layout: Layout,
    exists: Callable[[PurePosixPath], bool],
) -> Ground:
    """Return the ground of a run; asks the job's interpreter for its import paths.

    Args:
        project: The project.
        plan: What is decided.
        run: The run's id and folder.
        layout: Where its snapshot and workspace lie here.
        exists: Whether the snapshot has a project-relative path.
    """
    interpreter = project.interpreter(plan.job.python)
    imports: Mapping[str, Json] = {}
    if plan.elsewhere is None:
        ask = project.ask(interpreter)
        imports = ask(PROBES / "describe_environment.py", {"root": str(project.checkout)})
    return Ground(
        run=run,
        root=project.checkout,
        layout=layout if plan.elsewhere is None else layout.below(plan.elsewhere.state),
        snapshot=layout.tree,
        exists=exists,
        interpreter=interpreter,
        imports=imports,
        environ=_environ(project, plan),
        author=author(),
    )


def _environ(project: Project, plan: Plan) -> Mapping[str, str]:
    """Return what the job gets of the submitter's environment: elsewhere, only what `env-pass` names."""
    if plan.elsewhere is None:
        return project.environ
    return {name: project.environ[name] for name in plan.job.env_pass if name in project.environ}


def author() -> str:
    """Return what the system calls whoever launches; empty where it does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for the uid, as in a bare container
        return ""
