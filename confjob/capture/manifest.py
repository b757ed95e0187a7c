"""What was captured as the text of a manifest, with the schema files that go with it.

TOML has no null, and an inline table is one line: what is null is left out and told, and a
schema that is long or has a null becomes a JSON file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from attrs import field, frozen

from confjob.capture.rules import Declared, FileDeclared, RunConfigDeclared
from confjob.tree import Json
from confjob.words import toml_key

__all__ = ["Written", "manifest_text", "toml_value"]

_WIDTH: Final = 100


@frozen(kw_only=True)
class Written:
    """A job's tables.

    Args:
        text: The tables, as TOML.
        schemas: Files that the text refers to, by path.
        left_out: What TOML has no word for, in words.
    """

    text: str
    schemas: Mapping[PurePosixPath, str] = field(factory=dict)
    left_out: Sequence[str] = ()


def manifest_text(
    job: str,
    command: Sequence[str],
    declared: Declared,
    *,
    settings: Sequence[str] = (),
    taken: Collection[PurePosixPath] = (),
) -> Written:
    """Return a job's tables of `launch.toml`.

    Args:
        job: Its name.
        command: Its command.
        declared: Its inputs.
        settings: More lines of its table.
        taken: Paths that no schema file may have.
    """
    writer = _Writer(job, taken)
    lines = [f"[jobs.{toml_key(job)}]", f"command = {toml_value(list(command))}", *settings]
    if declared.run_config is not None:
        lines += ["", *writer.run_config(declared.run_config)]
    for file in declared.files:
        lines += ["", *writer.file(file)]
    return Written(
        text="\n".join(lines) + "\n", schemas=writer.schemas, left_out=tuple(dict.fromkeys(writer.left_out))
    )


class _Writer:
    def __init__(self, job: str, taken: Collection[PurePosixPath]) -> None:
        self.job = job
        self.table = f"jobs.{toml_key(job)}"
        self.taken = set(taken)
        self.schemas: dict[PurePosixPath, str] = {}
        self.left_out: list[str] = []

    def run_config(self, declared: RunConfigDeclared) -> Iterator[str]:
        table = f"{self.table}.run-config"
        yield _head(f"[{table}]", declared.at)
        if declared.reader is not None:
            yield f"reader = {toml_value(declared.reader)}    # what reads it in the job"
        yield from self._common(declared, self.job)
        if isinstance(declared.defaults, PurePosixPath):
            yield f"defaults = {toml_value(str(declared.defaults))}"
            return
        defaults = self._sayable(declared.defaults, "run-config")
        if not defaults:
            return
        line = f"defaults = {toml_value(defaults)}"
        if len(line) <= _WIDTH:
            yield line
        else:
            yield from _tables(f"{table}.defaults", defaults)

    def file(self, declared: FileDeclared) -> Iterator[str]:
        yield _head(f"[[{self.table}.files]]", declared.at)
        yield f"path = {toml_value(str(declared.path))}"
        yield from self._common(declared, f"{self.job}-{declared.path.stem}")

    def _common(self, declared: RunConfigDeclared | FileDeclared, name: str) -> Iterator[str]:
        for key, prefixes in (("include", declared.include), ("exclude", declared.exclude)):
            if prefixes:
                yield f"{key} = {toml_value(list(prefixes))}"
        if isinstance(declared.schema, str):
            yield f"schema = {toml_value(declared.schema)}"
        elif declared.schema is not None:
            yield f"schema = {self._schema(declared.schema, name)}"

    def _schema(self, schema: Json, name: str) -> str:
        """Return a short schema as it is, and the name of the file that a long one gets."""
        if not _has_null(schema):
            inline: str = toml_value(schema)
            if len(inline) <= _WIDTH - len("schema = "):
                return inline
        path, number = PurePosixPath("schemas", f"{_file_name(name)}.json"), 2
        while path in self.taken:
            path = PurePosixPath("schemas", f"{_file_name(name)}-{number}.json")
            number += 1
        self.taken.add(path)
        self.schemas[path] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        return toml_value(str(path))

    def _sayable(self, value: Json, at: str) -> Json:
        """Return a tree without what TOML can't say."""
        if not isinstance(value, Mapping):
            return value
        kept = {}
        for key, below in value.items():
            path = f"{at}:{key}" if at == "run-config" else f"{at}.{key}"
            if below is None or (isinstance(below, list) and _has_null(below)):
                what = "is null" if below is None else "holds a null"
                self.left_out.append(f"{path} {what}, which TOML can't say")
            else:
                kept[key] = self._sayable(below, path)
        return kept


def _head(head: str, places: Sequence[str]) -> str:
    return f"{head}    # {', '.join(places)}" if places else head


def _tables(name: str, values: Mapping[str, Json]) -> Iterator[str]:
    """Yield a mapping as a table, and the mappings in it as tables of their own."""
    nested = {key: below for key, below in values.items() if isinstance(below, Mapping) and below}
    plain = {key: below for key, below in values.items() if key not in nested}
    if plain or not nested:
        yield ""
        yield f"[{name}]"
        yield from (f"{toml_key(key)} = {toml_value(below)}" for key, below in plain.items())
    for key, below in nested.items():
        yield from _tables(f"{name}.{toml_key(key)}", below)


def toml_value(value: Any) -> str:
    """Return a value without nulls as TOML, on one line.

    Example:
        >>> toml_value({"lr": 1e-5, "a b": [True, "x"]})
        '{ lr = 1e-5, "a b" = [true, "x"] }'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{toml_key(key)} = {toml_value(below)}" for key, below in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"[{', '.join(map(toml_value, value))}]"
    return _text(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    # Python writes 1e-05; `1e-5` is how people do.
    return re.sub(r"e([+-]?)0*(\d)", r"e\1\2", repr(value)).replace("e+", "e")


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but TOML wants one more.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _has_null(value: Json) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return value is None or (isinstance(value, list) and any(map(_has_null, value)))


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)
