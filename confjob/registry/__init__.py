"""Finds formats and backends by name, and gathers what ambient plugins have to say.

pluggy runs the hooks; this package does the loading, because pluggy's own loader imports
every installed plugin before one is asked for. Three rings: `--help` and `import
confjob` load nothing; a name that is asked for loads exactly the module behind it; the
ambient plugins are loaded when the pipeline first runs. A broken plugin is one message,
and hurts only what needs it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, Final, TypeVar

import pluggy

from confjob import hookspecs
from confjob.errors import PluginError
from confjob.keypath import KeyPath
from confjob.model import Backend, Calls, Document, Format, Problem
from confjob.registry.installed import BUILTIN, Installed, Kind, Plugin
from confjob.registry.loading import ask, guarded, imported, imported_file, new_manager, register, way_out
from confjob.schema import Schema
from confjob.words import did_you_mean, listing

__all__ = ["BUILTIN", "Plugin", "Registry"]

Record = TypeVar("Record", Format, Backend)
Answer = TypeVar("Answer")

#: Names whose package is known, for the hint of a missing plugin.
_PACKAGES: Final = {
    "axolotl": "confjob-axolotl",
    "container": "confjob-container",
    "hydra": "confjob-omegaconf",
    "kubernetes": "confjob-kubernetes",
    "omegaconf": "confjob-omegaconf",
    "ray": "confjob-ray",
    "slurm": "confjob-slurm",
    "torchtune": "confjob-torchtune",
    "wandb": "confjob-wandb",
}


class Registry:
    """The plugins of one project; made, passed on and dropped, never global.

    Args:
        builtin: Kind to name to module, as `BUILTIN`.
        blocked: Names (of plugins or distributions) that are never imported; one name of a
            plugin blocks all of its names.
        inline: The project's `confjob_plugins.py`, if there is one.
    """

    def __init__(
        self,
        builtin: Mapping[Kind, Mapping[str, str]] = BUILTIN,
        blocked: Collection[str] = (),
        inline: Path | None = None,
    ) -> None:
        self.blocked = frozenset(blocked) | _blocked_by_environment()
        usable = inline is not None and inline.is_file() and inline.stem not in self.blocked
        self._installed = Installed(builtin, self.blocked)
        self._inline = _inline_plugin(inline) if inline is not None and usable else None
        self._inline_error: PluginError | None = None
        self._keyed = new_manager()
        self._given: dict[Kind, list[tuple[Plugin, Any]]] = {"formats": [], "backends": []}
        self._failed: list[PluginError] = []

    def format(self, name: str) -> Format:
        """Return the format called `name`.

        Raises:
            PluginError: When there is none, or its plugin can't be imported.
        """
        return self._find("formats", Format, name, lambda record: record.name == name)

    def format_for(self, path: PurePosixPath) -> Format:
        """Return the format whose suffix the file's name has; the longest suffix wins.

        Raises:
            PluginError: When no installed format has one.
        """
        self._load_inline()
        installed = [*self._installed.builtins("formats"), *self._installed.others("formats")]
        known = [
            *(plugin.name for plugin in installed if plugin.name.startswith(".")),
            *(suffix for _, record in self._given["formats"] for suffix in record.suffixes),
        ]
        suffix = max(filter(path.name.endswith, known), key=len, default=None)
        if suffix is None:
            self._raise_if_inline_is_broken()
            raise PluginError(
                f"{path}: no format has this suffix (known: {listing(sorted(set(known)))})",
                hint='name one with format = "…", or install a plugin for it',
            )
        return self._find("formats", Format, suffix, lambda record: suffix in record.suffixes)

    def all_formats(self) -> Iterator[Format]:
        """Yield every format that can be had; a broken plugin's are left out, and told as a warning.

        Imports every format plugin: for `init`, which looks once at everything.
        """
        names = {plugin.name for plugin in self._installed.every() if plugin.kind == "formats"}
        found: dict[str, Format] = {}
        for name in sorted(name for name in names if not name.startswith(".")):
            try:
                found.setdefault(name, self.format(name))
            except PluginError as error:
                self._failed.append(error)
        yield from found.values()

    def backend(self, name: str) -> Backend:
        """Return the backend called `name`; raises `PluginError` as `format` does."""
        return self._find("backends", Backend, name, lambda record: record.name == name)

    def require(self, names: Iterable[str]) -> None:
        """Check that the plugins a manifest names (by name or distribution) are installed.

        Raises:
            PluginError: Naming those that are not, and the line that would install them.
        """
        known = {name for plugin in self.installed() for name in (plugin.name, plugin.distribution)}
        missing = [name for name in names if name not in known]
        if missing:
            packages = [_PACKAGES.get(name, f"confjob-{name.removeprefix('confjob-')}") for name in missing]
            raise PluginError(
                f"launch.toml requires plugins that are not installed: {listing(missing)}",
                hint=f"pip install {' '.join(packages)}",
            )

    def hide(self, document: Document) -> frozenset[KeyPath]:
        """Return the paths that ambient plugins hide, each with all below it.

        Raises:
            PluginError: When a plugin fails to answer: what it would hide must not be shown.
        """
        manager, plugins = self._ambient
        answers = [ask(manager, plugin, "confjob_hide", _paths, document=document) for plugin in plugins]
        return frozenset(path for given in answers for paths in given for path in paths)

    def infer(self, document: Document) -> Mapping[KeyPath, Schema]:
        """Return the schemas that ambient plugins give, merged per path; a failure warns."""
        merged: dict[KeyPath, Schema] = defaultdict(dict)
        for answer in self._answers("confjob_infer", _schemas, document=document):
            for path, schema in answer.items():
                merged[path] = {**merged[path], **schema}
        return merged

    def calls(self) -> tuple[Calls, ...]:
        """Return the calls of other libraries that declare inputs; a failure warns."""
        return self._calls

    def links(self, folder: Path) -> Mapping[str, str]:
        """Return where else the run in `folder` is recorded, by label; a failure warns."""
        answers = self._answers("confjob_links", _links, folder=folder)
        return {label: place for answer in answers for label, place in answer.items()}

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Plugins that are broken, though nothing has needed them so far."""
        inline = [] if self._inline_error is None else [self._inline_error]
        failed = [*inline, *self._installed.failed, *self._failed]
        return tuple({error.message: _warning(error) for error in failed}.values())

    def installed(self) -> Iterator[Plugin]:
        """Yield every name that some plugin answers to, importing none; the project's own plugin first."""
        yield from () if self._inline is None else (self._inline,)
        yield from self._installed.every()

    def hooks(self) -> Iterator[tuple[str, str]]:
        """Yield (signature, docstring) of every hook."""
        for name, spec in vars(hookspecs).items():
            if name.startswith("confjob_"):
                varnames = pluggy._hooks.varnames(spec)[0]  # noqa: SLF001 - the public route hides names
                yield f"{name}({', '.join(varnames)})", spec.__doc__ or ""

    # -- keyed plugins ---------------------------------------------------------------

    def _find(self, kind: Kind, sort: type[Record], name: str, wanted: Callable[[Record], bool]) -> Record:
        """Return the wanted record, importing the one module behind `name` if need be."""
        ours = [plugin for plugin in self._installed.builtins(kind) if plugin.name == name]
        if ours and ours[0].state == "ok":
            self._load(ours[0])
        else:
            self._load_inline()
        found = self._given_by(kind, sort, name, wanted)
        if found is None:
            plugin = self._only(kind, name)
            self._load(plugin)
            found = self._given_by(kind, sort, name, wanted)
            if found is None:
                message = f"plugin {plugin} is registered for the {kind[:-1]} {name!r}, and does not give it"
                raise PluginError(message, hint=way_out(plugin))
        return found

    def _given_by(
        self, kind: Kind, sort: type[Record], name: str, wanted: Callable[[Record], bool]
    ) -> Record | None:
        """Return the wanted record of a built-in, of the project, or of the one other that gives it."""
        found = {
            plugin.distribution: (plugin, record)
            for plugin, record in self._given[kind]
            if isinstance(record, sort) and wanted(record)
        }
        for first in ("confjob", self._inline.distribution if self._inline else ""):
            if first in found:
                return found[first][1]
        if len(found) > 1:
            raise _claimed(kind, name, [plugin for plugin, _ in found.values()])
        return next((record for _, record in found.values()), None)

    def _only(self, kind: Kind, name: str) -> Plugin:
        """Return the one third-party plugin under `name`, or say why there is none."""
        every = [*self._installed.builtins(kind), *self._installed.others(kind)]
        named = [plugin for plugin in every if plugin.name == name]
        usable = [plugin for plugin in named if plugin.state != "blocked"]
        if len(usable) == 1:
            return usable[0]
        if usable:
            raise _claimed(kind, name, usable)
        if named:
            raise PluginError(f"{kind[:-1]} {name!r} is blocked", hint="drop the -p no:… that blocks it")
        self._raise_if_inline_is_broken()
        known = sorted({plugin.name for plugin in every if plugin.state != "blocked"})
        suggestion = did_you_mean(name, known)
        install = f"pip install {_PACKAGES[name]}" if name in _PACKAGES else ""
        raise PluginError(
            f"no {kind[:-1]} is called {name!r} (known: {listing(known)})", hint=suggestion or install
        )

    def _load(self, plugin: Plugin, module: object = None) -> None:
        """Register a plugin and take its records; one that fails to give them is dropped."""
        if self._keyed.has_plugin(plugin.module):
            return
        register(self._keyed, plugin, module or imported(plugin))
        try:
            formats = ask(self._keyed, plugin, "confjob_formats", _formats)
            backends = ask(self._keyed, plugin, "confjob_backends", _backends)
        except PluginError:
            self._keyed.unregister(name=plugin.module)
            raise
        ours = plugin.distribution == "confjob"
        self._given["formats"] += [
            (plugin, record if ours else guarded(plugin, record)) for given in formats for record in given
        ]
        self._given["backends"] += [(plugin, record) for given in backends for record in given]

    def _load_inline(self) -> None:
        """Load the project's own plugin; if it is broken, that is kept to be told."""
        if self._inline is not None and self._inline_module is not None:
            try:
                self._load(self._inline, self._inline_module)
            except PluginError as error:
                self._inline_error = error

    def _raise_if_inline_is_broken(self) -> None:
        """What is not found may be what the project's own plugin would have given."""
        if self._inline_error is not None:
            raise self._inline_error

    @cached_property
    def _inline_module(self) -> ModuleType | None:
        """The project's own plugin, imported once; None when there is none or it is broken."""
        try:
            return None if self._inline is None else imported_file(Path(self._inline.module))
        except PluginError as error:
            self._inline_error = error
            return None

    # -- ambient plugins -------------------------------------------------------------

    @cached_property
    def _ambient(self) -> tuple[pluggy.PluginManager, list[Plugin]]:
        """Everyone's comments: loaded at first use, each failure noted by itself."""
        manager, loaded = new_manager(), dict[str, Plugin]()
        for plugin, module in self._speakers():
            if plugin.module not in loaded:
                try:
                    register(manager, plugin, module or imported(plugin))
                except PluginError as error:
                    self._failed.append(error)
                else:
                    loaded[plugin.module] = plugin
        return manager, list(loaded.values())

    @cached_property
    def _calls(self) -> tuple[Calls, ...]:
        answers = self._answers("confjob_calls", _records_of_calls)
        return tuple({calls.name: calls for given in answers for calls in given}.values())

    def _answers(self, hook: str, read: Callable[[Any], Answer], **arguments: Any) -> list[Answer]:
        """Return what all ambient plugins answer; one that fails is noted and passed over."""
        manager, plugins = self._ambient
        answers: list[Answer] = []
        for plugin in plugins:
            try:
                answers += ask(manager, plugin, hook, read, **arguments)
            except PluginError as error:
                self._failed.append(error)
        return answers

    def _speakers(self) -> Iterator[tuple[Plugin, ModuleType | None]]:
        if self._inline is not None and self._inline_module is not None:
            yield self._inline, self._inline_module
        yield from ((plugin, None) for plugin in self._installed.others("plugins") if plugin.state == "ok")


def _blocked_by_environment() -> frozenset[str]:
    return frozenset(filter(None, os.environ.get("CONFJOB_DISABLE_PLUGINS", "").split(",")))


def _inline_plugin(path: Path) -> Plugin:
    return Plugin(kind="plugins", name=path.stem, module=str(path), distribution=path.name, version="")


def _claimed(kind: Kind, name: str, plugins: Iterable[Plugin]) -> PluginError:
    both = " and ".join(f"{plugin.distribution} {plugin.version}".strip() for plugin in plugins)
    return PluginError(f"{kind[:-1]} {name!r} is claimed by {both}", hint="uninstall one of them")


def _warning(error: PluginError) -> Problem:
    return Problem(code="broken-plugin", message=error.message, hint=error.hint, severity="warning")


# -- what answers must be --------------------------------------------------------------


def _formats(answer: Iterable[Any]) -> list[Format]:
    return [_of(Format, record) for record in answer]


def _backends(answer: Iterable[Any]) -> list[Backend]:
    return [_of(Backend, record) for record in answer]


def _records_of_calls(answer: Iterable[Any]) -> list[Calls]:
    return [_of(Calls, record) for record in answer]


def _links(answer: Mapping[Any, Any]) -> dict[str, str]:
    return {_of(str, label): _of(str, place) for label, place in answer.items()}


def _paths(answer: Iterable[Any]) -> list[KeyPath]:
    # A path as text would match nothing, so that what it should hide would be shown.
    return [_of(KeyPath, path) for path in answer]


def _schemas(answer: Mapping[Any, Any]) -> dict[KeyPath, Schema]:
    return {_of(KeyPath, path): _of(dict, schema) for path, schema in answer.items()}


Expected = TypeVar("Expected")


def _of(sort: type[Expected], given: object) -> Expected:
    if not isinstance(given, sort):
        raise TypeError(f"it answers with {given!r}, which is no {sort.__name__}")
    return given
