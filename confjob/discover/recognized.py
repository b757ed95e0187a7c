"""What the plugins of frameworks recognise; the configs of one framework are one job's choices."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from attrs import evolve

from confjob.discover.found import FoundFile, FoundJob
from confjob.project import Project
from confjob.tree import Json

__all__ = ["recognized"]

_PLAIN_FOLDERS: Final = {"", ".", "configs", "config", "conf", "recipes", "examples", "cfg"}


def recognized(project: Project) -> Iterator[FoundJob]:
    """Yield the jobs that frameworks' plugins recognise.

    A plugin gives tables as in `[[jobs.NAME.files]]`; the extra keys `command` and `job`
    say how the file is used. Files that one command takes in turn are one job.
    """
    for kind in project.registry.all_formats():
        tables = list(kind.recognize(project.root)) if kind.recognize else []
        jobs = [_of_table(kind.name, table) for table in tables]
        groups: dict[tuple[str, ...], list[FoundJob]] = {}
        for number, job in enumerate(jobs):
            by_command = any("{" in word for word in job.command) or not job.command
            key = ("", *job.command) if by_command else (str(number),)
            groups.setdefault(key, []).append(job)
        yield from (_one(kind.name, group) for group in groups.values())


def _of_table(format_name: str, table: Mapping[str, Json]) -> FoundJob:
    path = PurePosixPath(table["path"])
    file = FoundFile(
        path=path,
        why=f"recognised by the format {format_name!r}",
        format=table.get("format", format_name),
        name=table.get("name"),
    )
    command = tuple(table.get("command", ()))
    why = f"its config is {format_name}'s"
    return FoundJob(name=table.get("job", path.stem), why=why, command=command, files=(file,))


def _one(format_name: str, jobs: list[FoundJob]) -> FoundJob:
    """Return a job for files that stand for one another."""
    if len(jobs) == 1:
        return jobs[0]
    paths = [job.files[0].path for job in jobs]
    pattern, offered = _pattern(paths)
    file = evolve(
        next(job.files[0] for job in jobs if job.files[0].path == offered[0]),
        choices=pattern,
        others=len(offered) - 1,
        why="one of them",
    )
    why = f"{len(jobs)} configs are recognised by the format {format_name!r}"
    return evolve(jobs[0], name=_name(format_name, offered, jobs[0].command), files=(file,), why=why)


def _name(format_name: str, paths: Iterable[PurePosixPath], command: Iterable[str]) -> str:
    script = next((PurePosixPath(word).stem for word in command if word.endswith(".py")), None)
    folder = PurePosixPath(os.path.commonpath([str(path.parent) for path in paths])).name
    return script or (format_name if folder in _PLAIN_FOLDERS else folder)


def _pattern(paths: list[PurePosixPath]) -> tuple[str, list[PurePosixPath]]:
    """Return one pattern for as many of the files as one can name well, and those files."""
    kinds = Counter((path.parent.parts[:1], _ending(path)) for path in paths)
    most = kinds.most_common(1)[0][0]
    offered = [path for path in paths if (path.parent.parts[:1], _ending(path)) == most]
    folder = PurePosixPath(os.path.commonpath([str(path.parent) for path in offered]))
    deep = any(path.parent != folder for path in offered)
    return str(folder / "**" / f"*{most[1]}" if deep else folder / f"*{most[1]}"), offered


def _ending(path: PurePosixPath) -> str:
    # People mix the two spellings in one folder.
    return ".y*ml" if path.suffix in (".yaml", ".yml") else path.suffix
