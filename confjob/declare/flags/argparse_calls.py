"""argparse: `add_argument` calls read from the text, wherever in the file the parser is built."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import evolve

from confjob.declare.flags.argparse_parsers import Owners, calls_of, first_word, method_of
from confjob.declare.flags.argument import (
    Argument,
    Call,
    Reading,
    Unread,
    described,
    kind_schema,
    nullable,
    range_schema,
)
from confjob.declare.pysource import PySource, Unreadable
from confjob.model import Takes
from confjob.schema import Schema
from confjob.tree import MISSING, Json, MissingType

__all__ = ["parsers_of_subcommands", "read_argparse"]

_PARSERS: Final = {"argparse.ArgumentParser"}
_TYPES: Final[Mapping[str, Schema]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "pathlib.Path": {"type": "string"},
    "pathlib.PurePath": {"type": "string"},
    "os.path.abspath": {"type": "string"},
    "os.path.expanduser": {"type": "string"},
    "argparse.FileType": {"type": "string"},
}
_SILENT: Final = ("help", "version")
_SWITCHES: Final = ("store_true", "store_false")


def read_argparse(source: PySource, function: str = "", subcommand: str = "") -> Reading | None:
    """Return what the file's argparse parser declares, or None when it builds none.

    Args:
        source: The file.
        function: The function that builds the parser; default: wherever it is built.
        subcommand: The subcommand whose own arguments are meant; default: the parser's.
    """
    inside = source.functions.get(function) if function else None
    calls = calls_of(inside or source.tree)
    roots = [node for node in calls if source.origin(node.func) in _PARSERS]
    adding = [node for node in calls if method_of(node) in ("add_argument", "set_defaults")]
    if not roots and not (inside and adding):
        return None
    return _Reader(source, inside or source.tree, roots).reading(subcommand)


def parsers_of_subcommands(source: PySource) -> list[str]:
    """Return the names of the subcommands of the file's argparse parser."""
    calls = calls_of(source.tree)
    if not any(source.origin(node.func) in _PARSERS for node in calls):
        return []
    return [name for node in calls if method_of(node) == "add_parser" and (name := first_word(node))]


class _Reader:
    def __init__(self, source: PySource, tree: ast.AST, roots: list[ast.Call]) -> None:
        self.source = source
        self.roots = roots
        self.unread: list[Unread] = []
        self.calls = calls_of(tree)
        owners = Owners(tree)
        self.owned = [(owners.of(node), node) for node in self.calls]

    def reading(self, subcommand: str) -> Reading:
        self._odd_parsers()
        found: dict[str, Argument] = {}
        defaults: dict[str, Json] = {}
        above = False
        for owner, node in self.owned:
            method = method_of(node)
            if method == "add_subparsers" and not subcommand:
                self._tell(node, "subcommands are not read: the command names the one that is meant")
            elif owner != subcommand:
                above |= owner == "" and method == "add_argument"
            elif method == "set_defaults":
                defaults |= self._set_defaults(node)
            elif method == "add_argument":
                for argument in self._argument(node):
                    found[argument.key] = _together(found.get(argument.key), argument)
        if above:
            self._tell(
                self.roots[0],
                "flags before the subcommand are not read: write them into the command",
                lost=False,
            )
        arguments = [_with_default(each, defaults) for each in found.values()]
        more = any(method_of(node) == "parse_known_args" for node in self.calls)
        return Reading.of("argparse", arguments, self.unread, more=more)

    def _odd_parsers(self) -> None:
        """Tell of parsers that understand words in another way than they are written here."""
        own = [node for node in self.roots if not self._is_parent(node)]
        if len(own) > 1:
            where = ", ".join(str(self.source.span(node).line) for node in own)
            message = f"several parsers (lines {where}): name the function that builds the one to read"
            self._tell(own[0], message)
        for node in self.roots:
            call = Call(self.source, node)
            for name in ("prefix_chars", "fromfile_prefix_chars"):
                if call.literal(name) is not None:
                    call.told(f"{name} is not minded")
            if call.keywords.get("parents") is not None and len(self.roots) == 1:
                call.told("the arguments of its parents are not read")
            self.unread += call.unread

    def _is_parent(self, node: ast.Call) -> bool:
        call = Call(self.source, node)
        return call.is_true("add_help") is False and "add_help" in call.keywords

    def _set_defaults(self, node: ast.Call) -> dict[str, Json]:
        call = Call(self.source, node)
        read = {name: call.literal(name) for name in call.keywords}
        self.unread += call.unread
        return read

    def _argument(self, node: ast.Call) -> Iterator[Argument]:
        call = Call(self.source, node)
        try:
            names = call.words()
        except Unreadable as error:
            self._tell(node, f"an argument called `{error}` can't be read from the text")
            return
        if names and call.text("action") not in _SILENT:
            argument = _Argument(self.source, call, names).read()
            if argument is not None:
                yield argument
        self.unread += call.unread

    def _tell(self, node: ast.AST, message: str, *, lost: bool = True) -> None:
        self.unread.append(Unread(message=message, where=self.source.span(node), lost=lost))


def _together(first: Argument | None, second: Argument) -> Argument:
    """Return two arguments for one value as one: `--x` and `--no-x` are one switch."""
    if first is None:
        return second
    if first.takes == second.takes == "switch":
        return evolve(
            first,
            word=first.word or second.word,
            off=first.off or second.off,
            flags=(*first.flags, *second.flags),
        )
    return first


def _with_default(argument: Argument, defaults: Mapping[str, Json]) -> Argument:
    if argument.key not in defaults:
        return argument
    default = defaults[argument.key]
    return evolve(argument, default=default, schema=nullable(argument.schema, default), required=False)


class _Argument:
    """One `add_argument` call."""

    def __init__(self, source: PySource, call: Call, names: list[str]) -> None:
        self.source = source
        self.call = call
        self.flags = [name for name in names if name.startswith("-")]
        long = [name for name in self.flags if name.startswith("--")]
        self.word = (long or self.flags or [""])[0]
        self.key = call.text("dest") or self.word.lstrip("-").replace("-", "_") or names[0]
        self.action = call.text("action") or ("" if "action" in call.keywords else "store")
        call.shown = "/".join(names)

    def read(self) -> Argument | None:
        if self.call.is_spread():
            return None
        if self.call.origin("action").endswith("BooleanOptionalAction"):
            return self._switch(self.word, f"--no-{self.word.removeprefix('--')}")
        if self.action in _SWITCHES:
            return self._switched()
        if self.action == "count":
            schema = {"type": "integer", "minimum": self.call.literal("default", 0) or 0}
            return self._of("count", schema, self.call.literal("default", None))
        if self.action == "append" and "nargs" not in self.call.keywords:
            return self._appended()
        if self.action == "store":
            return self._stored()
        said = self.source.segment(self.call.keywords["action"])
        self.call.told(f"action={said} is not read", lost=True)
        return None

    def _switched(self) -> Argument:
        says = self.action == "store_true"
        default = self.call.literal("default", not says)
        return self._of(
            "switch",
            {"type": "boolean"},
            default,
            word=self.word if says else "",
            off="" if says else self.word,
        )

    def _switch(self, word: str, off: str) -> Argument:
        return self._of("switch", {"type": "boolean"}, self.call.literal("default", None), word=word, off=off)

    def _appended(self) -> Argument | None:
        default = self.call.literal("default", None)
        if default:
            self.call.told("it adds to a default, which can't be said anew; not read", lost=True)
            return None
        schema: Schema = {"type": "array", "items": self._item()}
        return self._of("repeat", schema if default == [] else {**schema, "minItems": 1}, default)

    def _stored(self) -> Argument | None:
        nargs = self.call.literal("nargs")
        item = self._item()
        if nargs is None or nargs == "?":
            return self._one(item)
        if nargs is MISSING or nargs in ("...", "A..."):
            self.call.told("what it takes is not read; say it after `--`", lost=True)
            return None
        schema: Schema = {"type": "array", "items": item} if item else {"type": "array"}
        if isinstance(nargs, int):
            schema |= {"minItems": nargs, "maxItems": nargs}
        elif nargs == "+":
            schema |= {"minItems": 1}
        default = self.call.literal("default", None if self.flags else [])
        return self._of("words", schema, [default] if isinstance(default, str) else default)

    def _one(self, item: Schema) -> Argument:
        default = _converted(self.call.literal("default", None), item)
        truthy = self.call.origin("type") == "bool"
        if not item and "type" not in self.call.keywords:
            item = {"type": "string"}
        if default is not None and default is not MISSING and item.get("type") != "string":
            item = _united(item, kind_schema(default))
        return self._of("truthy" if truthy else "value", item, default)

    def _item(self) -> Schema:
        """Return the type of a word."""
        node = self.call.keywords.get("type")
        called = node.func if isinstance(node, ast.Call) else node
        known = _TYPES.get(self.source.origin(called)) if called is not None else {"type": "string"}
        if known is None:
            said = self.source.segment(node) if node is not None else ""
            self.call.told(f"type={said} is the script's own, so its values are not checked")
        return {**(known or {}), **self._choices()}

    def _choices(self) -> Schema:
        node = self.call.keywords.get("choices")
        if node is None:
            return {}
        bounds = range_schema(node, self.source)
        if bounds is not None:
            return bounds
        values = self.call.literal("choices")
        if isinstance(values, (list, dict)) and values:
            return {"enum": list(values)}
        return {}

    def _of(
        self,
        takes: Takes,
        schema: Schema,
        default: Json | MissingType,
        word: str | None = None,
        off: str = "",
    ) -> Argument:
        optional = bool(self.flags) or self.call.literal("nargs") in ("?", "*")
        required = self.call.is_true("required") or not optional
        known = MISSING if required else default
        return Argument(
            key=self.key,
            word=self.word if word is None else word,
            off=off,
            takes=takes if self.flags else "argument",
            schema=described(nullable(schema, known), self.call.text("help"), default),
            default=known,
            required=required,
            where=self.call.where,
            flags=tuple(self.flags),
        )


def _converted(default: Json | MissingType, kind: Schema) -> Json | MissingType:
    """Return a default as argparse makes it: it reads texts as if they had been typed."""
    readers = {"integer": int, "number": float}
    read = readers.get(kind.get("type", ""))
    if read is None or not isinstance(default, str):
        return default
    try:
        return read(default)
    except ValueError:
        return default


def _united(kind: Schema, other: Schema) -> Schema:
    """Return a type that admits the default's kind as well: it is not always what the type says."""
    names = [kind.get("type"), other.get("type")]
    if None in names or names[0] == names[1] or names == ["number", "integer"]:
        return kind
    return {**kind, "type": names}
