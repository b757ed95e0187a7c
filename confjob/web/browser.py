"""Opening the browser without telling the token to everyone who lists this machine's processes."""

from __future__ import annotations

import html
import os
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from pathlib import Path

__all__ = ["has_browser", "show"]

_PAGE = '<!doctype html><meta charset="utf-8"><title>confjob</title><meta http-equiv="refresh" content="0;url={}">'


def has_browser(environ: Mapping[str, str]) -> bool:
    """Whether whoever started this sits before a screen of this machine."""
    if "SSH_CONNECTION" in environ:
        return False
    return sys.platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def show(address: str) -> Path:
    """Open an address in the browser; returns a file to remove once the server has ended.

    The browser's command line is everyone's to read, so that it names a file which leads
    there, and which only this user can read.
    """
    handle, name = tempfile.mkstemp(prefix="confjob-ui-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(html.escape(address)))
    page = Path(name)
    webbrowser.open(page.as_uri())
    return page
