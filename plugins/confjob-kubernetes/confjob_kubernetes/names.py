"""What the objects of a run are called, and how they are found again.

The name of a Job says the run and the attempt, so that the cluster itself refuses a second one.
A handle also says which cluster: another one, to which somebody's kubeconfig leads by then, does not
know the Job, and that must not be read as its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from confjob.plugin import Submission

__all__ = [
    "ATTEMPT",
    "CANCELLED",
    "MANAGED",
    "RUN",
    "SENDING",
    "Handle",
    "annotations_of",
    "job_name",
    "labels_of",
    "place_of",
    "selector_of",
]

#: The label by which all of confjob's objects are found.
MANAGED: Final = "app.kubernetes.io/managed-by"
RUN: Final = "confjob/run"
ATTEMPT: Final = "confjob/attempt"
#: On a Job whose files are not all there yet; it is suspended until they are.
SENDING: Final = "confjob/sending"
#: The annotation of a Job whose pods were asked to end.
CANCELLED: Final = "confjob/cancelled"

#: So many runs can be named in one question; for more of them, all of confjob's are listed.
_NAMED: Final = 100

_HANDLE = re.compile(
    r"(?P<namespace>[a-z0-9.-]{1,253})/confjob-(?P<run>[a-z0-9]{1,40})-(?P<attempt>[1-9][0-9]{0,8})"
    r"@(?P<place>[^\s@]+)"
)
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
#: Longer text is of no use to people; all annotations together may have 256 KiB.
_LONGEST: Final = 1000


@frozen(kw_only=True)
class Handle:
    """What this engine calls the attempt of a run."""

    namespace: str
    run: str
    attempt: int
    place: str

    @property
    def job(self) -> str:
        """The Job's name."""
        return job_name(self.run, self.attempt)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.job}@{self.place}"

    @classmethod
    def parse(cls, text: str) -> Handle | None:
        """Return the handle that a text is, or None."""
        match = _HANDLE.fullmatch(text)
        if match is None:
            return None
        return cls(
            namespace=match["namespace"],
            run=match["run"],
            attempt=int(match["attempt"]),
            place=match["place"],
        )


def place_of(host: str) -> str:
    """Return how handles name the cluster with an API at `host`, a URL."""
    parts = urlsplit(host if "//" in host else f"//{host}")
    return f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}" or "cluster"


def job_name(run: str, attempt: int) -> str:
    """Return what the Job of an attempt is called; so is its Service."""
    return f"confjob-{run}-{attempt}"


def selector_of(runs: Iterable[str]) -> str:
    """Return a selector of the labels of runs; of all runs, where they are too many to be named."""
    named = sorted(set(runs))
    managed = f"{MANAGED}=confjob"
    return managed if len(named) > _NAMED else f"{managed},{RUN} in ({','.join(named)})"


def labels_of(submission: Submission, more: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a run's objects: its own, and what can be one of its names."""
    texts = {"job": submission.job, "project": submission.project, "author": submission.author}
    fit = {f"confjob/{name}": _fit(text) for name, text in texts.items()}
    return {
        **more,
        **{name: text for name, text in fit.items() if text},
        MANAGED: "confjob",
        RUN: submission.run,
        ATTEMPT: str(submission.attempt),
    }


def annotations_of(submission: Submission, more: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations of a run's objects: its names as they are."""
    texts = {"job": submission.job, "project": submission.project, "author": submission.author}
    # Bytes that are no UTF-8 come as surrogates, which JSON for the API can't have.
    shown = {name: text.encode("utf-8", "replace").decode()[:_LONGEST] for name, text in texts.items()}
    return {**more, **{f"confjob/{name}": text for name, text in shown.items() if text}}


def _fit(text: str) -> str:
    """Return what of a text can be the value of a label."""
    return _UNFIT.sub("-", text).strip("-_.")[:63].strip("-_.")
