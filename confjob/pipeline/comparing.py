"""Two runs beside each other: inputs, files, code, and the names in their environments.

Everything is read from what was recorded at submission, so that the answer is about what
the runs were given, whatever the checkout has become since.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from filecmp import cmp
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import frozen

from confjob.errors import RunError
from confjob.project import Project
from confjob.store import RunFolder
from confjob.workspace.layout import Layout

__all__ = ["Comparison", "compare"]

#: What of a run's record is told where it differs.
_FACTS = ("job", "target", "commit", "dirty", "python", "command")
_LARGEST = 1 << 20
_HIDDEN = "not shown: it holds a secret"
_EXPORT = re.compile(r"^(?:\[ .*? \] \|\| )?export ([A-Za-z_]\w*)(?==)", re.MULTILINE)


@frozen(kw_only=True)
class Comparison:
    """What differs between two runs; a pair is (of the first, of the second).

    Args:
        facts: Job, target, commit, interpreter and command, where they differ.
        inputs: (input, path) to the values that were asked for; None is the default,
            a mapping has the value or says that it is secret.
        files: Path of each file that differs to its unified diff, or the reason why
            there is none.
        environment: Names of variables that only one of the runs has.
    """

    facts: Mapping[str, tuple[Any, Any]]
    inputs: Mapping[tuple[str, str], tuple[Any, Any]]
    files: Mapping[str, str]
    environment: tuple[tuple[str, ...], tuple[str, ...]]


def compare(project: Project, first: str, second: str) -> Comparison:
    """Return what differs between two runs.

    Raises:
        RunError: When one is unknown, or what it was given can't be read.
    """
    one, other = (_Side(project.store.find(run)) for run in (first, second))
    records = one.folder.record, other.folder.record
    return Comparison(
        facts={key: pair for key in _FACTS if (pair := _pair(records, key))[0] != pair[1]},
        inputs=_inputs(*records),
        files=dict(_files(one, other)),
        environment=(_only(one.names, other.names), _only(other.names, one.names)),
    )


class _Side:
    """One run, as it was given."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        try:
            self.layout = Layout.load(folder.path)
        except (OSError, ValueError, KeyError) as error:
            raise RunError(f"what {folder.id} was given can't be read: {error}") from None
        if not self.layout.tree.is_dir():
            raise RunError(f"the snapshot of {folder.id} is gone", hint="only its record is left")

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Path in the project to where the bytes lie: the patched ones before the snapshot's."""
        given = dict(_below(self.layout.tree))
        return {**given, **dict(_below(self.folder.path / "patch"))}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the environment's variables; their values are nobody's business here."""
        try:
            text = (self.folder.path / "env").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return frozenset()
        return frozenset(_EXPORT.findall(text))


def _below(top: Path) -> Iterator[tuple[str, Path]]:
    for path in top.rglob("*") if top.is_dir() else ():
        if path.is_symlink() or path.is_file():
            yield str(PurePosixPath(path.relative_to(top))), path


def _pair(records: tuple[Mapping[str, Any], ...], key: str) -> tuple[Any, Any]:
    return records[0].get(key), records[1].get(key)


def _inputs(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    asked = [
        {(change["input"], change["path"]): _asked(change) for change in each["changes"]}
        for each in (one, other)
    ]
    keys = dict.fromkeys([*asked[0], *asked[1]])
    pairs = {key: (asked[0].get(key), asked[1].get(key)) for key in keys}
    # Whether two secrets are the same is not recorded.
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1] or "secret" in (pair[0] or {})}


def _asked(change: Mapping[str, Any]) -> dict[str, Any]:
    if change.get("secret"):
        return {"secret": True}
    return {"value": change["after"]} if "after" in change else {"deleted": True}


def _files(one: _Side, other: _Side) -> Iterator[tuple[str, str]]:
    hidden = {name for side in (one, other) for name in side.folder.record.get("secret_files", ())}
    for name in sorted({*one.files, *other.files}):
        before, after = one.files.get(name), other.files.get(name)
        if before is not None and after is not None and _same(before, after):
            continue
        shown = name not in hidden
        yield name, _diff(name, before, after, one.folder.id, other.folder.id) if shown else _HIDDEN


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one == other or cmp(one, other, shallow=False)


def _diff(name: str, before: Path | None, after: Path | None, first: str, second: str) -> str:
    sides = [each for each in (before, after) if each is not None]
    if any(each.is_symlink() for each in sides):
        return "a link"
    old, new = _text(before), _text(after)
    if old is None or new is None:
        return "not text, or too large to show"
    names = f"{first}/{name}", f"{second}/{name}"
    return "".join(unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), *names))


def _text(path: Path | None) -> str | None:
    if path is None:
        return ""
    if path.stat().st_size > _LARGEST:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _only(some: frozenset[str], others: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(some - others))
