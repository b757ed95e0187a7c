"""The run config as flags: each value as the job's own parser takes it, text byte for byte.

Without a `Flag` a value is said in the job's general style (`--trainer.lr 0.1`). With one,
it is said as the script declares it, and not at all while it is the script's own default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from attrs import field, frozen

from confjob.keypath import KeyPath
from confjob.model import Flag
from confjob.tree import MISSING, Json, MissingType, get, same
from confjob.words import value_text

__all__ = ["FlagWords", "Unsayable", "flag_words", "is_default", "styled"]

#: What argparse takes for a number although it begins with a dash.
_NEGATIVE = re.compile(r"-\d+|-\d*\.\d+")


class Unsayable(Exception):  # noqa: N818 - an answer, caught where it is asked
    """A value that a flag can't say, and what could be done."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@frozen(kw_only=True)
class FlagWords:
    """The words of one command.

    Args:
        flags: What stands after the declared words.
        arguments: Positional arguments, which stand last, after a `--`.
        problems: Path, and why its value can't be said.
    """

    flags: Sequence[str] = ()
    arguments: Sequence[str] = ()
    problems: Mapping[KeyPath, Unsayable] = field(factory=dict)


def flag_words(flags: Iterable[Flag], tree: Json) -> FlagWords:
    """Return what the values of `tree` that have a flag of their own add to a command.

    Args:
        flags: Theirs, in the order in which they stand.
        tree: The run config as the job shall see it.
    """
    words: list[str] = []
    problems: dict[KeyPath, Unsayable] = {}
    known = list(flags)
    for flag in known:
        value = get(tree, flag.path)
        if flag.takes == "argument" or value is MISSING or is_default(flag, value):
            continue
        try:
            words.extend(_said(flag, value))
        except Unsayable as error:
            problems[flag.path] = error
    arguments, missing = _arguments([flag for flag in known if flag.takes == "argument"], tree)
    return FlagWords(flags=words, arguments=arguments, problems={**problems, **missing})


def styled(style: str, path: KeyPath, value: Json) -> Iterator[str]:
    """Yield a value in a general style: `space` (`--a.b 1`), `equals` (`--a.b=1`) or `bare`."""
    plain = ".".join(map(str, path))
    if style == "space" and isinstance(value, str) and value.startswith("-"):
        # Apart from its flag, such a text would be taken for another flag.
        yield f"--{plain}={value}"
    elif style == "space":
        yield f"--{plain}"
        scalars = isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)
        yield from map(value_text, value) if scalars else (value_text(value),)
    else:
        yield f"{'--' if style == 'equals' else ''}{plain}={value_text(value)}"


def is_default(flag: Flag, value: Json) -> bool:
    """Whether a value need not be said: the job takes it anyway."""
    default = flag.default
    # 1 and 1.0 come to the same on a command line; 1 and true do not.
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (default, value))
    return same(default, value) or (numbers and default == value)


def _said(flag: Flag, value: Json) -> Iterator[str]:
    if flag.takes == "switch":
        yield _switch(flag, value)
    elif value is None:
        # Left out, the job would take its own default and nobody would know.
        raise Unsayable("can't be null in a flag", f"--set {flag.path}- leaves the flag out")
    elif flag.takes == "count":
        yield from _counted(flag, value)
    elif flag.takes == "truthy":
        yield from _one(flag.word, "" if value is False else _text(value))
    elif flag.takes in ("words", "tuple", "repeat"):
        items = [_text(item) for item in (value if isinstance(value, list) else [value])]
        yield from _many(flag, items)
    else:
        yield from _one(flag.word, _text(value))


def _switch(flag: Flag, value: Json) -> str:
    word = {True: flag.word, False: flag.off}.get(value, "") if isinstance(value, bool) else ""
    if not word:
        other = flag.word or flag.off
        said = value_text(value)
        raise Unsayable(f"can't be {said}: {other} only says {'true' if flag.word else 'false'}")
    return word


def _counted(flag: Flag, value: Json) -> Iterator[str]:
    before = flag.default if isinstance(flag.default, int) else 0
    if not isinstance(value, int) or value < before:
        raise Unsayable(f"can't be {value_text(value)}: {flag.word} counts up from {before}")
    yield from [flag.word] * (value - before)


def _many(flag: Flag, items: list[str]) -> Iterator[str]:
    if flag.takes == "repeat":
        if not items:
            raise Unsayable("can't be an empty list: its flag is said once for each item")
        for item in items:
            yield from _one(flag.word, item)
    elif flag.takes == "words" and any(map(_looks_like_a_flag, items)):
        if len(items) > 1:
            dashed = next(filter(_looks_like_a_flag, items))
            raise Unsayable(f"{dashed!r} begins with a dash: among several words it would be a flag")
        yield from _one(flag.word, items[0])
    else:
        yield from (flag.word, *items)


def _one(word: str, text: str) -> Iterator[str]:
    """Yield a flag with its value: in one word where the value could be taken for something else."""
    if not text.startswith("-"):
        yield from (word, text)
    elif re.fullmatch(r"-[^-]", word):
        yield f"{word}{text}"
    else:
        yield f"{word}={text}"


def _looks_like_a_flag(text: str) -> bool:
    return text.startswith("-") and not _NEGATIVE.fullmatch(text)


def _text(value: Json) -> str:
    if value == "--":
        # Some versions of argparse drop it, `--flag=--` included.
        raise Unsayable("can't be '--': parsers take it for the end of the flags")
    if isinstance(value, float) and value < 0 and value > float("-inf"):
        return format(Decimal(repr(value)), "f")  # -1e-05 would be taken for a flag
    return value_text(value)


def _arguments(flags: Sequence[Flag], tree: Json) -> tuple[list[str], dict[KeyPath, Unsayable]]:
    """Return the positional arguments: up to the last one that is not its default."""
    values = [get(tree, flag.path) for flag in flags]
    given = [not _is_absent(flag, value) for flag, value in zip(flags, values, strict=True)]
    last = max((number for number, each in enumerate(given) if each), default=-1)
    words: list[str] = []
    problems: dict[KeyPath, Unsayable] = {}
    for flag, value in zip(flags[: last + 1], values[: last + 1], strict=True):
        if value is MISSING or value is None:
            problems[flag.path] = Unsayable("must be given, since an argument after it is")
            continue
        try:
            words.extend(map(_text, value if isinstance(value, list) else [value]))
        except Unsayable as error:
            problems[flag.path] = error
    return words, problems


def _is_absent(flag: Flag, value: Json | MissingType) -> bool:
    return value is MISSING or (flag.default is not MISSING and is_default(flag, value))
