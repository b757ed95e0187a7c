"""A terminal's second screen, drawn in place, and given back as it was.

Each line is written over what stood there, and nothing is cleared before, so that nothing
flickers; what was on the first screen is there again afterwards, and scrolls as ever. Whatever
ends the process with a signal that can be handled leaves a terminal with its cursor.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Final

__all__ = ["Screen"]

#: The second screen, without a cursor and without wrapping; and all of that back.
_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"

_LINE_END: Final = "\x1b[K"
_REST: Final = "\x1b[J"

#: These would end or stop the process and leave the terminal as it is.
_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)


class Screen:
    """The second screen of the terminal at a file descriptor, for as long as it is entered."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._shown: object = None
        self._handlers: dict[int, object] = {}

    @property
    def size(self) -> os.terminal_size:
        """Columns and lines, as they are now."""
        try:
            found = os.get_terminal_size(self._descriptor)
        except OSError:
            return os.terminal_size((80, 24))
        # A serial line has 0 of each.
        return os.terminal_size((found.columns or 80, found.lines or 24))

    def draw(self, lines: Sequence[str]) -> None:
        """Show lines from the top; they must fit."""
        frame = (self.size, tuple(lines))
        if frame != self._shown:
            self._write("\x1b[H" + "\r\n".join(line + _LINE_END for line in lines) + _REST)
            self._shown = frame

    def __enter__(self) -> None:
        self._write(_ENTER)
        self._handlers = {number: signal.signal(number, self._stand_back) for number in _SIGNALS}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() returned
        self._write(_LEAVE)

    def _stand_back(self, number: int, frame: FrameType | None) -> None:
        """Give the terminal back, let the signal do what it does, and go on after a mere stop."""
        self._write(_LEAVE)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stand_back)
        self._shown = None
        self._write(_ENTER)

    def _write(self, text: str) -> None:
        # Not through a buffer: a signal may arrive while one is being written.
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]
