"""What plugins are installed, as known without importing any of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from attrs import evolve, frozen

from confjob.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = ["BUILTIN", "GROUPS", "Installed", "Kind", "Plugin"]

Kind = Literal["formats", "backends", "plugins"]

#: The built-ins: kind -> name or suffix -> module. They register through the same hooks
#: as anyone's plugin; the table stands in for entry points, so that finding one reads no
#: package metadata.
BUILTIN: Final[Mapping[Kind, Mapping[str, str]]] = {
    "formats": {
        "yaml": "confjob.builtin.yaml",
        ".yaml": "confjob.builtin.yaml",
        ".yml": "confjob.builtin.yaml",
        "json": "confjob.builtin.json",
        ".json": "confjob.builtin.json",
        "toml": "confjob.builtin.toml",
        ".toml": "confjob.builtin.toml",
    },
    "backends": {"local": "confjob.builtin.local"},
    "plugins": {},
}

#: The groups of entry points.
GROUPS: Final = ("confjob.formats", "confjob.backends", "confjob.plugins")

_NAMELESS: Final = "a distribution without a name"


@frozen(kw_only=True)
class Plugin:
    """One name that a plugin answers to, as known without importing it.

    `version` is empty for the project's own plugin, whose `module` is its path.
    """

    kind: Kind
    name: str
    module: str
    distribution: str
    version: str
    state: Literal["ok", "blocked", "shadowed", "conflict"] = "ok"

    def __str__(self) -> str:
        return f"{self.name!r} ({self.distribution} {self.version})".replace(" )", ")")


class Installed:
    """The built-ins and the entry points of all distributions.

    Args:
        builtin: Kind to name to module, as `BUILTIN`.
        blocked: Names of plugins or distributions; one name of a module blocks all of its.
    """

    def __init__(self, builtin: Mapping[Kind, Mapping[str, str]], blocked: Collection[str]) -> None:
        self._builtin = builtin
        self._blocked = frozenset(blocked)
        #: What is wrong with the metadata of distributions.
        self.failed: list[PluginError] = []

    def builtins(self, kind: Kind) -> list[Plugin]:
        """Return the built-ins of a kind."""
        names: dict[str, set[str]] = defaultdict(set)
        for name, module in self._builtin[kind].items():
            names[module].add(name)
        return [
            Plugin(
                kind=kind,
                name=name,
                module=module,
                distribution="confjob",
                version="built in",
                state="blocked" if self._blocks(names[module]) else "ok",
            )
            for name, module in self._builtin[kind].items()
        ]

    def others(self, kind: Kind) -> list[Plugin]:
        """Return the plugins of a kind that come with distributions."""
        points = self._entry_points[f"confjob.{kind}"]
        names: dict[str, set[str]] = defaultdict(set)
        for point in points:
            names[point.value].add(point.name)
        found = [self._described(kind, point, names[point.value]) for point in points]
        claims = Counter(plugin.name for plugin in found if plugin.state == "ok" and kind != "plugins")
        return [
            evolve(plugin, state="conflict") if plugin.state == "ok" and claims[plugin.name] > 1 else plugin
            for plugin in found
        ]

    def every(self) -> Iterator[Plugin]:
        """Yield the plugins of all kinds."""
        kinds: tuple[Kind, ...] = ("formats", "backends", "plugins")
        for kind in kinds:
            yield from self.builtins(kind)
            yield from self.others(kind)

    def _blocks(self, names: Collection[str], distribution: str = "") -> bool:
        normal = {_normal(name) for name in self._blocked}
        return not self._blocked.isdisjoint(names) or _normal(distribution) in normal

    def _described(self, kind: Kind, point: EntryPoint, names: Collection[str]) -> Plugin:
        name, version = _identity(point.dist)
        state: Literal["ok", "blocked", "shadowed"] = "ok"
        if self._blocks(names, name):
            state = "blocked"
        elif point.name in self._builtin[kind]:
            state = "shadowed"
        return Plugin(
            kind=kind, name=point.name, module=point.value, distribution=name, version=version, state=state
        )

    @cached_property
    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        from importlib.metadata import entry_points  # 26 ms: only on a miss

        try:
            return {group: sorted(entry_points(group=group)) for group in GROUPS}
        except Exception:  # noqa: BLE001 - what a malformed entry_points.txt raises differs by Python
            return self._readable_entry_points()

    def _readable_entry_points(self) -> dict[str, list[EntryPoint]]:
        """Return the entry points of every distribution but those that are malformed."""
        from importlib.metadata import distributions

        found: dict[str, list[EntryPoint]] = {group: [] for group in GROUPS}
        seen: set[str] = set()
        for dist in distributions():
            name, _ = _identity(dist)
            try:
                points = [] if name in seen else list(dist.entry_points)
            except Exception as error:  # noqa: BLE001
                self.failed.append(PluginError(f"the entry points of {name} can't be read: {error}"))
                continue
            for point in points:
                if point.group in found:
                    found[point.group].append(point)
            seen |= {name} - {_NAMELESS}
        return {group: sorted(points) for group, points in found.items()}


def _identity(dist: Distribution | None) -> tuple[str, str]:
    """Return a distribution's name and version, whatever its metadata lacks."""
    try:
        return (dist.name or _NAMELESS, dist.version or "?") if dist else (_NAMELESS, "?")
    except Exception:  # noqa: BLE001 - what missing metadata raises differs by Python
        return _NAMELESS, "?"


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
