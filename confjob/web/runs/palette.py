"""Colours of a terminal as names of readable ones.

A job says yellow for a black terminal; on white paper nobody could read it. So each of the sixteen million colours is told as one of a few hues, and the style sheet has for
every hue a text colour and a tint that are readable on one another, in light and in dark.
"""

from __future__ import annotations

import colorsys
from typing import Final

__all__ = ["GREY", "HUES", "from_rgb", "indexed"]

#: The hues, every 30 degrees from red on.
HUES: Final = (
    *("red", "orange", "yellow", "lime", "green", "teal"),
    *("cyan", "azure", "blue", "violet", "magenta", "rose"),
)
GREY: Final = "grey"

#: Black and white are what text is written in; their bright and dark neighbours are grey.
_NAMED: Final = ("", "red", "green", "yellow", "blue", "magenta", "cyan", "")
_BRIGHT: Final = (GREY, *_NAMED[1:])
_LEVELS: Final = (0, 95, 135, 175, 215, 255)

#: Below this difference of its strongest and its weakest part a colour has no hue.
_COLOURLESS: Final = 0.16


def indexed(index: int) -> str:
    """Return the hue of a colour of the 256; nothing for the colour of usual text.

    Example:
        >>> indexed(1), indexed(9), indexed(208), indexed(244), indexed(15)
        ('red', 'red', 'orange', 'grey', '')
    """
    if not 0 <= index <= 255:
        return ""
    if index < 16:
        return (_NAMED + _BRIGHT)[index]
    if index < 232:
        cube = index - 16
        return from_rgb(*(_LEVELS[cube // step % 6] for step in (36, 6, 1)))
    grey = 8 + 10 * (index - 232)
    return from_rgb(grey, grey, grey)


def from_rgb(red: int, green: int, blue: int) -> str:
    """Return the hue of a colour; nothing for one that is nearly black or white.

    Example:
        >>> from_rgb(255, 255, 0), from_rgb(120, 120, 130), from_rgb(250, 250, 250)
        ('yellow', 'grey', '')
    """
    parts = [min(max(part, 0), 255) / 255 for part in (red, green, blue)]
    hue, lightness, _ = colorsys.rgb_to_hls(*parts)
    if max(parts) - min(parts) >= _COLOURLESS:
        return HUES[round(hue * len(HUES)) % len(HUES)]
    return GREY if 0.2 < lightness < 0.8 else ""
