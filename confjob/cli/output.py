"""What commands print: tables, problems, JSON. Colours only on a terminal.

`NO_COLOR` turns them off, `FORCE_COLOR` keeps them in a pipe (`confjob runs | less -R`), and
`TERM=dumb` says that there is no terminal worth the name, in this order, as Python does it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from confjob.shapes import problem_json, refusal_json, strict

if TYPE_CHECKING:
    from confjob.errors import ConfjobError
    from confjob.model import Problem

__all__ = [
    "colours",
    "echo",
    "echo_json",
    "is_terminal",
    "line_of",
    "note",
    "patch",
    "problem_json",
    "refusal",
    "room_of",
    "safe",
    "state",
    "style",
    "table",
    "warn",
]

#: Control characters, an escape that would colour or clear a terminal among them, and what
#: turns the direction of writing, so that a line would not say what it seems to.
_CODES = (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)
_CONTROLS = {code: ascii(chr(code))[1:-1] for code in _CODES}
#: The same, for texts that may have several lines.
_CONTROLS_IN_TEXT = {code: shown for code, shown in _CONTROLS.items() if code != ord("\n")}


#: Every state of a run has its colour here, for all verbs.
_STATES = {
    "QUEUED": "blue",
    "STARTING": "cyan",
    "RUNNING": "cyan",
    "ENDING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "CANCELLED": "yellow",
    "PREEMPTED": "yellow",
    "LOST": "red",
}


def colours() -> bool | None:
    """Return whether colours are wanted: None leaves it to whether there is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream leads to a terminal that can do more than take characters."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def room_of(stream: TextIO) -> int | None:
    """Return the cells of a terminal's line, or None where nothing need be cut."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def style(text: str, **styles: Any) -> str:
    """Return `text` in colour; click strips it again where the output is no terminal."""
    wanted = {name: value for name, value in styles.items() if value}
    return click.style(text, **wanted) if wanted and colours() is not False else text


def state(name: str, text: str = "") -> str:
    """Return the name of a state, or another `text` for it, in the state's colour."""
    return style(text or name, fg=_STATES.get(name), bold=True)


def patch(text: str) -> Iterable[str]:
    """Yield the lines of a unified diff in colour."""
    marks = {"+": "green", "-": "red", "@": "cyan"}
    for number, line in enumerate(text.splitlines()):
        heading = number < 2 and line.startswith(("+++", "---"))
        yield style(safe(line), bold=True) if heading else style(safe(line), fg=marks.get(line[:1]))


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line, in colour where that is wanted."""
    click.echo(text, err=err, color=colours())


def echo_json(value: Any, *, indent: int | None = 2) -> None:
    """Print strict JSON: NaN and infinities, which it can't say, as YAML spells them."""
    text = json.dumps(strict(value), indent=indent, ensure_ascii=False)
    # Half a surrogate pair can't be written; as an escape it is JSON.
    click.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    elastic: Collection[str] = (),
    numbers: Collection[str] = (),
    paints: Mapping[str, Callable[[str], str]] | None = None,
) -> None:
    """Print aligned columns, without those in which nothing stands.

    Args:
        headers: What stands above the columns.
        rows: A text for each column.
        elastic: Headers of the columns that are cut so that lines fit the terminal.
        numbers: Headers of the columns that are aligned at their right.
        paints: Colours a cell's text, by header.
    """
    from confjob.cli.tables import lay_out

    lines = lay_out(
        headers,
        ([line_of(cell) for cell in row] for row in rows),
        room=room_of(sys.stdout),
        elastic=elastic,
        numbers=numbers,
        paints=paints,
        heading=lambda text: style(text, bold=True),
    )
    for line in lines:
        echo(line)


def note(text: str) -> None:
    """Print a remark beside the result, on stderr."""
    echo(style(text, dim=True), err=True)


def warn(problems: Iterable[Problem]) -> None:
    """Print warnings and notes on stderr."""
    for problem in problems:
        _problem(problem, f"{problem.severity}: ", "cyan" if problem.severity == "note" else "yellow")


def refusal(error: ConfjobError, *, as_json: bool) -> None:
    """Print a refusal: all its problems, each with place and hint."""
    if as_json:
        echo_json(refusal_json(error))
        return
    echo(f"{style('confjob:', fg='red', bold=True)} {safe(error.message)}", err=True)
    for problem in error.problems:
        _problem(problem, "", "red")
    if error.hint:
        echo(f"  {style('hint:', fg='cyan')} {safe(error.hint)}", err=True)


def _problem(problem: Problem, prefix: str, colour: str) -> None:
    name = f"{problem.input}:{problem.path}" if problem.input and problem.path else problem.input
    name = line_of(name or str(problem.path))
    place = str(problem.where or "")
    where = f" ({place})" if place and place.rpartition(":")[0] not in problem.message else ""
    label = style(f"{prefix}{name}", fg=colour, bold=True) if name or prefix else ""
    parted = ": " if name else ""
    echo(f"  {label}{parted}{safe(problem.message + where)}", err=True)
    if problem.hint:
        echo(f"    {style('hint:', fg='cyan')} {safe(problem.hint)}", err=True)


def line_of(text: str) -> str:
    """Return text as one line that can do nothing to a terminal."""
    return text.translate(_CONTROLS)


def safe(text: str) -> str:
    """Return text that keeps its lines and can do nothing to a terminal: it may quote a config's keys."""
    return text.translate(_CONTROLS_IN_TEXT)
