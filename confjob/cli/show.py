"""`confjob show`."""

from __future__ import annotations

import sys
from itertools import groupby, islice
from typing import TYPE_CHECKING

import click
from click import unstyle

from confjob.cli import completing
from confjob.cli.completing.command import Completable
from confjob.cli.options import as_json, files_option, project_of, target_option
from confjob.cli.output import echo, echo_json, line_of, room_of, safe, style, warn
from confjob.cli.tables import cells, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from confjob.form import Field, Form

__all__ = ["show"]

_MASK = "••••••"


@click.command(cls=Completable)
@click.argument("job", shell_complete=completing.jobs)
@files_option
@target_option
@click.option("--why", is_flag=True, help="Tell what each type rests on, and how sure that is.")
@click.option("--json-schema", is_flag=True, help="Print the schema of all inputs instead.")
@as_json
@click.pass_context
def show(
    ctx: click.Context,
    job: str,
    files: tuple[str, ...],
    target: str | None,
    why: bool,
    json_schema: bool,
    as_json: bool,
) -> None:
    """Show every input of JOB: path, type, value, constraints, file and line.

    What stands here can be changed by --set INPUT:PATH=VALUE. Secrets are shown as
    dots. On a terminal that is too narrow long values are cut; a pipe gets them whole.

    \b
    Examples:
      confjob show train
      confjob show train --why           what each type rests on
      confjob show train.py:train --json
      confjob show train --file config.yaml=conf/large.yaml

    See also: confjob explain JOB PATH tells all of one value; confjob plan.
    """
    from confjob.cli.options import request_of
    from confjob.pipeline import read_form
    from confjob.pipeline.export import json_schema_of
    from confjob.pipeline.shapes import form_json

    form = read_form(project_of(ctx), request_of(job, files=files, target=target))
    if json_schema:
        echo_json(json_schema_of(form))
    elif as_json:
        echo_json(form_json(form))
    else:
        _table(form, why=why)
    warn(form.warnings)


def _table(form: Form, *, why: bool) -> None:
    if form.job.description:
        echo(f"{safe(form.job.description)}\n")
    fields = list(form.listed())
    if not fields:
        echo("this job has no inputs")
        return
    heads = ["INPUT", "PATH", "TYPE", *(["SURE", "BECAUSE"] if why else ["VALUE", "CONSTRAINTS", "WHERE"])]
    rows = [[line_of(cell) for cell in (_reasons(field) if why else _row(field))] for field in fields]
    room = room_of(sys.stdout)
    lines = list(_lay_out(heads, rows, room))
    inputs = [field.input for field in fields]
    if room is not None and (len(set(inputs)) > 1 or any(cells(unstyle(line)) > room for line in lines)):
        lines = list(_grouped(heads, rows, room))
    for line in lines:
        echo(line)


def _lay_out(heads: Sequence[str], rows: Iterable[Sequence[str]], room: int | None) -> Iterator[str]:
    return lay_out(
        heads,
        rows,
        room=room,
        elastic=("VALUE", "CONSTRAINTS", "BECAUSE"),
        paints={"WHERE": lambda text: style(text, dim=True), "VALUE": _painted},
        heading=lambda text: style(text, bold=True),
    )


def _grouped(heads: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> Iterator[str]:
    """Yield the table with a line for each input instead of a column for it: terminals are narrow."""
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row[0])]
    files = [_file_of(group) if heads[-1] == "WHERE" else "" for group in groups]
    inner = [
        [*row[1:-1], row[-1].removeprefix(f"{file}:") if file else row[-1]]
        for group, file in zip(groups, files, strict=True)
        for row in group
    ]
    lines = _lay_out(heads[1:], inner, room - 2)
    yield f"  {next(lines)}"
    for group, file in zip(groups, files, strict=True):
        name = group[0][0]
        stands = style(f"  {file}", dim=True) if file not in ("", name) else ""
        yield style(name, bold=True) + stands
        yield from (f"  {line}" for line in islice(lines, len(group)))


def _file_of(group: Iterable[Sequence[str]]) -> str:
    """Return the file that all inputs of a group stand in, if it is one."""
    files = {row[-1].rsplit(":", 2)[0] for row in group if row[-1] != "-"}
    return files.pop() if len(files) == 1 else ""


def _painted(text: str) -> str:
    return style(text, fg="yellow") if text == "(required)" else text


def _reasons(field: Field) -> list[str]:
    from confjob.pipeline.shapes import type_text

    sure = field.evidence
    return [field.input, str(field.path), type_text(field), sure.confidence, sure.because]


def _row(field: Field) -> list[str]:
    from confjob import schema as schemas
    from confjob.pipeline.shapes import type_text
    from confjob.tree import MISSING
    from confjob.words import value_text

    value = _MASK if field.secret else "(required)" if field.value is MISSING else value_text(field.value)
    return [
        field.input,
        str(field.path),
        type_text(field),
        value,
        schemas.constraints(field.schema),
        str(field.where or "-"),
    ]
