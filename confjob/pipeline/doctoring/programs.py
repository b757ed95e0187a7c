"""Asks a program of this machine for a line, and waits for it no longer than is good for anyone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from attrs import frozen

__all__ = ["Said", "ask_program"]

_SECONDS: Final = 8


@frozen(kw_only=True)
class Said:
    """What a program said.

    Args:
        code: Its exit code; None where it could not be started, or had to be ended.
        lines: What it printed; why it said nothing, where there is no code.
    """

    code: int | None
    lines: tuple[str, ...]


def ask_program(folder: Path, environ: Mapping[str, str], program: str, *arguments: str) -> Said:
    """Run a program to its end, or end it.

    Output goes to a file, not a pipe: a pipe inherited by a grandchild would keep us waiting
    after the program is ended.
    """
    found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        return Said(code=None, lines=(f"{program} is not on the PATH",))
    with tempfile.TemporaryFile() as output:
        try:
            code = _code([found, *arguments], folder, environ, output)
        except OSError as error:
            return Said(code=None, lines=(f"it can't be started: {error.strerror}",))
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    if code is None:
        return Said(code=None, lines=(f"no answer within {_SECONDS} s",))
    return Said(code=code, lines=tuple(text.splitlines()) or (f"exit code {code}",))


def _code(argv: list[str], folder: Path, environ: Mapping[str, str], output: IO[bytes]) -> int | None:
    """Return the exit code of a program, or None where it had to be ended, with all that it started."""
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
