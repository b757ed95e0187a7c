"""A Python file read as text: literals with exact positions, and names resolved to imports.

Whatever can be said without running the user's code is said here. It costs no import,
gives the line and column of every value, and can't do anything.
"""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from attrs import evolve, frozen

from confjob.errors import InputError
from confjob.keypath import KeyPath
from confjob.model import Node, Span
from confjob.textfile import contained, decode
from confjob.tree import Json

__all__ = ["PySource", "Unreadable", "is_main_guard", "read_python"]

#: A plain `ast.Name` or attribute chain resolved to its origin: `typing.Optional`.
Resolve = Callable[[ast.expr], str]


class Unreadable(Exception):  # noqa: N818 - the reader's answer, caught where it is asked
    """An expression that is no literal; `.node` is the part that is not."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__(ast.unparse(node))
        self.node = node


@frozen(kw_only=True, eq=False, slots=False)
class PySource:
    """A parsed Python file of the project.

    Args:
        path: The file, relative to the project root.
        text: Its text: line feeds only, no byte-order mark.
        tree: Its syntax tree.
    """

    path: PurePosixPath
    text: str
    tree: ast.Module

    def span(self, node: ast.AST) -> Span:
        """Return where `node` stands; offsets and columns count characters."""
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]  # of every expr and stmt
        end_line, end_column = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
        start = self._offset(line, column)
        first = self._starts[line - 1]
        return Span(
            file=self.path,
            line=line,
            column=start - first + 1,
            start=start,
            end=self._offset(end_line, end_column),
        )

    def segment(self, node: ast.AST) -> str:
        """Return the text of `node` as written."""
        where = self.span(node)
        return self.text[where.start : where.end]

    def value(self, node: ast.expr) -> Json:
        """Return the value of a literal; a name of a module-level literal is followed.

        Raises:
            Unreadable: With the part that only running the code could tell.
        """
        return self.nodes(node)[KeyPath()].value

    def nodes(
        self,
        node: ast.expr,
        at: KeyPath = KeyPath(),
        skipped: Callable[[ast.expr, KeyPath], None] | None = None,
    ) -> dict[KeyPath, Node]:
        """Return a literal's values by path, each where it is written.

        Args:
            node: The expression.
            at: Its path.
            skipped: Told of the entries of a mapping that are no literals, which are then
                left out; without it they are refused.

        Raises:
            Unreadable: With the part that only running the code could tell.
        """
        written, node = node, self.followed(node)
        if isinstance(node, ast.Dict) or self._is_dict_call(node):
            return self._mapping(node, at, skipped)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return self._list(node, at)
        value = _scalar(node, self.origin)
        comment = self._comment(node) or self._comment(written)
        return {at: evolve(self._node(node, value), comment=comment)}

    def followed(self, node: ast.expr) -> ast.expr:
        """Return what a name stands for, if a module-level assignment says so and nothing else."""
        seen: set[str] = set()
        while isinstance(node, ast.Name) and node.id not in seen:
            seen.add(node.id)
            assigned = self._constants.get(node.id)
            if assigned is None:
                return node
            node = assigned
        return node

    def origin(self, node: ast.expr) -> str:
        """Return the dotted origin of a name or attribute; `""` for anything else.

        Example: `t.Optional` after `import typing as t` is `typing.Optional`.
        """
        if isinstance(node, ast.Name):
            return self.imports.get(node.id, "" if node.id in self.bound else node.id)
        if isinstance(node, ast.Attribute):
            base = self.origin(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """Imported name -> dotted origin, wherever in the file the import stands."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    found[alias.asname or name] = name
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                for alias in node.names:
                    found[alias.asname or alias.name] = (
                        f"{base}{'' if base.endswith('.') else '.'}{alias.name}"
                    )
        return found

    @cached_property
    def bound(self) -> frozenset[str]:
        """Names that module-level statements bind, imports not counted."""
        names: set[str] = set()
        for node in self.statements():
            names |= set(_stored(node))
        return frozenset(names)

    @cached_property
    def functions(self) -> Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """Module-level functions; the last definition of a name counts."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return {node.name: node for node in self.statements() if isinstance(node, kinds)}

    def statements(self) -> Iterator[ast.stmt]:
        """Yield the statements of module scope, those inside `if`, `try` and `with` too."""
        return _statements(self.tree.body)

    def _offset(self, line: int, column: int) -> int:
        start = self._starts[line - 1]
        if self._ascii:
            return start + column
        stop = self._starts[line] if line < len(self._starts) else len(self.text)
        return start + len(self.text[start:stop].encode()[:column].decode())

    @cached_property
    def _ascii(self) -> bool:
        return self.text.isascii()

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    @cached_property
    def _comments(self) -> Mapping[int, str]:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {
            token.start[0]: token.string.removeprefix("#").strip()
            for token in tokens
            if token.type == tokenize.COMMENT
        }

    @cached_property
    def _constants(self) -> Mapping[str, ast.expr]:
        """Names bound once, by a plain assignment at the top, whose object nothing there changes."""
        values: dict[str, ast.expr] = {}
        for node in self.tree.body:
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                values[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                values[node.target.id] = node.value
        bindings = Counter(name for node in self.tree.body for name in _stored(node))
        changed = set(_changed(self.tree))
        return {name: value for name, value in values.items() if bindings[name] == 1 and name not in changed}

    def _is_dict_call(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self.origin(node.func) == "dict" and not node.args

    def _mapping(
        self, node: ast.expr, at: KeyPath, skipped: Callable[[ast.expr, KeyPath], None] | None
    ) -> dict[KeyPath, Node]:
        found: dict[KeyPath, Node] = {}
        below: dict[str, Json] = {}
        for key, expression in self._entries(node):
            path = at.child(key)
            try:
                inner = self.nodes(expression, path, skipped)
            except Unreadable as error:
                if skipped is None:
                    raise
                skipped(error.node, path)
                continue
            if key in below:  # written twice: the last counts
                found = {known: node for known, node in found.items() if not known.startswith(path)}
            found |= inner
            below[key] = inner[path].value
        return {at: self._node(node, below), **found}

    def _entries(self, node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
        """Yield the entries of a display or `dict(...)`, those of a `**LITERAL` included."""
        pairs: list[tuple[str | None, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = [(self._key(key), value) for key, value in zip(node.keys, node.values, strict=True)]
        elif isinstance(node, ast.Call):
            pairs = [(keyword.arg, keyword.value) for keyword in node.keywords]
        for key, value in pairs:
            spread = self.followed(value)
            if key is not None:
                yield key, value
            elif isinstance(spread, ast.Dict) or self._is_dict_call(spread):
                yield from self._entries(spread)
            else:
                raise Unreadable(value)

    def _key(self, node: ast.expr | None) -> str | None:
        if node is None:
            return None
        key = _scalar(self.followed(node), self.origin)
        if not isinstance(key, str):
            raise Unreadable(node)
        return key

    def _list(self, node: ast.List | ast.Tuple | ast.Set, at: KeyPath) -> dict[KeyPath, Node]:
        found: dict[KeyPath, Node] = {}
        items: list[Json] = []
        for number, element in enumerate(node.elts):
            inner = self.nodes(element, at.child(number))
            found |= inner
            items.append(inner[at.child(number)].value)
        return {at: self._node(node, items), **found}

    def _comment(self, node: ast.expr) -> str:
        return self._comments.get(node.end_lineno or 0, "")

    def _node(self, node: ast.expr, value: Json) -> Node:
        where = self.span(node)
        quote = self.text[where.start] if isinstance(value, str) else ""
        return Node(value=value, where=where, style=quote if quote in "'\"" else "")


def read_python(root: Path, path: PurePosixPath) -> PySource:
    """Read and parse a Python file of the project.

    Raises:
        InputError: When it is missing, outside the project, not UTF-8, or not Python.
    """
    text = decode(contained(root, path).read_bytes(), path).text
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise InputError(
            f"{path}:{error.lineno}:{error.offset or 1}: {error.msg}", hint="the file is not valid Python"
        ) from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return PySource(path=path, text=text, tree=tree)


def is_main_guard(node: ast.stmt) -> bool:
    """Whether `node` is `if __name__ == "__main__":`."""
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1):
        return False
    sides = [node.test.left, *node.test.comparators]
    named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    main = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    return named and main and isinstance(node.test.ops[0], ast.Eq)


def _scalar(node: ast.expr, origin: Resolve) -> Json:
    if isinstance(node, ast.Constant) and _is_json(node.value):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        number = _scalar(node.operand, origin)
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.Call) and origin(node.func) == "pathlib.Path" and len(node.args) == 1:
        inner = _scalar(node.args[0], origin)
        if isinstance(inner, str) and not node.keywords:
            return str(PurePosixPath(inner))
    raise Unreadable(node)


def _is_json(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int, str))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            for field in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in its own scope, imports not counted."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _stored(child)


_MUTATORS = frozenset({"append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"})


def _changed(tree: ast.Module) -> Iterator[str]:
    """Yield names that are declared global somewhere, or whose object the module changes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield from _base(node)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _MUTATORS
        ):
            yield from _base(node.func.value)


def _base(node: ast.expr) -> Iterator[str]:
    """Yield the name at the root of `NAME["a"].b`."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
