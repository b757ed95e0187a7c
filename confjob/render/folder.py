"""The files of a run folder: everything that a run is made of, as plain content.

Rendering does nothing: the same function serves the dry run and the launch, which writes
what it returns. No secret and no environment value is in `run.json` or `job.sh`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import frozen

from confjob.form import Plan
from confjob.jobscript import script
from confjob.model import Change, Resources, RunFile, Submission
from confjob.probe import PROBES, Interpreter
from confjob.process import GPU_VARIABLES
from confjob.render.command import FUNCTION, RUNNER
from confjob.store import Record, RunFolder
from confjob.tree import MISSING, Json
from confjob.workspace import environment
from confjob.workspace.imports import python_path
from confjob.workspace.layout import RECORD, Layout
from confjob.workspace.unpack import unpack_script

__all__ = ["Ground", "RunFiles", "change_record", "render"]

_RUNNER_FILE = Path(__file__).parents[1] / "job" / "runner.py"

#: Above this many bytes of environment, job.sh makes room for it on the stack.
_LARGE_ENVIRONMENT = 1 << 20


@frozen(kw_only=True)
class Ground:
    """What a run stands on besides its plan.

    Args:
        run: The run's id and folder.
        root: The project root.
        layout: Where its snapshot and workspace lie, for the job.
        snapshot: Where the snapshot's files lie for us.
        exists: Whether the snapshot has a project-relative path.
        interpreter: The job's Python, or the one that speaks for it where the job is elsewhere.
        imports: What the interpreter says of its import paths (`describe_environment`).
        environ: The submitter's environment, as far as the job gets it.
        author: Who launches the run.
    """

    run: RunFolder
    root: Path
    layout: Layout
    snapshot: Path
    exists: Callable[[PurePosixPath], bool]
    interpreter: Interpreter
    imports: Mapping[str, Json]
    environ: Mapping[str, str]
    author: str = ""


@frozen(kw_only=True)
class RunFiles:
    """The content of a run folder: files by name, permissions that differ, links."""

    files: Mapping[str, bytes | str]
    modes: Mapping[str, int]
    links: Mapping[str, str]
    submission: Submission


def render(plan: Plan, ground: Ground, patches: Mapping[PurePosixPath, bytes], record: Record) -> RunFiles:
    """Return the files of a run.

    Args:
        plan: What is decided.
        ground: What the run stands on.
        patches: New bytes of the config files, by workspace-relative path.
        record: The content of `run.json`.
    """
    run, private = ground.run, _private(plan)
    variables, links = _variables(plan, ground)
    forced = {*plan.env, *plan.delivery.environment, *_gpu_names(plan.resources)}
    secret = any(change.secret for change in plan.changes)
    patch_names = {f"patch/{path}": content for path, content in patches.items()}
    return RunFiles(
        files={
            "run.json": json.dumps(record, indent=2) + "\n",
            "job.sh": _job_script(plan, ground, variables),
            "env": environment.env_file(variables, forced, joined=("PYTHONPATH",) if plan.elsewhere else ()),
            RECORD: ground.layout.record(),
            **{f"private/{name}": content for name, content in private.items()},
            **patch_names,
        },
        modes={name: 0o600 for name in patch_names if secret},
        links={f"imports/{name}": target for name, target in links.items()},
        submission=Submission(
            run=run.id,
            job=plan.job.name,
            run_dir=run.path,
            script=run.path / "job.sh",
            resources=plan.resources,
            target=plan.target.name,
            priority=plan.priority,
            retry=plan.job.retry,
            there=PurePosixPath(ground.layout.run_dir) if plan.elsewhere else None,
            tree=ground.snapshot,
            links={link: ground.root.resolve() / link for link in ground.layout.links},
            project=ground.root.name,
            author=ground.author,
        ),
    )


def change_record(change: Change) -> dict[str, Any]:
    """Return a change in the shape that `--json` promises; a secret value is left out."""
    absent = MISSING if change.secret else None
    values = {"before": change.before, "after": change.after}
    return {
        "input": change.input,
        "path": str(change.path),
        **{key: value for key, value in values.items() if value is not MISSING and absent is None},
        "origin": change.said,
        "where": str(change.where or ""),
        **({"secret": True} if change.secret else {}),
        **({"any_type": True} if change.any_type else {}),
    }


def _private(plan: Plan) -> dict[str, bytes | str]:
    private: dict[str, bytes | str] = dict(plan.delivery.private)
    function = plan.job.function
    if RUNNER in plan.command and function is not None:
        private[RUNNER.name] = _RUNNER_FILE.read_bytes()
        request = {"version": 1, "module": function.module, "file": str(function.file)}
        private[FUNCTION.name] = json.dumps({**request, "function": function.function, "call": function.call})
    return private


def _job_script(plan: Plan, ground: Ground, variables: Mapping[str, str]) -> str:
    python = ground.interpreter.path
    return script(
        run_dir=ground.layout.run_dir,
        run_id=ground.run.id,
        unpack=unpack_script(ground.layout, root=ground.root, snapshot=ground.snapshot),
        cwd=str(ground.layout.prefix),
        argv=_argv(plan, ground),
        # Elsewhere there is no confjob; what a run leaves there goes with the engine's own folder.
        tidy=None if plan.elsewhere else [str(python), "-B", str(PROBES / "tidy.py"), str(ground.run.path)],
        raise_stack=environment.size(variables) > _LARGE_ENVIRONMENT,
    )


def _argv(plan: Plan, ground: Ground) -> list[str]:
    """Return the words with private files by path, and `python` as the job's own."""
    words = [_path(ground, word) if isinstance(word, RunFile) else word for word in plan.command]
    # Not every environment has both names; the interpreter itself is always there.
    if words[0] in ("python", "python3"):
        words[0] = plan.elsewhere.python if plan.elsewhere else str(ground.interpreter.path)
    return words


def _path(ground: Ground, file: RunFile) -> str:
    return str(ground.layout.run_dir / "private" / file.name)


def _variables(plan: Plan, ground: Ground) -> tuple[dict[str, str], dict[str, str]]:
    workspace = ground.layout.project
    entries, shims = _imports(plan, ground)
    if shims:
        entries = [str(ground.layout.run_dir / "imports"), *entries]
    delivered = {
        name: _path(ground, value) if isinstance(value, RunFile) else value
        for name, value in plan.delivery.environment.items()
    }
    place = environment.RunPlace(
        run=ground.run.id,
        run_dir=ground.layout.run_dir,
        root=ground.root,
        workspace=workspace,
        exists=ground.exists,
    )
    variables = environment.captured(
        ground.environ,
        place,
        None if plan.elsewhere else environment.Interpreter(path=ground.interpreter.path),
        python_path=entries,
        job={**plan.env, **delivered, **_gpu_names(plan.resources)},
    )
    return variables, shims


def _imports(plan: Plan, ground: Ground) -> tuple[list[str], dict[str, str]]:
    """Return what goes first on PYTHONPATH, and the links in `imports/`.

    Elsewhere nobody has installed the project, so its folder, and `src`, stand for that.
    """
    workspace = ground.layout.project
    if plan.elsewhere is None:
        return python_path(ground.root, workspace, ground.imports, ground.environ, exists=ground.exists)
    own = [str(workspace / "src")] if ground.exists(PurePosixPath("src")) else []
    return [str(workspace), *own], {}


def _gpu_names(resources: Resources) -> dict[str, str]:
    """`gpus = 0` hides all GPUs; other counts are the engine's to give."""
    return dict.fromkeys(GPU_VARIABLES, "") if resources.gpus == 0 else {}
