"""What every probe of confjob's needs: the protocol, and code taken from a user's file.

The code of a file is not run as a whole. A *slice* of it is: the statements that the
asked-for names stand on. A script's main part is never among them, guarded or not, and
a heavy import is only if the names need it.

Standard library only, and tolerant of old Pythons: the job's interpreter may be one.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import sys
import traceback
import types
import typing

__all__ = ["Refused", "Slice", "serve", "set_path", "stand_on"]

_HERE = os.path.dirname(os.path.abspath(__file__))
_MUTATORS = frozenset(
    ("add", "append", "clear", "discard", "extend", "insert", "pop", "remove", "setdefault", "sort", "update")
)
_outside: set[str] = set()
_CLASS_MUTATORS = frozenset(("model_rebuild", "update_forward_refs"))


class Refused(Exception):  # noqa: N818 - the probe's own answer of no
    """Says no in the probe's own words, at a place in the project."""

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.place = file, line


def serve(answer: typing.Callable[[typing.Any], typing.Any]) -> None:
    """Answer the request that `sys.argv` names, whatever the user's code does.

    Args:
        answer: From a request to its JSON answer.
    """
    with open(sys.argv[1], encoding="utf-8") as stream:
        request = json.load(stream)
    root, out = os.path.realpath(os.getcwd()), sys.argv[2]
    del sys.argv[1:]  # modules that read arguments when they are imported find none
    opened = _watch(root)
    reply: dict[str, typing.Any] = {"version": 1}
    try:
        reply["answer"] = answer(request)
        reply["files"] = sorted(opened | _imported(root) | _outside)
        text = json.dumps(reply)
    except BaseException as error:  # noqa: BLE001 - user code may raise anything, SystemExit included
        text = json.dumps({"version": 1, "error": _told(error, root)})
    with open(out, "w", encoding="utf-8") as stream:
        stream.write(text)


def stand_on(path: str) -> None:
    """Note a file outside the project whose content the answer stands on."""
    _outside.add(path)


def set_path(root: str, import_root: str) -> None:
    """Make the project's modules importable, and this folder's no longer."""
    first = [os.path.join(root, import_root), root] if import_root not in ("", ".") else [root]
    sys.path[:] = first + [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
    # The project may have a module called kit or typed, too.
    for name, module in list(sys.modules.items()):
        if name != "__main__" and os.path.dirname(getattr(module, "__file__", None) or "") == _HERE:
            del sys.modules[name]


class Slice:
    """The part of a file's code that some names need, run in a module of its name.

    Args:
        file: The file's path.
        module: The name it is imported under.
    """

    def __init__(self, file: str, module: str) -> None:
        with open(file, "rb") as stream:
            self.tree = ast.parse(stream.read(), file)
        self.tree.body = [part for node in self.tree.body for part in _split(node)]
        self.file = file
        self.module = types.ModuleType(module)
        self.module.__file__ = os.path.abspath(file)
        package = module if os.path.basename(file) == "__init__.py" else module.rpartition(".")[0]
        self.module.__package__ = package
        self._bound = _bindings(self.tree)

    def run(self, extra: ast.stmt) -> types.ModuleType:
        """Run `extra` as the file's last statement, and before it what it needs."""
        body = [*self._needed(extra), extra]
        code = compile(ast.Module(body=body, type_ignores=[]), self.file, "exec")
        if self.module.__package__ and self.module.__package__ != self.module.__name__:
            importlib.import_module(self.module.__package__)
        # Under its name, so that annotations of its classes are resolved in it.
        sys.modules[self.module.__name__] = self.module
        exec(code, self.module.__dict__)  # noqa: S102 - the user's own code, in the user's interpreter
        return self.module

    def function(self, name: str) -> ast.stmt | None:
        """Return the last definition of function `name`, without its body and decorators."""
        found = None
        for node in _statements(self.tree.body):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
                found = node
        if found is not None:
            found.body = [ast.copy_location(ast.Pass(), found.body[0])]
            found.decorator_list = []
        return found

    def _needed(self, extra: ast.stmt) -> list[ast.stmt]:
        wanted: list[ast.stmt] = [extra]
        seen: set[str] = set()
        keep = {id(node) for node in self.tree.body if _always(node)}
        while wanted:
            for name in _loads(wanted.pop()) - seen:
                seen.add(name)
                for node in self._bound.get(name, ()):
                    if id(node) not in keep:
                        keep.add(id(node))
                        wanted.append(node)
        return [node for node in self.tree.body if id(node) in keep]


def _split(node: ast.stmt) -> list[ast.stmt]:
    """Return `import a, b` as two statements, so that each is run only if it is needed."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return [node]
    parts: list[ast.stmt] = []
    for alias in node.names:
        part: ast.stmt = ast.Import([alias])
        if isinstance(node, ast.ImportFrom):
            part = ast.ImportFrom(node.module, [alias], node.level)
        parts.append(ast.copy_location(part, node))
    return parts


def _always(node: ast.stmt) -> bool:
    star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    return star or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _bindings(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """Return name -> top-level statements that bind it or change what it is bound to."""
    bound: dict[str, list[ast.stmt]] = {}
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assigned: set[str] = set()
    for node in tree.body:
        if _is_guard(node):
            continue
        names = set(_stores(node))
        if not isinstance(node, (ast.Import, ast.ImportFrom, ast.ClassDef)):
            assigned |= names
        for name in names | set(_mutated(node, assigned, classes)):
            bound.setdefault(name, []).append(node)
    return bound


def _is_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)
    )


def _statements(body: typing.Iterable[ast.stmt]) -> typing.Iterator[ast.stmt]:
    """Yield statements of module scope, those inside `if` and `try` included."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                yield from _statements(getattr(node, field, ()))
        for handler in getattr(node, "handlers", ()):
            yield from _statements(handler.body)


def _stores(node: ast.AST) -> typing.Iterator[str]:
    """Yield the names that a statement binds in its own scope."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _stores(child)


def _mutated(node: ast.stmt, assigned: set[str], classes: set[str]) -> typing.Iterator[str]:
    """Yield names whose object the statement changes: `A["x"] = 1`, `A.update(…)`."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for part in ast.walk(node):
        if isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.ctx, (ast.Store, ast.Del)):
            yield from _base(part)
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            method = part.func.attr
            for name in _base(part.func.value):
                in_place = name in assigned and method in _MUTATORS
                if in_place or (name in classes and method in _CLASS_MUTATORS):
                    yield name


def _base(node: ast.AST) -> typing.Iterator[str]:
    """Yield the name at the root of `NAME["a"].b`."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _loads(node: ast.AST) -> set[str]:
    """Return every name a statement mentions, those in string annotations included."""
    names = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            names.add(part.id)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) < 200:
            names |= _quoted(part.value)
    return names


def _quoted(text: str) -> set[str]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return set()
    return {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)}


def _watch(root: str) -> set[str]:
    """Note the project files that are opened for reading from now on."""
    opened: set[str] = set()

    def hook(event: str, args: tuple[typing.Any, ...]) -> None:
        if event == "open" and isinstance(args[0], str) and not (args[1] and set("wax+") & set(str(args[1]))):
            path = _of_project(os.path.join(os.getcwd(), args[0]), root)
            if path:
                opened.add(path)

    sys.addaudithook(hook)
    return opened


def _imported(root: str) -> set[str]:
    paths = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {found for found in (_of_project(path, root) for path in paths if path) if found}


def _of_project(path: str, root: str) -> str | None:
    """Return `path` relative to `root`, or None when it is not the project's own."""
    real = os.path.realpath(path)
    inside = real.startswith(root + os.sep)
    prefix = os.path.realpath(sys.prefix) + os.sep
    if not inside or (prefix.startswith(root + os.sep) and real.startswith(prefix)):
        return None
    relative = os.path.relpath(real, root)
    skipped = {"site-packages", "dist-packages", "__pycache__", ".confjob", ".git"}
    return None if skipped & set(relative.split(os.sep)) else relative


def _told(error: BaseException, root: str) -> dict[str, typing.Any]:
    """Return an exception as JSON, with its innermost place in the project."""
    place: tuple[str | None, int | None] = (None, None)
    for frame in traceback.extract_tb(error.__traceback__):
        found = _of_project(frame.filename, root)
        if found:
            place = found, frame.lineno
    if isinstance(error, SyntaxError) and error.filename:
        place = _of_project(error.filename, root) or error.filename, error.lineno
    if isinstance(error, Refused):
        place = error.place
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {
        "type": "" if isinstance(error, Refused) else type(error).__name__,
        "message": message,
        "file": place[0],
        "line": place[1],
        "name": getattr(error, "name", None),
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }
