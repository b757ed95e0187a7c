"""`confjob doctor`."""

from __future__ import annotations

import sys
import textwrap
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo, echo_json, line_of, room_of, style
from confjob.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confjob.pipeline.doctoring import Finding

__all__ = ["doctor"]

#: mark -> sign, the sign where only ASCII can be written, colour
_SIGNS: Final = {
    "ok": ("✓", "ok", "green"),
    "note": ("·", "-", "blue"),
    "warn": ("!", "!", "yellow"),
    "fail": ("✗", "FAIL", "red"),
}


@click.command()
@click.option("--repair", is_flag=True, help="First make the index of this machine's queue anew.")
@as_json
@click.pass_context
def doctor(ctx: click.Context, repair: bool, as_json: bool) -> int:
    """Tell what works on this machine, what is missing, and what would mend it.

    Looks at confjob, the project, each job's Python, the place of runs, plugins, targets
    this machine's queue and what else the machine has. Waits for nothing longer than 20
    seconds, and changes nothing without --repair. Exits with 1 if something that this project
    needs is broken.

    The index of the queue is a copy of what the run folders say. --repair makes it anew from the
    run folders of this project and of all that have used the queue; no run is touched.

    \b
    Examples:
      confjob doctor
      confjob doctor --json
      confjob doctor --repair
    """
    from attrs import asdict

    from confjob.pipeline.doctoring import examine, repair_queue, verdict

    project = project_of(ctx)
    repaired = repair_queue(project) if repair else None
    found = examine(project)
    failed = any(finding.mark == "fail" for finding in found)
    if as_json:
        findings = [asdict(finding) for finding in found]
        mended = {} if repaired is None else {"repaired": asdict(repaired)}
        echo_json({"ok": not failed, "verdict": verdict(found), **mended, "findings": findings})
    else:
        if repaired is not None:
            echo(f"{repaired}\n")
        for line in _lines(found):
            echo(line)
        echo()
        echo(style(verdict(found), fg="red" if failed else "green", bold=True))
    return ExitCode.REFUSED if failed else ExitCode.OK


def _lines(found: list[Finding]) -> Iterator[str]:
    width = max(len(finding.name) for finding in found)
    for group, findings in groupby(found, key=attrgetter("group")):
        yield style(group, bold=True)
        for finding in findings:
            yield from _told(finding, width)


def _told(finding: Finding, width: int) -> Iterator[str]:
    sign, plain, colour = _SIGNS[finding.mark]
    column = 1 if _can_write(sign) else 4
    sign = (sign if column == 1 else plain).ljust(column)
    margin = " " * (column + width + 5)
    first, *more = _wrapped(line_of(finding.detail), len(margin))
    yield f"  {style(sign, fg=colour, bold=True)} {line_of(finding.name):<{width}}  {first}"
    yield from (margin + line for line in more)
    if finding.hint:
        # Not wrapped: it may be a line to copy.
        yield f"{margin}{style('hint:', fg='cyan')} {line_of(finding.hint)}"


def _wrapped(text: str, margin: int) -> list[str]:
    room = room_of(sys.stdout)
    if room is None or room - margin < 20:
        return [text]
    return textwrap.wrap(text, room - margin, break_long_words=False, break_on_hyphens=False) or [""]


def _can_write(sign: str) -> bool:
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
