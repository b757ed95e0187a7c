"""Discovering: what in a folder looks like jobs and inputs, without running any of it.

`confjob init` writes a first manifest from this. Everything is a guess that a person will
read, so each carries the reason for it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import evolve, field, frozen

from confjob.errors import ConfjobError
from confjob.model import Calls, Source
from confjob.project import MANIFEST, Project
from confjob.tree import Json
from confjob.workspace.listing import list_project

__all__ = ["OFFLINE", "Found", "FoundFile", "FoundJob", "discover", "offline_settings"]

#: Library that would ask for an account -> the variables with which it does without.
OFFLINE: Final[Mapping[str, Mapping[str, str]]] = {"wandb": {"WANDB_MODE": "offline"}}
#: Libraries whose calls declare inputs once a plugin says so.
_LIBRARIES: Final = {
    "wandb": ("confjob-wandb", {"manage_wandb_config", "manage_config_file", "load_wandb_config"})
}
#: Ours.
_CALLS: Final = {"manage_config", "manage_config_file"}

_SUFFIXES = (".yaml", ".yml", ".json", ".toml")
_NOT_CONFIGS = {
    MANIFEST,
    "pyproject.toml",
    "package.json",
    "package-lock.json",
    "mkdocs.yml",
    "tsconfig.json",
}
_NOT_SCRIPTS = {"setup.py", "conftest.py", "noxfile.py", "confjob_plugins.py", "__init__.py"}
_NOT_FOLDERS = {"tests", "test", "docs", "node_modules", "build", "dist"}
_LARGEST = 1 << 20


@frozen(kw_only=True)
class FoundFile:
    """A config file, how to declare it, and why it is thought to be the job's."""

    path: PurePosixPath
    why: str
    format: str | None = None
    name: str | None = None


@frozen(kw_only=True)
class FoundJob:
    """A job by command or function, and why it is thought to be one.

    Args:
        name: What it may be called.
        why: The reason, for people.
        command: Its command, or `function`.
        function: `module:function`.
        files: The config files it is thought to read.
        declares: The script whose calls declare its inputs, so that no table need to.
        settings: More lines of its table.
        missing: The plugin without which some of its calls can't be read.
    """

    name: str
    why: str
    command: tuple[str, ...] = ()
    function: str | None = None
    files: tuple[FoundFile, ...] = ()
    declares: PurePosixPath | None = None
    settings: tuple[str, ...] = ()
    missing: str | None = None


@frozen(kw_only=True)
class Found:
    """All that was found, and what of it belongs to no job."""

    jobs: tuple[FoundJob, ...] = ()
    unused: tuple[PurePosixPath, ...] = ()
    ignored: tuple[str, ...] = ()


@frozen(kw_only=True)
class _Script:
    """A Python file as far as its text tells: the words in it, and what it defines."""

    path: PurePosixPath
    words: frozenset[str]
    has_main: bool
    declares: bool
    libraries: frozenset[str]
    missing: str | None
    job_functions: tuple[str, ...] = field(default=())


def discover(project: Project) -> Found:
    """Return the jobs and config files of the project's folder."""
    listing = list_project(project.root.resolve(), [PurePosixPath(project.state.name)])
    names = [PurePosixPath(name) for name in listing.names if not _passed_over(PurePosixPath(name))]
    libraries = project.registry.calls()
    scripts = [script for name in names if (script := _script(project.root, name, libraries)) is not None]
    configs = [name for name in names if _is_config(project, name)]
    jobs = [*_recognized(project), *_functions(scripts), *_commands(scripts, configs)]
    jobs = _only_pair(list(_distinct(jobs)), configs)
    used = {file.path for job in jobs for file in job.files}
    folders = tuple(name for name in listing.ignored if name.endswith("/"))
    return Found(
        jobs=tuple(jobs), unused=tuple(name for name in configs if name not in used), ignored=folders
    )


def offline_settings(libraries: Collection[str]) -> tuple[str, ...]:
    """Return the lines of a job's table with which none of `libraries` asks for an account.

    Example:
        >>> offline_settings(["os", "wandb"])
        ('env = { WANDB_MODE = "offline" }    # no account needed; drop it to log to W&B',)
    """
    known = {
        name: value for library in OFFLINE if library in libraries for name, value in OFFLINE[library].items()
    }
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in known.items())
    return (f"env = {{ {pairs} }}    # no account needed; drop it to log to W&B",) if pairs else ()


def _passed_over(name: PurePosixPath) -> bool:
    return any(part in _NOT_FOLDERS or part.startswith(".") for part in name.parts)


def _script(root: Path, name: PurePosixPath, libraries: Sequence[Calls]) -> _Script | None:
    if name.suffix != ".py" or name.name in _NOT_SCRIPTS or name.name.startswith("test_"):
        return None
    try:
        tree = ast.parse((root / name).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    calls = _Calls(tree)
    declares = calls.declares(libraries)
    missing = calls.missing(libraries)
    return _Script(
        path=name,
        words=frozenset(_texts(tree)),
        has_main=any(_is_main_guard(node) for node in tree.body) or declares or missing is not None,
        declares=declares,
        libraries=calls.imported,
        missing=missing,
        job_functions=tuple(_decorated(tree)),
    )


def _texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


class _Calls:
    """The calls of a script by their last names: roughly what they are, read in full later."""

    def __init__(self, tree: ast.Module) -> None:
        self.imported = frozenset(_packages(tree))
        self.anywhere = _called(ast.walk(tree))
        # A function that is given values may be anyone's helper; a script is given them as it runs.
        self.at_top = _called(_at_top(tree.body))

    def declares(self, libraries: Sequence[Calls]) -> bool:
        """Whether some of them declare inputs."""
        known = set(_CALLS) if "confjob" in self.imported else set()
        handing: set[str] = set()
        for library in libraries:
            known |= self._of({**library.run_config, **library.file})
            handing |= self._of(library.values)
        return bool(known & self.anywhere or handing & self.at_top)

    def missing(self, libraries: Sequence[Calls]) -> str | None:
        """Return the plugin that would know the rest of them, if it is not there."""
        there = {library.name for library in libraries}
        for name, (package, calls) in _LIBRARIES.items():
            if name in self.imported and name not in there and calls & self.anywhere:
                return package
        return None

    def _of(self, dotted: Iterable[str]) -> set[str]:
        parts = [name.split(".") for name in dotted]
        return {each[-1] for each in parts if each[0] in self.imported}


def _packages(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _called(nodes: Iterable[ast.AST]) -> set[str]:
    return {ast.unparse(node.func).rpartition(".")[2] for node in nodes if isinstance(node, ast.Call)}


def _at_top(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes that run as the script does: those outside of functions and classes."""
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield node
            yield from _at_top(ast.iter_child_nodes(node))


def _decorated(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names = {ast.unparse(mark).partition("(")[0] for mark in node.decorator_list}
            if names & {"job", "confjob.job"}:
                yield node.name


def _is_config(project: Project, name: PurePosixPath) -> bool:
    """Whether a file is a mapping in a built-in format, and not a tool's own settings."""
    if name.suffix not in _SUFFIXES or name.name in _NOT_CONFIGS:
        return False
    try:
        if (project.root / name).stat().st_size > _LARGEST:
            return False
        source = Source(input=str(name), path=name, root=project.root)
        return isinstance(project.registry.format_for(name).load(source).tree, dict)
    except (ConfjobError, OSError):
        return False


def _recognized(project: Project) -> Iterator[FoundJob]:
    """Yield the jobs that frameworks' plugins recognise.

    A plugin gives tables as in `[[jobs.NAME.files]]`; the extra keys `command` and `job`
    say how the file is used.
    """
    for kind in project.registry.all_formats():
        for table in kind.recognize(project.root) if kind.recognize else ():
            yield _of_table(kind.name, table)


def _of_table(format_name: str, table: Mapping[str, Json]) -> FoundJob:
    path = PurePosixPath(table["path"])
    file = FoundFile(
        path=path,
        why=f"recognised by the format {format_name!r}",
        format=table.get("format", format_name),
        name=table.get("name"),
    )
    command = tuple(table.get("command", ()))
    return FoundJob(name=table.get("job", path.stem), why=file.why, command=command, files=(file,))


def _functions(scripts: Iterable[_Script]) -> Iterator[FoundJob]:
    for script in scripts:
        for name in script.job_functions:
            inside = script.path.relative_to("src") if script.path.parts[0] == "src" else script.path
            module = ".".join(inside.with_suffix("").parts)
            yield FoundJob(name=name, why=f"@job in {script.path}", function=f"{module}:{name}")


def _commands(scripts: Iterable[_Script], configs: list[PurePosixPath]) -> Iterator[FoundJob]:
    for script in scripts:
        if not script.has_main or script.job_functions:
            continue
        files = tuple(_named_files(script, configs))
        command: tuple[str, ...] = ("python", str(script.path))
        if "--config" in script.words and files and not script.declares:
            files = (evolve(files[0], name="config"), *files[1:])
            command = (*command, "--config", "{config}")
        yield FoundJob(
            name=script.path.stem,
            why=f"{script.path} {'declares its inputs' if script.declares else 'has a main part'}",
            command=command,
            files=files,
            declares=script.path if script.declares else None,
            settings=offline_settings(script.libraries),
            missing=script.missing,
        )


def _named_files(script: _Script, configs: list[PurePosixPath]) -> Iterator[FoundFile]:
    for config in configs:
        near = config.relative_to(script.path.parent) if config.is_relative_to(script.path.parent) else config
        if {str(config), str(near), config.name} & script.words:
            yield FoundFile(path=config, why=f"{script.path} names it")


def _only_pair(jobs: list[FoundJob], configs: list[PurePosixPath]) -> list[FoundJob]:
    """Guess that a lone script reads a lone config file that it does not name."""
    alone = len(jobs) == 1 and len(configs) == 1 and not jobs[0].files and not jobs[0].function
    if alone and jobs[0].declares is None:
        why = "a guess: the only config file, beside the only script"
        return [evolve(jobs[0], files=(FoundFile(path=configs[0], why=why),))]
    return jobs


def _distinct(jobs: Iterable[FoundJob]) -> Iterator[FoundJob]:
    """Yield jobs with names of their own; a script that a plugin recognised is not found again."""
    names: set[str] = set()
    scripts: set[str] = set()
    for job in jobs:
        words = {word for word in job.command if word.endswith(".py")}
        if words & scripts:
            continue
        scripts |= words
        name, number = job.name, 2
        while name in names:
            name, number = f"{job.name}-{number}", number + 1
        names.add(name)
        yield evolve(job, name=name)
