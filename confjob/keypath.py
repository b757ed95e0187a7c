r"""Paths into a config tree, and the include/exclude filter over them.

The module stands below the model because everything speaks in paths, and has no
imports of its own so that it can be used anywhere.

The text form of a path:

=============== ====================================================================
`a.b`           key `b` in the mapping at key `a`
`layers[0].lr`  key `lr` of the first element of `layers`; `layers.0.lr` says the same
                where `layers` is a list
`a\.b`          the one key `a.b`: a backslash makes the next of `. \ [ ] * = : + -`
                literal; before any other character it is an error
`[0].a`         key `a` of the first element of a list at the root (or of the first of
                several documents in one file)
`a..b`          the empty key between two dots is a key; a lone trailing dot is dropped,
                as W&B Launch does
=============== ====================================================================

`*` stands for any one component, in filters only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["STAR", "KeyPath", "PathFilter", "PathSyntaxError", "Pattern", "is_index", "split_input"]

_ESCAPABLE: Final = frozenset(r".\[]*=:+-")
#: No config is that deep, and code that follows a path may recurse.
_DEEPEST: Final = 200
_ALWAYS_ESCAPED: Final = frozenset(r".\[]*=:")


class PathSyntaxError(ValueError):
    """A path's text is malformed; the message names text, column and cause."""


class _Star:
    """The one-component wildcard of a pattern."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "*"


STAR: Final = _Star()


class KeyPath(tuple["str | int", ...]):
    r"""A path of mapping keys (`str`) and list indices (`int`) from the root of a tree.

    Example:
        >>> KeyPath.parse(r"layers[0].a\.b")
        KeyPath('layers[0].a\\.b')
        >>> tuple(KeyPath.parse(r"layers[0].a\.b"))
        ('layers', 0, 'a.b')
        >>> str(KeyPath(("a", "b")))
        'a.b'
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> KeyPath:
        """Read the text form.

        Raises:
            PathSyntaxError: On a stray backslash, an unclosed or non-numeric index, text
                after an index, or an unescaped `*`.
        """
        parts = list(_components(text))
        if any(part is STAR for part in parts):
            raise PathSyntaxError(f"'{text}': '*' is for filters; write '\\*' for a key named *")
        if len(parts) > _DEEPEST:
            raise PathSyntaxError(f"'{text[:40]}…': a path of more than {_DEEPEST} components")
        return cls(part for part in parts if not isinstance(part, _Star))

    def __str__(self) -> str:
        text = _join(self)
        if text.startswith("+"):
            text = "\\" + text
        return text[:-1] + "\\-" if text.endswith("-") else text

    def __repr__(self) -> str:
        return f"KeyPath({str(self)!r})"

    def child(self, part: str | int) -> KeyPath:
        """Return the path one component deeper."""
        return KeyPath((*self, part))

    def join(self, other: Iterable[str | int]) -> KeyPath:
        """Return this path followed by all components of `other`."""
        return KeyPath((*self, *other))

    @property
    def parent(self) -> KeyPath:
        """The path one component shorter; the root is its own parent."""
        return KeyPath(self[:-1])

    def startswith(self, prefix: KeyPath) -> bool:
        """Whether `prefix` is this path or one of its ancestors."""
        return tuple(self[: len(prefix)]) == tuple(prefix)


class Pattern(tuple["str | int | _Star", ...]):
    """A filter prefix: a path whose components may be `*`.

    A digit component matches both a key and an index, so that `layers.0` and
    `layers[0]` select the same element.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read the text form; raises `PathSyntaxError` as `KeyPath.parse` does."""
        return cls(_components(text))

    def __str__(self) -> str:
        return _join(self)

    def covers(self, path: KeyPath) -> bool:
        """Whether the pattern is a prefix of `path` (or equal to it)."""
        return len(self) <= len(path) and all(map(_matches, self, path))

    def reaches(self, path: KeyPath) -> bool:
        """Whether the pattern could cover something at or below `path`."""
        return all(_matches(mine, part) for mine, part in zip(self, path, strict=False))


class PathFilter:
    """Include and exclude prefixes; exclude wins, an empty include keeps everything.

    Example:
        >>> paths = PathFilter(include=["trainer"], exclude=["trainer.private"])
        >>> paths.selects(KeyPath.parse("trainer.lr"))
        True
        >>> paths.selects(KeyPath.parse("trainer.private.key"))
        False

    Source: W&B Launch, `manage_config_file(include=, exclude=)`.
    """

    __slots__ = ("exclude", "include")

    def __init__(self, include: Iterable[str] | str = (), exclude: Iterable[str] | str = ()) -> None:
        self.include = tuple(map(Pattern.parse, _listed(include)))
        self.exclude = tuple(map(Pattern.parse, _listed(exclude)))

    def __repr__(self) -> str:
        return f"PathFilter(include={[*map(str, self.include)]}, exclude={[*map(str, self.exclude)]})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PathFilter):
            return NotImplemented
        return (self.include, self.exclude) == (other.include, other.exclude)

    def __hash__(self) -> int:
        return hash((self.include, self.exclude))

    def selects(self, path: KeyPath) -> bool:
        """Whether a value at `path` is an input."""
        return self.excluded_by(path) is None and self.includes(path)

    def includes(self, path: KeyPath) -> bool:
        """Whether the include prefixes alone keep `path`."""
        return not self.include or any(pattern.covers(path) for pattern in self.include)

    def excluded_by(self, path: KeyPath) -> Pattern | None:
        """Return the exclude prefix that hides `path`, or None."""
        return next((pattern for pattern in self.exclude if pattern.covers(path)), None)

    def unmatched(self, paths: Iterable[KeyPath]) -> tuple[Pattern, ...]:
        """Return the prefixes that cover none of `paths`: most likely misspelt."""
        waiting = [*self.include, *self.exclude]
        for path in paths:
            if not waiting:
                break
            waiting = [pattern for pattern in waiting if not pattern.covers(path)]
        return tuple(waiting)


def split_input(text: str) -> tuple[str | None, str]:
    """Split `INPUT:path` at the first unescaped colon; no colon gives (None, text).

    The input's name is unescaped; the path is returned as written.
    """
    name: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "\\" and position + 1 < len(text):
            name.append(text[position + 1])
            position += 2
        elif text[position] == ":":
            return "".join(name), text[position + 1 :]
        else:
            name.append(text[position])
            position += 1
    return None, text


def is_index(text: str) -> bool:
    """Whether `text` is the number of a list element; one of 19 digits is no list's."""
    return text.isascii() and text.isdigit() and len(text) < 19


def _listed(prefixes: Iterable[str] | str) -> Iterable[str]:
    # A plain string is one prefix: iterating it by character is W&B's silent trap.
    return (prefixes,) if isinstance(prefixes, str) else prefixes


def _matches(mine: str | int | _Star, part: str | int) -> bool:
    return mine is STAR or mine == part or (isinstance(part, int) and mine == str(part))


def _join(parts: Iterable[str | int | _Star]) -> str:
    pieces: list[str] = []
    last: str | int | _Star = 0
    for number, part in enumerate(parts):
        if isinstance(part, int):
            pieces.append(f".[{part}]" if last == "" and number else f"[{part}]")
        else:
            escaped = "*" if isinstance(part, _Star) else _escape(part)
            pieces.append(f".{escaped}" if number else escaped)
        last = part
    # The parser drops one lone trailing dot, so a final empty key needs one more.
    return "".join(pieces) + "." if last == "" and pieces else "".join(pieces)


def _escape(key: str) -> str:
    return "".join("\\" + char if char in _ALWAYS_ESCAPED else char for char in key)


def _components(text: str) -> Iterator[str | int | _Star]:
    """Yield the components of `text`, in one pass over its characters."""
    if not text:
        return
    segments = list(_segments(text))
    if len(segments) > 1 and segments[-1] == ("", False, ()):
        segments.pop()
    for key, starred, indices in segments:
        if key or starred or not indices:
            yield STAR if starred else key
        yield from indices


def _segments(text: str) -> Iterator[tuple[str, bool, tuple[int | _Star, ...]]]:
    """Yield (key, is `*`, indices) for every dot-separated segment of `text`."""
    key: list[str] = []
    starred = False
    indices: list[int | _Star] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == ".":
            yield "".join(key), starred, tuple(indices)
            key, starred, indices = [], False, []
            position += 1
        elif char == "[":
            index, position = _index(text, position)
            indices.append(index)
        elif indices or starred or char in "]*":
            starred, position = _star(text, position, key, starred, indices)
        else:
            literal, position = _literal(text, position)
            key.append(literal)
    yield "".join(key), starred, tuple(indices)


def _literal(text: str, position: int) -> tuple[str, int]:
    if text[position] != "\\":
        return text[position], position + 1
    following = text[position + 1 : position + 2]
    if following not in _ESCAPABLE or not following:
        what = f"before {following!r}" if following else "at the end"
        raise PathSyntaxError(
            f"'{text}', column {position + 1}: a backslash {what} means nothing; "
            r"it may stand before . \ [ ] * = : + -"
        )
    return following, position + 2


def _index(text: str, position: int) -> tuple[int | _Star, int]:
    end = text.find("]", position)
    inner = text[position + 1 : end] if end > 0 else ""
    if inner == "*":
        return STAR, end + 1
    if not is_index(inner):
        raise PathSyntaxError(
            f"'{text}', column {position + 1}: an index is written [0]; write '\\[' for a literal ["
        )
    return int(inner), end + 1


def _star(
    text: str, position: int, key: list[str], starred: bool, indices: list[int | _Star]
) -> tuple[bool, int]:
    if text[position] == "*" and not (key or starred or indices):
        return True, position + 1
    raise PathSyntaxError(
        f"'{text}', column {position + 1}: unexpected {text[position]!r}; "
        "a '.' must part two keys, and a literal one of . \\ [ ] * = : is written with a backslash"
    )
