"""Flags as the manifest says them: for parsers that are not read, or were read wrongly."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from confjob.declare.manifest import FlagTable
from confjob.keypath import KeyPath
from confjob.model import Flag
from confjob.tree import MISSING

__all__ = ["flags_with"]


def flags_with(read: Iterable[Flag], said: Iterable[tuple[KeyPath, str | FlagTable]]) -> tuple[Flag, ...]:
    """Return flags with those that are said; what is said of a value's flag is all of it but its default.

    Example:
        >>> flags_with((), [(KeyPath(("amp",)), "--amp/--no-amp")])[0].off
        '--no-amp'
    """
    flags = {flag.path: flag for flag in read}
    for path, each in said:
        known, own = flags.get(path), _flag(path, each)
        flags[path] = own if known is None else evolve(own, default=known.default)
    return tuple(flags.values())


def _flag(path: KeyPath, said: str | FlagTable) -> Flag:
    if isinstance(said, str):
        word, parted, off = said.partition("/")
        said = FlagTable(flag=word, off=off, takes="switch" if parted else "value")
    flag = Flag(path=path, word=said.flag, off=said.off, takes=said.takes)
    # Of a switch with one flag, no flag says the other.
    one_sided = flag.takes == "switch" and bool(flag.word) != bool(flag.off)
    return evolve(flag, default=not flag.word) if one_sided else evolve(flag, default=MISSING)
