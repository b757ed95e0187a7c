"""Everything after a launch, from any shell: how runs are doing, what they print, their end."""

from __future__ import annotations

import getpass
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from confjob.declare import open_engine
from confjob.errors import ConfjobError, RunError
from confjob.model import Engine, Problem, Status, Target
from confjob.project import Project
from confjob.store import RunFolder
from confjob.track import follow as follow_log
from confjob.track import read_log, statuses
from confjob.track import unread as is_unread
from confjob.workspace.layout import Layout

__all__ = ["cancel_runs", "find_runs", "follow", "log_of", "states_of", "status_of", "unread"]


def find_runs(
    project: Project,
    job: str | None = None,
    state: str | None = None,
    tags: Collection[str] = (),
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return runs as `status --json` tells them, the newest first."""
    folders = [
        folder
        for folder in project.store.runs()
        if (job is None or folder.record["job"] == job) and set(tags) <= set(folder.record["tags"])
    ]
    # Without a state to look for, no more runs are asked about than will be shown.
    found = _told(project, folders[:limit] if state is None else folders)
    return [run for run in found if state is None or run["state"] == state][:limit]


def status_of(project: Project, run: str) -> dict[str, Any]:
    """Return one run as `status --json` tells it; raises `RunError` when it is unknown."""
    return _told(project, [project.store.find(run)])[0]


def states_of(project: Project, runs: Iterable[str]) -> dict[str, Status]:
    """Return how runs are, by their full ids; raises `RunError` when one is unknown."""
    folders = {folder.id: folder for folder in map(project.store.find, runs)}
    engines = _Engines(project)
    return dict(statuses([(folder, engines.of(folder)) for folder in folders.values()]))


def unread(project: Project, run: str) -> list[Problem]:
    """Return a warning if the run ended and nobody read the run config it was given."""
    folder = project.store.find(run)
    if not is_unread(folder) or folder.record.get("config_in_command"):
        return []
    changed = [change["path"] for change in folder.record["changes"] if change["input"] == "run-config"]
    message = f"the job never read its run config, so these changes had no effect: {', '.join(changed)}"
    hint = "the job's code reads it with confjob.load_config()"
    return [Problem(code="never-read", input="run-config", message=message, hint=hint, severity="warning")]


def log_of(project: Project, run: str, lines: int | None = None) -> Iterable[bytes]:
    """Return what a run printed so far, in pieces; `lines` counts from the end."""
    return read_log(project.store.find(run), lines)


def follow(project: Project, run: str, out: BinaryIO, lines: int | None = None) -> Status:
    """Copy a run's output to `out` until it ends; returns how it ended."""
    folder = project.store.find(run)
    return follow_log(folder, _Engines(project).of(folder), out, lines=lines)


def cancel_runs(project: Project, runs: Iterable[str]) -> list[tuple[str, Status]]:
    """End runs, all at once; returns how each ended.

    Raises:
        RunError: When one is unknown; nothing is ended then.
        BackendError: When an engine can't end some of them.
    """
    folders = {folder.id: folder for folder in map(project.store.find, runs)}
    opened = _Engines(project)
    engines = {name: opened.of(folder) for name, folder in folders.items()}
    before = statuses([(folders[name], engines[name]) for name in folders])
    going = [name for name in folders if not before[name].state.final]
    by_engine: dict[int, list[str]] = {}
    for name in going:
        folders[name].request_cancel(getpass.getuser())
        by_engine.setdefault(id(engines[name]), []).append(name)
    for names in by_engine.values():
        _cancel(engines[names[0]], [folders[name] for name in names])
    after = statuses([(folders[name], engines[name]) for name in folders])
    return list(after.items())


def _cancel(engine: Engine | None, folders: list[RunFolder]) -> None:
    if engine is None:
        raise RunError(f"the backend of {', '.join(folder.id for folder in folders)} can't be opened")
    known = {folder.id: folder.handle for folder in folders}
    missing = {folder.id: folder.path for folder in folders if known[folder.id] is None}
    handles = [handle for handle in known.values() if handle] + list(engine.find(missing).values())
    engine.cancel(handles)


def _told(project: Project, folders: Sequence[RunFolder]) -> list[dict[str, Any]]:
    engines = _Engines(project)
    known = statuses([(folder, engines.of(folder)) for folder in folders])
    return [
        {**_telling(folder, known[folder.id]), "links": dict(project.registry.links(_place(folder)))}
        for folder in folders
    ]


def _place(folder: RunFolder) -> Path:
    """Return the working directory of a run, which may be gone."""
    try:
        return Layout.load(folder.path).project
    except (OSError, ValueError, KeyError):
        return folder.path / "workspace"


def _telling(folder: RunFolder, status: Status) -> dict[str, Any]:
    record, start, end = folder.record, folder.start() or {}, folder.end() or {}
    kept = ("id", "job", "target", "name", "tags", "note", "submitted", "changes", "commit", "dirty")
    return {
        **{key: record.get(key) for key in kept},
        "state": status.state.value,
        "reason": status.reason,
        "exit_code": status.exit_code,
        "attempts": max(len(folder.attempts), 1),
        "engine_id": folder.handle,
        "started": start.get("at"),
        "ended": end.get("at"),
        "dir": str(folder.path),
    }


class _Engines:
    """The engines that runs were submitted to; runs of one target share one."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._opened: dict[str, Engine | None] = {}

    def of(self, folder: RunFolder) -> Engine | None:
        """Return a run's engine, or None if it can't be opened any more."""
        record = folder.record
        target = Target(name=record["target"], backend=record["backend"], options=record["options"])
        key = repr((target.backend, sorted(target.options.items())))
        if key not in self._opened:
            self._opened[key] = self._open(target)
        return self._opened[key]

    def _open(self, target: Target) -> Engine | None:
        try:
            return open_engine(self._project, target)
        except ConfjobError:
            return None  # a plugin that is gone: what the run folder says still counts
