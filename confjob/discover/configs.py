"""The config files of a folder: which ones are configs, and which stand for one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from attrs import frozen

from confjob.errors import ConfjobError
from confjob.model import Source
from confjob.project import MANIFEST, Project
from confjob.tree import Json, leaves

__all__ = ["Configs", "read_configs"]

_SUFFIXES: Final = (".yaml", ".yml", ".json", ".toml")
#: Other tools' settings.
_NOT_CONFIGS: Final = {
    MANIFEST,
    "pyproject.toml",
    "package.json",
    "package-lock.json",
    "mkdocs.yml",
    "mkdocs.yaml",
    "tsconfig.json",
    "environment.yml",
    "environment.yaml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.yaml",
    "pixi.toml",
    "ruff.toml",
    "Cargo.toml",
    "Pipfile.toml",
    "codecov.yml",
}
_LARGEST: Final = 1 << 20
_MOST_BESIDE: Final = 300
#: Names of files that are more likely meant than their siblings.
_USUAL: Final = ("default", "base", "config", "train", "debug")


@frozen(kw_only=True, slots=False)
class Configs:
    """The mappings among the data files of a project, by path."""

    trees: Mapping[PurePosixPath, Mapping[str, Json]]

    @cached_property
    def names(self) -> Counter[str]:
        """How many files have a name, whatever folder they are in."""
        return Counter(path.name for path in self.trees)

    @cached_property
    def _folders(self) -> Mapping[tuple[PurePosixPath, str], list[PurePosixPath]]:
        found: dict[tuple[PurePosixPath, str], list[PurePosixPath]] = {}
        for path in self.trees:
            found.setdefault((path.parent, path.suffix), []).append(path)
        return found

    def alike(self, path: PurePosixPath) -> list[PurePosixPath]:
        """Return the files beside `path` that share at least half of its top keys, it included."""
        own = self.trees[path].keys()
        beside = self._folders[path.parent, path.suffix]
        return [other for other in beside if _share(own, self.trees[other].keys())]

    def sets(self) -> list[list[PurePosixPath]]:
        """Return the configs in groups of such as may be picked in each other's place."""
        groups: list[list[PurePosixPath]] = []
        seen: set[PurePosixPath] = set()
        for path in sorted(self.trees, key=_likely):
            if path not in seen:
                group = [each for each in self.alike(path) if each not in seen]
                seen |= set(group)
                groups.append(sorted(group, key=_likely))
        return groups

    def texts(self, paths: Iterable[PurePosixPath]) -> set[str]:
        """Return the texts that are values in files."""
        return {
            value
            for path in paths
            for _, value in leaves(self.trees.get(path, {}))
            if isinstance(value, str) and value
        }


def _share(one: Collection[str], other: Collection[str]) -> bool:
    return 2 * len(set(one) & set(other)) >= max(len(one), len(other), 1)


def read_configs(project: Project, names: Sequence[PurePosixPath]) -> Configs:
    """Return the files that are mappings in a built-in format, and not a tool's own settings."""
    candidates = [name for name in names if name.suffix in _SUFFIXES and name.name not in _NOT_CONFIGS]
    # A folder with very many of them holds data.
    crowd = Counter((name.parent, name.suffix) for name in candidates)
    trees = {}
    for name in candidates:
        tree = _tree(project, name) if crowd[name.parent, name.suffix] <= _MOST_BESIDE else None
        if isinstance(tree, dict):
            trees[name] = tree
    return Configs(trees=trees)


def _tree(project: Project, name: PurePosixPath) -> Json:
    try:
        if (project.root / name).stat().st_size > _LARGEST:
            return None
        source = Source(input=str(name), path=name, root=project.root)
        return project.registry.format_for(name).load(source).tree
    except (ConfjobError, OSError):
        return None


def _likely(path: PurePosixPath) -> tuple[int, int, str]:
    rank = _USUAL.index(path.stem) if path.stem in _USUAL else len(_USUAL)
    return len(path.parts), rank, str(path)
