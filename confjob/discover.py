"""Discovering: what in a folder looks like jobs and inputs, without running any of it.

`confjob init` writes a first manifest from this. Everything is a guess that a person will
read, so each carries the reason for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from attrs import evolve, field, frozen

from confjob.errors import ConfjobError
from confjob.model import Source
from confjob.project import MANIFEST, Project
from confjob.tree import Json
from confjob.workspace.listing import list_project

__all__ = ["Found", "FoundFile", "FoundJob", "discover"]

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
    """A job by command or function, and why it is thought to be one."""

    name: str
    why: str
    command: tuple[str, ...] = ()
    function: str | None = None
    files: tuple[FoundFile, ...] = ()


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
    job_functions: tuple[str, ...] = field(default=())


def discover(project: Project) -> Found:
    """Return the jobs and config files of the project's folder."""
    listing = list_project(project.root.resolve(), [PurePosixPath(project.state.name)])
    names = [PurePosixPath(name) for name in listing.names if not _passed_over(PurePosixPath(name))]
    scripts = [script for name in names if (script := _script(project.root, name)) is not None]
    configs = [name for name in names if _is_config(project, name)]
    jobs = [*_recognized(project), *_functions(scripts), *_commands(scripts, configs)]
    jobs = _only_pair(list(_distinct(jobs)), configs)
    used = {file.path for job in jobs for file in job.files}
    folders = tuple(name for name in listing.ignored if name.endswith("/"))
    return Found(
        jobs=tuple(jobs), unused=tuple(name for name in configs if name not in used), ignored=folders
    )


def _passed_over(name: PurePosixPath) -> bool:
    return any(part in _NOT_FOLDERS or part.startswith(".") for part in name.parts)


def _script(root: Path, name: PurePosixPath) -> _Script | None:
    if name.suffix != ".py" or name.name in _NOT_SCRIPTS or name.name.startswith("test_"):
        return None
    try:
        tree = ast.parse((root / name).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    words = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return _Script(
        path=name,
        words=frozenset(words),
        has_main=any(_is_main_guard(node) for node in tree.body) or _calls(tree, "manage_config"),
        job_functions=tuple(_decorated(tree)),
    )


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _calls(tree: ast.Module, prefix: str) -> bool:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(ast.unparse(call.func).rpartition(".")[2].startswith(prefix) for call in calls)


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
        if "--config" in script.words and files:
            files = (evolve(files[0], name="config"), *files[1:])
            command = (*command, "--config", "{config}")
        yield FoundJob(
            name=script.path.stem, why=f"{script.path} has a main part", command=command, files=files
        )


def _named_files(script: _Script, configs: list[PurePosixPath]) -> Iterator[FoundFile]:
    for config in configs:
        near = config.relative_to(script.path.parent) if config.is_relative_to(script.path.parent) else config
        if {str(config), str(near), config.name} & script.words:
            yield FoundFile(path=config, why=f"{script.path} names it")


def _only_pair(jobs: list[FoundJob], configs: list[PurePosixPath]) -> list[FoundJob]:
    """Guess that a lone script reads a lone config file that it does not name."""
    if len(jobs) == 1 and len(configs) == 1 and not jobs[0].files and not jobs[0].function:
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
