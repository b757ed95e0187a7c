"""Text whose every character does what it seems to: what turns or hides text is written out.

Escaping keeps markup from acting. It does not keep a name from running backwards, or from being
another one than it looks like.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["named", "visible"]

#: Controls but tabs and line breaks, marks and turns of direction, half characters, and tags.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: object) -> str:
    r"""Return text with what can't be seen in it written out.

    Example:
        >>> visible("a\u202eb\x1b")
        'a\\u202eb\\x1b'
    """
    return _HIDDEN.sub(lambda match: named(match[0]), str(text))


def named(character: str) -> str:
    """Return how a character that can't be shown is written."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that is no text
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
