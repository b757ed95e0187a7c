"""`confjob explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.completing.command import Completable
from confjob.cli.options import as_json, files_option, project_of
from confjob.cli.output import echo_json, problem_json, safe, style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confjob.pipeline.explaining import Explanation

__all__ = ["explain"]


@click.command(cls=Completable)
@click.argument("job", shell_complete=completing.jobs)
@click.argument("path", metavar="[INPUT:]PATH", shell_complete=completing.paths)
@files_option
@as_json
@click.pass_context
def explain(ctx: click.Context, job: str, path: str, files: tuple[str, ...], as_json: bool) -> None:
    """Tell why a value of JOB is what it is: who set it, its type, and what would change it.

    Use it when a value is not what you expect, or when a change is refused.

    \b
    Examples:
      confjob explain train trainer.learning_rate
      confjob explain finetune config.yaml:model.layers

    See also: confjob show JOB lists all inputs.
    """
    from confjob.cli.options import request_of
    from confjob.pipeline import read_form
    from confjob.pipeline.explaining import explain as explained

    known = explained(read_form(project_of(ctx), request_of(job, files=files)), path)
    if as_json:
        echo_json(_json(known))
        return
    click.echo(style(safe(f"{known.field.input}:{known.field.path} = {_value(known)}"), bold=True))
    for label, words in _lines(known):
        click.echo(f"  {label:<10}{safe(words)}")


def _value(known: Explanation) -> str:
    from confjob.tree import MISSING
    from confjob.words import value_text

    if known.field.value is MISSING:
        return "(nothing)"
    return "••••••" if known.field.secret else value_text(known.field.value)


def _lines(known: Explanation) -> Iterator[tuple[str, str]]:
    from confjob import schema as schemas

    field = known.field
    where = f" ({field.where})" if field.where else ""
    yield "set by", f"{known.set_by}{where}"
    rules = ", ".join(filter(None, [schemas.type_name(field.schema), schemas.constraints(field.schema)]))
    yield "type", rules
    stands = f" ({known.rules})" if known.rules else ""
    yield "because", f"{field.evidence.because}{stands}; confidence: {field.evidence.confidence}"
    if field.secret:
        yield "secret", "it is never shown"
    if known.refusal is not None:
        yield "change", f"it may not be changed: {known.refusal.hint}"
    for number, way in enumerate(known.ways):
        yield "" if number else "change", way


def _json(known: Explanation) -> dict[str, Any]:
    from confjob import schema as schemas
    from confjob.tree import MISSING

    field = known.field
    shown = {} if field.secret or field.value is MISSING else {"value": field.value}
    return {
        "input": field.input,
        "path": str(field.path),
        **shown,
        "where": str(field.where or ""),
        "set_by": known.set_by,
        "type": schemas.type_name(field.schema),
        "schema": field.schema,
        "typed_by": field.typed_by,
        "evidence": field.evidence.because,
        "confidence": field.evidence.confidence,
        "secret": field.secret,
        "refusal": problem_json(known.refusal) if known.refusal else None,
        "ways": list(known.ways),
    }
