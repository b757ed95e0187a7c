"""Runs of machines that don't see this one's folders: what they need goes there, what they make comes back.

Two ways only can be relied on everywhere: files that an engine carries there before the start, and the
text that a job prints. So a run's files are packed (`pack`), a script of POSIX sh runs them there and
prints the log with the records and outputs in between (`COURIER`), and what it printed is taken apart
here (`receive`). Nothing of confjob need be installed there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final, Literal

from confjob.model import Submission

__all__ = ["COURIER", "OUTPUTS_LIMIT", "pack", "receive"]

#: The script that runs a job there; its first lines say how it is called.
COURIER: Final = Path(__file__).with_name("courier.sh")

#: The bytes of outputs that a courier sends when nothing is said (CONFJOB_OUTPUTS_LIMIT).
OUTPUTS_LIMIT: Final = 50 << 20


def pack(submission: Submission, out: BinaryIO, *, only: Literal["all", "open", "secret"] = "all") -> None:
    """Write a gzip'd tar of what a job needs there, each file where it lies in the state folder.

    Args:
        submission: The run.
        out: Where it is written; the same files give the same bytes.
        only: `secret` for the environment, the private files and the patches that only their
            owner may read; `open` for the rest.

    Raises:
        BackendError: When a file can't be read, or the snapshot is in another state folder.
    """
    from confjob.remote import packing

    packing.pack(submission, out, only)


def receive(stream: Iterable[bytes], run_dir: Path, *, limit: int = OUTPUTS_LIMIT) -> None:
    """Write what a courier printed so far into a run folder: log, records, reads and outputs.

    Nothing else is written, whatever the job printed. Each file is as a complete part of the
    stream has it, or as it was; the log only grows, unless it was no beginning of this one.

    Args:
        stream: All that it printed, from its beginning, in pieces of any size; it may end anywhere.
        run_dir: The run folder, which must exist.
        limit: The courier's own limit; a part of the stream that holds far more is left out.

    Raises:
        OSError: When the disk refuses.
    """
    from confjob.remote import receiving

    records = 4 << 20
    receiving.receive(stream, run_dir, limit=2 * limit + records)  # outputs, or the log, and records
