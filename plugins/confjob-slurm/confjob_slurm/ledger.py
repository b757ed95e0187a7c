"""What is written down of batches: before Slurm is asked to take one, and what it said.

Between `sbatch` and the record of its answer anything may be killed, and then Slurm has a job
that nobody knows of, or nobody has a job that everybody thinks there is. So, beside the run
folders, `slurm/<batch>/` is written first: the script, its runs by index, who submits; and in
each run's folder `slurm.json`, which says where that is. What is missing after that is found out:

- The lock of a batch is held by whoever submits it, and by its `sbatch`, which may outlive it.
  While it is held, nobody can know.
- Once it is free, Slurm is asked for the comment; and the job itself writes its number.
- Before a batch is given up, `abandoned.json` says so, and the script does nothing once that is
  there. So a job that turns up later still is none: what was told is true.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from attrs import frozen

from confjob.plugin import BackendError, ProcessId, latest_attempt, read_record, write_record
from confjob_slurm.script import EACH_NODE, Batch

__all__ = ["Entry", "Known", "entries", "written"]

POINTER: Final = "slurm.json"

#: What a file system says that has no locks.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL)

#: Seconds after which a batch that another machine submits is no longer being submitted.
_LONGEST = 900.0

Known = Literal["accepted", "abandoned", "submitting", "orphaned", "unclear"]


@frozen(kw_only=True)
class Entry:
    """One batch, as it stands written.

    Args:
        folder: Its folder.
    """

    folder: Path

    @property
    def id(self) -> str:
        """The batch's name."""
        return self.folder.name

    @property
    def job(self) -> str | None:
        """The number that Slurm gave it: as `sbatch` was told, or as the job itself wrote it."""
        for name in ("submitted.json", "job.json"):
            number = str((read_record(self.folder / name) or {}).get("job", ""))
            if number.isdigit():
                return number
        return None

    def accept(self, job: str) -> None:
        """Write down that Slurm took the batch."""
        write_record(self.folder / "submitted.json", {"job": job, "at": time.time()})

    def abandon(self, why: str) -> None:
        """Write down that Slurm did not take the batch; if it did after all, it does nothing."""
        write_record(self.folder / "abandoned.json", {"why": why, "at": time.time()})

    @property
    def abandoned(self) -> bool:
        """Whether the batch was given up."""
        return (self.folder / "abandoned.json").exists()

    def state(self) -> Known:
        """Return what is known of it here, without Slurm.

        Returns:
            `submitting` while whoever submits it lives, `orphaned` when nobody does any more,
            `unclear` when that can't be told yet: its `sbatch` outlives it.
        """
        if self.abandoned:
            return "abandoned"
        if self.job is not None:
            return "accepted"
        intent = read_record(self.folder / "intent.json") or {}
        lives, held = _alive(intent.get("launcher")), _held(self.folder / "lock")
        if held is True:
            return "submitting" if lives is not False else "unclear"
        at = intent.get("at")
        old = time.time() - (float(at) if isinstance(at, (int, float)) else 0.0) > _LONGEST
        if held is False and lives is not None:
            return "orphaned"
        if old:
            return "orphaned"
        return "unclear" if lives is False else "submitting"


@contextlib.contextmanager
def written(batch: Batch) -> Iterator[tuple[Entry, int]]:
    """Write a batch down, as one that this process submits for as long as the block lasts.

    Yields:
        The entry, and the open file that `sbatch` shall hold as well.

    Raises:
        BackendError: When it was submitted before, or the disk refuses.
    """
    entry = Entry(folder=batch.folder)
    try:
        lock = _write(batch)
    except OSError as error:
        raise BackendError(f"can't write {entry.folder}: {error}") from error
    try:
        _point(batch)
        yield entry, lock
    except OSError as error:
        raise BackendError(f"can't write down that {entry.id} is submitted: {error}") from error
    finally:
        os.close(lock)


def entries(runs: Mapping[str, Path]) -> dict[str, tuple[Entry, str]]:
    """Return the batch of each run's latest attempt, and the run's index in it ('' for none alone)."""
    found = {}
    for run, run_dir in runs.items():
        pointer = read_record(run_dir / POINTER)
        if pointer is not None and _is_latest(run_dir, pointer.get("attempt")):
            folder = run_dir.parent.parent / "slurm" / Path(str(pointer.get("batch"))).name
            index = pointer.get("index")
            found[run] = Entry(folder=folder), "" if index is None else str(index)
    return found


def _write(batch: Batch) -> int:
    """Write a batch's folder, whole or not at all; returns its open, locked lock file."""
    folder = batch.folder
    _make_way(folder)
    _sweep(folder.parent)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    draft.mkdir(parents=True)
    try:
        _text(draft / "batch.sh", batch.script(), 0o700)
        _text(draft / "runs", batch.runs(), 0o600)
        if (batch.submissions[0].resources.nodes or 1) > 1:
            _text(draft / "each-node", EACH_NODE, 0o700)
        runs = [item.run for item in batch.submissions]
        launcher = {"launcher": str(ProcessId.current()), "at": time.time()}
        write_record(draft / "intent.json", {"batch": batch.id, "runs": runs, **launcher})
        lock = os.open(draft / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with _locks():
            fcntl.flock(lock, fcntl.LOCK_EX)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)
    return lock


def _make_way(folder: Path) -> None:
    """Remove what was written of the same batch when it was refused."""
    if not folder.exists():
        return
    entry = Entry(folder=folder)
    if entry.state() != "abandoned":
        raise BackendError(
            f"{entry.id} was submitted before (job {entry.job or 'unknown'})",
            hint="a run's attempt is submitted once; `confjob retry` begins another",
        )
    # Its script looks for the mark until the very end, so all goes at once.
    old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def _sweep(batches: Path) -> None:
    """Remove the batches whose runs are all gone: `confjob rm` and `prune` know only of these."""
    for folder in batches.glob("[!.]*"):
        try:
            lines = (folder / "runs").read_bytes().decode("utf-8", "surrogateescape").splitlines()
        except OSError:
            continue
        scripts = [Path("/" + line.partition("/")[2]) for line in lines]
        if scripts and not any(script.parent.exists() for script in scripts):
            shutil.rmtree(folder, ignore_errors=True)


def _point(batch: Batch) -> None:
    for index, item in enumerate(batch.submissions):
        place = {"index": index} if batch.is_array else {}
        write_record(item.run_dir / POINTER, {"batch": batch.id, "attempt": item.attempt, **place})


def _text(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.flush()
        os.fsync(file.fileno())


def _is_latest(run_dir: Path, attempt: object) -> bool:
    """Whether no attempt was launched after this one; those that Slurm began have no launcher."""
    if not isinstance(attempt, int):
        return False
    later = range(attempt + 1, latest_attempt(run_dir) + 1)
    return not any((run_dir / "attempts" / str(each) / "launch.json").exists() for each in later)


def _alive(launcher: object) -> bool | None:
    try:
        return ProcessId.parse(str(launcher)).alive()
    except ValueError:
        return None


def _held(lock: Path) -> bool | None:
    """Whether somebody holds a lock; None where the file system can't say."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def _locks() -> Iterator[None]:
    """Go on without a lock where the file system has none."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
