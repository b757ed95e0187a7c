"""The public API for plugin authors, and the only module that built-ins import.

Whatever a plugin needs is here; whatever is not here may change without notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import PurePosixPath
from typing import Literal

from attrs import evolve

from confjob import tree
from confjob.errors import BackendError, ConfjobError, InputError, InvalidOverrides
from confjob.hookspecs import hookimpl
from confjob.keypath import KeyPath, PathFilter
from confjob.model import (
    Ask,
    Backend,
    Calls,
    Change,
    Delivery,
    Document,
    Elsewhere,
    Engine,
    Format,
    Held,
    Node,
    Problem,
    Resources,
    Retry,
    RunFile,
    Source,
    Span,
    State,
    Status,
    Submission,
    require_text,
)
from confjob.process import GPU_VARIABLES, ProcessId, bare_environment, live_sessions
from confjob.quote import command_line, quote
from confjob.records import Record, latest_attempt, read_record, write_record
from confjob.remote import COURIER, OUTPUTS_LIMIT, pack, receive
from confjob.schema import Schema
from confjob.tree import MISSING, Json, MissingType

__all__ = [
    "COURIER",
    "GPU_VARIABLES",
    "MISSING",
    "OUTPUTS_LIMIT",
    "Ask",
    "Backend",
    "BackendError",
    "Calls",
    "Change",
    "ConfjobError",
    "Delivery",
    "Document",
    "Elsewhere",
    "Engine",
    "Format",
    "Held",
    "InputError",
    "InvalidOverrides",
    "Json",
    "KeyPath",
    "MissingType",
    "Node",
    "PathFilter",
    "Problem",
    "ProcessId",
    "Record",
    "Resources",
    "Retry",
    "RunFile",
    "Schema",
    "Source",
    "Span",
    "State",
    "Status",
    "Submission",
    "bare_environment",
    "builtin_format",
    "command_line",
    "hookimpl",
    "latest_attempt",
    "live_sessions",
    "pack",
    "quote",
    "read_record",
    "receive",
    "text_format",
    "tree",
    "write_record",
]

#: Reads text (line feeds, no BOM) of a file into nodes, with a span on every value.
Parse = Callable[[str, PurePosixPath], Mapping[KeyPath, Node]]

#: Returns the text of a loaded document with changes made in place.
Edit = Callable[[Document, str, Sequence[Change]], str]


def text_format(  # noqa: PLR0913, PLR0917 - keyword by keyword, what a format may have
    name: str,
    suffixes: tuple[str, ...],
    parse: Parse,
    edit: Edit,
    schema: Callable[[Document], Schema | None] = lambda _: None,
    doubts: Callable[[Document, str], Iterable[Problem]] = lambda _, __: (),
) -> Format:
    """Build a format from two functions over the text of one file.

    Args:
        name: What the manifest's `format =` says.
        suffixes: Endings of file names.
        parse: Reads the text; raises `InputError("file:line:column: why")`.
        edit: Rewrites only what changes; raises `InvalidOverrides` with all refusals.
        schema: As in `Format`.
        doubts: What a person should know of a loaded text; each a warning.
    """

    def load(source: Source) -> Document:
        text = require_text(source)
        document = Document(source=source, nodes=parse(text, source.path or PurePosixPath()))
        return evolve(document, warnings=tuple(doubts(document, text)))

    def deliver(document: Document, changes: Sequence[Change]) -> Delivery:
        source = document.source
        assert source.path is not None
        return Delivery(files={source.path: edit(document, require_text(source), changes)})

    return Format(name=name, load=load, deliver=deliver, suffixes=suffixes, schema=schema)


def builtin_format(name: Literal["yaml", "json", "toml"]) -> Format:
    """Return one of confjob's own formats, for a framework whose files are written in it."""
    # By name: built-ins import this module.
    built_in: Format = import_module(f"confjob.builtin.{name}").FORMAT
    return built_in
