"""Whether a module can be imported without running its main part.

The runner imports the module of a `function = ...` job to call one function of it. A
script that calls `main()` at its top level would train twice, or train the wrong thing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from confjob.declare.pysource import PySource, is_main_guard
from confjob.errors import ManifestError
from confjob.model import Problem

__all__ = ["check_guarded"]


def check_guarded(source: PySource, function: str) -> None:
    """Refuse a module that runs one of its own functions when it is imported.

    A bare call of a function of the module counts, and so does anything that leads to
    the job's function; `LOG = make_logger()` does not.

    Raises:
        ManifestError: With every such statement.
    """
    leading = _leading_to(source, function) | {"main"} & set(source.functions)
    problems = [
        Problem(
            code="unguarded",
            message=f"`{_short(node)}` runs when the module is imported, so {function} can't be called alone",
            hint="put it under: if __name__ == '__main__':",
            where=source.span(node),
        )
        for node in _unguarded(source.tree.body)
        if _runs(source, node, leading)
    ]
    if problems:
        raise ManifestError(
            f"{problems[0].where}: {problems[0].message}", hint=problems[0].hint, problems=problems
        )


def _unguarded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the simple statements that an import runs."""
    for node in body:
        if isinstance(node, ast.If) and is_main_guard(node):
            yield from _unguarded(node.orelse)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        elif hasattr(node, "body"):
            for field in ("body", "orelse", "finalbody"):
                yield from _unguarded(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from _unguarded(handler.body)
        else:
            yield node


def _runs(source: PySource, node: ast.stmt, leading: set[str]) -> bool:
    called = {part.func.id for part in ast.walk(node)
              if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}  # fmt: skip
    if called & leading:
        return True
    if not isinstance(node, ast.Expr):
        return False
    # `fire.Fire(train)` hands the function over; `atexit.register(clean_up)` is harmless.
    named = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return bool(called & set(source.functions) or named & leading)


def _leading_to(source: PySource, function: str) -> set[str]:
    """Return the module's functions that call `function`, at any remove, and itself."""
    mentions = {
        name: {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        for name, node in source.functions.items()
    }
    leading: set[str] = set()
    waiting = [function]
    while waiting:
        name = waiting.pop()
        leading.add(name)
        waiting.extend(caller for caller, used in mentions.items() if name in used and caller not in leading)
    return leading


def _short(node: ast.stmt) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 60 else f"{text[:57]}..."
