"""Submitting: plans on disk become runs, and no `kill -9` in between loses one.

The order of what is written is the whole point: the run folder, who launches it, the
engine, the engine's handle. Whatever is missing after that can be told from what is there
(`confjob.track`), and a run that the engine accepted is found again by the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from confjob.errors import BackendError
from confjob.model import Engine, Submission
from confjob.store import RunFolder
from confjob.submit.refusal import record_refusal
from confjob.submit.terminal import foreground

__all__ = ["foreground", "submit"]


def submit(engine: Engine, submissions: Sequence[Submission]) -> Iterator[str]:
    """Hand run folders to an engine; yields each run's id once its handle is recorded.

    Args:
        engine: Where they run.
        submissions: Complete run folders.

    Raises:
        BackendError: The engine's refusal. What it had accepted is running and recorded;
            the rest is recorded as failed, with the engine's words. So it is when
            submitting is interrupted, or stopped by closing the iterator.
    """
    folders = {item.run: RunFolder(id=item.run, path=item.run_dir) for item in submissions}
    for folder in folders.values():
        folder.record_launch()
    try:
        for chunk in engine.submit(submissions):
            for run, handle in chunk.items():
                folders.pop(run).record_handle(handle)
                yield run
    except BaseException as error:  # a notebook lives on, so nobody could tell later
        _record_refusal(engine, folders, getattr(error, "message", type(error).__name__))
        raise


def _record_refusal(engine: Engine, folders: dict[str, RunFolder], why: str) -> None:
    """Record `why` in the runs that it did not accept after all."""
    try:
        accepted = engine.find({run: folder.path for run, folder in folders.items()})
    except BackendError:
        return  # nobody can tell; they stay as launched by this process
    for run, folder in folders.items():
        if run in accepted:
            folder.record_handle(accepted[run])
        else:
            record_refusal(folder, why)
