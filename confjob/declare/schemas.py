"""An author's schema, however it is given: a table, a file, or an object in code."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import field, frozen

from confjob.declare.modules import Module, candidates, locate
from confjob.declare.pysource import PySource, Unreadable, read_python
from confjob.errors import InputError
from confjob.keypath import KeyPath
from confjob.model import Ask, Source, Span
from confjob.plugin import builtin_format
from confjob.probe import PROBES
from confjob.schema import Schema
from confjob.textfile import contained, decode
from confjob.tree import Json
from confjob.words import did_you_mean

__all__ = ["ResolvedSchema", "resolve", "resolve_expression"]

_SUFFIXES = (".json", ".yaml", ".yml", ".toml")


@frozen(kw_only=True)
class ResolvedSchema:
    """A schema with what came along.

    Args:
        schema: JSON Schema.
        values: The values of an instance, which are defaults; None for a class or dict.
        where: Where it is defined, if that is in the project.
        places: Where its parts stand, by their paths in it, if it is a file.
    """

    schema: Schema
    values: Json | None = None
    where: Span | None = None
    places: Mapping[KeyPath, Span] = field(factory=dict)

    @property
    def stands(self) -> str:
        """Where it is defined, in words; nothing where that is not known."""
        return f"{self.where.file}:{self.where.line}" if self.where else ""


def resolve(root: Path, reference: dict[str, Json] | str, ask: Ask) -> ResolvedSchema:
    """Return the schema that `reference` means.

    Args:
        root: The project root.
        reference: A JSON Schema, `"schema.json"` (or `.yaml`, `.toml`),
            `"file.py:Object"`, or `"package.module:Object"`.
        ask: Asks a probe in the job's interpreter; it is used for objects that are no
            literals, and keeps the answer while the project's files are unchanged.

    Raises:
        InputError: When there is no such thing, or it is no schema.
    """
    if isinstance(reference, dict):
        return ResolvedSchema(schema=reference)
    if ":" in reference:
        return _object(root, reference, ask)
    if reference.endswith(_SUFFIXES):
        path = PurePosixPath(reference)
        return ResolvedSchema(schema=_file(root, path), where=_top(reference), places=_places(root, path))
    raise InputError(
        f"schema = {reference!r} is neither a file nor an object in code",
        hint='write "schema.json", "file.py:Object" or "package.module:Object"',
    )


def resolve_expression(source: PySource, module: Module, node: ast.expr, ask: Ask) -> ResolvedSchema:
    """Return the schema that an expression in a project file makes.

    Only what the expression needs is run: imports, classes and assignments, never the
    file's main part.

    Raises:
        InputError: When it can't be had in the job's interpreter.
    """
    where = source.span(node)
    try:
        return _checked(source.value(node), str(where), where)
    except Unreadable:
        return _evaluated(module, source.segment(node), where, ask)


def _object(root: Path, reference: str, ask: Ask) -> ResolvedSchema:
    """Return the object that a reference names in a project file, a project module or an installed one."""
    file, _, name = reference.rpartition(":")
    if not all(part.isidentifier() for part in name.split(".")):
        raise InputError(f"schema = {reference!r}: {name!r} names no object", hint='write "file.py:Object"')
    if not file.endswith(".py") and not any((root / path).is_file() for _, path in candidates(file)):
        answer = ask(PROBES / "describe_schema.py", {"module": file, "expression": name})
        return ResolvedSchema(schema=answer["schema"], values=answer.get("values"))
    module = locate(root, file)
    source = read_python(root, module.file)
    first = name.partition(".")[0]
    known = [*source.bound, *source.imports]
    if first not in known and "*" not in source.imports:
        raise InputError(
            f"schema = {reference!r}: {module.file} defines no {first!r}",
            hint=did_you_mean(first, known)
            or "the object must be defined or imported at the file's top level",
        )
    where = _definition(source, first)
    try:
        return _checked(source.value(ast.parse(name, mode="eval").body), reference, where)
    except Unreadable:
        return _evaluated(module, name, where, ask)


def _evaluated(module: Module, expression: str, where: Span | None, ask: Ask) -> ResolvedSchema:
    request = {
        "file": str(module.file),
        "module": module.name,
        "import_root": str(module.import_root),
        "expression": expression,
        "line": where.line if where else 1,
    }
    answer = ask(PROBES / "describe_schema.py", request)
    return ResolvedSchema(schema=answer["schema"], values=answer.get("values"), where=where)


def _definition(source: PySource, name: str) -> Span | None:
    """Return where a module-level name is defined."""
    for node in source.statements():
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        assigned = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if assigned or getattr(node, "name", None) == name:
            return source.span(node)
    return None


def _file(root: Path, path: PurePosixPath) -> Schema:
    try:
        text = decode(contained(root, path).read_bytes(), path).text
    except InputError as error:
        folder = root / path.parent
        near = sorted(found.name for found in folder.iterdir()) if folder.is_dir() else []
        raise InputError(error.message, hint=did_you_mean(path.name, near) or error.hint) from None
    return _checked(_parsed(text, path), str(path), _top(str(path))).schema


def _places(root: Path, path: PurePosixPath) -> dict[KeyPath, Span]:
    """Return where each part of a schema file stands."""
    reader = builtin_format(
        "json" if path.suffix == ".json" else "toml" if path.suffix == ".toml" else "yaml"
    )
    try:
        nodes = reader.load(Source(input=str(path), path=path, root=root)).nodes
    except InputError:  # the places are a comfort; the schema itself has been read
        return {}
    return {at: node.where for at, node in nodes.items() if node.where is not None}


def _parsed(text: str, path: PurePosixPath) -> Any:
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from None
    return _toml(text, path) if path.suffix == ".toml" else _yaml(text, path)


def _yaml(text: str, path: PurePosixPath) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise InputError(f"{path}{at}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: {error}") from None


def _toml(text: str, path: PurePosixPath) -> Any:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        return tomlkit.parse(text).unwrap()
    except ParseError as error:
        raise InputError(f"{path}:{error.line}:{error.col}: {error}") from None


def _checked(schema: Json, name: str, where: Span | None) -> ResolvedSchema:
    if not isinstance(schema, dict):
        raise InputError(f"{name}: a JSON Schema must be a mapping, not {schema!r}")
    return ResolvedSchema(schema=schema, where=where)


def _top(path: str) -> Span:
    return Span(file=PurePosixPath(path), line=1, column=1, start=0, end=0)
