"""Structures TOML tables into attrs records, and reports every fault at once.

Rules live in one cattrs converter, not in the models ("validation belongs to the
edges"); cattrs' tree of errors becomes problems with the path, the line of the manifest
and a suggestion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

from attrs import Attribute, fields, has
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from confjob.errors import ManifestError
from confjob.form import is_secret_name
from confjob.keypath import KeyPath
from confjob.model import Document, Node, Problem, Source, Target
from confjob.tree import Json, get
from confjob.words import did_you_mean, listing

__all__ = ["is_union", "kebab", "problem_at", "refusal", "structure", "structure_options", "structure_value"]

Record = TypeVar("Record")


def structure(document: Document, at: KeyPath, kind: type[Record]) -> Record:
    """Return the table at `at` as a record of the attrs class `kind`.

    Raises:
        ManifestError: With a problem for every unknown key, wrong type and missing key.
    """
    value = get(document.tree, at)
    try:
        return _CONVERTER.structure(value, kind)
    except (BaseValidationError, TypeError, ValueError) as error:
        raise refusal(document, _problems(document, error, at)) from None


def structure_value(value: Json, kind: type[Record], name: str) -> Record:
    """Return a plain value as a record; `name` is what messages call it.

    Raises:
        ManifestError: As `structure` does.
    """
    source = Source(input=name, path=None, root=Path())
    return structure(Document(source=source, nodes={KeyPath(): Node(value=value)}), KeyPath(), kind)


def structure_options(target: Target, kind: type) -> list[Problem]:
    """Return what keeps a target's options from being a record of the attrs class `kind`."""
    at = KeyPath(("targets", target.name))
    whole = {"targets": {target.name: dict(target.options)}}
    nowhere = Source(input=str(at), path=None, root=Path())
    document = target.document or Document(source=nowhere, nodes={KeyPath(): Node(value=whole)})
    try:
        _CONVERTER.structure(dict(target.options), kind)
    except (BaseValidationError, TypeError, ValueError) as error:
        return list(_problems(document, error, at))
    return []


def refusal(document: Document, problems: Iterable[Problem]) -> ManifestError:
    """Return the error that reports `problems` in the order they stand in the file."""
    found = sorted(problems, key=_position)
    noun = "problem" if len(found) == 1 else "problems"
    return ManifestError(f"{document.source.input}: {len(found)} {noun}", problems=found)


def problem_at(document: Document, path: KeyPath, message: str, hint: str = "") -> Problem:
    """Return a problem of the manifest with the line it stands on."""
    return Problem(
        code="manifest",
        input=str(document.source.path),
        path=path,
        message=message,
        hint=hint,
        where=document.where(path),
    )


def _position(problem: Problem) -> tuple[int, str]:
    return (problem.where.start if problem.where else 0, problem.message)


# -- the converter ---------------------------------------------------------------------


def _strict(kind: type, names: str) -> Any:
    def structure(value: Json, _: object) -> Json:
        if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind):
            raise TypeError(f"must be {names}, not {_shown(value)}")
        return value

    return structure


def _number(value: Json, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"must be a number, not {_shown(value)}")
    return value


def _union(value: Json, kind: Any) -> Json:
    for option in get_args(kind):
        if _fits(value, get_origin(option) or option):
            return None if value is None else _CONVERTER.structure(value, option)
    raise TypeError(f"must be {_kinds(kind)}, not {_shown(value)}")


def _fits(value: Json, base: Any) -> bool:
    if base is type(None):
        return value is None
    if has(base):
        return isinstance(value, dict)
    if base is Literal:
        return isinstance(value, str)
    return isinstance(value, bool) is (base is bool) and isinstance(value, base)


def _mapping(value: Json, kind: Any) -> Json:
    if not isinstance(value, dict):
        raise TypeError(f"must be a table, not {_shown(value)}")
    _, item = get_args(kind)
    return _each(value.items(), item, dict)


def _list(value: Json, kind: Any) -> Json:
    if not isinstance(value, list):
        hint = f'; write ["{value}"]' if isinstance(value, str) else ""
        raise TypeError(f"must be a list, not {_shown(value)}{hint}")
    return _each(enumerate(value), get_args(kind)[0], lambda pairs: [item for _, item in pairs])


def _each(items: Iterable[tuple[Any, Json]], kind: Any, build: Any) -> Json:
    """Structure every item, gathering all failures with the key each stands under."""
    done, failed = [], []
    for key, item in items:
        try:
            done.append((key, _CONVERTER.structure(item, kind)))
        except Exception as error:  # noqa: BLE001 - cattrs raises whatever a hook raises
            _noted(error, IterableValidationNote("", key, kind))
            failed.append(error)
    if failed:
        raise IterableValidationError("while structuring", failed, kind)
    return build(done)


def _noted(error: Any, note: str) -> None:
    # Exception.add_note is new in Python 3.11; cattrs sets the attribute as well.
    error.__notes__ = [*getattr(error, "__notes__", []), note]


def _choice(value: Json, kind: Any) -> Json:
    options = get_args(kind)
    if value not in options:
        raise ValueError(
            f"must be one of {listing(map(repr, options))}, not {_shown(value)}"
            + (f"; {did_you_mean(value, options)}" if isinstance(value, str) else "")
        )
    return value


def _table(kind: type) -> Any:
    names: dict[str, Any] = {attribute.name: override(rename=kebab(attribute)) for attribute in fields(kind)}
    inner: Callable[[Any, Any], Any] = make_dict_structure_fn(
        kind, _CONVERTER, _cattrs_forbid_extra_keys=True, **names
    )

    def structure(value: Json, _: object) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError(f"must be a table, not {_shown(value)}")
        return inner(value, kind)

    return structure


def kebab(attribute: Attribute[Any]) -> str:
    """Return the key a field has in TOML."""
    return attribute.name.replace("_", "-")


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for kind, names in ((str, "text"), (int, "a whole number"), (bool, "true or false")):
        converter.register_structure_hook(kind, _strict(kind, names))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook_func(_has_origin(dict), _mapping)
    converter.register_structure_hook_func(_has_origin(list), _list)
    converter.register_structure_hook_func(_has_origin(Literal), _choice)
    converter.register_structure_hook_func(is_union, _union)
    converter.register_structure_hook_factory(has, _table)
    return converter


def _has_origin(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def is_union(kind: Any) -> bool:
    """Whether a type is `X | Y` or `Union[X, Y]`."""
    return get_origin(kind) in (Union, UnionType)


_CONVERTER: Final = _converter()


# -- its errors as problems ------------------------------------------------------------


def _problems(document: Document, error: BaseException, at: KeyPath = KeyPath()) -> Iterator[Problem]:
    """Walk cattrs' tree of errors, following its notes to the path of each leaf."""
    if isinstance(error, (ClassValidationError, IterableValidationError)):
        for inner in error.exceptions:
            yield from _problems(document, inner, at.join(_note(inner)))
    elif isinstance(error, ForbiddenExtraKeysError):
        yield from _unknown_keys(document, error, at)
    elif isinstance(error, KeyError):
        yield problem_at(document, at.parent, f"missing key {at[-1]!r}")
    else:
        yield problem_at(document, at, _without_secret(at, str(error)))


def _without_secret(at: KeyPath, message: str) -> str:
    """Return a message about a value, less the value where its name says that it is secret."""
    return message.partition(", not ")[0] if at and is_secret_name(str(at[-1])) else message


def _note(error: BaseException) -> tuple[str | int, ...]:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return (note.name.replace("_", "-"),)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()


def _unknown_keys(document: Document, error: ForbiddenExtraKeysError, at: KeyPath) -> Iterator[Problem]:
    known = [kebab(attribute) for attribute in fields(error.cl)]
    for key in sorted(error.extra_fields):
        hint = did_you_mean(key, known) or f"known keys: {listing(known, 20)}"
        yield problem_at(document, at.child(key), f"unknown key {key!r}", hint)


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    return "a list" if isinstance(value, list) else repr(value)


_WORDS: Final = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _kinds(kind: Any) -> str:
    words = []
    for option in get_args(kind):
        base = get_origin(option) or option
        if base is not type(None):
            words.append({dict: "a table", list: "a list"}.get(base) or _WORDS.get(base, "a table"))
    return " or ".join(words)
