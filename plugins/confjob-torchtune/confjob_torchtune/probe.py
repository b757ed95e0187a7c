"""Tells what only the job's interpreter knows of torchtune; run by path, standard library only.

Requests: `{"ask": "config", "name"}` (a built-in config's text), `{"ask": "signatures",
"components", "recipe"}` (a JSON Schema per component, and the keys that recipes read) and
`{"ask": "check", "texts"}` (the verdict of `tune validate` on each text). The answer is
`{"absent": true}` where torchtune is not installed.
"""

from __future__ import annotations

import ast
import collections.abc
import difflib
import importlib
import importlib.util
import inspect
import json
import os
import pathlib
import re
import sys
import types
import typing

_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_SEQUENCES = (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)
_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))
_CONFIG_NAMES = frozenset(("cfg", "_cfg", "config", "conf"))


def main() -> None:
    """Answer the request that `sys.argv` names."""
    request = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    out, root = sys.argv[2], os.path.realpath(".")
    del sys.argv[1:]
    # As `tune run` has it: the working directory last, this script's folder not at all.
    sys.path[:] = [*sys.path[1:], root]
    try:
        answer = _ASKED[request["ask"]](request) if _package() else {"absent": True}
        reply = {"version": 1, "answer": answer, "files": _files(root, request)}
    except Exception as error:  # noqa: BLE001 - whatever components raise when imported
        reply = {"version": 1, "error": {"type": type(error).__name__, "message": str(error)}}
    pathlib.Path(out).write_text(json.dumps(reply), encoding="utf-8")


def built_in(request: dict[str, typing.Any]) -> typing.Any:
    """Return the text of a built-in config, as `tune cp` copies it, or names that are close."""
    configs = {config.name: config.file_path for recipe in _recipes() for config in recipe.configs}
    name = request["name"]
    if name not in configs:
        return {"close": difflib.get_close_matches(name, configs, 3), "count": len(configs)}
    return {"text": (_recipes_folder() / "configs" / configs[name]).read_text(encoding="utf-8")}


def names(_request: dict[str, typing.Any]) -> typing.Any:
    """Return the names of the built-in configs, as `tune ls` lists them."""
    return {"names": sorted({config.name for recipe in _recipes() for config in recipe.configs})}


def signatures(request: dict[str, typing.Any]) -> typing.Any:
    """Return the schema of each component's arguments, and the top-level keys that are known."""
    found = {name: _described(name) for name in request["components"]}
    return {"components": found, "keys": sorted(_built_in_keys() | _read_keys(request.get("recipe")))}


def check(request: dict[str, typing.Any]) -> typing.Any:
    """Return what is wrong with each text: as `tune validate` finds it, and below the top as well."""
    return {"problems": [_problems(text) for text in request["texts"]]}


def json_schema(annotation: typing.Any) -> dict[str, typing.Any] | None:
    """Return the schema of what a file may say for an annotation; None if it can say nothing."""
    if annotation in (typing.Any, inspect.Parameter.empty):
        return {}
    branches = [branch for one in _members(annotation) for branch in [_branch(one)] if branch is not None]
    if not branches:
        return None
    return {} if {} in branches else _union(branches)


def _package() -> str | None:
    spec = importlib.util.find_spec("torchtune")
    return spec.origin if spec else None


def _recipes_folder() -> pathlib.Path:
    return pathlib.Path(_package() or "").parent.parent / "recipes"


def _recipes() -> typing.Any:
    # By path: to import torchtune is to import torch, which takes seconds.
    path = pathlib.Path(_package() or "").with_name("_recipe_registry.py")
    spec = importlib.util.spec_from_file_location("confjob_recipe_registry", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_all_recipes()


def _described(name: str) -> dict[str, typing.Any]:
    try:
        component = _located(name)
        signature = inspect.signature(component)
    except Exception as error:  # noqa: BLE001 - importing a component runs its code
        return {"error": str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__}
    plain = getattr(component, "func", component)
    hints, texts = _hints(plain), _texts(plain)
    properties = {"_component_": {"type": "string"}}
    is_open = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            is_open = True
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            properties[parameter.name] = _argument(parameter, hints, texts)
    return {"type": "object", "properties": properties, "additionalProperties": is_open}


def _located(name: str) -> typing.Any:
    from torchtune.config._utils import _get_component_from_path

    return _get_component_from_path(name)


def _argument(
    parameter: inspect.Parameter, hints: dict[str, typing.Any], texts: dict[str, str]
) -> dict[str, typing.Any]:
    schema = json_schema(hints.get(parameter.name, parameter.empty)) or {}
    default = parameter.default
    if default is None and schema and {"type": "null"} not in schema.get("anyOf", ()):
        schema = _union([*schema.get("anyOf", [schema]), {"type": "null"}])
    if isinstance(default, (str, bool, int, float)):
        schema = {**schema, "default": default}
    text = texts.get(parameter.name)
    return {**schema, "description": text} if text else schema


def _hints(component: typing.Any) -> dict[str, typing.Any]:
    function = component.__init__ if inspect.isclass(component) else component
    try:
        return typing.get_type_hints(function)
    except Exception:  # noqa: BLE001 - an annotation may name what is not there
        return {}


def _texts(component: typing.Any) -> dict[str, str]:
    """Return the texts of a docstring's section `Args:`, by argument."""
    doc = inspect.getdoc(component) or ""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", doc, re.DOTALL | re.MULTILINE)
    entries = re.split(r"^    (?=\w)", section[1], flags=re.MULTILINE)[1:] if section else []
    pairs = (re.match(r"(\w+)\s*(?:\([^\n]*?\))?:\s*(.*)", entry, re.DOTALL) for entry in entries)
    return {pair[1]: " ".join(pair[2].split()) for pair in pairs if pair}


def _members(annotation: typing.Any) -> tuple[typing.Any, ...]:
    return typing.get_args(annotation) if typing.get_origin(annotation) in _UNIONS else (annotation,)


def _branch(annotation: typing.Any) -> dict[str, typing.Any] | None:
    """Return the schema of an annotation that is no union; None for what no file can say."""
    if annotation in _SCALARS:
        return {"type": _SCALARS[annotation]}
    origin, inner = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin in _SEQUENCES:
        return _container("array", "items", inner[0] if inner else typing.Any)
    if origin in _MAPPINGS:
        return _container("object", "additionalProperties", inner[1] if inner else typing.Any)
    if annotation is typing.Any:
        return {}
    return {"type": "string"} if annotation is pathlib.Path else None


def _container(kind: str, keyword: str, inner: typing.Any) -> dict[str, typing.Any]:
    below = json_schema(inner)
    return {"type": kind, keyword: below} if below else {"type": kind}


def _union(branches: list[dict[str, typing.Any]]) -> dict[str, typing.Any]:
    return branches[0] if len(branches) == 1 else {"anyOf": branches}


def _built_in_keys() -> set[str]:
    files = (_recipes_folder() / "configs").rglob("*.yaml")
    return {key for file in files for key in re.findall(r"^(\w+):", file.read_text("utf-8"), re.MULTILINE)}


def _read_keys(recipe: str | None) -> set[str]:
    """Return the keys that a recipe's code reads from its config."""
    file = _recipe_file(recipe) if recipe else None
    if file is None:
        return set()
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return set()
    return {key for node in ast.walk(tree) for key in [_key(node)] if key}


def _recipe_file(recipe: str) -> pathlib.Path | None:
    own = pathlib.Path(recipe if recipe.endswith(".py") else recipe.replace(".", "/") + ".py")
    files = [_recipes_folder() / one.file_path for one in _recipes() if one.name == recipe]
    return next((file for file in [*files, own] if file.is_file()), None)


def _key(node: ast.AST) -> str | None:
    """Return the key that `cfg.key`, `cfg["key"]` or `cfg.get("key")` reads."""
    if isinstance(node, ast.Attribute) and _is_config(node.value):
        return node.attr
    asked: typing.Any = None
    if isinstance(node, ast.Subscript) and _is_config(node.value):
        asked = node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        asked = node.args[0] if node.func.attr == "get" and _is_config(node.func.value) else None
    return asked.value if isinstance(asked, ast.Constant) and isinstance(asked.value, str) else None


def _is_config(node: ast.AST) -> bool:
    return getattr(node, "id", getattr(node, "attr", "")) in _CONFIG_NAMES


def _problems(text: str) -> list[dict[str, typing.Any]]:
    from omegaconf import OmegaConf
    from torchtune import config

    found: list[dict[str, typing.Any]] = []
    try:
        parsed = OmegaConf.create(text)
        _bind(OmegaConf.to_container(parsed, resolve=False), [], found)
        if not found:
            config.validate(parsed)
    except Exception as error:  # noqa: BLE001 - `tune validate` lets all kinds through
        found.append({"path": [], "message": _first(error)})
    return found


def _bind(value: typing.Any, path: list[typing.Any], found: list[dict[str, typing.Any]]) -> None:
    """Find every component, at any depth, that would not take its arguments."""
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, below in items:
        _bind(below, [*path, key], found)
    if not isinstance(value, dict) or not isinstance(value.get("_component_"), str):
        return
    arguments = {str(key): below for key, below in value.items() if key != "_component_"}
    try:
        inspect.signature(_located(value["_component_"])).bind_partial(**arguments)
    except TypeError as error:
        found.append({"path": path, "message": f"{value['_component_']} {error}"})
    except Exception as error:  # noqa: BLE001 - importing a component runs its code
        found.append({"path": [*path, "_component_"], "message": _first(error)})


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines) or type(error).__name__


def _files(root: str, request: dict[str, typing.Any]) -> list[str]:
    """Return the project's files that the answer stands on."""
    loaded = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    inside = {os.path.realpath(file) for file in loaded if file}
    recipe = _recipe_file(request["recipe"]) if _package() and request.get("recipe") else None
    inside |= {os.path.realpath(recipe)} if recipe else set()
    own = (os.path.relpath(file, root) for file in inside if file.startswith(root + os.sep))
    return sorted(file for file in own if "site-packages" not in file)


_ASKED = {"config": built_in, "names": names, "signatures": signatures, "check": check}

if __name__ == "__main__":
    main()
