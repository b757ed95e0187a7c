"""argparse: whose arguments a call adds, the parser's own or a subcommand's."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["Owners", "calls_of", "first_word", "method_of"]


def calls_of(tree: ast.AST) -> list[ast.Call]:
    """Return the calls in a tree, in the order of the lines."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return sorted(calls, key=lambda node: (node.lineno, node.col_offset))


def method_of(node: ast.expr | None) -> str:
    """Return the name of the method that an expression calls, or nothing."""
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return node.func.attr if is_method else ""  # type: ignore[union-attr]  # is_method says so


def first_word(node: ast.Call) -> str:
    """Return a call's first argument if it is a text, or nothing."""
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


class Owners:
    """Whose arguments a call adds: those of the parser (`""`), or of a subcommand.

    Names are followed in the order of the lines, since one name often stands for one
    subcommand's parser after another.
    """

    def __init__(self, tree: ast.AST) -> None:
        pairs = [pair for node in ast.walk(tree) for pair in _assigned(node)]
        self._bound = {id(value): name for name, value in pairs}
        self._owner: dict[str, str] = {}

    def of(self, node: ast.Call) -> str:
        """Return whose a call is; calls must be asked about in the order of the lines."""
        chain = list(_chain(node))
        made = next((first_word(each) or "?" for each in chain if method_of(each) == "add_parser"), None)
        base = chain[-1].func.value if isinstance(chain[-1].func, ast.Attribute) else None
        owner = self._owner.get(base.id, "") if isinstance(base, ast.Name) else ""
        found = owner if made is None else made
        if id(node) in self._bound:
            self._owner[self._bound[id(node)]] = found
        return found


def _chain(node: ast.Call) -> Iterator[ast.Call]:
    """Yield a call, the call whose result it is a method of, and so on."""
    yield node
    while isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        node = node.func.value
        yield node


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names that a statement binds, with what they are bound to."""
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id, node.value
