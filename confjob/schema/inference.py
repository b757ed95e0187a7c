"""The type of a value, as far as a value can tell.

The rules come from leaving one file out of a corpus of real configs and asking whether
its values would be accepted: exact types refuse one in fourteen, these one in sixty.
A null says nothing; `2e-5` is a number though YAML 1.1 reads it as text; 0 and 1 under
`dropout` or `lr` are floats that happen to be whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, field, frozen

from confjob.keypath import KeyPath
from confjob.schema.keywords import Schema
from confjob.schema.kinds import ALL_KINDS, kind_of
from confjob.tree import Json

__all__ = ["Sample", "infer", "infer_from", "is_fractional_name", "is_interpolation", "is_scientific"]

_SCIENTIFIC: Final = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+")
#: A bare word, as it stands beside other types: `auto`, `bf16-true`, `offload`.
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_MOST_WORDS: Final = 8
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
#: The last word of a name whose value is a fraction, though a file may say 0 or 1.
_FRACTIONAL: Final = frozenset(
    {
        "alpha",
        "beta",
        "betas",
        "coef",
        "coeff",
        "coefficient",
        "decay",
        "discount",
        "dropout",
        "eps",
        "epochs",
        "epsilon",
    }
    | {
        "eta",
        "factor",
        "fraction",
        "gamma",
        "lambda",
        "lr",
        "momentum",
        "norm",
        "p",
        "penalty",
        "percent",
        "prob",
    }
    | {
        "probability",
        "proportion",
        "rate",
        "ratio",
        "scale",
        "sigma",
        "smoothing",
        "std",
        "tau",
        "temp",
        "temperature",
        "threshold",
        "tolerance",
        "weight",
    }
)
_FRACTIONAL_NAMES: Final = frozenset(
    {"val_set_size", "test_size", "val_size", "train_size", "validation_size"}
)


@frozen(kw_only=True)
class Sample:
    """One value that an input has had, as it is spelled: the present one, or a sibling's.

    Args:
        value: What stands in the config.
        style: How a scalar is written: only plain text (`""`) can be a number that a
            reader took for text.
        styles: How scalars below `value` are written, by their path from it; one that is
            not listed counts as quoted.
        where: Where it stands, for people.
    """

    value: Json
    style: str = ""
    styles: Mapping[KeyPath, str] = field(factory=dict)
    where: str = ""


def infer(
    value: Json, style: str = "", *, name: str = "", styles: Mapping[KeyPath, str] | None = None
) -> Schema:
    """Return the type of one value.

    Args:
        value: As in `Sample`, and so are `style` and `styles`.
        style: How it is written.
        name: The last key of its path: 0 and 1 under `lr` are numbers, not integers.
        styles: How what is below it is written.

    Returns:
        A schema that accepts `value`; `{}` where the value tells nothing (null, an
        interpolation such as `${lr}`).

    Example:
        >>> infer([1, 0.5, None])
        {'type': 'array', 'items': {'type': ['number', 'null']}}
        >>> infer("2e-5"), infer("2e-5", "'")
        ({'type': 'number'}, {'type': 'string'})
    """
    return infer_from([Sample(value=value, style=style, styles=styles or {})], name=name)


def infer_from(samples: Sequence[Sample], *, name: str = "") -> Schema:
    """Return the type of an input that has had several values, the present one first.

    A null among them makes it nullable, a float makes whole numbers floats, and words
    beside something else (`true` here, `auto` there) are a choice of just these words.
    Interpolations of siblings say nothing.

    Example:
        >>> infer_from([Sample(value=True), Sample(value="auto"), Sample(value=None)])
        {'anyOf': [{'type': 'boolean'}, {'enum': ['auto']}, {'type': 'null'}]}
    """
    telling = [*samples[:1], *(each for each in samples[1:] if not is_interpolation(each.value))]
    seen = [
        _Seen(value=each.value, path=KeyPath(), name=name, styles={**each.styles, KeyPath(): each.style})
        for each in telling
    ]
    return _typed(seen, inside_list=False)


def is_interpolation(value: Json) -> bool:
    """Whether `value` is as a whole an OmegaConf interpolation, or its mark for missing."""
    if not isinstance(value, str) or not (value.startswith("${") and value.endswith("}")):
        return bool(value == "???")
    depth = 0
    for position, char in enumerate(value):
        depth += (char == "{") - (char == "}")
        if not depth and position:
            return position == len(value) - 1
    return False


def is_scientific(text: str) -> bool:
    """Whether plain text is a number that readers of YAML 1.1 take for text: `2e-5`."""
    return _SCIENTIFIC.fullmatch(text) is not None


def is_fractional_name(name: str) -> bool:
    """Whether a value called `name` is a fraction by its nature.

    Example:
        >>> is_fractional_name("weight_decay"), is_fractional_name("steps")
        (True, False)
    """
    words = [word.lower() for word in _WORDS.findall(name) if not word.isdigit()]
    return name.lower() in _FRACTIONAL_NAMES or not _FRACTIONAL.isdisjoint(words[-1:])


@frozen(kw_only=True)
class _Seen:
    """One value that is to be typed together with its peers."""

    value: Json
    path: KeyPath
    name: str
    styles: Mapping[KeyPath, str]


def _typed(seen: Sequence[_Seen], *, inside_list: bool) -> Schema:
    """Return one schema for all of `seen`."""
    found: dict[str, list[_Seen]] = {}
    for one in seen:
        found.setdefault(_kind(one), []).append(one)
    if "any" in found or found.keys() <= {"null"}:
        return {}
    if "number" in found:
        found.pop("integer", None)
    ordered = [kind for kind in ALL_KINDS if kind in found]
    parts = {kind: _part(kind, found[kind], inside_list=inside_list) for kind in ordered}
    if not inside_list and found.keys() - {"string", "null"} and "string" in found:
        parts["string"] = _words_of(found["string"])
    return _union(parts)


def _kind(one: _Seen) -> str:
    value = one.value
    if is_interpolation(value):
        return "any"
    if isinstance(value, str):
        plain = one.styles.get(one.path, "'") == ""
        return "number" if plain and is_scientific(value) else "string"
    kind = kind_of(value)
    return "number" if kind == "integer" and value in (0, 1) and is_fractional_name(one.name) else kind


def _words_of(seen: Sequence[_Seen]) -> Schema:
    """Return the type of the texts that stand beside something else: `auto` beside a number."""
    words = sorted({one.value for one in seen})
    few = len(words) <= _MOST_WORDS and all(_WORD.fullmatch(word) for word in words)
    return {"enum": words} if few else {"type": "string"}


def _part(kind: str, seen: Sequence[_Seen], *, inside_list: bool) -> Schema:
    if kind == "array":
        return _array(seen)
    if kind == "object":
        return _object(seen, inside_list=inside_list)
    return {"type": kind}


def _array(seen: Sequence[_Seen]) -> Schema:
    items = [
        evolve(one, value=item, path=one.path.child(index))
        for one in seen
        for index, item in enumerate(one.value)
    ]
    merged = _typed(items, inside_list=True)
    return {"type": "array", "items": merged} if merged else {"type": "array"}


def _object(seen: Sequence[_Seen], *, inside_list: bool) -> Schema:
    below: dict[str, list[_Seen]] = {}
    for one in seen:
        for key, value in one.value.items():
            inner = evolve(one, value=value, path=one.path.child(key), name=str(key))
            below.setdefault(key, []).append(inner)
    if not below:
        return {"type": "object"}
    typed = {key: _typed(peers, inside_list=inside_list) for key, peers in below.items()}
    # A list is replaced as a whole and its elements differ in their optional keys: on real
    # configs closed or required keys here refuse every second list that others use.
    closed = {} if inside_list else {"additionalProperties": False}
    return {"type": "object", "properties": typed, **closed}


def _union(parts: Mapping[str, Schema]) -> Schema:
    if len(parts) == 1:
        return next(iter(parts.values()))
    if all(part == {"type": kind} for kind, part in parts.items()):
        return {"type": list(parts)}
    return {"anyOf": list(parts.values())}
