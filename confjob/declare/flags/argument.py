"""What all readers of parsers come to: an argument with its type, its default and its flag."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import field, frozen

from confjob.declare.pysource import PySource, Unreadable
from confjob.model import Span, Takes
from confjob.schema import Schema
from confjob.tree import MISSING, Json, MissingType

__all__ = ["Argument", "Call", "Reading", "Unread", "described", "kind_schema", "nullable", "range_schema"]

_KINDS: Final = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}


@frozen(kw_only=True)
class Argument:
    """One argument of a script.

    Args:
        key: What the script calls its value; dots part mappings.
        word: The flag; empty for a positional argument.
        off: The flag that says false.
        takes: As of `Flag`.
        schema: The type of its value.
        default: What the script takes when nothing is said; `MISSING` when the text does not tell.
        required: Whether it must be given.
        secret: Whether its author hides what is typed.
        where: Where it is declared.
        flags: All its spellings.
    """

    key: str
    word: str = ""
    off: str = ""
    takes: Takes = "value"
    schema: Schema = field(factory=dict)
    default: Json | MissingType = MISSING
    required: bool = False
    secret: bool = False
    where: Span
    flags: Sequence[str] = ()


@frozen(kw_only=True)
class Unread:
    """What of a parser the text does not tell, and where it stands.

    Args:
        message: What it is.
        where: Where it stands.
        lost: Whether an argument can't be declared for it.
    """

    message: str
    where: Span
    lost: bool = True


@frozen(kw_only=True)
class Reading:
    """What a parser declares.

    Args:
        parser: What kind it is, in a word.
        arguments: In the order in which positional ones are given.
        unread: What the text does not tell.
        closed: Whether the arguments are all there are.
    """

    parser: str
    arguments: Sequence[Argument] = ()
    unread: Sequence[Unread] = ()
    closed: bool = True

    @classmethod
    def of(
        cls, parser: str, arguments: Sequence[Argument], unread: Iterable[Unread], *, more: bool = False
    ) -> Reading:
        """Return a reading; `more` says that the script takes arguments that its parser does not know."""
        told = tuple(dict.fromkeys(unread))
        closed = bool(arguments) and not more and not any(each.lost for each in told)
        return cls(parser=parser, arguments=arguments, unread=told, closed=closed)


class Call:
    """The arguments of one call: literals are read, what is none is remembered as unread."""

    def __init__(self, source: PySource, node: ast.Call, shown: str = "") -> None:
        self.source = source
        self.shown = shown
        self.node = node
        self.where = source.span(node)
        self.keywords = {each.arg: each.value for each in node.keywords if each.arg is not None}
        self.unread: list[Unread] = []

    def is_spread(self) -> bool:
        """Whether a `**` argument says more of it, which is then told."""
        spread = any(each.arg is None for each in self.node.keywords)
        if spread:
            self.told("its `**` argument is not read", lost=True)
        return spread

    def words(self) -> list[str]:
        """Return the leading positional arguments, which are texts.

        Raises:
            Unreadable: When one is no literal.
        """
        words = [self.source.value(each) for each in self.node.args]
        for node, word in zip(self.node.args, words, strict=True):
            if not isinstance(word, str):
                raise Unreadable(node)
        return words

    def literal(self, name: str, absent: Json | MissingType = None) -> Json | MissingType:
        """Return a keyword's value; `MISSING`, remembered as unread, when it is no literal."""
        if name not in self.keywords:
            return absent
        if self.origin(name) == "argparse.SUPPRESS":
            return MISSING
        try:
            return self.source.value(self.keywords[name])
        except Unreadable:
            self.told(f"{name}={self.source.segment(self.keywords[name])} can't be read from the text")
            return MISSING

    def text(self, name: str) -> str:
        """Return a keyword's text, or nothing where it is none in the text."""
        try:
            value = self.source.value(self.keywords[name]) if name in self.keywords else ""
        except Unreadable:
            return ""
        return value if isinstance(value, str) else ""

    def is_true(self, name: str) -> bool:
        """Whether a keyword is true in the text."""
        return self.literal(name, absent=False) is True

    def origin(self, name: str) -> str:
        """Return where the name that is a keyword's value comes from."""
        return self.source.origin(self.keywords[name]) if name in self.keywords else ""

    def told(self, message: str, *, lost: bool = False) -> None:
        """Remember what can't be read."""
        said = " ".join((f"{self.shown}: {message}" if self.shown else message).split())
        self.unread.append(Unread(message=said, where=self.where, lost=lost))


def described(schema: Schema, text: str, default: Json | MissingType) -> Schema:
    """Return a schema with its help text as description."""
    shown = "" if default is MISSING else str(default)
    line = " ".join(text.replace("%(default)s", shown).replace("%%", "%").split())
    return {**schema, "description": line} if line and line != "==SUPPRESS==" else schema


def kind_schema(default: Json | MissingType) -> Schema:
    """Return the type that a default tells: of text, whole numbers, numbers and truth values."""
    return {"type": _KINDS[type(default)]} if type(default) in _KINDS else {}


def nullable(schema: Schema, default: Json | MissingType) -> Schema:
    """Return a schema that admits a default of None too."""
    if default is not None or not schema:
        return schema
    if "enum" in schema:
        return {**schema, **_with_null(schema), "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, **_with_null(schema)}
    return schema


def _with_null(schema: Schema) -> Schema:
    return {"type": [schema["type"], "null"]} if isinstance(schema.get("type"), str) else {}


def range_schema(node: ast.expr, source: PySource) -> Schema | None:
    """Return the bounds of `range(…)` with literal arguments, or None for anything else."""
    node = source.followed(node)
    if not isinstance(node, ast.Call) or source.origin(node.func) != "range" or node.keywords:
        return None
    try:
        numbers = [source.value(each) for each in node.args]
    except Unreadable:
        return None
    if not numbers or not all(isinstance(each, int) for each in numbers):
        return None
    span = range(*numbers)
    if span.step == 1 and span:
        return {"minimum": span[0], "maximum": span[-1]}
    return {"enum": list(span)} if len(span) <= 100 else {}
