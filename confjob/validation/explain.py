"""From the validator's errors to sentences.

The hard part is a union: a value that fits no branch has as many errors as there are
branches, and only one or two of them are what its author got wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve

from confjob.keypath import KeyPath
from confjob.schema.lookup import Navigator
from confjob.schema.words import RULES, is_secret, listed, rule, spell, type_words
from confjob.tree import MISSING, Json, get
from confjob.validation.nonfinite import BEYOND
from confjob.validation.violation import Violation

__all__ = ["Explainer", "describe"]

_LONGEST: Final = 60
#: Errors that say the value is of a wrong sort, not that it breaks a rule of its sort.
_SORTS: Final = frozenset({"Type", "Enum", "Constant", "FalseSchema", "Not"})
_UNIONS: Final = frozenset({"AnyOf", "OneOfNotValid"})


def describe(value: Json) -> str:
    """Return a value in a sentence: `the text 'abc'`, `the int 3`, `a list`."""
    if isinstance(value, (dict, list)):
        return "a dict" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return spell(value)
    noun = {int: "int", float: "float"}.get(type(value), "text")
    words = repr(value) if noun == "text" else str(value)
    return f"the {noun} {words if len(words) <= _LONGEST else words[: _LONGEST - 1] + '…'}"


class Explainer:
    """Turns the errors of one value into violations.

    Args:
        navigator: The schema.
        instance: The value as the caller gave it.
        secrets: Paths whose values no message may show.
    """

    def __init__(self, navigator: Navigator, instance: Json, secrets: Collection[KeyPath]) -> None:
        self._navigator = navigator
        self._instance = instance
        self._secrets = secrets

    def explain(self, error: Any) -> Iterator[Violation]:
        """Yield the violations that one error of `jsonschema_rs` stands for."""
        name = _name(error)
        if name in _UNIONS:
            yield from self._union(error)
        elif name == "Maximum" and error.kind.value == BEYOND:
            yield self._broken_by_nan(error)
        elif name in _MANY:
            yield from _MANY[name](self, error)
        else:
            yield self._one(error, self._sentence(error))

    def _one(self, error: Any, message: str, *, allowed: Iterable[Json] = ()) -> Violation:
        path = self._path(error.instance_path)
        return Violation(
            path=path,
            keyword=error.kind.name,
            message=message,
            value=MISSING if self._hidden(path) else get(self._instance, path),
            allowed=tuple(allowed),
            schema_path=tuple(error.schema_path),
        )

    def _key(self, error: Any, key: str, message: str, *, allowed: Iterable[Json] = ()) -> Violation:
        """Return a violation that is about a key, there or not, of the value."""
        fault = self._one(error, message, allowed=allowed)
        return evolve(fault, path=fault.path.child(key), value=key)

    def _path(self, parts: Iterable[str | int]) -> KeyPath:
        """Return the path in the value; jsonschema_rs takes the key `"01"` for the index 1."""
        path, value = KeyPath(), self._instance
        for part in parts:
            key = _key(value, part) if isinstance(value, dict) else part
            path, value = path.child(key), get(value, KeyPath((key,)))
        return path

    def _sentence(self, error: Any) -> str:
        keyword = error.kind.name
        if keyword in RULES:
            return f"must {rule(keyword, error.kind.value, sentence=True)}{self._if_nonfinite(error)}"
        if _name(error) == "Not" and error.kind.value == {}:
            return _SENTENCES["FalseSchema"]
        return _SENTENCES.get(_name(error), f"breaks the schema's rule {keyword!r}")

    def _broken_by_nan(self, error: Any) -> Violation:
        # The bound is nobody's: it stands beside the lower bound that NaN breaks.
        beside = self._navigator.resolver.get(tuple(error.schema_path[:-1])) or {}
        low = next((key for key in ("minimum", "exclusiveMinimum") if key in beside), "minimum")
        must = rule(low, beside[low], sentence=True) if low in beside else "be a number"
        place = (*error.schema_path[:-1], low)
        return evolve(self._one(error, f"must {must}, not nan"), keyword=low, schema_path=place)

    def _if_nonfinite(self, error: Any) -> str:
        value = get(self._instance, self._path(error.instance_path))
        return f", not {value}" if isinstance(value, float) and not math.isfinite(value) else ""

    def _but(self, path: KeyPath) -> str:
        """Return ", not the text 'abc'", or nothing where the value is secret."""
        value = get(self._instance, path)
        return "" if value is MISSING or self._hidden(path) else f", not {describe(value)}"

    def _hidden(self, path: KeyPath) -> bool:
        if any(path.startswith(secret) for secret in self._secrets):
            return True
        above = (self._navigator.at(KeyPath(path[:size])) for size in range(1, len(path) + 1))
        return is_secret(self._navigator.resolver.root) or any(
            schema and is_secret(schema) for schema in above
        )

    def _type(self, error: Any) -> Iterator[Violation]:
        expected = type_words(error.kind.types, article=True)
        yield self._one(error, f"must be {expected}{self._but(self._path(error.instance_path))}")

    def _constants(self, error: Any) -> Iterator[Violation]:
        allowed = _options(error)
        but = self._but(self._path(error.instance_path))
        yield self._one(error, f"must be {_one_of(allowed)}{but}", allowed=allowed)

    def _unknown(self, error: Any) -> Iterator[Violation]:
        known = [*self._known(error)]
        for key in error.kind.unexpected:
            yield self._key(error, key, f"unknown key {key!r}", allowed=known)

    def _known(self, error: Any) -> Iterable[str]:
        parent = self._navigator.resolver.get(tuple(error.schema_path[:-1]))
        if parent is None:
            return ()
        return self._navigator.names(parent)

    def _missing(self, error: Any) -> Iterator[Violation]:
        key = error.kind.property
        yield evolve(self._key(error, key, f"missing key {key!r}"), value=MISSING)

    def _names(self, error: Any) -> Iterator[Violation]:
        key = error.kind.error.instance
        for inner in Explainer(self._navigator, MISSING, ()).explain(error.kind.error):
            yield self._key(error, key, f"the key {key!r} {inner.message}", allowed=inner.allowed)

    def _union(self, error: Any) -> Iterator[Violation]:
        """Yield what is wrong with a value that fits no branch."""
        branches = list(_branches(error))
        size = len(error.instance_path)
        live = [branch for branch in branches if not any(_of_wrong_sort(inner, size) for inner in branch)]
        if not live:
            yield self._no_sort(error, branches, size)
            return
        tags = [_tags(branch) for branch in live]
        shared = set.intersection(*(set(tag) for tag in tags))
        if len(live) > 1 and shared:
            yield self._no_tag(error, min(shared, key=len), tags)
            return
        told = [self._all(branch) for branch, tag in zip(live, tags, strict=True) if not tag or all(tags)]
        if len(told) > 1 and all(len(one) == 1 and len(one[0].path) == size for one in told):
            sentences = dict.fromkeys(one[0].message.removeprefix("must ") for one in told)
            yield self._one(error, "must " + " or ".join(sentences))
        else:
            yield from min(told, key=len)

    def _all(self, errors: Iterable[Any]) -> list[Violation]:
        return [violation for error in errors for violation in self.explain(error)]

    def _no_tag(
        self, error: Any, parts: tuple[Any, ...], tags: Sequence[Mapping[Any, list[Json]]]
    ) -> Violation:
        """Return the one violation of a mapping whose tag (`kind: dog`) is no branch's."""
        options: list[Json] = []
        for tag in tags:
            options += (option for option in tag[parts] if option not in options)
        path = self._path(parts)
        fault = self._one(error, f"must be {_one_of(options)}{self._but(path)}", allowed=options)
        return evolve(fault, path=path, value=MISSING if self._hidden(path) else get(self._instance, path))

    def _no_sort(self, error: Any, branches: Sequence[Sequence[Any]], size: int) -> Violation:
        """Return the one violation of a value that is of no branch's type and no constant."""
        options: list[Json] = []
        types: dict[str, None] = {}
        for branch in branches:
            own = [inner for inner in branch if _of_wrong_sort(inner, size)]
            constants = [option for inner in own for option in _options(inner)]
            options += (option for option in constants if option not in options)
            if not constants:
                types.update(
                    dict.fromkeys(kind for inner in own for kind in getattr(inner.kind, "types", ()))
                )
        path = self._path(error.instance_path)
        return self._one(error, f"must be {_alternatives(types, options)}{self._but(path)}", allowed=options)


def _name(error: Any) -> str:
    return type(error.kind).__name__


def _key(mapping: Mapping[str, Json], part: str | int) -> str:
    if str(part) in mapping or not isinstance(part, int):
        return str(part)
    alike = (key for key in map(str, mapping) if key.lstrip("+").isdecimal() and int(key) == part)
    return next(alike, str(part))


def _tags(branch: Iterable[Any]) -> dict[tuple[Any, ...], list[Json]]:
    """Return the constants that a branch asks for and the value lacks, by their place."""
    return {tuple(inner.instance_path): _options(inner) for inner in branch if _options(inner)}


def _options(error: Any) -> list[Json]:
    if _name(error) == "Enum":
        return list(error.kind.options)
    return [error.kind.expected_value] if _name(error) == "Constant" else []


def _one_of(options: Sequence[Json]) -> str:
    words = listed(map(spell, options))
    return words if len(options) == 1 else f"one of {words}"


def _alternatives(types: Iterable[str], options: Sequence[Json]) -> str:
    named = [*types]
    if not options or not named:
        return _one_of(options) if options else type_words(named, article=True)
    null = ["null"] if "null" in named and named != ["null"] else []
    first = [type_words([kind]) for kind in named if [kind] != null]
    return listed([*first, *map(spell, options), *null], "or")


def _of_wrong_sort(error: Any, size: int) -> bool:
    return _name(error) in _SORTS and len(error.instance_path) == size


def _branches(error: Any) -> Iterator[list[Any]]:
    """Yield the errors of each branch; a branch that is a union itself gives its own branches."""
    for branch in error.kind.context:
        nested = [inner for inner in branch if _name(inner) in _UNIONS]
        if len(branch) == 1 and nested and len(nested[0].instance_path) == len(error.instance_path):
            yield from _branches(nested[0])
        else:
            yield list(branch)


_MANY: Final[dict[str, Callable[[Explainer, Any], Iterator[Violation]]]] = {
    "Type": Explainer._type,  # noqa: SLF001 - the class's own table
    "Enum": Explainer._constants,  # noqa: SLF001
    "Constant": Explainer._constants,  # noqa: SLF001
    "AdditionalProperties": Explainer._unknown,  # noqa: SLF001
    "UnevaluatedProperties": Explainer._unknown,  # noqa: SLF001
    "Required": Explainer._missing,  # noqa: SLF001
    "PropertyNames": Explainer._names,  # noqa: SLF001
}
_SENTENCES: Final = {
    "FalseSchema": "must not be given",
    "Not": "is a value that the schema rules out",
    "Contains": "has too few or too many items of the kind that the schema asks for",
    "OneOfMultipleValid": "fits several alternatives, of which the schema allows only one",
    "AdditionalItems": "has more items than the schema allows",
    "UnevaluatedItems": "has more items than the schema allows",
    "BacktrackLimitExceeded": "has a pattern that takes too long to match",
}
