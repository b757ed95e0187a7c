"""The engines that runs were submitted to, opened again to ask how the runs are."""

from __future__ import annotations

from collections.abc import Sequence

from confjob.declare import open_engine
from confjob.errors import ConfjobError
from confjob.model import Engine, Status, Target
from confjob.project import Project
from confjob.store import RunFolder
from confjob.track import bring, statuses

__all__ = ["Engines", "bring_home", "states"]


def states(project: Project, folders: Sequence[RunFolder]) -> dict[str, Status]:
    """Return how runs are, by id; each engine is asked once for all of its runs."""
    engines = Engines(project)
    return dict(statuses([(folder, engines.of(folder)) for folder in folders]))


def bring_home(project: Project, folder: RunFolder) -> None:
    """Bring what a run made so far to its folder, if it is not there yet."""
    if folder.end() is None:
        bring(folder, Engines(project).of(folder))


class Engines:
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
