"""The Python files of a folder, as far as their text tells; none is run."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import frozen

from confjob.model import Calls

__all__ = ["OFFLINE", "Script", "env_settings", "offline_settings", "read_script"]

#: Library that would ask for an account -> the variables with which it does without.
OFFLINE: Final[Mapping[str, Mapping[str, str]]] = {"wandb": {"WANDB_MODE": "offline"}}
#: Libraries whose calls declare inputs once a plugin says so.
_LIBRARIES: Final = {
    "wandb": ("confjob-wandb", {"manage_wandb_config", "manage_config_file", "load_wandb_config"})
}
#: Ours.
_CALLS: Final = {"manage_config", "manage_config_file"}
_NOT_SCRIPTS: Final = {"setup.py", "conftest.py", "noxfile.py", "confjob_plugins.py", "__init__.py"}
#: Names under which a file without a main part is a script all the same, if it does something.
_SCRIPT_NAMES: Final = {"train", "main", "run", "finetune", "fine_tune", "pretrain", "eval", "evaluate"}
#: Readers of a command line whose flags are not read from the text.
_UNREAD_PARSERS: Final = {
    "tyro": "tyro",
    "fire": "fire",
    "simple_parsing": "simple-parsing",
    "jsonargparse": "jsonargparse",
    "docopt": "docopt",
}


@frozen(kw_only=True)
class Script:
    """A Python file: the words in it, and what it defines.

    Args:
        path: The file.
        words: Every text in it.
        imported: The packages that it imports.
        local: The modules it imports, dotted, those of its own package with leading dots.
        has_main: Whether it is there to be run.
        acts: Whether it does something as it is imported.
        parses: Whether it reads a command line outside of functions.
        declares: Whether its calls declare inputs.
        missing: The plugin without which some of its calls can't be read.
        unread_parser: A library that reads its command line in a way that can't be read here.
        job_functions: Its functions with `@job`.
    """

    path: PurePosixPath
    words: frozenset[str]
    imported: frozenset[str]
    local: frozenset[str]
    has_main: bool
    acts: bool
    parses: bool
    declares: bool
    missing: str | None
    unread_parser: str | None
    job_functions: tuple[str, ...] = ()


def read_script(root: Path, name: PurePosixPath, libraries: Sequence[Calls]) -> Script | None:
    """Return what a Python file's text tells, or None when it is no script or can't be parsed."""
    if name.suffix != ".py" or name.name in _NOT_SCRIPTS or name.name.startswith("test_"):
        return None
    try:
        tree = ast.parse((root / name).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    calls = _Calls(tree)
    acts = any(_acts(node) for node in tree.body)
    return Script(
        path=name,
        words=frozenset(_texts(tree)),
        imported=calls.imported,
        local=frozenset(_modules(tree)),
        has_main=any(_is_main_guard(node) for node in tree.body)
        or (acts and name.stem in _SCRIPT_NAMES)
        or name.name == "__main__.py",
        acts=acts,
        parses=bool({"parse_args", "parse_known_args"} & calls.at_top),
        declares=calls.declares(libraries),
        missing=calls.missing(libraries),
        unread_parser=next((said for each, said in _UNREAD_PARSERS.items() if each in calls.imported), None),
        job_functions=tuple(_decorated(tree)),
    )


def offline_settings(libraries: Collection[str]) -> tuple[str, ...]:
    """Return the lines of a job's table with which none of `libraries` asks for an account.

    Example:
        >>> offline_settings(["os", "wandb"])
        ('env = { WANDB_MODE = "offline" }    # no account needed; drop it to log to W&B',)
    """
    return env_settings(libraries, None)


def env_settings(libraries: Collection[str], pythonpath: str | None) -> tuple[str, ...]:
    """Return the line of a job's table for its environment, or nothing.

    Args:
        libraries: The packages that the job imports.
        pythonpath: The folder that its own package is imported from, where that is no other way.
    """
    offline = {
        name: value for library in OFFLINE if library in libraries for name, value in OFFLINE[library].items()
    }
    own = {} if pythonpath is None else {"PYTHONPATH": pythonpath}
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in {**own, **offline}.items())
    why = ["not needed once the package is installed (pip install -e .)"] if own else []
    why += ["no account needed; drop it to log to W&B"] if offline else []
    return (f"env = {{ {pairs} }}    # {'; '.join(why)}",) if pairs else ()


def _texts(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _acts(node: ast.stmt) -> bool:
    """Whether a statement at the top does something by itself."""
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    return called or isinstance(node, (ast.For, ast.While, ast.With))


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base}{'' if base.endswith('.') else '.'}{alias.name}" for alias in node.names)


class _Calls:
    """The calls of a script by their last names: roughly what they are, read in full later."""

    def __init__(self, tree: ast.Module) -> None:
        self.imported = frozenset(_packages(tree))
        self.anywhere = _called(ast.walk(tree))
        # A function that is given values may be anyone's helper; a script is given them as it runs.
        self.at_top = _called(_at_top(tree.body))

    def declares(self, libraries: Sequence[Calls]) -> bool:
        """Whether some of them declare inputs."""
        known = set(_CALLS) if "confjob" in self.imported else set()
        handing: set[str] = set()
        for library in libraries:
            known |= self._of({**library.run_config, **library.file})
            handing |= self._of(library.values)
        return bool(known & self.anywhere or handing & self.at_top)

    def missing(self, libraries: Sequence[Calls]) -> str | None:
        """Return the plugin that would know the rest of them, if it is not there."""
        there = {library.name for library in libraries}
        for name, (package, calls) in _LIBRARIES.items():
            if name in self.imported and name not in there and calls & self.anywhere:
                return package
        return None

    def _of(self, dotted: Iterable[str]) -> set[str]:
        parts = [name.split(".") for name in dotted]
        return {each[-1] for each in parts if each[0] in self.imported}


def _packages(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _called(nodes: Iterable[ast.AST]) -> set[str]:
    return {ast.unparse(node.func).rpartition(".")[2] for node in nodes if isinstance(node, ast.Call)}


def _at_top(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes that run as the script does: those outside of functions and classes."""
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield node
            yield from _at_top(ast.iter_child_nodes(node))


def _decorated(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names = {ast.unparse(mark).partition("(")[0] for mark in node.decorator_list}
            if names & {"job", "confjob.job"}:
                yield node.name
