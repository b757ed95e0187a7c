"""What runs made where this machine's folders are not there, brought home by their engines.

On a shared file system there is nothing to do, and engines do nothing. Elsewhere the run folder
here is empty until somebody asks; so whoever asks brings it, and the end record, which comes with
all the rest, says that there is no more to bring.
"""

from __future__ import annotations

import contextlib

from confjob.errors import BackendError
from confjob.model import Engine, State, Status
from confjob.store import RunFolder

__all__ = ["bring", "bring_missing"]

#: Written beside the records of an attempt whose engine has no more to give.
_DONE = "fetched"


def bring(folder: RunFolder, engine: Engine | None, handle: str | None = None) -> None:
    """Bring log, records and outputs of a run so far; what can't be had now is left for later.

    Args:
        folder: The run.
        engine: Its engine; None where that can't be had.
        handle: What the engine calls it, if that is not recorded.
    """
    name = handle or folder.handle
    if engine is not None and name is not None and folder.end() is None and not _done(folder):
        with contextlib.suppress(BackendError, OSError):
            engine.fetch(name, folder.path)


def bring_missing(folder: RunFolder, engine: Engine, handle: str, said: Status) -> None:
    """Bring what an engine's word makes one expect: a start record of what runs, all of what is over."""
    if said.state.final:
        bring(folder, engine, handle)
        if folder.end() is None and (folder.path / "attempts" / str(folder.attempt)).is_dir():
            (folder.path / "attempts" / str(folder.attempt) / _DONE).touch()
    elif said.state is State.RUNNING and folder.start() is None:
        bring(folder, engine, handle)


def _done(folder: RunFolder) -> bool:
    return (folder.path / "attempts" / str(folder.attempt) / _DONE).exists()
