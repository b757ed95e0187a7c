"""The one function that writes a word of shell.

Every script confjob writes goes through `quote`; nothing else builds shell text from
values (design law 6). Single quotes are the one form in which POSIX shells interpret
nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["command_line", "quote"]


def quote(text: str) -> str:
    r"""Return `text` as one word of POSIX shell, whatever it holds.

    Raises:
        ValueError: On a NUL, which no argument or variable can carry.

    Example:
        >>> print(quote("it's $HOME"))
        'it'\''s $HOME'
    """
    if "\0" in text:
        raise ValueError(f"{text!r} holds a NUL character, which no command line can carry")
    return "'" + text.replace("'", "'\\''") + "'"


def command_line(argv: Iterable[str]) -> str:
    """Return `argv` as one line of shell, every word quoted."""
    return " ".join(map(quote, argv))
