"""Runs a `function = ...` job: calls one function of the project with the run config.

It is run *by path* in the job's interpreter, which may have no confjob or an older
Python, so it is one file of standard library. A function is called rather than a script
run, so that the main part of the user's script has no part in it.

    python runner.py REQUEST.json [ARGUMENT ...]

The request: `{"version": 1, "module": "pkg.train", "file": "src/pkg/train.py" or null,
"function": "train", "call": "parameters" | "config" | "none"}`. The working directory is
the workspace.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable
from enum import Enum
from pathlib import PurePath
from typing import Any

_ABSENT = object()


def main(argv: list[str]) -> None:
    """Run the request that `argv` names."""
    with open(argv[1], encoding="utf-8") as stream:
        request = json.load(stream)
    if request.get("version") != 1:
        sys.exit("confjob's runner is of another version than the confjob that launched this run")
    set_path(request["module"], request.get("file"))
    sys.argv = [os.path.abspath(request.get("file") or request["module"]), *argv[2:]]
    module = importlib.import_module(request["module"])
    function = getattr(module, request["function"])
    args, kwargs = arguments(function, request["call"])
    result = function(*args, **kwargs)
    if inspect.iscoroutine(result):
        asyncio.run(result)


def set_path(module: str, file: str | None) -> None:
    """Make `module` importable as the workspace has it, before anything installed."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    first = []
    for folder in (import_root(module, file), ".", "src" if file is None else "."):
        path = os.path.abspath(folder)
        if path not in first:
            first.append(path)
    sys.path[:] = first + [entry for entry in sys.path if os.path.abspath(entry) not in first]


def import_root(module: str, file: str | None) -> str:
    """Return the folder from which `file` is imported under the name `module`."""
    if file is None:
        return "."
    depth = len(module.split(".")) + (os.path.basename(file) == "__init__.py")
    return os.path.join(".", *file.split("/")[:-depth])


def arguments(function: Callable[..., Any], call: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and keyword arguments for `function`."""
    if call == "none":
        return [], {}
    config = run_config()
    parameters = inspect.signature(function).parameters
    hints = hints_of(function)
    if call == "config":
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        parameter = next(item for item in parameters.values() if item.kind not in variadic)
        given = convert(config, hints.get(parameter.name, Any), _ABSENT, parameter.name)
        keyword = parameter.kind is parameter.KEYWORD_ONLY
        return ([], {parameter.name: given}) if keyword else ([given], {})
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, value in config.items():
        default = parameters[name].default if name in parameters else _ABSENT
        kwargs[name] = convert(value, hints.get(name, Any), default, name)
    for name, parameter in parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY and name in kwargs:
            args.append(kwargs.pop(name))
    return args, kwargs


def run_config() -> dict[str, Any]:
    """Read the run config, and leave the mark that it was read."""
    folder = os.environ["CONFJOB_RUN_DIR"]
    with open(os.path.join(folder, "private", "run-config.json"), encoding="utf-8") as stream:
        config: dict[str, Any] = json.load(stream)
    try:
        os.makedirs(os.path.join(folder, "reads"), exist_ok=True)
        with open(os.path.join(folder, "reads", "run-config"), "a", encoding="utf-8"):
            pass
    except OSError:
        pass  # a job never fails because of a mark
    return config


def hints_of(thing: Any) -> dict[str, Any]:
    """Return the evaluated annotations of a function or class, as far as they can be had."""
    try:
        return typing.get_type_hints(thing)
    except Exception:  # noqa: BLE001 - names that exist for type checkers only
        raw = getattr(thing, "__annotations__", {})
        return {name: hint for name, hint in raw.items() if not isinstance(hint, str)}


def convert(value: Any, hint: Any, base: Any, name: str) -> Any:
    """Return JSON `value` as what the annotation `hint` asks for.

    Args:
        value: What the run config has.
        hint: An evaluated annotation; one that is not known leaves the value alone.
        base: The default that `value` replaces: an object whose other fields stay.
        name: What messages call the value.

    Raises:
        TypeError: When the value can't be one of that type.
        ValueError: When it is none of the allowed ones.
    """
    origin = typing.get_origin(hint)
    if origin is not None:
        return _generic(value, hint, origin, base, name)
    if not isinstance(hint, type) or value is None:
        return value
    if issubclass(hint, Enum):
        return _member(value, hint, name)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, dict) and not issubclass(hint, dict):
        return _object(value, hint, base, name)
    if isinstance(value, list) and hint in (tuple, set, frozenset):
        return hint(value)
    if isinstance(value, str) and issubclass(hint, PurePath):
        return hint(value)
    if isinstance(value, str) and hasattr(hint, "fromisoformat"):
        return hint.fromisoformat(value)
    return value


def _generic(value: Any, hint: Any, origin: Any, base: Any, name: str) -> Any:
    inner = typing.get_args(hint)
    if origin is typing.Literal:
        return _literal(value, inner, name)
    if origin is typing.Union or type(hint).__name__ == "UnionType":
        return _union(value, inner, base, name)
    if hasattr(hint, "__metadata__"):  # Annotated
        return convert(value, inner[0], base, name)
    if isinstance(value, dict) and len(inner) == 2:
        return {key: convert(below, inner[1], _ABSENT, f"{name}.{key}") for key, below in value.items()}
    if not isinstance(value, list) or not isinstance(origin, type):
        return value
    hints = inner
    if origin is not tuple or len(inner) != len(value) or Ellipsis in inner:
        hints = (inner[0] if inner else Any,) * len(value)
    items = [convert(below, hints[at], _ABSENT, f"{name}[{at}]") for at, below in enumerate(value)]
    return origin(items) if origin in (tuple, set, frozenset) else items


def _union(value: Any, members: tuple[Any, ...], base: Any, name: str) -> Any:
    """Return `value` as the first member that takes it, one of its own type before others."""
    if value is None:
        return None
    exact = [member for member in members if member is type(value)]
    complaint = None
    for member in exact + [member for member in members if member is not type(None)]:
        try:
            converted = convert(value, member, base, name)
        except Exception as error:  # noqa: BLE001 - any class may say no in its own way
            complaint = error
            continue
        if _is(converted, member):
            return converted
    if complaint is not None:
        raise complaint
    return value


def _is(value: Any, hint: Any) -> bool:
    plain = typing.get_origin(hint) or hint
    return not isinstance(plain, type) or isinstance(value, plain)


def _literal(value: Any, allowed: tuple[Any, ...], name: str) -> Any:
    for choice in allowed:
        plain = choice.value if isinstance(choice, Enum) else choice
        if type(plain) is type(value) and plain == value:
            return choice
    listed = ", ".join(map(repr, allowed))
    raise ValueError(f"{name}: {value!r} is none of {listed}")


def _member(value: Any, cls: type[Enum], name: str) -> Enum:
    for member in cls:
        if type(member.value) is type(value) and member.value == value:
            return member
    if isinstance(value, str) and value in cls.__members__:
        return cls[value]
    try:
        return cls(value)
    except ValueError:
        listed = ", ".join(repr(member.value) for member in cls)
        raise ValueError(f"{name}: {value!r} is none of {listed}") from None


def _object(value: dict[str, Any], cls: Any, base: Any, name: str) -> Any:
    """Return an instance of a dataclass, attrs or Pydantic class from a mapping."""
    if hasattr(cls, "model_validate"):
        return cls.model_validate(value)
    fields = _fields(cls)
    if fields is None:
        return value
    hints = hints_of(cls)
    given = {}
    for parameter, field in fields.items():
        before = getattr(base, field, _ABSENT) if isinstance(base, cls) else _ABSENT
        key = parameter if parameter in value else field
        if key in value:
            given[parameter] = convert(value[key], hints.get(field, Any), before, f"{name}.{key}")
        elif before is not _ABSENT:
            given[parameter] = before
    unknown = [key for key in value if key not in {*fields, *fields.values()}]
    if unknown:
        raise TypeError(f"{name}: {cls.__name__} has no field {unknown[0]!r}")
    return cls(**given)


def _fields(cls: Any) -> dict[str, str] | None:
    """Return `__init__` parameter -> field name, or None for a class of another kind."""
    if dataclasses.is_dataclass(cls):
        return {field.name: field.name for field in dataclasses.fields(cls) if field.init}
    attributes = getattr(cls, "__attrs_attrs__", None)
    if attributes is None:
        return None
    return {
        getattr(item, "alias", None) or item.name.lstrip("_"): item.name for item in attributes if item.init
    }


if __name__ == "__main__":
    main(sys.argv)
