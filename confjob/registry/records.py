"""What is wrong with a plugin's records, told before anybody needs them.

A record is only data until a format is first loaded or an engine first asked; a field of
the wrong kind would fail then, at someone else's desk.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import NOTHING, fields, has

from confjob.model import Backend, Calls, Engine, Format, Resources
from confjob.words import did_you_mean

__all__ = ["backend_faults", "calls_faults", "format_faults", "takes"]

#: Fields of a format that are functions, with the number of their arguments.
_OF_FORMAT: Final = {"load": 1, "deliver": 2, "schema": 1, "check": 2, "recognize": 1, "choices": 1}
_OPTIONAL: Final = ("check", "recognize", "choices")
_DECLARATIONS: Final = ("run_config", "file", "values")


def format_faults(record: Format) -> Iterator[str]:
    """Yield what is wrong with the record of a format."""
    yield from _name_faults(record.name)
    suffixes: Any = record.suffixes
    if not isinstance(suffixes, tuple) or not all(isinstance(each, str) and each for each in suffixes):
        yield f"suffixes is {suffixes!r}, and not a tuple of endings of file names"
    for name, count in _OF_FORMAT.items():
        function = getattr(record, name)
        if not (function is None and name in _OPTIONAL):
            yield from _function_faults(name, function, count)


def backend_faults(record: Backend) -> Iterator[str]:
    """Yield what is wrong with the record of a backend, and with the engine that it opens."""
    yield from _name_faults(record.name)
    if not record.summary or "\n" in record.summary:
        yield f"summary is {record.summary!r}, and not one line for people"
    known = [*(each.name for each in fields(Resources)), "priority", "retry"]
    for name in sorted(record.honours - set(known)):
        yield f"honours {name!r}, which is no resource; {did_you_mean(name, known) or known}"
    yield from _function_faults("open", record.open, 1)
    yield from _function_faults("elsewhere", record.elsewhere, 1)
    if not (isinstance(record.options, type) and has(record.options)):
        yield f"options is {record.options!r}, and not an attrs class: nobody could say what a target may have"
    elif all(each.default is not NOTHING for each in fields(record.options)):
        yield from _engine_faults(record)


def calls_faults(record: Calls) -> Iterator[str]:
    """Yield what is wrong with the record of a library's calls."""
    yield from _name_faults(record.name)
    yield from _function_faults("deliver", record.deliver, 2)
    yield from _function_faults("schema", record.schema, 1)
    for name in _DECLARATIONS:
        table = getattr(record, name)
        if not isinstance(table, Mapping) or any(isinstance(names, str) for names in table.values()):
            yield f"{name} is {table!r}, and not dotted names of calls to tuples of parameters"
    if record.watch is not None and not record.watch.is_file():
        yield f"watch is {record.watch}, which is no file"


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many positional arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # a builtin that does not say
        return True
    return True


def _engine_faults(record: Backend) -> Iterator[str]:
    try:
        engine = record.open(record.options())
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises
        yield f"open() fails with the default options: {type(error).__name__}: {error}"
        return
    for name, method in vars(Engine).items():
        if not name.startswith("_"):
            count = len(inspect.signature(method).parameters) - 1
            yield from _function_faults(f"the engine's {name}", getattr(engine, name, None), count)


def _name_faults(name: Any) -> Iterator[str]:
    if not isinstance(name, str) or not name or name != name.strip().lower() or name.startswith("."):
        yield f"name is {name!r}, and not a word in lower case"


def _function_faults(name: str, function: object, count: int) -> Iterator[str]:
    if not callable(function):
        yield f"{name} is {function!r}, and not a function"
    elif not takes(function, count):
        noun = "argument" if count == 1 else "arguments"
        yield f"{name} can't be called with {count} {noun}"
