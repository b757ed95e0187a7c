"""click: the options and arguments of a command, read from its decorators."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from confjob.declare.flags.argument import (
    Argument,
    Call,
    Reading,
    Unread,
    described,
    kind_schema,
    nullable,
)
from confjob.declare.pysource import PySource, Unreadable
from confjob.model import Takes
from confjob.schema import Schema
from confjob.tree import MISSING, Json, MissingType

__all__ = ["click_commands", "is_of_group", "read_click"]

Function = ast.FunctionDef | ast.AsyncFunctionDef

_TYPES: Final[Mapping[str, Schema]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "pathlib.Path": {"type": "string"},
    "click.STRING": {"type": "string"},
    "click.INT": {"type": "integer"},
    "click.FLOAT": {"type": "number"},
    "click.BOOL": {"type": "boolean"},
    "click.Path": {"type": "string"},
    "click.File": {"type": "string"},
    "click.UUID": {"type": "string"},
    "click.DateTime": {"type": "string"},
}
#: Options that end the program.
_SILENT: Final = {"version_option", "help_option", "confirmation_option"}
_NOT_ARGUMENTS: Final = {"command", "group", "pass_context", "pass_obj", "make_pass_decorator"}


def click_commands(source: PySource) -> dict[str, Function]:
    """Return the functions that are click commands, by name; groups are none."""
    return {
        name: function
        for name, function in source.functions.items()
        if any(_decorates(source, each) == "command" for each in function.decorator_list)
    }


def read_click(source: PySource, function: str = "") -> Reading | None:
    """Return what a click command of the file takes, or None when there is none.

    Args:
        source: The file.
        function: The command's function; default: the only one.
    """
    commands = click_commands(source)
    if function in commands:
        return _Reader(source, commands[function]).reading()
    if len(commands) == 1 and not function:
        ((name, only),) = commands.items()
        return _Reader(source, only).reading(subcommand=is_of_group(source, only) and name)
    if len(commands) > 1:
        names = ", ".join(commands)
        message = f"several commands ({names}); {source.path}:{next(iter(commands))} names one for `parser`"
        where = source.span(next(iter(commands.values())))
        return Reading(parser="click", unread=[Unread(message=message, where=where)], closed=False)
    return None


def _decorates(source: PySource, node: ast.expr) -> str:
    """Return what of click a decorator is: `command`, `group`, `option`, or nothing."""
    node = source.followed(node)
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        base = source.origin(function.value)
        is_click = base in ("click", "rich_click") or base.startswith("click.")
        of_group = isinstance(function.value, ast.Name) and _is_group(source, function.value.id)
        return function.attr if is_click or of_group else ""
    origin = source.origin(function)
    return origin.rpartition(".")[2] if origin.startswith(("click.", "rich_click.")) else ""


def _is_group(source: PySource, name: str) -> bool:
    function = source.functions.get(name)
    return function is not None and any(
        ast.unparse(each).partition("(")[0].endswith((".group", "group")) for each in function.decorator_list
    )


def is_of_group(source: PySource, function: Function) -> bool:
    """Whether a command is one of a group's, so that the command line must name it."""
    return any(
        isinstance(base := (each.func if isinstance(each, ast.Call) else each), ast.Attribute)
        and source.origin(base.value) not in ("click", "rich_click")
        for each in function.decorator_list
        if _decorates(source, each) == "command"
    )


class _Reader:
    def __init__(self, source: PySource, function: Function) -> None:
        self.source = source
        self.function = function
        self.unread: list[Unread] = []

    def reading(self, *, subcommand: str | bool = False) -> Reading:
        arguments = [each for node in self.function.decorator_list for each in self._decorator(node)]
        if subcommand:
            self._tell(self.function, f"{subcommand} is a subcommand: the command must name it", lost=False)
        return Reading.of("click", arguments, self.unread)

    def _decorator(self, node: ast.expr) -> Iterator[Argument]:
        kind = _decorates(self.source, node)
        real = self.source.followed(node)
        if kind in _NOT_ARGUMENTS or kind in _SILENT:
            return
        if kind not in ("option", "argument") or not isinstance(real, ast.Call):
            self._tell(node, f"what the decorator `{ast.unparse(node)}` adds is not read")
            return
        call = Call(self.source, real)
        try:
            names = call.words()
        except Unreadable as error:
            self._tell(node, f"an option called `{error}` can't be read from the text")
            return
        argument = _Argument(self.source, call, names, kind == "argument").read()
        self.unread += call.unread
        if argument is not None:
            yield argument

    def _tell(self, node: ast.AST, message: str, *, lost: bool = True) -> None:
        self.unread.append(Unread(message=message, where=self.source.span(node), lost=lost))


class _Argument:
    """One `@click.option` or `@click.argument`."""

    def __init__(self, source: PySource, call: Call, names: Sequence[str], positional: bool) -> None:
        self.source = source
        self.call = call
        self.positional = positional
        parts = [part for name in names for part in _split(name)]
        self.on = [on for on, _ in parts if on.startswith("-")]
        self.off = [off for _, off in parts if off]
        named = [name for name in names if name.isidentifier()]
        longest = sorted(
            self.on or self.off, key=lambda name: len(name) - len(name.lstrip("-")), reverse=True
        )
        self.word = (longest or [""])[0]
        self.key = (named[0] if named else self.word.lstrip("-").replace("-", "_") or names[0]).lower()
        call.shown = "/".join(names)

    def read(self) -> Argument | None:
        if self.call.is_spread():
            return None
        for odd in ("flag_value", "cls"):
            if odd in self.call.keywords:
                self.call.told(f"{odd}= is not read", lost=True)
                return None
        if self.call.is_true("count"):
            default = self.call.literal("default", 0)
            return self._of("count", {"type": "integer", "minimum": default or 0}, default)
        if self._is_switch():
            return self._switch()
        return self._valued()

    def _is_switch(self) -> bool:
        plain = bool(self.off) or self.call.is_true("is_flag")
        return plain and not self.positional

    def _switch(self) -> Argument:
        on = self.word if self.on else ""
        off = self.off[0] if self.off else ""
        return self._of("switch", {"type": "boolean"}, self.call.literal("default", absent=False), on, off)

    def _valued(self) -> Argument:
        item = self._item()
        nargs = self.call.literal("nargs", 1)
        if self.call.is_true("multiple"):
            default = self.call.literal("default", None)
            return self._of("repeat", {"type": "array", "items": item}, [] if default is None else default)
        if "type" in self.call.keywords and isinstance(self.call.keywords["type"], ast.Tuple):
            length = len(self.call.keywords["type"].elts)
            return self._of("tuple", _exactly(length, {}), self.call.literal("default"))
        if nargs == -1:
            schema: Schema = {"type": "array", "items": item}
            least = {"minItems": 1} if self.call.is_true("required") else {}
            return self._of("tuple", {**schema, **least}, [])
        if isinstance(nargs, int) and nargs > 1:
            return self._of("tuple", _exactly(nargs, item), self.call.literal("default"))
        default = self.call.literal("default", None)
        if not item and "type" not in self.call.keywords:
            item = kind_schema(default) or {"type": "string"}
        return self._of("value", item, default)

    def _item(self) -> Schema:
        node = self.call.keywords.get("type")
        if node is None or isinstance(node, ast.Tuple):
            return {}
        node = self.source.followed(node)
        called = node.func if isinstance(node, ast.Call) else node
        origin = self.source.origin(called).replace("rich_click.", "click.")
        origin = origin.replace("click.types.", "click.")
        if isinstance(node, ast.Call) and origin in ("click.IntRange", "click.FloatRange"):
            return self._range(node, "integer" if origin.endswith("IntRange") else "number")
        if isinstance(node, ast.Call) and origin == "click.Choice":
            return self._choice(node)
        if origin in _TYPES:
            return _TYPES[origin]
        self.call.told(
            f"type={self.source.segment(self.call.keywords['type'])} is the script's own, "
            "so its values are not checked"
        )
        return {}

    def _range(self, node: ast.Call, kind: str) -> Schema:
        call = Call(self.source, node)
        given = dict(zip(("min", "max"), node.args, strict=False))
        call.keywords = {**given, **call.keywords}
        if call.is_true("clamp"):
            return {"type": kind}
        low, high = call.literal("min"), call.literal("max")
        schema: Schema = {"type": kind}
        if isinstance(low, (int, float)):
            schema["exclusiveMinimum" if call.is_true("min_open") else "minimum"] = low
        if isinstance(high, (int, float)):
            schema["exclusiveMaximum" if call.is_true("max_open") else "maximum"] = high
        self.call.unread += call.unread
        return schema

    def _choice(self, node: ast.Call) -> Schema:
        call = Call(self.source, node)
        given = dict(zip(("choices", "case_sensitive"), node.args, strict=False))
        call.keywords = {**given, **call.keywords}
        values = call.literal("choices")
        self.call.unread += call.unread
        if not isinstance(values, (list, dict)) or call.literal("case_sensitive", absent=True) is not True:
            return {"type": "string"}
        return {"enum": list(values)}

    def _of(
        self,
        takes: Takes,
        schema: Schema,
        default: Json | MissingType,
        word: str | None = None,
        off: str = "",
    ) -> Argument:
        required = self._is_required(default)
        known = MISSING if required else default
        return Argument(
            key=self.key,
            word="" if self.positional else self.word if word is None else word,
            off=off,
            takes="argument" if self.positional else takes,
            schema=described(nullable(schema, known), self.call.text("help"), default),
            default=known,
            required=required,
            secret=self.call.is_true("hide_input"),
            where=self.call.where,
            flags=(*self.on, *self.off),
        )

    def _is_required(self, default: Json | MissingType) -> bool:
        if "required" in self.call.keywords:
            return self.call.is_true("required")
        if default is not None:
            return False
        # What click would ask a person, nobody can answer in a job.
        asked = self.call.literal("prompt", absent=False) not in (False, None)
        return asked or (self.positional and self.call.literal("nargs", 1) != -1)


def _split(name: str) -> Iterator[tuple[str, str]]:
    """Yield the spellings that say true and false: `--a/--no-a`."""
    on, parted, off = name.partition("/") if name.startswith(("-", "/")) else (name, "", "")
    if parted:
        yield on.strip(), off.strip()
    else:
        yield (on if on.startswith("-") else ""), ""


def _exactly(length: int, item: Schema) -> Schema:
    items = {"items": item} if item else {}
    return {"type": "array", **items, "minItems": length, "maxItems": length}
