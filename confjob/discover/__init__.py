"""Discovering: what in a folder looks like jobs and inputs, without running any of it.

`confjob init` writes a first manifest from this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from attrs import evolve

from confjob.discover.commands import Around, ReadFlags, Subcommands, commands
from confjob.discover.configs import Configs, read_configs
from confjob.discover.evidence import said_commands
from confjob.discover.found import Found, FoundFile, FoundFolder, FoundJob, FoundPython
from confjob.discover.modules import entry_points
from confjob.discover.recognized import recognized
from confjob.discover.scripts import OFFLINE, Script, offline_settings, read_script
from confjob.discover.surroundings import needed_folders, used_python
from confjob.project import Project
from confjob.workspace.listing import list_project

__all__ = [
    "OFFLINE",
    "Found",
    "FoundFile",
    "FoundFolder",
    "FoundJob",
    "FoundPython",
    "ReadFlags",
    "Subcommands",
    "discover",
    "offline_settings",
]

_NOT_FOLDERS: Final = {"tests", "test", "docs", "node_modules", "build", "dist"}


def discover(project: Project, read_flags: ReadFlags, subcommands: Subcommands) -> Found:
    """Return the jobs and config files of the project's folder.

    Args:
        project: The project; its root is the folder.
        read_flags: Reads the command line of a script.
        subcommands: Returns the subcommands of a script.
    """
    listing = list_project(project.root.resolve(), [PurePosixPath(project.state.name)])
    names = [PurePosixPath(name) for name in listing.names if not _passed_over(PurePosixPath(name))]
    libraries = project.registry.calls()
    scripts = [each for name in names if (each := read_script(project.root, name, libraries)) is not None]
    configs = read_configs(project, names)
    around = Around(
        names=frozenset(names),
        scripts=frozenset(script.path for script in scripts if script.has_main),
        configs=configs,
        said=said_commands(project.root, names),
        formats=frozenset(kind.name for kind in project.registry.all_formats()),
        read_flags=read_flags,
        subcommands=subcommands,
    )
    known = list(recognized(project))
    own = [each for each in commands(scripts, around) if not _scripts(each) & _scripts(*known)]
    found = [*known, *_functions(scripts), *own]
    found = _only_pair(list(_distinct(_installed(project, found))), configs)
    words = set().union(*(script.words for script in scripts)) | configs.texts(configs.trees)
    return Found(
        jobs=tuple(found),
        likely=None if found else _likely(configs),
        unused=tuple(_unused(configs, found)),
        folders=tuple(needed_folders(project, listing.ignored, words)),
        notebooks=tuple(name for name in names if name.suffix == ".ipynb"),
        python=used_python(project),
    )


def _passed_over(name: PurePosixPath) -> bool:
    return any(part in _NOT_FOLDERS or part.startswith(".") for part in name.parts)


def _functions(scripts: Iterable[Script]) -> Iterator[FoundJob]:
    for script in scripts:
        for name in script.job_functions:
            inside = script.path.relative_to("src") if script.path.parts[0] == "src" else script.path
            module = ".".join(inside.with_suffix("").parts)
            yield FoundJob(name=name, why=f"@job in {script.path}", function=f"{module}:{name}")


def _installed(project: Project, jobs: Iterable[FoundJob]) -> Iterator[FoundJob]:
    """Yield jobs, those that are an installed command under its name."""
    by_module = {said.partition(":")[0]: name for name, said in entry_points(project.root).items()}
    for job in jobs:
        dotted = job.command[2] if job.command[1:2] == ("-m",) else None
        name = by_module.get(dotted or "") or by_module.get(f"{dotted}.__main__")
        why = f"{job.why}; pyproject.toml installs it as {name!r}"
        yield evolve(job, name=name, why=why) if name else job


def _only_pair(jobs: list[FoundJob], configs: Configs) -> list[FoundJob]:
    """Guess that a lone script without flags reads the config files that it does not name."""
    alone = len(jobs) == 1 and not jobs[0].files and not jobs[0].function and jobs[0].declares is None
    sets = configs.sets() if alone and jobs[0].flags is None else []
    if len(sets) == 1 and len(sets[0]) == 1:
        why = "a guess: the only config file, beside the only script"
        return [evolve(jobs[0], files=(FoundFile(path=sets[0][0], why=why, guessed=True),))]
    return jobs


def _scripts(*jobs: FoundJob) -> set[str]:
    return {word for job in jobs for word in job.command if word.endswith(".py")}


def _distinct(jobs: Iterable[FoundJob]) -> Iterator[FoundJob]:
    """Yield jobs with names of their own."""
    names: set[str] = set()
    for job in jobs:
        name, number = job.name, 2
        while name in names:
            name, number = f"{job.name}-{number}", number + 1
        names.add(name)
        yield evolve(job, name=name)


def _likely(configs: Configs) -> FoundFile | None:
    """Return a config file of the largest set of such as stand for one another."""
    sets = sorted(configs.sets(), key=len, reverse=True)
    if not sets:
        return None
    path, *others = sets[0]
    choices = str(path.parent / f"*{path.suffix}") if others else None
    return FoundFile(path=path, why="a guess", choices=choices, others=len(others), guessed=True)


def _unused(configs: Configs, jobs: Iterable[FoundJob]) -> Iterator[PurePosixPath]:
    """Yield the config files that no job reads or offers."""
    files = [file for job in jobs for file in job.files]
    patterns = [file.choices for file in files if file.choices]
    # The groups of a Hydra app lie beside and below its primary config.
    patterns += [f"{file.path.parent}/**/*" for file in files if file.format == "hydra"]
    used = {file.path for file in files}
    for path in configs.trees:
        if path not in used and not any(_offers(pattern, path) for pattern in patterns):
            yield path


def _offers(pattern: str, path: PurePosixPath) -> bool:
    """Whether a pattern of ours, with `**` or in one folder, is one of a file."""
    folder, deep, name = pattern.rpartition("**/")
    if deep:
        return path.is_relative_to(folder) and path.match(name)
    return path.parent == PurePosixPath(pattern).parent and path.match(pattern)
