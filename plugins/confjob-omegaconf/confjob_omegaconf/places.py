"""Where each composed value stands: Hydra knows the files, their text knows the lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from attrs import evolve

from confjob.plugin import ConfjobError, Json, KeyPath, Node, Source, builtin_format, tree
from confjob_omegaconf.asking import Answer

__all__ = ["nodes_of"]

DEFAULTS = KeyPath(("defaults",))


def nodes_of(source: Source, answer: Answer, groups: Mapping[str, Json]) -> dict[KeyPath, Node]:
    """Return every composed value, the groups' choices before all others.

    Args:
        source: The primary file's source.
        answer: What Hydra said.
        groups: The choice of each group, by its name on the command line.
    """
    written = dict(_written(source, answer))
    chosen = dict(_chosen(source))
    root = written.get(KeyPath())
    nodes = {}
    for path, value in tree.walk({**({"defaults": groups} if groups else {}), **answer["tree"]}):
        if path.startswith(DEFAULTS) and groups:
            found = chosen.get(path) or chosen.get(DEFAULTS) or root
        else:
            found = written.get(path)
        nodes[path] = _node(value, found)
    return nodes


def _node(value: Json, found: Node | None) -> Node:
    if found is None:
        return Node(value=value, style="'" if isinstance(value, str) else "")
    as_written = tree.same(found.value, value)
    style = found.style if as_written else "'"
    return Node(value=value, where=found.where, style=style, comment=found.comment)


def _written(source: Source, answer: Answer) -> Iterator[tuple[KeyPath, Node]]:
    """Yield the values of all files, in the order in which they are merged."""
    for name, package in answer["files"]:
        at = KeyPath.parse(package) if package not in ("", "_global_") else KeyPath()
        for path, node in _of_file(source, name).items():
            yield at.join(path), node


def _of_file(source: Source, name: str) -> Mapping[KeyPath, Node]:
    """Return what is written in one file of the project; what lies elsewhere has no place."""
    try:
        file = PurePosixPath(Path(name).resolve().relative_to(source.root.resolve()))
        return builtin_format("yaml").load(evolve(source, path=file)).nodes
    except (ConfjobError, ValueError):
        return {}


def _chosen(source: Source) -> Iterator[tuple[KeyPath, Node]]:
    """Yield where the primary file's defaults list chooses each group."""
    assert source.path is not None
    for path, node in _of_file(source, str(source.root / source.path)).items():
        if path == DEFAULTS:
            yield path, node
        elif path.startswith(DEFAULTS) and len(path) == 3:
            # Words such as `override /db@backup` before and in a group's name are Hydra's.
            yield DEFAULTS.child(str(path[2]).split()[-1].lstrip("/")), node
