"""Which runs are meant: by id, or by what is known of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from attrs import frozen

from confjob.model import State, Status
from confjob.pipeline.engines import states
from confjob.project import Project
from confjob.store import Record, RunFolder
from confjob.words import changed_to

__all__ = ["Selection", "select", "size_of"]


@frozen(kw_only=True)
class Selection:
    """What is known of the runs that are meant; all of it must hold.

    Args:
        job: The job's name.
        states: Any of these.
        tags: All of these.
        name: The run's name.
        text: Words that stand in its id, name, note, tags, job, target or changes.
        older_than: Seconds since its end, or since it was submitted while it has none.
        larger_than: Bytes in its folder; linked folders do not count.
    """

    job: str | None = None
    states: tuple[State, ...] = ()
    tags: tuple[str, ...] = ()
    name: str | None = None
    text: str = ""
    older_than: float | None = None
    larger_than: int | None = None

    def __bool__(self) -> bool:
        """Whether it leaves any run out."""
        return self != Selection()


def select(
    project: Project, selection: Selection, *, now: float | None = None
) -> list[tuple[RunFolder, Status | None]]:
    """Return the runs that are meant, the newest first, with their states where these were asked for."""
    folders = [folder for folder in project.store.runs() if _is_called(folder, selection)]
    folders = [
        folder for folder in folders if _is_old(folder, selection, time.time() if now is None else now)
    ]
    least = selection.larger_than
    folders = [folder for folder in folders if least is None or size_of(folder.path) > least]
    if not selection.states:
        return [(folder, None) for folder in folders]
    known = states(project, folders)
    return [(each, known[each.id]) for each in folders if known[each.id].state in selection.states]


def size_of(folder: Path) -> int:
    """Return the bytes in a folder; symlinks are not followed."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            total += Path(place, name).lstat().st_size
    return total


def _is_called(folder: RunFolder, selection: Selection) -> bool:
    record = folder.record
    return (
        selection.job in (None, record["job"])
        and selection.name in (None, record["name"])
        and set(selection.tags) <= set(record["tags"])
        and (not selection.text or _has_words(record, selection.text))
    )


def _has_words(record: Record, text: str) -> bool:
    told = [str(record.get(key) or "") for key in ("id", "name", "note", "job", "target")]
    told += [f"{change['path']}={changed_to(change)}" for change in record["changes"]]
    everything = " ".join([*told, *record["tags"]]).casefold()
    return all(word in everything for word in text.casefold().split())


def _is_old(folder: RunFolder, selection: Selection, now: float) -> bool:
    if selection.older_than is None:
        return True
    ended = (folder.end() or {}).get("at") or folder.record["submitted"]
    return now - float(ended) > selection.older_than
