"""INI files as inputs of confjob jobs, and an example of a plugin.

A format is two functions over the text of a file: one reads it into values with their
places (`syntax`), one changes values in that text and leaves all else as it was (`edit`).
The other two hooks are asked about every input of every job, INI or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from confjob.plugin import Document, Format, KeyPath, Schema, hookimpl, text_format
from confjob_example.edit import edit
from confjob_example.syntax import parse

__all__ = ["FORMAT", "confjob_formats", "confjob_hide", "confjob_infer", "schema"]

_TEXT: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
_PATTERNS: Final = (
    re.compile(r"^[+-]?[0-9]+$"),
    re.compile(r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"),
    re.compile(r"^(true|false|yes|no|on|off)$"),
)
_HIDDEN: Final = "confjob: hide"


def schema(document: Document) -> Schema:
    """Say that what is new is text in sections; of what stands there it says nothing.

    So `--set +db.port=0042` adds what was said, and types come from `confjob_infer`, which
    a person may overrule with `--set-any`; a format's own schema they may not.
    """
    known = {name: {**_TEXT, "properties": {key: {} for key in keys}} for name, keys in document.tree.items()}
    return {"type": "object", "properties": known, "additionalProperties": _TEXT}


FORMAT: Final = text_format("ini", (".ini", ".cfg"), parse=parse, edit=edit, schema=schema)


@hookimpl
def confjob_formats() -> Iterator[Format]:
    """Give the format."""
    yield FORMAT


@hookimpl
def confjob_infer(document: Document) -> Mapping[KeyPath, Schema] | None:
    """Say that what reads as a number or a switch stays one: `port = 8080` takes no `banana`.

    Every plugin is asked about every document, so the first thing is to look away.
    """
    if document.source.path is None or not document.source.path.name.endswith(FORMAT.suffixes):
        return None
    texts = ((path, node.value) for path, node in document.nodes.items() if isinstance(node.value, str))
    found = ((path, each) for path, text in texts for each in _PATTERNS[::-1] if each.search(text))
    return {path: {"type": "string", "pattern": each.pattern} for path, each in found}


@hookimpl
def confjob_hide(document: Document) -> Iterable[KeyPath]:
    """Hide every value whose comment says `confjob: hide`, in whatever format it stands."""
    return [path for path, node in document.nodes.items() if _HIDDEN in node.comment]
