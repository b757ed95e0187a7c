"""What controls are called: a name tells the input and the path, whatever characters they have.

A page is posted back to a server that remembers nothing of it, so a name must say all. Only
ASCII is in it, and nothing that a selector, an attribute or a form would read otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import quote, unquote

from attrs import frozen

from confjob.keypath import KeyPath

__all__ = ["New", "Token", "Tokens", "control", "digest", "element_id", "parse", "path_of"]

#: No path of a config is longer, and code that follows one may recurse.
_DEEPEST = 200


@frozen
class New:
    """Stands in a path for an element or a key that is not in the file: the number tells them apart."""

    number: int


Token: TypeAlias = "str | int | New"  # noqa: S105 - a step of a path
Tokens: TypeAlias = "tuple[Token, ...]"


def control(kind: str, input: str, tokens: Iterable[Token]) -> str:  # noqa: A002 - it is called input everywhere
    """Return the name of a control.

    Args:
        kind: What of the value it holds: `v` the value, `m` its mode, `k` the name of a new key.
        input: The input.
        tokens: Where in the input.

    Example:
        >>> control("v", "config.yaml", ("layers", 0, "a/b", New(1)))
        'v/config.yaml/layers/[0]/a%2Fb/+1'
    """
    return "/".join([kind, _quoted(input), *map(_written, tokens)])


def parse(name: str) -> tuple[str, str, Tokens] | None:
    """Return kind, input and tokens of a control's name, or None where it is something else's."""
    kind, *parts = name.split("/")
    if kind not in ("v", "m", "k") or not 0 < len(parts) <= _DEEPEST:
        return None
    try:
        return kind, _unquoted(parts[0]), tuple(map(_read, parts[1:]))
    except ValueError:  # not UTF-8, or not a number: nobody but a stranger writes that
        return None


def element_id(input: str, path: Iterable[Token]) -> str:  # noqa: A002
    """Return an id for the element of a value: the same each time, and nothing but letters and digits."""
    return f"f{zlib.crc32(control('v', input, path).encode()):08x}"


def digest(posted: Iterable[tuple[str, str]]) -> str:
    """Return a short mark of what controls hold, to tell later whether somebody changed them."""
    text = "\0".join(f"{name}\1{value}" for name, value in posted)
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _unquoted(text: str) -> str:
    return unquote(text, errors="surrogatepass")


def _written(token: Token) -> str:
    if isinstance(token, New):
        return f"+{token.number}"
    return f"[{token}]" if isinstance(token, int) else _quoted(token)


def _read(text: str) -> Token:
    if text.startswith("+"):
        return New(_number(text[1:]))
    if text.startswith("["):
        return _number(text[1:-1])
    return _unquoted(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(text)
    return int(text)


def path_of(tokens: Tokens) -> KeyPath | None:
    """Return the path that tokens are, or None where one of them has no name yet."""
    parts = [token for token in tokens if not isinstance(token, New)]
    return KeyPath(parts) if len(parts) == len(tokens) else None
