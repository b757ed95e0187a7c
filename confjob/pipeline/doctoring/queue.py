"""This machine's queue: whether it works, what it has to give, and how it is mended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from attrs import frozen

from confjob.errors import BackendError
from confjob.pipeline.doctoring.findings import Finding, check, note, ok, refused, warn
from confjob.pipeline.doctoring.patient import Patient
from confjob.project import Project
from confjob.words import listing, plural

__all__ = ["Repaired", "machine_queue", "repair_queue"]

_LIBRARY: Final = "nvidia-ml-py"


@frozen(kw_only=True)
class Repaired:
    """What the index says once it is made anew.

    Args:
        projects: How many projects' run folders were read.
        running: How many runs run.
        waiting: How many wait.
    """

    projects: int
    running: int
    waiting: int

    def __str__(self) -> str:
        found = f"{plural(self.running, 'run')} going on, {self.waiting} waiting"
        return f"the queue's index is made anew from the run folders of {plural(self.projects, 'project')}: {found}"


def repair_queue(project: Project) -> Repaired:
    """Make the index of this machine's queue anew, and tell the agent.

    It is made from the run folders of all projects that are known, and of `project`.

    Raises:
        BackendError: When the folder of the queue can't be used, or the disk refuses.
    """
    from confjob.builtin.local.queue.board import entries_of
    from confjob.builtin.local.queue.door import ring
    from confjob.builtin.local.queue.index import Index
    from confjob.builtin.local.queue.machine import home

    folder = home()
    with closing(Index(folder=folder)) as index:
        tickets = index.rebuild([project.state.absolute()])
        projects = [state for state in index.projects() if state.is_dir()]
    if tickets:
        ring(folder)
    phases = [entry.phase for entry in entries_of(tickets)]
    return Repaired(projects=len(projects), running=phases.count("running"), waiting=phases.count("waiting"))


@check("queue", "queue")
def machine_queue(_: Patient) -> Iterator[Finding]:
    """Look at the queue's folder, its agent and index, and at the GPUs and who holds them."""
    from confjob.builtin.local.queue.machine import home

    try:
        folder = home()
    except BackendError as error:
        yield from refused("folder", error, "warn")
        return
    yield ok("folder", str(folder))
    yield _agent(folder)
    yield _index(folder)
    yield from _paused(folder)
    yield from _gpus()


def _agent(folder: Path) -> Finding:
    from confjob.builtin.local.queue.door import agent_process, agent_since

    process, since = agent_process(folder), agent_since(folder)
    if process is None or since is None:
        return note("agent", "none works now; a launch starts one, and it leaves when it is idle")
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
    return ok("agent", f"process {process.pid}, since {at}")


def _index(folder: Path) -> Finding:
    from confjob.builtin.local.queue.board import entries_of
    from confjob.builtin.local.queue.index import Index

    try:
        phases = [entry.phase for entry in entries_of(Index(folder=folder).peek())]
    except BackendError as error:
        return warn("index", error.message, error.hint)
    going, waiting = phases.count("running"), phases.count("waiting")
    return ok("index", f"{plural(going, 'run')} going on, {waiting} waiting")


def _paused(folder: Path) -> Iterator[Finding]:
    from confjob.builtin.local.queue.gates import EVERYTHING, Gates

    for group, why in Gates(folder).paused().items():
        what = "everything" if group == EVERYTHING else group
        yield note("paused", f"{what}: {why}", "confjob queue resume")


def _gpus() -> Iterator[Finding]:
    from confjob.builtin.local.queue import devices
    from confjob.builtin.local.queue.slots import seen

    names, held = devices.found(), seen()
    if names:
        yield ok("GPUs", f"{len(names)}: {listing(names, 8)}")
    else:
        yield note("GPUs", "none found; a target's slots can name them")
    for name, holder in held.items():
        yield ok("GPU", f"{name} is held by {holder}")
    yield from _library(names)


def _library(names: Iterable[str]) -> Iterator[Finding]:
    from confjob.builtin.local.queue import devices

    try:
        yield ok(_LIBRARY, version(_LIBRARY))
    except PackageNotFoundError:
        if names or devices.present():
            detail = "not installed, so GPUs are found by nvidia-smi, which takes longer"
            yield note(_LIBRARY, detail, "pip install 'confjob[gpu]'")
