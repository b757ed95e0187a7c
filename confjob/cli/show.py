"""`confjob show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, problem_json, table, warn

if TYPE_CHECKING:
    from confjob.form import Field, Form

__all__ = ["show"]

_MASK = "••••••"


@click.command()
@click.argument("job")
@click.option("--file", "files", metavar="NAME=PATH", multiple=True, help="Pick another file for an input.")
@click.option("--why", is_flag=True, help="Tell what each type rests on, and how sure that is.")
@click.option("--json-schema", is_flag=True, help="Print the schema of all inputs instead.")
@as_json
@click.pass_context
def show(
    ctx: click.Context, job: str, files: tuple[str, ...], why: bool, json_schema: bool, as_json: bool
) -> None:
    """Show every input of JOB: path, type, value, constraints, file and line.

    \b
    Examples:
      confjob show train
      confjob show train --why
      confjob show train.py:train --json
    """
    from confjob.cli.options import request_of
    from confjob.pipeline import read_form
    from confjob.pipeline.export import json_schema_of

    form = read_form(project_of(ctx), request_of(job, (), (), (), files, None))
    if json_schema:
        echo_json(json_schema_of(form))
    elif as_json:
        echo_json(_json(form))
    else:
        _table(form, why=why)
    warn(form.warnings)


def _json(form: Form) -> dict[str, Any]:
    return {
        "job": form.job.name,
        "inputs": [_field(field) for field in form.listed()],
        "warnings": [problem_json(problem) for problem in form.warnings],
    }


def _field(field: Field) -> dict[str, Any]:
    from confjob.tree import MISSING

    value = {} if field.secret or field.value is MISSING else {"value": field.value}
    return {
        "input": field.input,
        "path": str(field.path),
        "type": _type(field),
        **value,
        "schema": field.schema,
        "where": str(field.where or ""),
        "typed_by": field.typed_by,
        "evidence": field.evidence.because,
        "confidence": field.evidence.confidence,
        **({"required": True} if field.required else {}),
        **({"secret": True} if field.secret else {}),
    }


def _type(field: Field) -> str:
    """Return the type as people know it; a null of which nothing more is known is `null`."""
    from confjob import schema as schemas

    return "null" if field.value is None and not field.schema else schemas.type_name(field.schema)


def _table(form: Form, *, why: bool) -> None:
    if form.job.description:
        click.echo(f"{form.job.description}\n")
    rows = [_reasons(field) if why else _row(field) for field in form.listed()]
    if rows and why:
        table(["INPUT", "PATH", "TYPE", "SURE", "BECAUSE"], rows, elastic=4)
    elif rows:
        table(["INPUT", "PATH", "TYPE", "VALUE", "CONSTRAINTS", "WHERE"], rows, elastic=3)
    else:
        click.echo("this job has no inputs")


def _reasons(field: Field) -> list[str]:
    sure = field.evidence
    return [field.input, str(field.path), _type(field), sure.confidence, sure.because]


def _row(field: Field) -> list[str]:
    from confjob import schema as schemas
    from confjob.tree import MISSING
    from confjob.words import value_text

    value = _MASK if field.secret else "(required)" if field.value is MISSING else value_text(field.value)
    return [
        field.input,
        str(field.path),
        _type(field),
        value,
        schemas.constraints(field.schema),
        str(field.where or "-"),
    ]
