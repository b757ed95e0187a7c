"""What a TAB may offer of a job's inputs, kept in a file between two presses.

Reading a job takes longer than a person waits for a key, so whatever has read one keeps
what completion needs of it, and says which files it stands on. The module is standard
library only: completion loads it before anything else of confjob.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypedDict

__all__ = ["Freshness", "KnownInput", "Offer", "Offers", "freshness", "key_of", "load", "save", "stamps"]

_VERSION = 1
#: Beyond these the oldest are removed: a job that was picked many files has one for each.
_MOST = 200

#: `usable`: the values have changed, but not what decides which of them are inputs.
Freshness = Literal["fresh", "usable", "stale"]

#: File -> [mtime in ns, size]; None where there is none.
Stamps = dict[str, "list[int] | None"]


class Offer(TypedDict):
    """One input path. Of a secret no value stands here."""

    input: str
    #: With indices as `layers.0.lr`, which no shell wants quoted.
    path: str
    #: Whether nothing stands there: a schema knows the name.
    absent: bool
    type: str
    help: str
    #: What may be set, as it is typed.
    values: list[str]
    #: What is set now, as it is typed; None for a secret, and where nothing is.
    now: str | None


class KnownInput(TypedDict):
    """An input and the names it goes by."""

    input: str
    names: list[str]
    kind: str


class Offers(TypedDict):
    """All that completion knows of one job, with the files picked for it.

    Args:
        key: Which job, as `key_of` says it.
        rules: The files that decide what is an input and what is secret.
        data: The files that hold the values.
    """

    key: str
    rules: Stamps
    data: Stamps
    inputs: list[KnownInput]
    offers: list[Offer]


def key_of(root: str, cwd: str, job: str, files: Mapping[str, str]) -> str:
    """Return what tells a job of a project apart from all others, wherever it is named from."""
    script, colon, function = job.partition(":")
    if script.endswith(".py"):
        script = os.path.relpath(os.path.join(cwd, script), root)
    return json.dumps([f"{script}{colon}{function}", sorted(files.items())])


def load(state: str, key: str) -> Offers | None:
    """Return what is kept of a job; None where nothing is that can be read."""
    try:
        with open(_place(state, key), encoding="utf-8") as file:
            kept: Any = json.load(file)
    except (OSError, ValueError):
        return None
    known = isinstance(kept, dict) and kept.get("version") == _VERSION and kept.get("key") == key
    return kept["offers"] if known else None


def save(state: str, offers: Offers) -> None:
    """Keep what was read of a job, whole or not at all.

    Raises:
        OSError: When it can't be written.
    """
    place = _place(state, offers["key"])
    folder = os.path.dirname(place)
    os.makedirs(folder, exist_ok=True)
    draft = f"{place}.{os.getpid()}.tmp"
    try:
        # Only the user's own: the values of their configs stand in it.
        with open(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            json.dump({"version": _VERSION, "key": offers["key"], "offers": offers}, file)
        os.replace(draft, place)
    except BaseException:
        if os.path.exists(draft):
            os.unlink(draft)
        raise
    _trim(folder)


def stamps(root: str, files: Iterable[str]) -> Stamps:
    """Return what tells whether files have changed; they are relative to `root`, or absolute."""
    return {name: _stamp(os.path.join(root, name)) for name in files}


def freshness(root: str, offers: Offers) -> Freshness:
    """Return how far offers may be trusted, by the files they stand on."""
    if stamps(root, offers["rules"]) != offers["rules"]:
        return "stale"
    return "fresh" if stamps(root, offers["data"]) == offers["data"] else "usable"


def _place(state: str, key: str) -> str:
    return os.path.join(
        state, "cache", "completion", f"{zlib.crc32(key.encode('utf-8', 'surrogateescape')):08x}.json"
    )


def _stamp(path: str) -> list[int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]


def _trim(folder: str) -> None:
    with os.scandir(folder) as entries:
        kept = list(entries)
    if len(kept) > _MOST:
        for entry in sorted(kept, key=lambda entry: entry.stat().st_mtime)[:-_MOST]:
            os.unlink(entry.path)
