"""What there is to know of one run, in the order in which one wants to know it."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from confjob.model import Problem, State
from confjob.pipeline.afterwards import status_of, unread
from confjob.project import Project
from confjob.store import RunFolder
from confjob.times import duration, moment, ran
from confjob.web.runs.metrics import metrics_of
from confjob.words import plural

__all__ = ["Attempt", "Facts", "facts_of"]


@frozen(kw_only=True)
class Attempt:
    """One of several attempts: when it started, and how it ended."""

    number: int
    started: float | None
    lasted: float | None
    ending: str


@frozen(kw_only=True)
class Facts:
    """A run.

    Args:
        run: What `status --json` tells of it.
        rows: Label and text of what is recorded besides.
        attempts: Where there were several.
        metrics: What it measured.
        warnings: What may be wrong with it.
        seconds: How long it has been going on, or took.
        over: Whether it is over.
        retriable: Whether another attempt can be made.
        digest: What tells this from the same run at another time.
    """

    run: Mapping[str, Any]
    rows: tuple[tuple[str, str], ...]
    attempts: tuple[Attempt, ...]
    metrics: Mapping[str, float]
    warnings: tuple[Problem, ...]
    seconds: float | None
    over: bool
    retriable: bool
    digest: str


def facts_of(project: Project, name: str) -> Facts:
    """Return what there is to know of a run.

    Raises:
        RunError: When it is unknown, or its record can't be read.
    """
    folder = project.store.find(name)
    run = status_of(project, folder.id)
    state = State(run["state"])
    metrics = metrics_of(folder)
    told = json.dumps([run, metrics, int(time.time() // 60)], default=str).encode("utf-8", "surrogatepass")
    return Facts(
        run=run,
        rows=tuple(_rows(run, folder.record)),
        attempts=tuple(_attempts(folder)) if run["attempts"] > 1 else (),
        metrics=metrics,
        warnings=tuple(unread(project, folder.id)),
        seconds=ran(run),
        over=state.final,
        retriable=state.final and state is not State.SUCCEEDED,
        digest=hashlib.sha256(told).hexdigest()[:16],
    )


def _rows(run: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Submitted", moment(run["submitted"])
    if run["started"] is not None:
        yield "Started", moment(run["started"])
    if run["ended"] is not None:
        yield "Ended", moment(run["ended"])
    if run["exit_code"] is not None:
        yield "Exit code", str(run["exit_code"])
    yield "Target", f"{run['target']}{_backend(run, record)}"
    if needs := ", ".join(_needs(record.get("resources") or {})):
        yield "Resources", needs
    if record.get("priority", "medium") != "medium":
        yield "Priority", str(record["priority"])
    if run["commit"]:
        yield "Commit", run["commit"][:12] + (", with uncommitted changes" if run["dirty"] else "")
    yield "Command", shlex.join([str(word) for word in record.get("command") or ()])
    yield "Python", str(record.get("python") or "")
    yield "Folder", run["dir"]


def _backend(run: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    backend = record.get("backend")
    return f" ({backend})" if backend not in (None, run["target"]) else ""


def _needs(resources: Mapping[str, Any]) -> Iterable[str]:
    for key, word in (("nodes", "node"), ("cpus", "core"), ("gpus", "GPU")):
        if resources.get(key):
            yield plural(resources[key], word)
    if resources.get("memory"):
        yield f"{resources['memory'] / 2**30:.3g} GiB"
    if resources.get("time"):
        yield f"at most {duration(resources['time'])}"


def _attempts(folder: RunFolder) -> Iterator[Attempt]:
    for number in folder.attempts:
        start, end = folder.start(number) or {}, folder.end(number) or {}
        began, ended = start.get("at"), end.get("at")
        lasted = ended - began if began is not None and ended is not None else None
        yield Attempt(number=number, started=began, lasted=lasted, ending=_ending(folder, number, end))


def _ending(folder: RunFolder, number: int, end: Mapping[str, Any]) -> str:
    stop = folder.stop(number) or {}
    if isinstance(limit := stop.get("limit"), (int, float)):
        return f"time limit of {duration(limit)}"
    if end.get("signal"):
        return f"signal {end['signal']}"
    return f"exit code {end['exit_code']}" if end.get("exit_code") is not None else ""
