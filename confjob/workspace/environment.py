"""The environment that a job's command gets: the submitter's, led to the workspace.

It is written as a file of sh next to job.sh (0600, because environments hold secrets) and
loaded only around the command, *under* what the engine gives: a variable that the engine has
set stays. Forced are only those without which the job would be another one: PATH, PYTHONPATH
and VIRTUAL_ENV with the rest of the interpreter's, `CONFJOB_*`, and what the job declares.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob.quote import quote

__all__ = ["Interpreter", "RunPlace", "captured", "env_file", "size"]

Exists = Callable[[PurePosixPath], bool]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: Of the place or the moment of the launch, so wrong where and when the job runs.
_NEVER_CARRIED = re.compile(
    r"(SLURM_|SBATCH_|PMI|ROCR_|HIP_|DBUS_|SSH_).*"
    r"|CUDA_VISIBLE_DEVICES|TMPDIR|HOSTNAME|XDG_RUNTIME_DIR|DISPLAY|PWD|OLDPWD|SHLVL|_"
    # set in git's hooks: the job's git would write to the project's repository
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|COMMON_DIR|PREFIX|ALTERNATE_OBJECT_DIRECTORIES)"
)
#: May be the project root itself, and is the whole user's.
_NEVER_LED = frozenset({"HOME"})
_FORCED = re.compile(r"PATH|PYTHONPATH|VIRTUAL_ENV|UV_NO_SYNC|UV_PROJECT_ENVIRONMENT|CONFJOB_.*")
#: Assigning to these ends some shells.
_READ_ONLY = re.compile(
    r"UID|EUID|PPID|GROUPS|SHELLOPTS|BASHOPTS|BASH_.*|LINENO|FUNCNAME|DIRSTACK|PIPESTATUS|OPTIND"
)
#: Changes how the shell reads what follows.
_LOCALE = re.compile(r"LC_.*|LANG|LANGUAGE|POSIXLY_CORRECT|IFS")


@frozen
class Interpreter:
    """The job's Python, as the environment needs to know it.

    Args:
        path: As it is called; the symlinks of a virtual environment not resolved.
    """

    path: Path

    @property
    def bin(self) -> Path:
        """The folder with the interpreter and the commands of its packages."""
        return self.path.parent

    @property
    def environment(self) -> Path | None:
        """The virtual environment, if it is in one."""
        home = self.bin.parent
        return home if (home / "pyvenv.cfg").is_file() else None


@frozen(kw_only=True)
class RunPlace:
    """Where a run will work.

    Args:
        run: The run's id.
        run_dir: The run's folder.
        root: The project root.
        workspace: The project's folder in the workspace.
        exists: Whether the snapshot has a project-relative path.
    """

    run: str
    run_dir: Path
    root: Path
    workspace: Path
    exists: Exists


def captured(
    environ: Mapping[str, str],
    place: RunPlace,
    interpreter: Interpreter | None,
    *,
    python_path: Sequence[str] = (),
    job: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the variables of a job's command.

    Values that point into the checkout (as a whole, or as members of a list with colons) are
    led to the workspace, if the snapshot has what they name: `.venv/bin` stays where it is.

    Args:
        environ: The submitter's environment.
        place: Where the run will work.
        interpreter: The job's Python; None where it is another machine's, whose PATH knows it.
        python_path: What comes first on PYTHONPATH.
        job: The job's own variables and those of deliveries; they win, and are taken as they are.
    """
    leader = _Leader(_spellings(place.root, environ), place.workspace, place.exists)
    variables = {
        name: value if name in _NEVER_LED else leader.led(value)
        for name, value in environ.items()
        if _IDENTIFIER.fullmatch(name) and not _NEVER_CARRIED.fullmatch(name)
    }
    if interpreter is not None:
        _activate(variables, interpreter)
    _prepend(variables, "PYTHONPATH", python_path)
    variables.setdefault("PYTHONUNBUFFERED", "1")
    variables |= {"CONFJOB_RUN_DIR": str(place.run_dir), "CONFJOB_RUN_ID": place.run}
    return variables | dict(job or {})


def env_file(
    variables: Mapping[str, str], forced: Collection[str] = (), *, joined: Collection[str] = ()
) -> bytes:
    """Return sh text that sets `variables`, to be sourced; any POSIX shell reads it.

    Args:
        variables: What `captured` returned.
        forced: Names of the job's own variables, set even where the engine has set them.
        joined: Names of lists with colons, put before what the engine has set.

    Raises:
        ValueError: On a name that is no identifier, or a value with a NUL.
    """
    names = sorted(variables, key=lambda name: (_LOCALE.fullmatch(name) is not None, name))
    return b"".join(os.fsencode(_setting(name, variables[name], forced, joined)) for name in names)


def size(variables: Mapping[str, str]) -> int:
    """Return the bytes that the kernel counts for `variables` when the command starts."""
    pointer = 8
    return sum(len(os.fsencode(f"{name}={value}")) + 1 + pointer for name, value in variables.items())


def _setting(name: str, value: str, forced: Collection[str], joined: Collection[str]) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an environment variable")
    export = f"export {name}={quote(value)}\n"
    if name in joined:
        return f"export {name}={quote(value)}${{{name}:+:${name}}}\n"
    is_forced = (name in forced or _FORCED.fullmatch(name)) and not _READ_ONLY.fullmatch(name)
    return export if is_forced else f'[ "${{{name}+x}}" ] || {export}'


def _activate(variables: dict[str, str], interpreter: Interpreter) -> None:
    environment = interpreter.environment
    if environment is None:
        variables.pop("VIRTUAL_ENV", None)
    else:
        variables |= {"VIRTUAL_ENV": str(environment), "UV_PROJECT_ENVIRONMENT": str(environment)}
    variables["UV_NO_SYNC"] = "1"
    if environment is not None or not _is_first(interpreter, variables.get("PATH", "")):
        _prepend(variables, "PATH", [str(interpreter.bin)])


def _is_first(interpreter: Interpreter, path: str) -> bool:
    """Whether `python` is this one already: then /usr/bin must not come before /usr/local/bin."""
    named = (Path(folder, interpreter.path.name) for folder in path.split(os.pathsep) if folder)
    return next((found for found in named if os.access(found, os.X_OK)), None) == interpreter.path


def _prepend(variables: dict[str, str], name: str, entries: Sequence[str]) -> None:
    old = variables[name].split(os.pathsep) if variables.get(name) else []
    joined = os.pathsep.join([*entries, *(entry for entry in old if entry not in entries)])
    if joined:
        variables[name] = joined


def _spellings(root: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the root: as given, resolved, and as the submitter's shell shows it."""
    names = dict.fromkeys((str(root), os.path.realpath(root)))
    shown = environ.get("PWD", "")
    inside = os.path.relpath(os.path.realpath(shown), os.path.realpath(root)) if shown else ".."
    if inside == ".":
        names[shown.rstrip("/")] = None
    elif inside.split("/")[0] != ".." and shown.endswith(f"/{inside}"):
        names[shown.removesuffix(f"/{inside}")] = None
    return tuple(name for name in names if name not in ("", "/"))


class _Leader:
    """Leads values that point into the checkout to their counterparts in the workspace."""

    def __init__(self, roots: tuple[str, ...], workspace: Path, exists: Exists) -> None:
        self._roots = roots
        self._workspace = str(workspace)
        self._exists = exists

    def led(self, value: str) -> str:
        """Return `value`, led to the workspace where it leads into the checkout."""
        if not any(root in value for root in self._roots):
            return value
        return self._path(value) or ":".join(self._members(value))

    def _members(self, value: str) -> Iterator[str]:
        for member in value.split(":"):
            yield self._path(member) or member

    def _path(self, path: str) -> str | None:
        for root in self._roots:
            if path != root and not path.startswith(f"{root}/"):
                continue
            inside = os.path.normpath(path[len(root) :].lstrip("/") or ".")
            if inside.split("/")[0] != ".." and self._exists(PurePosixPath(inside)):
                return self._workspace + path[len(root) :]
        return None
