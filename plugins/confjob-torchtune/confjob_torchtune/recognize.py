"""Finds torchtune's configs in a folder, for `confjob init`: by what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from confjob.plugin import ConfjobError, Json, Source, builtin_format

__all__ = ["recognize"]


def recognize(folder: Path) -> Iterator[Mapping[str, Json]]:
    """Yield a table for each YAML file that names a component of torchtune or torch.

    The recipe is a script beside it that has `@config.parse`, if there is one alone.
    """
    recipes = [path.name for path in sorted(folder.glob("*.py")) if "@config.parse" in _text(path)]
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*/*.yaml")]):
        name = PurePosixPath(path.relative_to(folder))
        if "_component_: torch" in _text(path) and _is_config(folder, name):
            table = {"job": path.stem, "path": str(name), "format": "torchtune", "name": "config"}
            run = ["tune", "run", *recipes, "--config", "{config}"]
            yield {**table, "command": run} if len(recipes) == 1 else table


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _is_config(folder: Path, name: PurePosixPath) -> bool:
    try:
        return isinstance(
            builtin_format("yaml").load(Source(input=str(name), path=name, root=folder)).tree, dict
        )
    except ConfjobError:
        return False
