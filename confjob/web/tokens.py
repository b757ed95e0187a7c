"""The token: made anew for each server, or kept in a file that nobody else can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from confjob.errors import ConfjobError

__all__ = ["kept_token", "new_token"]

#: What an address and a header take without quoting, and nobody guesses.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{22,256}")


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(24)


def kept_token(path: Path) -> str:
    """Return the token that a file keeps; the file is made where there is none.

    Raises:
        ConfjobError: When others can read it, it holds no token, or can't be made.
    """
    try:
        return _read(path) if path.exists() else _made(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it holds no token"
        raise ConfjobError(
            f"{path}: {reason}", hint="name a file that is yours; it is made if need be"
        ) from None


def _read(path: Path) -> str:
    with path.open(encoding="ascii") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise ConfjobError(f"{path}: this is no file", hint="name a file for the token")
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfjobError(f"{path}: others may read or change the token in it", hint=f"chmod 600 {path}")
        token = file.read(4096).strip()
    if not _TOKEN.fullmatch(token):
        raise ConfjobError(
            f"{path}: it holds no token: 22 or more letters, digits, - and _",
            hint="name a file that does not exist: a token is made and put there",
        )
    return token


def _made(path: Path) -> str:
    token = new_token()
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(f"{token}\n")
    return token
