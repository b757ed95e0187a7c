"""A function's parameters as one object: its schema, its defaults, and what must be given."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from confjob.declare.annotations import annotation_schema
from confjob.declare.modules import Module
from confjob.declare.pysource import PySource, Unreadable
from confjob.keypath import KeyPath
from confjob.model import Ask, Node
from confjob.probe import PROBES
from confjob.schema import Schema
from confjob.tree import MISSING, Json, MissingType, walk

__all__ = ["Function", "Signature", "arguments_of", "read_signature"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
Argument = tuple[ast.arg, "ast.expr | None"]


@frozen(kw_only=True)
class Signature:
    """What a function's parameters make.

    Args:
        schema: The schema of the object whose keys are the parameters.
        values: The defaults.
        nodes: The same by path, each where it is written; without the root.
        required: The paths that have no default.
    """

    schema: Schema
    values: Mapping[str, Json]
    nodes: Mapping[KeyPath, Node]
    required: tuple[KeyPath, ...]


@frozen(kw_only=True)
class _Parameter:
    """A parameter that can be set; `nodes` is empty when it has no default."""

    name: str
    schema: Schema
    nodes: Mapping[KeyPath, Node]
    required: tuple[KeyPath, ...] = ()


def read_signature(source: PySource, module: Module, function: Function, ask: Ask) -> Signature:
    """Return a function's signature.

    The job's interpreter is asked only for annotations and defaults that the text can't
    say; a parameter whose default is no JSON (`device=torch.device("cpu")`) is left out.

    Raises:
        InputError: When the interpreter is asked and can't answer.
    """
    found = list(_parameters(source, module, function, ask))
    nodes: dict[KeyPath, Node] = {}
    for each in found:
        nodes |= each.nodes
    return Signature(
        schema=_object_schema(found, open_=function.args.kwarg is not None),
        values={each.name: each.nodes[KeyPath((each.name,))].value for each in found if each.nodes},
        nodes=nodes,
        required=tuple(path for each in found for path in each.required),
    )


def arguments_of(function: Function) -> list[Argument]:
    """Return the parameters in order with their defaults; `*args` and `**kwargs` left out."""
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    absent: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults))
    return [
        *zip(plain, [*absent, *args.defaults], strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]


def _parameters(source: PySource, module: Module, function: Function, ask: Ask) -> Iterator[_Parameter]:
    told: dict[str, Mapping[str, Any]] | None = None
    for argument, default in arguments_of(function):
        try:
            yield _from_text(source, argument, default)
        except Unreadable:
            told = _asked(source, module, function, ask) if told is None else told
            described = told[argument.arg]
            if not described.get("opaque"):
                yield _from_probe(source, argument, default, described)


def _from_text(source: PySource, argument: ast.arg, default: ast.expr | None) -> _Parameter:
    path = KeyPath((argument.arg,))
    schema = annotation_schema(source, argument.annotation) if argument.annotation else {}
    nodes = {} if default is None else source.nodes(default, path)
    value = nodes[path].value if nodes else MISSING
    required = () if nodes else (path,)
    return _Parameter(name=argument.arg, schema=_nullable(schema, value), nodes=nodes, required=required)


def _asked(source: PySource, module: Module, function: Function, ask: Ask) -> dict[str, Mapping[str, Any]]:
    request = {
        "file": str(source.path),
        "module": module.name,
        "import_root": str(module.import_root),
        "function": function.name,
    }
    answer = ask(PROBES / "describe_function.py", request)
    return {parameter["name"]: parameter for parameter in answer["parameters"]}


def _from_probe(
    source: PySource, argument: ast.arg, default: ast.expr | None, described: Mapping[str, Any]
) -> _Parameter:
    path, schema = KeyPath((argument.arg,)), described["schema"]
    if default is None:
        value, required = _own_defaults(schema, schema, path)
        nodes = _placed(source, value, path, argument) if isinstance(value, dict) else {}
        return _Parameter(name=argument.arg, schema=schema, nodes=nodes, required=required)
    try:
        nodes = source.nodes(default, path)
    except Unreadable:
        nodes = _placed(source, described["default"], path, default)
    return _Parameter(name=argument.arg, schema=_nullable(schema, nodes[path].value), nodes=nodes)


def _placed(source: PySource, value: Json, path: KeyPath, node: ast.AST) -> dict[KeyPath, Node]:
    where = source.span(node)
    return {below: Node(value=each, where=where) for below, each in walk(value, path)}


def _nullable(schema: Schema, default: Json | MissingType) -> Schema:
    """Return `schema` with null allowed where the default is None: `lr: float = None`."""
    if default is not None or not schema or {"type": "null"} in schema.get("anyOf", ()):
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _own_defaults(
    schema: Schema, whole: Schema, path: KeyPath
) -> tuple[Json | MissingType, tuple[KeyPath, ...]]:
    """Return the defaults that a class's own schema states, and the paths that have none."""
    reference = schema.get("$ref", "")
    if reference.startswith("#/$defs/"):
        schema = whole.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
    if "default" in schema:
        return schema["default"], ()
    if "properties" not in schema:
        return MISSING, (path,)
    values: dict[str, Json] = {}
    required: list[KeyPath] = []
    for name, below in schema["properties"].items():
        if "default" in below or name in schema.get("required", ()):
            value, missing = _own_defaults(below, whole, path.child(name))
            required += missing
            if value is not MISSING:
                values[name] = value
    return values, tuple(required)


def _object_schema(parameters: list[_Parameter], *, open_: bool) -> Schema:
    """Return the schema of the run config; definitions of its parts move to its top."""
    definitions: dict[str, Schema] = {}
    properties = {each.name: _hoisted(each.schema, definitions) for each in parameters}
    schema = {"type": "object", "properties": properties, "additionalProperties": open_}
    return {**schema, "$defs": definitions} if definitions else schema


def _free(name: str, schema: Schema, taken: Mapping[str, Schema]) -> str:
    free, number = name, 2
    while free in taken and taken[free] != schema:
        free, number = f"{name}_{number}", number + 1
    return free


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {key: _renamed(value, names) for key, value in schema.items()}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        name = reference.removeprefix("#/$defs/")
        renamed["$ref"] = f"#/$defs/{names.get(name, name)}"
    return renamed


def _hoisted(schema: Any, definitions: dict[str, Schema]) -> Any:
    """Return `schema` with its `$defs` moved to `definitions`, at whatever depth they stand."""
    if isinstance(schema, list):
        return [_hoisted(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    own = schema.get("$defs")
    if not isinstance(own, dict):
        return {key: _hoisted(value, definitions) for key, value in schema.items()}
    names = {name: _free(name, below, definitions) for name, below in own.items()}
    definitions |= {names[name]: _renamed(below, names) for name, below in own.items()}
    return _renamed({key: value for key, value in schema.items() if key != "$defs"}, names)
