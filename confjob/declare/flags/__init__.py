"""A script's own command line as a run config: its parser is read as text, never run.

The parser is where a script's author says what may be given, with types, choices, help and
defaults. It is read each time, so that the manifest has no copy to fall behind. What only
the running script knows is told with its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from confjob.declare.flags.absl_flags import read_absl
from confjob.declare.flags.argparse_calls import read_argparse
from confjob.declare.flags.click_calls import read_click
from confjob.declare.flags.dataclass_fields import read_dataclasses
from confjob.declare.flags.subcommands import subcommands
from confjob.declare.flags.typer_functions import read_typer
from confjob.declare.pysource import PySource, read_python
from confjob.errors import InputError
from confjob.keypath import KeyPath
from confjob.model import Flag, InputSpec, Node, Problem, Span
from confjob.tree import MISSING, Json, put, walk
from confjob.words import did_you_mean

if TYPE_CHECKING:
    from confjob.declare.flags.argument import Argument, Reading
    from confjob.schema import Schema

__all__ = ["read_flags", "subcommands_of"]

#: Names of values that must not stand on a command line, where everyone on the machine can read them.
_SECRET: Final = re.compile(
    r"(^|_)(api_?key|passwd|password|secret|(access|api|auth|hf|hub|wandb)_?(key|token))$", re.IGNORECASE
)

_KNOWN: Final = "argparse, click, typer, absl and HfArgumentParser are known"


def read_flags(root: Path, reference: str, command: Sequence[str] = ()) -> InputSpec:
    """Return the run config that a script's parser declares.

    Args:
        root: The project root.
        reference: `train.py`, or `train.py:FUNCTION` where several parsers are built.
        command: The job's command; what it gives itself is no input any more, and the
            subcommand that it names is the one that is read.

    Raises:
        InputError: When the file can't be read, or has no parser that is known.
    """
    name, _, function = reference.partition(":")
    source = read_python(root, PurePosixPath(name))
    if function and function not in source.functions:
        raise InputError(
            f"{name} has no function {function!r}", hint=did_you_mean(function, source.functions)
        )
    known = {} if function else subcommands(source)
    leading = _leading(command)
    subcommand = next((word for word in leading if word in known), "")
    reading = _reading(source, known.get(subcommand) or function, subcommand)
    if reading is None:
        raise InputError(f"{reference}: no parser of a command line is built there", hint=_KNOWN)
    named = subcommand or _named_function(leading, function)
    kept = list(_not_given(reading.arguments, command, len(leading) - (named in leading)))
    return _spec(source, reference, reading, kept)


def subcommands_of(root: Path, path: PurePosixPath) -> tuple[str, ...]:
    """Return the subcommands of a script, as they are typed.

    Raises:
        InputError: When the file can't be read.
    """
    return tuple(subcommands(read_python(root, path)))


def _named_function(leading: Sequence[str], function: str) -> str:
    """Return the word by which a command names a function that the manifest names as well."""
    return next((word for word in leading if function and word.replace("-", "_") == function), "")


def _reading(source: PySource, function: str, subcommand: str) -> Reading | None:
    return (
        read_click(source, function)
        or read_typer(source, function)
        or read_dataclasses(source)
        or read_argparse(source, function, subcommand)
        or read_absl(source)
    )


def _not_given(arguments: Sequence[Argument], command: Sequence[str], leading: int) -> Iterator[Argument]:
    """Yield the arguments that a command does not give itself; `leading` of its words are positional."""
    spelled = {word.partition("=")[0] for word in command}
    for argument in arguments:
        if argument.takes == "argument" and leading:
            leading -= 1
        elif not spelled & set(argument.flags):
            yield argument


def _leading(command: Sequence[str]) -> Sequence[str]:
    """Return the words between the script and the first flag."""
    at = next((number for number, word in enumerate(command) if word.endswith(".py")), None)
    if at is None:
        at = command.index("-m") + 1 if "-m" in command[:-1] else len(command)
    after = command[at + 1 :]
    end = next((number for number, word in enumerate(after) if word.startswith("-")), len(after))
    return after[:end]


def _spec(source: PySource, reference: str, reading: Reading, arguments: Sequence[Argument]) -> InputSpec:
    paths = [_path(argument, arguments) for argument in arguments]
    nodes: dict[KeyPath, Node] = {}
    tree: Json = {}
    for path, argument in zip(paths, arguments, strict=True):
        if argument.default is not MISSING:
            tree = put(tree, path, argument.default)
            nodes |= {
                at: Node(value=value, where=argument.where) for at, value in walk(argument.default, path)
            }
    whole = {at: Node(value=value) for at, value in walk(tree)}
    pairs = list(zip(paths, arguments, strict=True))
    return InputSpec(
        name="run-config",
        kind="run-config",
        defaults={**whole, **nodes},
        schema=_schema(pairs, closed=reading.closed),
        schema_where=reference,
        schema_places={KeyPath(_pointer(path)): argument.where for path, argument in pairs},
        required=tuple(path for path, argument in pairs if argument.required),
        secrets=tuple(path for path, argument in pairs if argument.secret or _SECRET.search(argument.key)),
        flags=tuple(_flag(path, argument) for path, argument in pairs),
        where=source.span(source.tree.body[0]) if source.tree.body else None,
        warnings=tuple(_note(reading, each.message, each.where) for each in reading.unread),
    )


def _path(argument: Argument, arguments: Sequence[Argument]) -> KeyPath:
    """Return the path of a value: `--model.lr` stands in `model`, unless that is a flag itself."""
    parts = tuple(argument.key.split("."))
    taken = {other.key for other in arguments}
    above = {".".join(parts[:size]) for size in range(1, len(parts))}
    return KeyPath((argument.key,)) if taken & above or not all(parts) else KeyPath(parts)


def _flag(path: KeyPath, argument: Argument) -> Flag:
    return Flag(
        path=path,
        word=argument.word,
        off=argument.off,
        takes=argument.takes,
        default=argument.default,
    )


def _schema(pairs: Sequence[tuple[KeyPath, Argument]], *, closed: bool) -> Schema:
    schema: Schema = {}
    for path, argument in pairs:
        schema = put(schema, KeyPath(_pointer(path)), dict(argument.schema))
    return _objects(schema, closed=closed) if closed or pairs else {}


def _pointer(path: KeyPath) -> tuple[str | int, ...]:
    return tuple(part for each in path for part in ("properties", each))


def _objects(schema: Schema, *, closed: bool) -> Schema:
    """Return a tree of `properties` as a schema of mappings."""
    below = schema.get("properties")
    if not isinstance(below, dict):
        return schema if "type" in schema or schema else {}
    inner = {name: _objects(each, closed=closed) for name, each in below.items()}
    return {"type": "object", "properties": inner, **({"additionalProperties": False} if closed else {})}


def _note(reading: Reading, message: str, where: Span) -> Problem:
    return Problem(
        code="unread-flag",
        input="run-config",
        message=f"{reading.parser}: {message}",
        where=where,
        severity="note",
    )
