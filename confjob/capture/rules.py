"""What a job's recorded calls come to, by the rules of the calls.

Calls for the run config add up, and the last schema wins; of two calls for one file the
last counts. A lone call for a file hides the run config, and a call for the run config
brings it back. Values that a library is handed (`wandb.init(config=…)`) are the defaults;
where nothing else is declared, they are the run config.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import field, frozen

from confjob.errors import ConfjobError
from confjob.keypath import PathFilter, PathSyntaxError
from confjob.tree import Json, merge

__all__ = ["Declared", "FileDeclared", "RunConfigDeclared", "combined"]

Line = Mapping[str, Any]
ReadFile = Callable[[PurePosixPath], Json]


@frozen(kw_only=True)
class RunConfigDeclared:
    """The run config that the calls come to.

    Args:
        defaults: The values, or the file that has them.
        include: Prefixes of what may be changed.
        exclude: Prefixes of what may not.
        schema: JSON Schema, a reference to one, or None.
        reader: The library that reads it, or None for `load_config()`.
        at: Where the calls stand.
    """

    defaults: Mapping[str, Json] | PurePosixPath = field(factory=dict)
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    schema: Json | str | None = None
    reader: str | None = None
    at: Sequence[str] = ()


@frozen(kw_only=True)
class FileDeclared:
    """A config file that a call declares; the arguments are as of `RunConfigDeclared`."""

    path: PurePosixPath
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    schema: Json | str | None = None
    at: Sequence[str] = ()


@frozen(kw_only=True)
class Declared:
    """All that a job declares, and what of it has to be left out, in words."""

    run_config: RunConfigDeclared | None = None
    files: Sequence[FileDeclared] = ()
    left_out: Sequence[str] = ()


def combined(calls: Iterable[Line], root: Path, read: ReadFile) -> Declared:
    """Return what recorded calls come to.

    Args:
        calls: In the order in which they were made.
        root: The project root.
        read: Reads a file of defaults; it raises `ConfjobError` when it can't.
    """
    return _Rules(list(calls), root, read).declared()


class _Rules:
    def __init__(self, calls: list[Line], root: Path, read: ReadFile) -> None:
        self.root = root
        self.read = read
        self.left_out: list[str] = []
        self.about_config = [call for call in calls if call["call"] == "manage_config"]
        self.about_files = [call for call in calls if call["call"] == "manage_config_file"]
        self.reader = _reader(self.about_config)
        handed = [call for call in calls if call["call"] == "values"]
        # A script that reads its config from us may hand it on to others: that declares nothing.
        self.values = [call for call in handed if self.reader in (call["reader"], None)]
        for call in calls:
            self.left_out += [_at(call, words) for words in call.get("unsaid", ())]

    def declared(self) -> Declared:
        files = dict(self._files())
        shown = self.about_config or (self.values and not self.about_files)
        run_config = self._run_config() if shown else None
        return Declared(
            run_config=run_config,
            files=tuple(files.values()),
            left_out=tuple(dict.fromkeys(self.left_out)),
        )

    def _run_config(self) -> RunConfigDeclared:
        calls = [*self.values, *self.about_config]
        schemas = [call["schema"] for call in calls if call.get("schema") is not None]
        whose = calls[-1]["reader"] if self.reader is None else self.reader
        return RunConfigDeclared(
            defaults=self._defaults(calls),
            include=self._prefixes("include", calls),
            exclude=self._prefixes("exclude", calls),
            schema=schemas[-1] if schemas else None,
            reader=whose or None,
            at=_places(calls),
        )

    def _defaults(self, calls: list[Line]) -> Mapping[str, Json] | PurePosixPath:
        given = list(self._given(calls))
        if len(given) == 1 and isinstance(given[0], PurePosixPath):
            return given[0]
        tree: Json = {}
        for each in given:
            tree = merge(tree, self._content(each) if isinstance(each, PurePosixPath) else each)
        return dict(tree)

    def _given(self, calls: list[Line]) -> Iterator[Mapping[str, Json] | PurePosixPath]:
        """Yield values and files with values, the lowest first."""
        # An instance's values lie under all defaults that are said, whatever the order.
        schemas = [call for call in calls if call.get("schema") is not None]
        yield from (call["values"] for call in schemas[-1:] if call.get("values"))
        for call in calls:
            said = call.get("defaults", call.get("config"))
            if isinstance(said, str) and call["call"] == "values":
                words = f"the values of {said}, which {call['reader']} reads in its own way"
                self.left_out.append(_at(call, words))
            elif isinstance(said, str):
                path = self._path(call, said)
                yield from [] if path is None else [path]
            elif said:
                yield said

    def _content(self, path: PurePosixPath) -> Json:
        try:
            content = self.read(path)
        except ConfjobError as error:
            self.left_out.append(f"defaults from {path}: {error.message}")
            return {}
        return content if isinstance(content, dict) else {}

    def _files(self) -> Iterator[tuple[PurePosixPath, FileDeclared]]:
        for call in self.about_files:
            path = self._path(call, call.get("path", ""))
            if path is not None:
                yield (
                    path,
                    FileDeclared(
                        path=path,
                        include=self._prefixes("include", [call]),
                        exclude=self._prefixes("exclude", [call]),
                        schema=call.get("schema"),
                        at=_places([call]),
                    ),
                )

    def _path(self, call: Line, path: str) -> PurePosixPath | None:
        """Return a path relative to the root, if the file lies in the project."""
        root = os.path.realpath(self.root)
        for spelled in (os.path.normpath(path), os.path.realpath(path)):
            for top in (str(self.root), root):
                if spelled.startswith(top + os.sep):
                    return PurePosixPath(os.path.relpath(spelled, top))
        self.left_out.append(_at(call, f"{path} lies outside the project"))
        return None

    def _prefixes(self, name: str, calls: Iterable[Line]) -> tuple[str, ...]:
        prefixes = [(call, prefix) for call in calls for prefix in call.get(name, ())]
        return tuple(dict.fromkeys(prefix for call, prefix in prefixes if self._parses(name, call, prefix)))

    def _parses(self, name: str, call: Line, prefix: str) -> bool:
        try:
            PathFilter([prefix])
        except PathSyntaxError as error:
            self.left_out.append(_at(call, f"{name}: {error}"))
            return False
        return True


def _reader(calls: Sequence[Line]) -> str | None:
    """Return whose calls declare the run config; ours, if any are; None when there are none."""
    readers = [call["reader"] for call in calls]
    return None if not readers else "" if "" in readers else readers[-1]


def _at(call: Line, words: str) -> str:
    return f"{call['at']}: {words}" if call.get("at") else words


def _places(calls: Iterable[Line]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call["at"] for call in calls if call.get("at")))
