"""Tells `confjob capture` of one call: a line of JSON in the file that CONFJOB_CAPTURE names.

It runs inside the job while that is watched, so it is standard library only, and nothing
that goes wrong here may reach the job. `capture/sitecustomize.py` beside this describes the
line; confjob's own `manage_config()` and other libraries' watchers write the same.
"""

from __future__ import annotations

import os
import sys
import types
import typing

__all__ = ["record"]

Line = typing.Dict[str, typing.Any]  # noqa: UP006 - evaluated, on any Python

_VALUES = ("defaults", "config")
_PREFIXES = ("include", "exclude")


def record(call: Line) -> None:
    """Append a call to the record, its objects turned into JSON; the caller's are not changed.

    Args:
        call: As `capture/sitecustomize.py` describes it, with live objects.
    """
    file = os.environ.get("CONFJOB_CAPTURE")
    if not file:
        return
    try:
        _append(file, _told(call))
    except Exception as error:  # noqa: BLE001 - a job never fails because it is watched
        sys.stderr.write(f"confjob capture: a call could not be recorded: {error!r}\n")


def _append(file: str, line: Line) -> None:
    import json

    text = json.dumps(line).encode() + b"\n"
    # Not made anew: when the file is gone, nobody listens any more. One write, because
    # the processes of a job may write at the same time.
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


def _told(call: Line) -> Line:
    unsaid: list[str] = []
    line: Line = {"call": str(call["call"]), "reader": str(call.get("reader") or "")}
    place = call.get("at") or _place()
    if place:
        line["at"] = place
    for name in _VALUES:
        if call.get(name) is not None:
            line[name] = _values(call[name], name, unsaid)
    if call.get("path") is not None:
        line["path"] = os.path.abspath(os.fspath(call["path"]))
    for name in _PREFIXES:
        line[name] = _prefixes(call.get(name), name, unsaid)
    if call.get("schema") is not None:
        line.update(_schema(call["schema"], unsaid))
    return {**line, "unsaid": unsaid} if unsaid else line


def _values(given: typing.Any, name: str, unsaid: list[str]) -> typing.Any:
    """Return values as JSON, or the absolute path of the file that has them."""
    if isinstance(given, (str, os.PathLike)):
        return os.path.abspath(os.fspath(given))
    plain = _plain(given, name, unsaid)
    if isinstance(plain, dict):
        return plain
    if plain is not _UNSAYABLE:
        unsaid.append(f"{name}: it is no mapping, but {type(given).__name__}")
    return {}


_UNSAYABLE: typing.Any = object()


def _plain(value: typing.Any, at: str, unsaid: list[str]) -> typing.Any:
    """Return a value as JSON; what has no form in it is left out, and noted."""
    typed = _typed()
    if isinstance(value, float):
        return float(value)  # infinities and NaN included: TOML has them
    if isinstance(value, typing.Mapping) or type(value).__name__ == "Namespace":
        pairs = value if isinstance(value, typing.Mapping) else vars(value)
        below = {str(key): _plain(pairs[key], f"{at}.{key}", unsaid) for key in list(pairs)}
        return {key: inner for key, inner in below.items() if inner is not _UNSAYABLE}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(inner, f"{at}[{number}]", unsaid) for number, inner in enumerate(value)]
        return _UNSAYABLE if any(item is _UNSAYABLE for item in items) else items
    if hasattr(value, "tolist") and type(value).__module__.partition(".")[0] == "numpy":
        return _plain(value.tolist(), at, unsaid)
    plain = typed.to_json(value)
    if plain is typed.UNSAYABLE:
        unsaid.append(f"{at}: {type(value).__name__} is no value of a config")
        return _UNSAYABLE
    return plain


def _prefixes(given: typing.Any, name: str, unsaid: list[str]) -> list[str]:
    if not isinstance(given, (str, typing.Collection, type(None))):
        unsaid.append(f"{name}: {given!r} is no list of paths")
        return []
    listed = [given] if isinstance(given, str) else list(given or ())
    unsaid += [f"{name}: {prefix!r} is no path" for prefix in listed if not isinstance(prefix, str)]
    return [prefix for prefix in listed if isinstance(prefix, str)]


def _schema(given: typing.Any, unsaid: list[str]) -> Line:
    """Return the schema as JSON Schema, and the values of one that is an instance."""
    if isinstance(given, str):
        return {"schema": given}
    if isinstance(given, typing.Mapping):
        return {"schema": _plain(given, "schema", unsaid)}
    typed = _typed()
    try:
        schema = typed.object_schema(given if isinstance(given, type) else type(given))
        values = typed.instance_values(given)
    except Exception as error:  # noqa: BLE001 - the user's own class, asked before its script asks it
        unsaid.append(f"schema: {given!r}: {error}")
        return {}
    if not {"properties", "$ref"} & set(schema) and schema.get("type") != "object":
        unsaid.append(f"schema: {given!r} is neither a JSON Schema nor a class with fields")
        return {}
    said = {"schema": _plain(schema, "schema", unsaid)}
    return said if values is typed.UNSAYABLE else {**said, "values": _plain(values, "values", unsaid)}


def _place() -> str:
    """Return `file:line` of the innermost frame in the project, relative to it."""
    root = os.environ.get("CONFJOB_CAPTURE_ROOT", "")
    frame: types.FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no public way
    while root and frame is not None:
        # A script's own name may be relative: to where the command started.
        file = os.path.realpath(os.path.join(root, frame.f_code.co_filename))
        if file.startswith(root + os.sep) and "-packages" + os.sep not in file and os.path.isfile(file):
            return f"{os.path.relpath(file, root)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _typed() -> typing.Any:
    """Return `typed.py` beside this file, under a name that no job has.

    It and its neighbours are imported under their own short names, which the job may have
    modules of, too: the job's are put back.
    """
    name = "_confjob_typed"
    if name not in sys.modules:
        import importlib

        here = os.path.dirname(os.path.abspath(__file__))
        ours = [file[:-3] for file in os.listdir(here) if file.endswith(".py")]
        theirs = {short: sys.modules.pop(short) for short in ours if short in sys.modules}
        sys.path.insert(0, here)
        try:
            sys.modules[name] = importlib.import_module("typed")
        finally:
            sys.path.remove(here)
            for short in ours:
                sys.modules.pop(short, None)
            sys.modules.update(theirs)
    return sys.modules[name]
