"""`confjob diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo, echo_json, note, patch, safe, style, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confjob.pipeline.comparing import Comparison

__all__ = ["diff"]


@click.command()
@click.argument("first", metavar="A", shell_complete=completing.run_ids)
@click.argument("second", metavar="B", shell_complete=completing.run_ids)
@click.option("--names", is_flag=True, help="Name the files that differ, without their lines.")
@as_json
@click.pass_context
def diff(ctx: click.Context, first: str, second: str, names: bool, as_json: bool) -> None:
    """Tell what differs between the runs A and B: inputs, files, code, environment names.

    It compares what was recorded when they were launched, whatever the checkout has
    become since. Of environment variables only the names are told.

    \b
    Examples:
      confjob diff k3f m2x
      confjob diff k3f m2x --names       the files without their lines
      confjob diff k3f m2x --json

    See also: confjob rerun RUN --set makes a run that differs in one thing.
    """
    from confjob.pipeline.comparing import compare

    found = compare(project_of(ctx), first, second)
    if as_json:
        echo_json(_json(found))
    elif not (found.facts or found.inputs or found.files or any(found.environment)):
        note("nothing differs: the same inputs, files and environment names")
    else:
        _print(found, (first, second), names=names)


def _print(found: Comparison, runs: tuple[str, str], *, names: bool) -> None:
    rows = [[key, _fact(one), _fact(other)] for key, (one, other) in found.facts.items()]
    rows += [
        [f"{name}:{path}", _value(one), _value(other)] for (name, path), (one, other) in found.inputs.items()
    ]
    rows += [[f"env {name}", "set", "-"] for name in found.environment[0]]
    rows += [[f"env {name}", "-", "set"] for name in found.environment[1]]
    if rows:
        table(["WHAT", *runs], rows, elastic=runs)
    for name, text in found.files.items():
        if names or not text.startswith("---"):
            echo(style(safe(name if names else f"{name}: {text}"), bold=True))
        else:
            for line in patch(text):
                echo(line)


def _fact(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _value(asked: Mapping[str, Any] | None) -> str:
    from confjob.words import value_text

    if asked is None:
        return "(default)"
    if "value" in asked:
        return value_text(asked["value"])
    return "(deleted)" if "deleted" in asked else "••••••"


def _json(found: Comparison) -> dict[str, Any]:
    return {
        "facts": {key: list(pair) for key, pair in found.facts.items()},
        "inputs": [
            {"input": name, "path": path, "a": one, "b": other}
            for (name, path), (one, other) in found.inputs.items()
        ],
        "files": dict(found.files),
        "environment": {"a": list(found.environment[0]), "b": list(found.environment[1])},
    }
