"""The Hydra app behind a command: what its words and its text say, without running it.

Composing a config as the app does needs three things that only the command and the
decorated function know: which words are overrides, where the search path begins, and
whether configs are registered in code.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import field, frozen

from confjob.plugin import Json

__all__ = [
    "HydraApp",
    "MainCall",
    "app_of",
    "code_digest",
    "main_call",
    "overrides_in",
    "placed",
    "python_files",
    "run_words",
]

#: Hydra's own options that take a value as their next word.
_WITH_VALUE: Final = frozenset(
    [
        "--cfg",
        "-c",
        "--package",
        "-p",
        "--config-path",
        "-cp",
        "--config-name",
        "-cn",
        "--config-dir",
        "-cd",
        "--experimental-rerun",
    ]
)
#: What confjob fills in a command, and its escaped form.
_PLACEHOLDER: Final = re.compile(r"\{(\{[A-Za-z_][\w./-]*(?::[^{}]*)?\})\}|\{[A-Za-z_][\w./-]*(?::[^{}]*)?\}")
_NOT_FOLDERS: Final = frozenset({"node_modules", "site-packages", "__pycache__", "outputs", "multirun"})


@frozen(kw_only=True)
class MainCall:
    """The arguments of `@hydra.main(…)` that are written out; `given` names them all."""

    config_path: str | None = None
    config_name: str | None = None
    version_base: str | None = None
    given: frozenset[str] = field(default=frozenset())


@frozen(kw_only=True)
class HydraApp:
    """The script or module of a command; `program` is the position of its word."""

    program: int
    script: PurePosixPath | None = None
    module: str | None = None


def app_of(command: Sequence[str], root: Path) -> HydraApp:
    """Return the app that a command runs: `… app.py …` or `… -m package.app …`."""
    for position, word in enumerate(command):
        if word.endswith(".py"):
            inside = (root / word).is_file() and not PurePosixPath(word).is_absolute()
            return HydraApp(program=position, script=PurePosixPath(word) if inside else None)
        # A launcher may itself be a module (`-m torch.distributed.run app.py`).
        if position and command[position - 1] == "-m":
            name = PurePosixPath(*word.split("."))
            for file in (name.with_suffix(".py"), name / "__main__.py"):
                if (root / file).is_file():
                    return HydraApp(program=position, script=file, module=word)
    return HydraApp(program=0)


def overrides_in(command: Sequence[str], app: HydraApp) -> list[str]:
    """Return the words of a command that Hydra reads as overrides.

    One with a placeholder of confjob's is left out: what fills it is not known yet.
    """
    words = (command[position] for position in _positions(command, app))
    return [_PLACEHOLDER.sub(r"\1", word) for word in words if not _unfilled(word)]


def run_words(command: Sequence[str], app: HydraApp) -> list[str] | None:
    """Return what Python must be given to run the app alone; None where that is not known."""
    words = command[app.program + 1 :]
    if app.script is None or any(map(_unfilled, words)):
        return None
    program = ["-m", app.module] if app.module else [str(app.script)]
    return [*program, *(_PLACEHOLDER.sub(r"\1", word) for word in words)]


def placed(command: Sequence[str], app: HydraApp, words: Sequence[str]) -> tuple[str, ...]:
    """Return the command with further overrides behind those it has.

    argparse takes one row of them only: behind an option, a second row is an error.
    """
    escaped = [_PLACEHOLDER.sub(lambda match: "{" + match[0] + "}", word) for word in words]
    positions = list(_positions(command, app))
    end = positions[-1] + 1 if positions else len(command)
    return (*command[:end], *escaped, *command[end:])


def main_call(script: Path) -> MainCall | None:
    """Return what `@hydra.main` says in a script, read as text; None where there is none."""
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) in ("hydra.main", "main"):
                    return _call(mark)
    return None


def python_files(root: Path) -> Iterator[Path]:
    """Yield the project's Python files; hidden folders and environments are passed over."""
    for folder, names, files in os.walk(root):
        at = Path(folder)
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".")
            and name not in _NOT_FOLDERS
            and not (at / name / "pyvenv.cfg").exists()
        )
        yield from (at / name for name in sorted(files) if name.endswith(".py"))


def code_digest(root: Path) -> str:
    """Return a digest of the project's Python code, on which the app's own word stands."""
    digest = sha256()
    for path in python_files(root):
        with suppress(OSError):
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _positions(command: Sequence[str], app: HydraApp) -> Iterator[int]:
    skip = False
    for position in range(app.program + 1, len(command)):
        word = command[position]
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _WITH_VALUE
        else:
            yield position


def _unfilled(word: str) -> bool:
    return any(match[1] is None for match in _PLACEHOLDER.finditer(word))


def _call(mark: ast.Call) -> MainCall:
    named: Mapping[str | None, ast.expr] = {item.arg: item.value for item in mark.keywords}
    order = ("config_path", "config_name", "version_base")
    found = {**dict(zip(order, mark.args)), **{name: named[name] for name in order if name in named}}  # noqa: B905
    texts = {name: _text(node) for name, node in found.items()}
    return MainCall(**texts, given=frozenset(found))


def _text(node: ast.expr) -> Json:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
