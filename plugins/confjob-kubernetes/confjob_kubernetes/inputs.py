"""A run's files as objects of the cluster: ConfigMaps for what anyone may see, a Secret for the rest.

An object holds at most 1 MiB, so the archive is cut into several ConfigMaps, and put together again
in the pod. The cluster's own database keeps them all, which is no place for large projects: above a
limit they are refused, with what to do instead.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from confjob.plugin import COURIER, BackendError, Json, Submission, pack
from confjob_kubernetes.names import job_name

__all__ = ["EACH_NODE", "LIMIT", "START", "Inputs"]

#: The script that a pod runs.
START: Final = "start.sh"
#: The script that starts the command on each of several nodes.
EACH_NODE: Final = "each-node.sh"

#: Bytes of an archive in one ConfigMap; the API takes 1 MiB with the scripts beside it.
_PIECE: Final = 900 << 10
#: Bytes of the archive in all.
LIMIT: Final = 8 << 20


@frozen(kw_only=True)
class Inputs:
    """What is sent with a Job.

    Args:
        name: The Job's name, with which theirs begin.
        scripts: Scripts by name.
        pieces: The archive of what anyone may see, cut.
        secret: The archive of the rest; None where nothing is sent.
    """

    name: str
    scripts: Mapping[str, str]
    pieces: tuple[bytes, ...] = ()
    secret: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, submission: Submission, *, packed: bool) -> Inputs:
        """Return what a run needs.

        Args:
            submission: The run.
            packed: Whether its files are sent, too, and not on a volume.

        Raises:
            BackendError: When they are too large.
        """
        name = job_name(submission.run, submission.attempt)
        several = (submission.resources.nodes or 1) > 1
        names = (START, EACH_NODE) if several else (START,)
        scripts = {each: Path(__file__).with_name(each).read_text() for each in names}
        scripts["courier.sh"] = COURIER.read_text()
        if not packed:
            return cls(name=name, scripts=scripts)
        everything, secret = io.BytesIO(), io.BytesIO()
        pack(submission, everything, only="open")
        pack(submission, secret, only="secret")
        _require(submission, len(everything.getvalue()), len(secret.getvalue()))
        content = everything.getvalue()
        pieces = tuple(content[at : at + _PIECE] for at in range(0, len(content), _PIECE))
        return cls(name=name, scripts=scripts, pieces=pieces, secret=secret.getvalue())

    @property
    def count(self) -> int:
        """How many ConfigMaps there are."""
        return max(len(self.pieces), 1)

    def objects(self, metadata: Mapping[str, Json], *, shown: bool = False) -> Iterator[dict[str, Json]]:
        """Yield the objects.

        Args:
            metadata: What they have besides a name.
            shown: For people: the sizes in place of the archives.
        """
        for index in range(self.count):
            piece = self.pieces[index : index + 1]
            yield {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": f"{self.name}-{index:02}", **metadata},
                "immutable": True,
                **({"data": {**_told(self.scripts, shown=shown)}} if index == 0 else {}),
                **({"binaryData": {"part": _encoded(piece[0], shown=shown)}} if piece else {}),
            }
        if self.secret is not None:
            yield {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": self.name, **metadata},
                "immutable": True,
                "type": "Opaque",
                "data": {"secret.tgz": _encoded(self.secret, shown=shown)},
            }


def _require(submission: Submission, size: int, secret: int) -> None:
    hint = (
        'target option files = "volume" has them on a volume that this machine sees as well; '
        "or put what is large into the image, or on a claim of the target's mounts"
    )
    if size > LIMIT:
        raise BackendError(
            f"run {submission.run}: its files take {size / 2**20:.1f} MiB packed, and a cluster's objects "
            f"are for {LIMIT >> 20} MiB at most",
            hint=hint,
        )
    if secret > _PIECE:
        raise BackendError(
            f"run {submission.run}: its environment and private files take {secret >> 10} KiB packed, and "
            f"a Secret is for {_PIECE >> 10} KiB at most",
            hint=hint,
        )


def _told(scripts: Mapping[str, str], *, shown: bool) -> dict[str, str]:
    return {
        name: f"({len(text)} bytes, a script of confjob's)" if shown else text
        for name, text in scripts.items()
    }


def _encoded(content: bytes, *, shown: bool) -> str:
    return f"({len(content)} bytes)" if shown else base64.b64encode(content).decode()
