"""What commands print: tables, problems, JSON. Colours only on a terminal."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from confjob.errors import ConfjobError
    from confjob.model import Problem

__all__ = ["echo_json", "note", "problem_json", "refusal", "safe", "style", "table", "warn"]

#: Control characters, an escape that would colour or clear a terminal among them.
_CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160))}
#: The same, for texts that may have several lines.
_CONTROLS_IN_TEXT = {code: shown for code, shown in _CONTROLS.items() if code != ord("\n")}


def style(text: str, **styles: Any) -> str:
    """Return `text` in colour; click strips it again where the output is no terminal."""
    return text if "NO_COLOR" in os.environ else click.style(text, **styles)


def echo_json(value: Any) -> None:
    """Print strict JSON: NaN and infinities, which it can't say, as YAML spells them."""
    text = json.dumps(_strict(value), indent=2, ensure_ascii=False)
    # Half a surrogate pair can't be written; as an escape it is JSON.
    click.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], elastic: int = -1) -> None:
    """Print aligned columns; the `elastic` column is cut so that lines fit the terminal."""
    lines = [list(headers), *(list(map(_line, row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    if elastic >= 0 and sys.stdout.isatty():
        spare = shutil.get_terminal_size().columns - sum(widths) - 2 * (len(widths) - 1)
        widths[elastic] = max(len(headers[elastic]), 12, widths[elastic] + min(spare, 0))
    for number, line in enumerate(lines):
        cells = [_cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True)]
        text = "  ".join(cells).rstrip()
        click.echo(style(text, bold=True) if number == 0 else text)


def note(text: str) -> None:
    """Print a remark beside the result, on stderr."""
    click.echo(style(text, dim=True), err=True)


def warn(problems: Iterable[Problem]) -> None:
    """Print warnings and notes on stderr."""
    for problem in problems:
        _problem(problem, f"{problem.severity}: ", "cyan" if problem.severity == "note" else "yellow")


def refusal(error: ConfjobError, *, as_json: bool) -> None:
    """Print a refusal: all its problems, each with place and hint."""
    if as_json:
        problems = [problem_json(problem) for problem in error.problems]
        if not problems:
            problems = [{"input": "", "path": "", "where": "", "message": error.message, "hint": error.hint}]
        echo_json({"error": error.message, "problems": problems})
        return
    click.echo(f"{style('confjob:', fg='red', bold=True)} {safe(error.message)}", err=True)
    for problem in error.problems:
        _problem(problem, "", "red")
    if error.hint:
        click.echo(f"  {style('hint:', fg='cyan')} {safe(error.hint)}", err=True)


def problem_json(problem: Problem) -> dict[str, str]:
    """Return a problem in the shape that `--json` promises."""
    return {
        "code": problem.code,
        "input": problem.input,
        "path": str(problem.path),
        "where": str(problem.where or ""),
        "message": problem.message,
        "hint": problem.hint,
    }


def _problem(problem: Problem, prefix: str, colour: str) -> None:
    name = f"{problem.input}:{problem.path}" if problem.input and problem.path else problem.input
    name = _line(name or str(problem.path))
    place = str(problem.where or "")
    where = f" ({place})" if place and place.rpartition(":")[0] not in problem.message else ""
    label = style(f"{prefix}{name}", fg=colour, bold=True) if name or prefix else ""
    parted = ": " if name else ""
    click.echo(f"  {label}{parted}{safe(problem.message + where)}", err=True)
    if problem.hint:
        click.echo(f"    {style('hint:', fg='cyan')} {safe(problem.hint)}", err=True)


def _line(text: str) -> str:
    """Return text as one line that can do nothing to a terminal."""
    return text.translate(_CONTROLS)


def safe(text: str) -> str:
    """Return text that keeps its lines and can do nothing to a terminal: it may quote a config's keys."""
    return text.translate(_CONTROLS_IN_TEXT)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return value
