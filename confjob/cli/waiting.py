"""The line that says what takes so long, on a terminal, while it does.

It appears when a command has been busy for most of a second, so that quick things stay silent,
and is erased when the activity is over. One thread draws it, lives as long as the outermost
activity, and is waited for: what comes next may fork.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final, TextIO

from confjob.progress import Activity, listening

if TYPE_CHECKING:
    import threading

__all__ = ["Waiting", "show_progress", "told"]

#: Seconds that a command may take in silence.
_PATIENCE: Final = 0.8
#: Seconds for which an activity is not worth a word, however long the command took before.
_BLINK: Final = 0.2
_TICK: Final = 0.1

_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_SPINNER: Final = "|/-\\"


def show_progress() -> AbstractContextManager[None]:
    """Show what goes on from now on, where stderr is a terminal."""
    from confjob.cli.output import is_terminal

    return listening(Waiting(sys.stderr).during) if is_terminal(sys.stderr) else nullcontext()


class Waiting:
    """Draws the innermost of the activities that go on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._patient_until = time.monotonic() + _PATIENCE
        self._going: list[tuple[Activity, float]] = []

    @contextmanager
    def during(self, activity: Activity) -> Iterator[None]:
        """Show an activity for as long as the block lasts."""
        self._going.append((activity, time.monotonic()))
        try:
            with self._drawing() if len(self._going) == 1 and not _quiet() else nullcontext():
                yield
        finally:
            self._going.pop()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        import threading

        over = threading.Event()
        thread = threading.Thread(target=self._draw, args=(over,), name="confjob-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _draw(self, over: threading.Event) -> None:
        drawn = False
        first = max(self._patient_until - time.monotonic(), _BLINK)
        while not over.wait(_TICK if drawn else first):
            self._write(f"\r{self._line()}\x1b[K")
            drawn = True
        if drawn:
            self._write("\r\x1b[K")

    def _line(self) -> str:
        from confjob.cli.output import line_of, style
        from confjob.cli.tables import cut

        activity, began = self._going[-1]
        seconds = time.monotonic() - began
        spinner = _SPINNER if "utf" in (self._stream.encoding or "").lower() else _PLAIN_SPINNER
        turn = spinner[int(seconds / _TICK) % len(spinner)]
        return style(cut(f"{turn} {line_of(told(activity, seconds))}", self._columns() - 1), fg="cyan")

    def _columns(self) -> int:
        import os

        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            return 80

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a terminal that is gone
            self._stream.write(text)
            self._stream.flush()


def told(activity: Activity, seconds: float) -> str:
    """Return an activity in words: `copying: 1.5 GiB of 3.0 GiB (50 %), 12 s`."""
    from confjob.times import clock
    from confjob.workspace.sizes import human_size

    def amount(number: int) -> str:
        return human_size(number) if activity.unit == "bytes" else f"{number:,}"

    unit = "" if activity.unit in ("", "bytes") else f" {activity.unit}"
    if activity.total:
        share = f"{min(100 * activity.done // activity.total, 100)} %"
        far = f": {amount(activity.done)} of {amount(activity.total)}{unit} ({share})"
    else:
        far = f": {amount(activity.done)}{unit}" if activity.done else ""
    return f"{activity.what}{far}, {clock(seconds)}"


def _quiet() -> bool:
    """Whether the command prints JSON: whoever reads that wants nothing else."""
    import click

    context = click.get_current_context(silent=True)
    return context is not None and bool(context.params.get("as_json"))
