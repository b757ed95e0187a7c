"""Completing a JOB: the manifest's jobs, scripts, and the functions in a script; and targets."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from confjob.cli.completing.items import item, matching
from confjob.cli.completing.place import Place

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

__all__ = ["all_jobs", "all_targets", "manifest_jobs"]

#: A longer script is parsed for no key.
_LONGEST = 1 << 18
_MOST_FILES = 500


def all_jobs(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer the manifest's jobs; scripts where none is meant, and behind `train.py:` functions."""
    place = Place(ctx)
    script, colon, _ = incomplete.partition(":")
    if colon and script.endswith(".py"):
        return matching(_functions(place, script), incomplete)
    return manifest_jobs(ctx, incomplete) or list(_scripts(place, incomplete))


def manifest_jobs(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer the manifest's jobs, with their descriptions or what they run."""
    jobs = Place(ctx).table("jobs")
    return matching(
        {name: str(job.get("description") or _runs(job)) for name, job in jobs.items()}, incomplete
    )


def all_targets(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """Offer the targets of manifest and settings, and `local`, which is always there."""
    place = Place(ctx)
    targets = {**place.settings_table("targets"), **place.table("targets")}
    said = {name: f"{table.get('backend', 'local')} backend" for name, table in targets.items()}
    return matching({"local": "this machine", **said}, incomplete)


def _runs(job: object) -> str:
    table = job if isinstance(job, dict) else {}
    command = table.get("command")
    return " ".join(map(str, command)) if isinstance(command, list) else str(table.get("function", ""))


def _scripts(place: Place, incomplete: str) -> Iterator[CompletionItem[str]]:
    """Yield the Python files, and the folders, that what is typed may become."""
    folder, begun = os.path.split(incomplete)
    with os.scandir(os.path.join(place.cwd, folder)) as entries:
        names = sorted(
            (entry.name, entry.is_dir()) for entry, _ in zip(entries, range(_MOST_FILES), strict=False)
        )
    for name, is_folder in names:
        path = os.path.join(folder, name)
        if not name.startswith(begun) or name.startswith((".", "__")) or not name.isprintable():
            continue
        if is_folder:
            yield item(f"{path}/", open_end=True)
        elif name.endswith(".py"):
            functions = [item(text, about) for text, about in _functions(place, path, only_jobs=True).items()]
            yield from functions or [item(path, "script")]


def _functions(place: Place, script: str, *, only_jobs: bool = False) -> dict[str, str]:
    """Return the functions of a script that may be launched, read and not imported."""
    path = os.path.join(place.cwd, script)
    if os.path.getsize(path) > _LONGEST:
        return {}
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if only_jobs and "job" not in text:
        return {}
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    found = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    marked = [node for node in found if _is_job(node)]
    wanted = marked or ([] if only_jobs else found)
    return {f"{script}:{node.name}": (ast.get_docstring(node) or "").partition("\n")[0] for node in wanted}


def _is_job(function: ast.FunctionDef) -> bool:
    """Whether a function is decorated by `@job` or `@confjob.job(…)`."""
    called = (each.func if isinstance(each, ast.Call) else each for each in function.decorator_list)
    names = (each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in called)
    return "job" in names
