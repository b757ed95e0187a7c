"""Tells the parameters of a function: types as JSON Schema, defaults as JSON.

Request: `{"file", "module", "import_root", "function"}`, the file relative to the
working directory. Answer: `{"parameters": [{"name", "schema", "default"?, "required"}]}`;
a parameter whose default JSON can't say is `"opaque": true`, and is left to Python.
"""

from __future__ import annotations

import inspect
import os
import sys
import types
import typing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

if typing.TYPE_CHECKING:
    from confjob.probes import kit, typed
else:
    import kit
    import typed


def answer(request: dict[str, typing.Any]) -> typing.Any:
    """Describe the function that `request` names."""
    kit.set_path(os.getcwd(), request["import_root"])
    sys.argv = [os.path.abspath(request["file"])]
    code = kit.Slice(request["file"], request["module"])
    definition = code.function(request["function"])
    if definition is None:
        raise kit.Refused(f"there is no function {request['function']!r}", request["file"])
    function = getattr(code.run(definition), request["function"])
    hints = _hints(function)
    parameters = inspect.signature(function).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {"parameters": [_described(item, hints) for item in parameters if item.kind not in variadic]}


def _hints(function: typing.Any) -> dict[str, typing.Any]:
    """Return the evaluated annotations; one that names what only type checkers see is left out."""
    try:
        return typed.hints_of(function)
    except NameError:
        pass
    found = {}
    for name, hint in function.__annotations__.items():
        alone = types.SimpleNamespace(__annotations__={name: hint}, __globals__=function.__globals__)
        try:
            found.update(typed.hints_of(alone))
        except NameError:
            continue
    return found


def _described(parameter: inspect.Parameter, hints: dict[str, typing.Any]) -> typing.Any:
    described = {
        "name": parameter.name,
        "schema": typed.schema_of(hints.get(parameter.name, typing.Any)),
        "required": parameter.default is parameter.empty,
    }
    if described["required"]:
        return described
    default = typed.to_json(parameter.default)
    return {**described, "opaque": True} if default is typed.UNSAYABLE else {**described, "default": default}


if __name__ == "__main__":
    kit.serve(answer)
