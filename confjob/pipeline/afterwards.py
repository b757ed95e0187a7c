"""Everything after a launch, from any shell: how runs are doing, what they print, their end."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from confjob.errors import RunError
from confjob.model import Engine, Problem, State, Status
from confjob.pipeline.engines import Engines, bring_home, states
from confjob.pipeline.selecting import Selection, select
from confjob.progress import doing
from confjob.project import Project
from confjob.store import RunFolder
from confjob.track import follow as follow_log
from confjob.track import read_log, statuses
from confjob.track import unread as is_unread
from confjob.words import plural
from confjob.workspace.layout import Layout

__all__ = ["cancel_runs", "find_runs", "follow", "last_runs", "log_of", "states_of", "status_of", "unread"]


def find_runs(
    project: Project, selection: Selection | None = None, *, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return runs as `status --json` tells them, the newest first."""
    found = select(project, selection or Selection())[:limit]
    known = {folder.id: status for folder, status in found if status is not None}
    return _told(project, [folder for folder, _ in found], known)


def last_runs(project: Project, count: int) -> dict[str, list[dict[str, Any]]]:
    """Return the last `count` runs of each job as `status --json` tells them, the newest first."""
    by_job: dict[str, list[RunFolder]] = {}
    for folder in project.store.runs():
        runs = by_job.setdefault(folder.record["job"], [])
        if len(runs) < count:
            runs.append(folder)
    told = {run["id"]: run for run in _told(project, [run for runs in by_job.values() for run in runs])}
    return {job: [told[run.id] for run in runs] for job, runs in by_job.items()}


def status_of(project: Project, run: str) -> dict[str, Any]:
    """Return one run as `status --json` tells it; raises `RunError` when it is unknown."""
    return _told(project, [project.store.find(run)])[0]


def states_of(project: Project, runs: Iterable[str]) -> dict[str, Status]:
    """Return how runs are, by their full ids; raises `RunError` when one is unknown."""
    return states(project, list(map(project.store.find, runs)))


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
    folder = project.store.find(run)
    bring_home(project, folder)
    return read_log(folder, lines)


def follow(
    project: Project,
    run: str,
    out: BinaryIO,
    lines: int | None = None,
    *,
    tell: Callable[[Status], None] = lambda _: None,
) -> Status:
    """Copy a run's output to `out` until it ends; returns how it ended.

    Args:
        project: The project.
        run: The run's id, or its beginning.
        out: Where the bytes go.
        lines: Begin with the last so many lines; None begins at the beginning.
        tell: Called with how the run is, now and again.
    """
    folder = project.store.find(run)
    return follow_log(folder, Engines(project).of(folder), out, lines=lines, tell=tell)


def cancel_runs(project: Project, runs: Iterable[str]) -> list[tuple[str, Status]]:
    """End runs, all at once; returns how each ended.

    Raises:
        RunError: When one is unknown; nothing is ended then.
        BackendError: When an engine can't end some of them.
    """
    folders = {folder.id: folder for folder in map(project.store.find, runs)}
    opened = Engines(project)
    engines = {name: opened.of(folder) for name, folder in folders.items()}
    before = statuses([(folders[name], engines[name]) for name in folders])
    going = [name for name in folders if not before[name].state.final]
    by_engine: dict[int, list[str]] = {}
    for name in going:
        between = before[name].state is State.QUEUED and folders[name].end() is not None
        folders[name].request_cancel(getpass.getuser(), between=between)
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
    with doing(f"ending {plural(len(folders), 'run')}"):
        engine.cancel(handles)


def _told(
    project: Project, folders: Sequence[RunFolder], known: Mapping[str, Status] | None = None
) -> list[dict[str, Any]]:
    # Without a state to look for, no more runs are asked about than will be shown.
    known = known or states(project, folders)
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
        "rerun_of": record.get("rerun_of"),
        "state": status.state.value,
        "reason": status.reason,
        "exit_code": status.exit_code,
        "attempts": max(len(folder.attempts), 1),
        "engine_id": folder.handle,
        "started": start.get("at"),
        "ended": end.get("at"),
        "dir": str(folder.path),
    }
