"""The command line as bash has it: raw text up to the cursor, read into words."""

from __future__ import annotations

__all__ = ["Line", "read_line", "unquoted"]


class Line:
    """The words before the cursor.

    Args:
        words: The words before the one at the cursor, the program first.
        incomplete: The word at the cursor, as far as it is typed, without quotes.
        quote: The quote that is open at the cursor, or nothing.
    """

    def __init__(self, *, words: list[str], incomplete: str, quote: str = "") -> None:
        self.words = words
        self.incomplete = incomplete
        self.quote = quote


def read_line(text: str) -> Line:
    r"""Read a command line that need not be whole.

    Example:
        >>> read_line("confjob launch --set 'a b=").incomplete, read_line("confjob launch ").incomplete
        ('a b=', '')
    """
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        following = text[position + 1 : position + 2]
        position += 1
        if quote:
            if char == quote:
                quote = ""
                continue
            if char == "\\" and quote == '"' and following in tuple('"\\$`'):
                char, position = following, position + 1
        elif char in "'\"":
            word, quote = word or [], char
            continue
        elif char.isspace():
            if word is not None:
                words.append("".join(word))
            word = None
            continue
        elif char == "\\":
            char, position = following, position + 1
        word = [*word, char] if word else [char]
    return Line(words=words, incomplete="".join(word or ()), quote=quote)


def unquoted(text: str) -> str:
    """Return one word without its quotes and backslashes."""
    line = read_line(text.replace("\n", " "))
    return " ".join([*line.words, line.incomplete])
