"""The arguments of `@job(...)`, `manage_config(...)` and `manage_config_file(...)`, from the text.

Both readers of code need the same: a filter, defaults, a schema, each with its position,
and one list of everything that could not be read.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob.declare.modules import Module
from confjob.declare.pysource import PySource, Unreadable
from confjob.declare.schemas import ResolvedSchema, resolve, resolve_expression
from confjob.errors import InputError
from confjob.keypath import KeyPath, PathFilter, PathSyntaxError
from confjob.model import Ask, Node, Problem, Span
from confjob.tree import Json, merge, walk

__all__ = ["ArgumentReader", "Problems", "over", "valued"]

Nodes = Mapping[KeyPath, Node]


class Problems:
    """Gathers what could not be read, each with its place."""

    def __init__(self, input_name: str) -> None:
        self.input = input_name
        self.found: list[Problem] = []

    def add(self, where: Span, message: str, hint: str = "", path: KeyPath = KeyPath()) -> None:
        """Note a problem; it is a warning until somebody raises it."""
        problem = Problem(
            code="unreadable",
            message=message,
            input=self.input,
            path=path,
            hint=hint,
            where=where,
            severity="warning",
        )
        self.found.append(problem)


@frozen(kw_only=True)
class ArgumentReader:
    """Reads arguments of one call; whatever can't be read goes to `problems`.

    Args:
        root: The project root.
        source: The file of the call.
        module: The same file as a module.
        ask: Asks a probe in the job's interpreter.
        problems: The list to add to.
    """

    root: Path
    source: PySource
    module: Module
    ask: Ask
    problems: Problems

    def literal(self, name: str, node: ast.expr | None, kind: type | tuple[type, ...], what: str) -> Json:
        """Return the value of a literal argument of the given type, or None."""
        if node is None:
            return None
        try:
            value = self.source.value(node)
        except Unreadable as error:
            self._unreadable(name, error.node)
            return None
        if value is not None and not isinstance(value, kind):
            self.problems.add(self.source.span(node), f"{name} must be {what}, not {value!r}")
            return None
        return value

    def prefixes(self, name: str, node: ast.expr | None) -> list[str]:
        """Return the path prefixes of `include` or `exclude`; a plain string is one."""
        given = self.literal(name, node, (str, list), "a list of paths")
        if node is None or given is None:
            return []
        where = self.source.span(node)
        listed = [given] if isinstance(given, str) else given
        return [prefix for prefix in listed if self._is_prefix(name, prefix, where)]

    def defaults(self, node: ast.expr | None) -> Nodes | PurePosixPath | None:
        """Return literal defaults, or the file that has them; entries that are no literals are noted."""
        if node is None:
            return None
        try:
            nodes = self.source.nodes(
                node, skipped=lambda part, path: self._unreadable("defaults", part, path)
            )
        except Unreadable as error:
            known = self._dumped(node)
            if known is None:
                self._unreadable("defaults", error.node)
            return known
        value = nodes[KeyPath()].value
        if isinstance(value, dict):
            return nodes
        if isinstance(value, str):
            return PurePosixPath(value.removeprefix("./"))
        if value is not None:
            self.problems.add(self.source.span(node), f"defaults must be a mapping or a file, not {value!r}")
        return None

    def schema(self, node: ast.expr | None) -> ResolvedSchema | None:
        """Return the schema of an argument.

        Raises:
            InputError: When it is there and can't be had: going on without would mean
                that nothing is checked.
        """
        if node is None:
            return None
        try:
            value = self.source.value(node)
        except Unreadable:
            return self._object(node)
        return None if value is None else self._resolved(value, node)

    def _dumped(self, node: ast.expr) -> Nodes | None:
        """Return the values of `INSTANCE.model_dump()` or `asdict(INSTANCE)`, or None for anything else."""
        if not isinstance(node, ast.Call):
            return None
        function = node.func
        instance = node.args[0] if node.args and ast.unparse(function).endswith("asdict") else None
        if isinstance(function, ast.Attribute) and function.attr in ("model_dump", "dict"):
            instance = function.value
        if not isinstance(instance, ast.Name) or instance.id not in self.source.bound:
            return None
        try:
            found = resolve_expression(self.source, self.module, instance, self.ask)
        except InputError:
            return None
        return valued(found.values, found.where) if found.values else None

    def _resolved(self, value: Json, node: ast.expr) -> ResolvedSchema:
        if not isinstance(value, (str, dict)):
            raise InputError(
                f"{self.source.span(node)}: schema must be a JSON Schema or name one, not {value!r}"
            )
        found = resolve(self.root, value, self.ask)
        if found.where:
            return found
        written = self.source.followed(node)
        places = {path: each.where for path, each in self.source.nodes(written).items() if each.where}
        return ResolvedSchema(schema=found.schema, where=self.source.span(written), places=places)

    def _object(self, node: ast.expr) -> ResolvedSchema | None:
        known = {*self.source.bound, *self.source.imports}
        names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
        if (
            any(name not in known and name not in _BUILTINS for name in names)
            and "*" not in self.source.imports
        ):
            self._unreadable("schema", node)
            return None
        return resolve_expression(self.source, self.module, node, self.ask)

    def _is_prefix(self, name: str, prefix: Json, where: Span) -> bool:
        if not isinstance(prefix, str):
            self.problems.add(where, f"{name} must hold paths, not {prefix!r}")
            return False
        try:
            PathFilter([prefix])
        except PathSyntaxError as error:
            self.problems.add(where, f"{name}: {error}")
            return False
        return True

    def _unreadable(self, name: str, part: ast.expr, path: KeyPath = KeyPath()) -> None:
        self.problems.add(
            self.source.span(part),
            f"{name}: `{ast.unparse(part)}` can't be read without running the code",
            hint="write it as a literal, or declare it in launch.toml",
            path=path,
        )


_BUILTINS = frozenset({"dict", "list", "str", "int", "float", "bool", "type", "True", "False", "None"})


def over(below: Nodes | None, above: Nodes | None) -> Nodes | None:
    """Return two trees of nodes as one; `above` wins, mappings are merged."""
    if not below or not above:
        return above or below
    spelled = {**below, **above}
    tree = merge(below[KeyPath()].value, above[KeyPath()].value)
    return {path: _node(spelled[path], value) for path, value in walk(tree)}


def valued(values: Json, where: Span | None) -> Nodes:
    """Return a tree as nodes that all stand at `where`."""
    return {path: Node(value=value, where=where) for path, value in walk(values)}


def _node(node: Node, value: Json) -> Node:
    return Node(value=value, where=node.where, style=node.style, comment=node.comment)
