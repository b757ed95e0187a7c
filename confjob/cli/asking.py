"""Questions before what can't be undone; where nobody is there to answer, the answer is no."""

from __future__ import annotations

import sys

import click

from confjob.errors import RunError

__all__ = ["agreed"]


def agreed(question: str, *, otherwise: str) -> None:
    """Return if a person at the terminal says yes.

    Args:
        question: What is asked.
        otherwise: What is so if nobody can: `nothing was removed`.

    Raises:
        RunError: When there is nobody to ask.
        click.Abort: When the answer is no.
    """
    if not sys.stdin.isatty():
        raise RunError(f"{otherwise}: there is nobody to ask", hint="--yes does it without a question")
    click.confirm(question, abort=True, err=True)
