"""Completing `--set-var`: the variables of the target on the line, and the values one may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from confjob.cli.completing.items import item, matching
from confjob.cli.completing.place import Place

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

__all__ = ["assignments"]


def assignments(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer `NAME=` of the target's variables, and values once there is an `=`."""
    variables = _variables(ctx)
    name, equals, _ = incomplete.partition("=")
    if not equals:
        found = {f"{each}=": str(schema.get("description", "")) for each, schema in variables.items()}
        return [
            item(text, about, open_end=True) for text, about in found.items() if text.startswith(incomplete)
        ]
    return matching([f"{name}={value}" for value in _values(variables.get(name, {}))], incomplete)


def _variables(ctx: click.Context) -> dict[str, Mapping[str, Any]]:
    """Return the schemas of the variables of the target that the line means."""
    place = Place(ctx)
    job = place.table("jobs").get(str(ctx.params.get("job")), {})
    named = ctx.params.get("target") or job.get("target") or place.manifest().get("default-target")
    targets = {**place.settings_table("targets"), **place.table("targets")}
    variables = targets.get(str(named), {}).get("variables")
    items = variables.items() if isinstance(variables, dict) else ()
    return {name: schema for name, schema in items if isinstance(schema, dict)}


def _values(schema: Mapping[str, Any]) -> Iterator[str]:
    offered = [*schema.get("enum", ()), *([schema["default"]] if "default" in schema else ())]
    booleans = ["true", "false"] if schema.get("type") == "boolean" else []
    texts = [str(each).lower() if isinstance(each, bool) else str(each) for each in offered]
    yield from dict.fromkeys([*texts, *booleans])
