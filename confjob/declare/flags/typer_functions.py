"""typer: the parameters of a function that `typer.run` or an app's only command calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from confjob.declare.flags.argument import Argument, Call, Reading, Unread, described, kind_schema, nullable
from confjob.declare.flags.typed import Annotated, annotated
from confjob.declare.pysource import PySource, Unreadable
from confjob.declare.signatures import arguments_of
from confjob.model import Takes
from confjob.tree import MISSING, Json, MissingType

__all__ = ["read_typer", "typer_commands"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def read_typer(source: PySource, function: str = "") -> Reading | None:
    """Return what a typer command of the file takes, or None when there is none.

    Args:
        source: The file.
        function: The command's function; default: the only one.
    """
    commands = typer_commands(source)
    if function in commands:
        return _Reader(source).reading(commands[function])
    if len(commands) == 1 and not function:
        return _Reader(source).reading(next(iter(commands.values())))
    if not commands:
        return None
    names = ", ".join(commands)
    message = f"several commands ({names}); {source.path}:{next(iter(commands))} names one for `parser`"
    where = source.span(next(iter(commands.values())))
    return Reading.of("typer", [], [Unread(message=message, where=where)])


def typer_commands(source: PySource) -> dict[str, Function]:
    """Return the functions that are typer commands, by name."""
    if "typer" not in {origin.partition(".")[0] for origin in source.imports.values()}:
        return {}
    return {each.name: each for each in _commands(source)}


def _commands(source: PySource) -> Iterator[Function]:
    apps = {
        target.id
        for node in source.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if source.origin(node.value.func) == "typer.Typer"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for function in source.functions.values():
        marks = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
        if any(
            isinstance(mark, ast.Attribute) and mark.attr == "command" and ast.unparse(mark.value) in apps
            for mark in marks
        ):
            yield function
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and source.origin(node.func) == "typer.run" and node.args:
            run = source.functions.get(ast.unparse(node.args[0]))
            if run is not None:
                yield run


class _Reader:
    def __init__(self, source: PySource) -> None:
        self.source = source
        self.unread: list[Unread] = []

    def reading(self, function: Function) -> Reading:
        arguments = [
            each for argument, default in arguments_of(function) for each in self._argument(argument, default)
        ]
        return Reading.of("typer", arguments, self.unread)

    def _argument(self, argument: ast.arg, node: ast.expr | None) -> Iterator[Argument]:
        annotation = argument.annotation
        if annotation is not None and "Context" in ast.unparse(annotation):
            return
        said = annotated(self.source, annotation)
        call = self._call(node) or next(iter(said.options), None)
        parameter = _Parameter(argument.arg, said, node, None if call is None else Call(self.source, call))
        if not said.known:
            shown = ast.unparse(annotation) if annotation is not None else ""
            message = f"{argument.arg}: its type {shown} is not read, so its values are not checked"
            self._tell(argument, message)
        default = self._default(parameter)
        takes = parameter.takes(positional=self._is_positional(parameter))
        schema = said.schema or (kind_schema(default) or {"type": "string"} if said.known else {})
        schema = {**nullable(schema, default), **self._bounds(parameter.more)}
        text = parameter.more.text("help") if parameter.more else ""
        yield Argument(
            key=argument.arg,
            word=parameter.on,
            off=parameter.off,
            takes=takes,
            schema=described(schema, text, default),
            default=default,
            required=parameter.default is None,
            where=self.source.span(argument),
            flags=tuple(filter(None, (parameter.on, parameter.off))),
        )

    def _call(self, node: ast.expr | None) -> ast.Call | None:
        """Return `typer.Option(…)` or `typer.Argument(…)`."""
        if isinstance(node, ast.Call) and self.source.origin(node.func) in ("typer.Option", "typer.Argument"):
            return node
        return None

    def _is_positional(self, parameter: _Parameter) -> bool:
        if parameter.more is not None:
            return self.source.origin(parameter.more.node.func) == "typer.Argument"
        return parameter.default is None

    def _default(self, parameter: _Parameter) -> Json | MissingType:
        node = parameter.default
        if node is None:
            return MISSING
        try:
            return self.source.value(node)
        except Unreadable:
            self._tell(node, f"{parameter.name}: default={ast.unparse(node)} can't be read from the text")
            return MISSING

    def _bounds(self, more: Call | None) -> dict[str, Json]:
        named = {"minimum": "min", "maximum": "max"}
        found = {key: more.literal(word) for key, word in named.items()} if more else {}
        return {key: value for key, value in found.items() if isinstance(value, (int, float))}

    def _tell(self, node: ast.AST, message: str) -> None:
        self.unread.append(Unread(message=message, where=self.source.span(node), lost=False))


class _Parameter:
    """A parameter with its annotation, and what `typer.Option(…)` says of it."""

    def __init__(self, name: str, said: Annotated, node: ast.expr | None, more: Call | None) -> None:
        self.name = name
        self.said = said
        self.more = more
        given = list(more.node.args) if more else []
        if more is not None and more.node is node:
            node = more.keywords.get("default") or (given.pop(0) if given else None)
        required = isinstance(node, ast.Constant) and node.value is ...
        self.default = None if required else node
        named = [
            each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        plain = f"--{name.replace('_', '-')}"
        usual = f"{plain}/--no-{plain.removeprefix('--')}" if said.is_bool else plain
        spelled = min(named, key=lambda word: not word.startswith("--"), default=usual)
        self.on, _, self.off = spelled.partition("/")

    def takes(self, *, positional: bool) -> Takes:
        """Return what follows its flag; one without a flag has no spelling."""
        if positional:
            self.on = self.off = ""
            return "argument"
        return "switch" if self.said.is_bool else "repeat" if self.said.is_list else "value"
