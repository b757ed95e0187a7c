"""Noticing that something acted on the world where it promised not to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["listening"]

#: Audit events of files, folders, processes and sockets begin so.
_ACTING: Final = ("open", "os.", "socket.", "subprocess.", "shutil.", "urllib.", "sqlite3.")

#: They change or ask nothing outside of this process.
_HARMLESS: Final = frozenset({"os.putenv", "os.unsetenv", "os.listxattr"})

_heard: list[list[str]] = []
_installed: list[bool] = []


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what this process does meanwhile: files opened, processes started, sockets used.

    Example:
        >>> with listening() as heard:
        ...     _ = os.listdir(".")
        >>> heard
        ['os.listdir: .']
    """
    if not _installed:  # an audit hook stays for good, so there is one, which is deaf at other times
        sys.addaudithook(_listen)
        _installed.append(True)
    heard: list[str] = []
    _heard.append(heard)
    try:
        yield heard
    finally:
        _heard.remove(heard)


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard and event.startswith(_ACTING) and event not in _HARMLESS:
        what = arguments[0] if arguments and isinstance(arguments[0], (str, bytes, os.PathLike)) else ""
        for heard in _heard:
            heard.append(f"{event}: {os.fsdecode(what)}" if what else event)
