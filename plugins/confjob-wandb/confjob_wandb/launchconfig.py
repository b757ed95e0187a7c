"""W&B's launch-config JSON of a run: what `confjob launch --inputs FILE` repeats elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from confjob.plugin import MISSING, Json, KeyPath, tree

__all__ = ["LaunchConfig", "launch_config"]


@frozen(kw_only=True)
class LaunchConfig:
    """A launch config, and what of the run it can't say."""

    content: Json
    unsaid: tuple[str, ...] = ()


def launch_config(
    changes: Sequence[Mapping[str, Any]], ran: Sequence[str], command: Sequence[str] | None
) -> LaunchConfig:
    """Return what a run was launched with, as W&B writes it.

    Args:
        changes: The run's changes, as its record has them.
        ran: The command that it ran.
        command: The job's own command, with its placeholders; None for a function, or a job
            that is no longer declared.
    """
    overrides: dict[str, Json] = {}
    unsaid: list[str] = []
    for change in changes:
        place = _place(change)
        why = _unsayable(change, place)
        if why or place is None:
            unsaid.append(f"{change['input']}:{change['path']}: {why}")
        else:
            overrides = tree.put(overrides, place, change["after"])
    overrides |= dict(_words(ran, command)) if command is not None else {}
    return LaunchConfig(content={"overrides": overrides}, unsaid=tuple(unsaid))


def _place(change: Mapping[str, Any]) -> KeyPath | None:
    name, path = change["input"], KeyPath.parse(change["path"])
    if name in ("env", "resources"):
        return None
    root = ("run_config",) if name == "run-config" else ("files", name)
    return KeyPath(root).join(path)


def _unsayable(change: Mapping[str, Any], place: KeyPath | None) -> str:
    """Return why W&B's file has no word for a change, or nothing."""
    if place is None:
        return "W&B has no place for it"
    if change.get("secret"):
        return "a secret is not written"
    if change.get("after", MISSING) is MISSING:
        return "W&B can't say that a key is taken out"
    if any(isinstance(part, int) for part in place):
        return "W&B can't name an element of a list; say the whole list"
    return ""


def _words(ran: Sequence[str], command: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """Yield `args` where a run only had more of them, else `entry_point` where it ran something else."""
    begins = len(ran) >= len(command) and all(map(_fits, ran, command))
    if not begins:
        yield "entry_point", list(ran)
    elif len(ran) > len(command):
        yield "args", list(ran[len(command) :])


def _fits(word: str, declared: str) -> bool:
    # What stood for `{config}` is filled in by each launch anew.
    return word == declared or "{" in declared
