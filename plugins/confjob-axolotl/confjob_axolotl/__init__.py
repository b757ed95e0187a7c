"""Axolotl's configs: YAML with the types of Axolotl's own model, and its own verdict.

Axolotl drops an unknown key without a word, takes any text for a learning rate until the
run has begun, and lets plugins named in the file add keys. So the schema is asked of it
with those plugins, in the job's own interpreter; without Axolotl there the types are
inferred from the values, and a warning says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from confjob.plugin import (
    Change,
    Delivery,
    Document,
    Format,
    InputError,
    Json,
    KeyPath,
    Problem,
    Schema,
    Source,
    builtin_format,
    hookimpl,
)

__all__ = ["FORMAT", "check", "confjob_formats", "deliver", "load", "recognize", "schema"]

_PROBE: Final = Path(__file__).with_name("probe.py")
_PLUGINS: Final = KeyPath(("plugins",))
#: Keys that together no other framework's config has.
_MARKS: Final = (
    re.compile(r"^base_model\s*:", re.MULTILINE),
    re.compile(r"^(datasets|pretraining_dataset|micro_batch_size|sequence_len)\s*:", re.MULTILINE),
)

_LARGEST: Final = 1 << 20
_NOT_FOLDERS: Final = frozenset({"node_modules", "site-packages", "__pycache__"})


def load(source: Source) -> Document:
    """Read a config, with a warning for each deprecated key it has.

    Raises:
        InputError: When it does not parse.
    """
    document = builtin_format("yaml").load(source)
    selectors = frozenset(_selectors(document))
    return evolve(document, selectors=selectors, warnings=(*document.warnings, *_doubts(document)))


def deliver(document: Document, changes: Sequence[Change]) -> Delivery:
    """Patch the file in place.

    Raises:
        InvalidOverrides: With every change that can't be written.
    """
    return builtin_format("yaml").deliver(document, changes)


def schema(document: Document) -> Schema | None:
    """Return the schema of Axolotl's model and of the file's plugins; None without Axolotl.

    It is closed at the top: a key that the model does not know is one that Axolotl drops.
    Where a plugin can't be loaded its keys are not known, and nothing is closed.
    """
    told = _ask_schema(document)
    if "schema" not in told:
        return None
    whole = told["schema"]
    properties = {**whole["properties"], **_flagged(whole["properties"], told["deprecated"])}
    closed = {} if told["failed"] else {"additionalProperties": False}
    return {**whole, "properties": properties, **closed}


def check(document: Document, deliveries: Sequence[Delivery]) -> Sequence[Sequence[Problem]]:
    """Return Axolotl's own verdict on each delivery, in one start.

    It is given a card that can do all, for the job may run on another machine. Deprecated
    keys that the document does not have yet are told as well, as warnings.
    """
    path = document.source.path
    assert path is not None
    sources = [document.source.applied(delivery) for delivery in deliveries]
    request = {"ask": "check", "texts": [source.text(path) for source in sources]}
    told = _ask(document.source, request)
    if told.get("absent"):
        return [[] for _ in deliveries]
    if "failed" in told:
        unchecked = f"Axolotl's own validation could not be asked: {told['failed']}"
        return [[_doubt(document, KeyPath(), "unchecked", unchecked)] for _ in deliveries]
    deprecated = _ask_schema(document).get("deprecated", {})
    return [
        [
            *(_refused(document, each) for each in problems),
            *_newly_deprecated(document, builtin_format("yaml").load(source), deprecated),
        ]
        for source, problems in zip(sources, told["problems"], strict=True)
    ]


def recognize(folder: Path) -> Iterator[Mapping[str, Json]]:
    """Yield the configs in a folder that are Axolotl's, by the keys at their top."""
    for file in sorted(_yaml_files(folder)):
        try:
            text = file.read_text(encoding="utf-8") if file.stat().st_size < _LARGEST else ""
        except (OSError, UnicodeDecodeError):
            continue
        if all(mark.search(text) for mark in _MARKS):
            path = file.relative_to(folder).as_posix()
            command = ["axolotl", "train", "{config}"]
            yield {"path": path, "name": "config", "format": "axolotl", "command": command}


def _yaml_files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_FOLDERS]
        yield from (Path(folder, name) for name in names if name.endswith((".yaml", ".yml")))


def _selectors(document: Document) -> Iterator[KeyPath]:
    yield _PLUGINS
    listed = _plugins(document)
    yield from (_PLUGINS.child(index) for index in range(len(listed) + 1))


def _plugins(document: Document) -> list[Json]:
    tree = document.tree
    listed = tree.get("plugins") if isinstance(tree, dict) else None
    return listed if isinstance(listed, list) else []


def _doubts(document: Document) -> Iterator[Problem]:
    told = _ask_schema(document)
    if told.get("absent"):
        message = "axolotl is not installed in the job's interpreter: types are inferred from the values"
        yield _doubt(document, KeyPath(), "not-typed", message)
    elif "schema" not in told:
        message = f"Axolotl's schema could not be had, types are inferred from the values: {told['failed']}"
        yield _doubt(document, KeyPath(), "not-typed", message)
    else:
        for name, why in told["failed"].items():
            message = f"the plugin {name} can't be loaded, so the keys it adds are not known: {why}"
            yield _doubt(document, _PLUGINS, "not-typed", message)
        yield from _deprecations(document, told["deprecated"])


def _deprecations(document: Document, deprecated: Mapping[str, str]) -> Iterator[Problem]:
    tree = document.tree
    for key, words in deprecated.items():
        if isinstance(tree, dict) and tree.get(key) is not None:
            message = words if words.lstrip("`").startswith(key) else f"{key} is deprecated: {words}"
            yield _doubt(document, KeyPath((key,)), "deprecated", message)


def _newly_deprecated(
    document: Document, after: Document, deprecated: Mapping[str, str]
) -> Iterator[Problem]:
    old = {problem.path for problem in _deprecations(document, deprecated)}
    yield from (problem for problem in _deprecations(after, deprecated) if problem.path not in old)


def _flagged(properties: Mapping[str, Schema], deprecated: Mapping[str, str]) -> Mapping[str, Schema]:
    return {
        key: {**properties[key], "deprecated": True, "description": words}
        for key, words in deprecated.items()
        if key in properties
    }


def _refused(document: Document, told: Json) -> Problem:
    path = KeyPath(tuple(told["path"]))
    return Problem(
        code="axolotl",
        input=document.source.input,
        path=path,
        message=f"Axolotl: {told['message']}",
        hint="this is a rule of the installed axolotl",
        where=document.where(path),
    )


def _doubt(document: Document, path: KeyPath, code: str, message: str) -> Problem:
    return Problem(
        code=code,
        input=document.source.input,
        path=path,
        message=message,
        where=document.where(path),
        severity="warning",
    )


def _ask_schema(document: Document) -> Json:
    names = [name for name in _plugins(document) if isinstance(name, str)]
    return _ask(document.source, {"ask": "schema", "plugins": names})


def _ask(source: Source, request: Json) -> Json:
    """Return the probe's answer; `absent` without Axolotl, `failed` where it gives none."""
    if source.ask is None:
        return {"absent": True}
    try:
        return source.ask(_PROBE, request)
    except InputError as error:
        return {"failed": error.message}


FORMAT: Final = Format(
    name="axolotl", load=load, deliver=deliver, schema=schema, check=check, recognize=recognize
)


@hookimpl
def confjob_formats() -> Iterator[Format]:
    """Give the format of Axolotl's configs."""
    yield FORMAT
