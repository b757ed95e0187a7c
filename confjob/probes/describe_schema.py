"""Tells the JSON Schema of an object in code, and its values where it is an instance.

Request: `{"expression", "module", "file"?, "import_root"?}`. With a file (relative to the
working directory) the expression is evaluated in a slice of it; without one it is a
dotted name in an installed module. Answer: `{"schema", "values"?}`.
"""

from __future__ import annotations

import ast
import functools
import importlib
import os
import sys
import typing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

if typing.TYPE_CHECKING:
    from confjob.probes import kit, typed
else:
    import kit
    import typed

_NAME = "__confjob_schema__"


def answer(request: dict[str, typing.Any]) -> typing.Any:
    """Describe the object that `request` names."""
    kit.set_path(os.getcwd(), request.get("import_root", "."))
    thing = _found(request)
    if isinstance(thing, dict):
        return {"schema": thing}
    values = typed.instance_values(thing)
    cls = thing if isinstance(thing, type) else type(thing)
    schema = typed.object_schema(cls)
    if schema.get("type") != "object" and "properties" not in schema and "$ref" not in schema:
        what = f"{request['expression']} is neither a JSON Schema (a dict) nor a Pydantic model, dataclass or attrs class"
        raise kit.Refused(f"{what}: {thing!r}", request.get("file"), request.get("line"))
    return {"schema": schema} if values is typed.UNSAYABLE else {"schema": schema, "values": values}


def _found(request: dict[str, typing.Any]) -> typing.Any:
    file, expression = request.get("file"), request["expression"]
    if file is None:
        module = importlib.import_module(request["module"])
        return functools.reduce(getattr, expression.split("."), module)
    code = kit.Slice(file, request["module"])
    statement = ast.parse(f"{_NAME} = ({expression})", "schema").body[0]
    ast.increment_lineno(statement, request.get("line", 1) - 1)
    return getattr(code.run(statement), _NAME)


if __name__ == "__main__":
    kit.serve(answer)
