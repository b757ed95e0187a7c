"""What a job needs besides its files: the folders that git ignores, and the interpreter."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from confjob.discover.found import FoundFolder, FoundPython
from confjob.errors import ConfjobError
from confjob.project import Project
from confjob.workspace.ignore import is_cache

__all__ = ["needed_folders", "used_python"]

#: What jobs write: linked, a run would write into the checkout.
_OUTPUTS: Final = re.compile(
    r"outputs?|runs?|logs?|results?|wandb|mlruns|lightning_logs|multirun|tb_logs|tensorboard|artifacts?",
    re.IGNORECASE,
)
_DATA: Final = re.compile(
    r".*data.*|corp(us|ora)|checkpoints?|ckpts?|(pretrained|models?|weights)(_?\w*)|.*cache|inputs?",
    re.IGNORECASE,
)
#: Made by tools, needed by no job.
_TOOLS: Final = re.compile(r"build|dist|site|htmlcov|env|\.?venv.*|\..*|.*\.egg-info|__pycache__|target")


def needed_folders(project: Project, ignored: Iterable[str], words: Collection[str]) -> Iterator[FoundFolder]:
    """Yield the ignored folders that a person should know of.

    Args:
        project: The project.
        ignored: What git ignores, relative to the root.
        words: The texts in the scripts and configs of the jobs.
    """
    named = {part for word in words for part in _heads(word)}
    for name in ignored:
        path = PurePosixPath(name.rstrip("/"))
        if not (project.root / path).is_dir() or any(map(_is_tools, path.parts)):
            continue
        if _OUTPUTS.fullmatch(path.name):
            yield FoundFolder(path=path, role="output", why="what a job writes there stays with its run")
        elif str(path) in named:
            yield FoundFolder(path=path, role="needed", why="the code or a config names it")
        elif _DATA.fullmatch(path.name):
            yield FoundFolder(path=path, role="perhaps", why="it may hold data; nothing here names it")
        else:
            yield FoundFolder(path=path, role="perhaps", why="nothing here names it")


def _is_tools(part: str) -> bool:
    return is_cache(part) or _TOOLS.fullmatch(part) is not None


def _heads(word: str) -> Iterator[str]:
    """Yield a relative path and the folders it lies in."""
    if len(word) > 200 or word.startswith("/") or not word.strip():
        return
    path = PurePosixPath(word.removeprefix("./").rstrip("/"))
    yield str(path)
    yield from (str(parent) for parent in path.parents)


def used_python(project: Project) -> FoundPython:
    """Return which Python jobs will run with, and what the manifest must say for it."""
    beside = _unfound_environment(project.root)
    active = project.environ.get("VIRTUAL_ENV") or project.environ.get("CONDA_PREFIX")
    if beside and not active:
        return FoundPython(declare=f"{beside}/bin/python", why=f"the environment in {beside}/")
    try:
        found = project.interpreter(None)
    except ConfjobError as error:
        return FoundPython(missing=f"{error.message}: {error.hint}")
    here = bool(active) or (project.root / ".venv/bin/python").exists()
    missing = "" if here else "; ".join(_not_made(project.root))
    return FoundPython(why=found.why, missing=missing)


def _unfound_environment(root: Path) -> str | None:
    """Return an environment beside the manifest that would not be found by itself."""
    if (root / ".venv/bin/python").exists():
        return None
    names = ("venv", "env", ".env", ".conda", ".pixi/envs/default")
    return next((name for name in names if (root / name / "bin/python").is_file()), None)


def _not_made(root: Path) -> Iterator[str]:
    """Yield what says that jobs need an environment which is not there yet."""
    if (root / "uv.lock").is_file():
        yield "uv.lock is here and no .venv: run `uv sync`, and jobs run in .venv"
    elif (root / "poetry.lock").is_file():
        yield "poetry.lock is here and no .venv: launch in `poetry run`, or say python = … of `poetry env info -e`"
    elif (root / "pixi.toml").is_file():
        yield "pixi.toml is here and no environment: run `pixi install`"
    for name in ("environment.yml", "environment.yaml"):
        if (root / name).is_file():
            yield f"{name} is here and no conda environment is active: activate it, or say python = …"
