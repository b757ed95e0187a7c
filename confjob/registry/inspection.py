"""Everything that can be said of a plugin without a job: what `confjob plugins check` tells.

A plugin that is misspelt somewhere is mostly silent: a function that is not marked is never
called, a suffix without an entry point never found. So what was verified is told as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import pluggy
from attrs import field, frozen

from confjob import hookspecs
from confjob.errors import ConfjobError, PluginError
from confjob.model import Backend, Calls, Format
from confjob.registry.installed import BUILTIN, Kind, Plugin
from confjob.registry.light import import_faults
from confjob.registry.loading import imported, imported_file
from confjob.registry.package import Package
from confjob.registry.records import backend_faults, calls_faults, format_faults
from confjob.words import did_you_mean, listing

__all__ = ["Candidate", "Fault", "Inspection", "inspect_plugin"]

#: hook -> (the record it gives, what is wrong with one, how one is told)
_RECORDS: Final[Mapping[str, tuple[type, Callable[[Any], Iterator[str]], str]]] = {
    "confjob_formats": (Format, format_faults, "format"),
    "confjob_backends": (Backend, backend_faults, "backend"),
    "confjob_calls": (Calls, calls_faults, "calls"),
}
#: Hooks that are asked of the plugins of one group; all others are of `confjob.plugins`.
_GROUP_OF: Final[Mapping[str, Kind]] = {"confjob_formats": "formats", "confjob_backends": "backends"}

#: What confjob itself depends on is loaded whatever a plugin imports.
_LOADED_ANYWAY: Final = ("attr", "attrs", "click", "pluggy", "tomlkit", "yaml")


class Fault(NamedTuple):
    """What is wrong, and what to do about it."""

    message: str
    hint: str = ""


@frozen(kw_only=True)
class Candidate:
    """A plugin to look at.

    Args:
        name: What people call it: a distribution, or a file's name.
        version: Its version; empty where there is none.
        points: Its entry points; one without a name for a project's own file.
        modules: A folder that its modules are found in, where it is not installed.
    """

    name: str
    version: str
    points: tuple[Plugin, ...]
    modules: Path | None = None

    @classmethod
    def of_file(cls, path: Path) -> Candidate:
        """Return a project's own plugin."""
        point = Plugin(
            kind="plugins", name="", module=str(path.resolve()), distribution=path.name, version=""
        )
        return cls(name=path.name, version="", points=(point,))

    @classmethod
    def of_folder(cls, folder: Path) -> Candidate:
        """Return the plugin in a folder: its `confjob_plugins.py`, or its package.

        Raises:
            ConfjobError: When there is neither.
        """
        if (folder / "confjob_plugins.py").is_file():
            return cls.of_file(folder / "confjob_plugins.py")
        package = Package.read(folder.resolve())
        points = tuple(
            Plugin(kind=kind, name=name, module=module, distribution=package.name, version=package.version)
            for kind in BUILTIN
            for name, module in package.entry_points.get(f"confjob.{kind}", {}).items()
        )
        return cls(name=package.name, version=package.version, points=points, modules=package.modules)

    @classmethod
    def of_installed(cls, plugins: Iterable[Plugin], name: str) -> list[Candidate]:
        """Return the installed plugins that `name` names, by distribution or entry point.

        Raises:
            PluginError: When there is none, with a suggestion.
        """
        known = list(plugins)
        wanted = {each.distribution for each in known if name in (each.name, each.distribution)}
        if not wanted:
            names = {text for each in known for text in (each.name, each.distribution)}
            hint = did_you_mean(name, sorted(names)) or "`confjob plugins list` shows what is installed"
            raise PluginError(f"no plugin, file or folder is called {name!r}", hint=hint)
        ours = [each for each in known if each.distribution in wanted]
        return cls.of_distributions(
            each for each in ours if each.distribution != "confjob" or each.name == name
        )

    @classmethod
    def of_distributions(cls, plugins: Iterable[Plugin]) -> list[Candidate]:
        """Return a candidate for each distribution among plugins."""
        points: dict[tuple[str, str], list[Plugin]] = {}
        for plugin in plugins:
            points.setdefault((plugin.distribution, plugin.version), []).append(plugin)
        return [
            cls(name=name, version=version, points=tuple(ours)) for (name, version), ours in points.items()
        ]


@frozen(kw_only=True)
class Inspection:
    """What was found of a plugin: what holds, and what does not."""

    name: str
    version: str
    verified: list[str] = field(factory=list)
    faults: list[Fault] = field(factory=list)


def inspect_plugin(candidate: Candidate) -> Inspection:
    """Look at a plugin: its imports, hooks, records and entry points; runs no job."""
    found = Inspection(name=candidate.name, version=candidate.version)
    if not candidate.points:
        hint = '[project.entry-points."confjob.formats"] in pyproject.toml; see `confjob plugins new`'
        found.faults.append(Fault("it has no entry point of confjob's, so nothing finds it", hint))
    by_module: dict[str, list[Plugin]] = {}
    for point in candidate.points:
        by_module.setdefault(point.module, []).append(point)
    # What a plugin prints when it is imported is told as a fault, and is no output of ours.
    with _path(candidate.modules), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        for module, points in by_module.items():
            _inspect_module(found, module, points)
    return found


def _inspect_module(found: Inspection, module: str, points: Sequence[Plugin]) -> None:
    faults = import_faults(module, allowed=_LOADED_ANYWAY)
    found.faults.extend(Fault(fault) for fault in faults)
    try:
        inline = not points[0].name
        plugin = imported_file(Path(module)) if inline else imported(points[0])
    except ConfjobError as error:
        if not faults:
            found.faults.append(Fault(error.message, error.hint))
        return
    shown = Path(module).name if inline else module
    if not faults:
        found.verified.append(f"{shown} can be imported: nothing heavy, and nothing done")
    hooks = _hooks(found, plugin)
    if not inline:
        found.faults.extend(_misplaced(hooks, points))
    names = [name for hook in hooks for name in _inspect_records(found, plugin, hook) if hook in _GROUP_OF]
    if not inline:
        found.faults.extend(_unreachable(names, points))


def _hooks(found: Inspection, plugin: object) -> list[str]:
    """Note what is wrong with the hooks of a plugin; returns those that are right."""
    known = {name: _arguments(spec) for name, spec in vars(hookspecs).items() if name.startswith("confjob_")}
    right = []
    for name in dir(plugin):
        function = getattr(plugin, name)
        marked = getattr(function, "confjob_impl", None) is not None
        if marked or (name.startswith("confjob_") and callable(function) and name in known):
            faults = list(_hook_faults(name, function, known, marked=marked))
            found.faults.extend(faults)
            right += [] if faults else [name]
    if right:
        found.verified.append(f"hooks: {', '.join(right)}")
    elif not found.faults:
        found.faults.append(Fault("it implements no hook", "`confjob plugins hooks` shows what there is"))
    return right


def _hook_faults(
    name: str, function: Callable[..., Any], known: Mapping[str, Sequence[str]], *, marked: bool
) -> Iterator[Fault]:
    if name not in known:
        yield Fault(f"there is no hook {name!r}", did_you_mean(name, known) or f"hooks: {listing(known)}")
        return
    if not marked:
        hint = "put @hookimpl above it (from confjob.plugin import hookimpl)"
        yield Fault(f"{name} is not marked as a hook, so it is never called", hint)
    for argument in _arguments(function):
        if argument not in known[name]:
            hint = (
                did_you_mean(argument, known[name]) or f"it may take: {', '.join(known[name]) or 'nothing'}"
            )
            yield Fault(f"{name} takes {argument!r}, which the hook does not give", hint)


def _arguments(function: Callable[..., Any]) -> Sequence[str]:
    required, optional = pluggy._hooks.varnames(function)  # noqa: SLF001 - as pluggy itself will read them
    return (*required, *optional)


def _misplaced(hooks: Sequence[str], points: Sequence[Plugin]) -> Iterator[Fault]:
    """Yield hooks that no entry point makes anyone ask, and groups that no hook answers."""
    kinds = {point.kind for point in points}
    for hook in hooks:
        kind = _GROUP_OF.get(hook, "plugins")
        if kind not in kinds:
            hint = f'add [project.entry-points."confjob.{kind}"] for the same module'
            yield Fault(f"{hook} is asked of the group confjob.{kind} alone, where this is not", hint)
    answered = {_GROUP_OF.get(hook, "plugins") for hook in hooks}
    for kind in sorted(kinds - answered if hooks else ()):
        yield Fault(f"it is in the group confjob.{kind}, and answers none of that group's hooks")


def _inspect_records(found: Inspection, plugin: object, hook: str) -> Iterator[str]:
    """Note what is wrong with the records that a hook gives; yields the names they answer to."""
    if hook not in _RECORDS:
        return
    sort, faults_of, noun = _RECORDS[hook]
    try:
        given = list(getattr(plugin, hook)())
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises
        found.faults.append(Fault(f"{hook} fails: {type(error).__name__}: {error}"))
        return
    strange = [record for record in given if not isinstance(record, sort)]
    found.faults.extend(Fault(f"{hook} gives {each!r}, which is no {sort.__name__}") for each in strange)
    records: list[Any] = [record for record in given if isinstance(record, sort)]
    for record in records:
        faults = [Fault(f"the {noun} {record.name!r}: {fault}") for fault in faults_of(record)]
        suffixes = tuple(getattr(record, "suffixes", ()))
        found.faults.extend(faults)
        if not faults:
            found.verified.append(f"{noun} {record.name}" + (f" ({', '.join(suffixes)})" if suffixes else ""))
        yield from (record.name, *suffixes)


def _unreachable(names: Sequence[str], points: Sequence[Plugin]) -> Iterator[Fault]:
    """Yield entry points that lead nowhere, and names that no entry point leads to."""
    keyed = [point for point in points if point.kind != "plugins"]
    if not keyed:
        return
    for point in keyed:
        if point.name not in names:
            hint = did_you_mean(point.name, names) or f"it gives: {listing(names) or 'nothing'}"
            yield Fault(f"the entry point {point.name!r} names what the module does not give", hint)
        if point.name in BUILTIN[point.kind] and point.distribution != "confjob":
            yield Fault(f"{point.name!r} is built into confjob, which wins", "choose another name")
    for name in names:
        if name not in {point.name for point in keyed}:
            hint = f'add "{name}" = "{keyed[0].module}" to its entry points'
            yield Fault(f"{name!r} has no entry point, so nothing finds it", hint)


@contextmanager
def _path(folder: Path | None) -> Iterator[None]:
    """Find modules in a folder as well, and forget afterwards those that were found there."""
    before, known, writes = list(sys.path), set(sys.modules), sys.dont_write_bytecode
    sys.path[:0] = [] if folder is None else [str(folder)]
    sys.dont_write_bytecode = True  # a check leaves nothing behind
    try:
        yield
    finally:
        sys.path[:] = before
        sys.dont_write_bytecode = writes
        for name in set(sys.modules) - known if folder is not None else ():
            if _lies_in(sys.modules[name], folder):
                del sys.modules[name]


def _lies_in(module: ModuleType, folder: Path | None) -> bool:
    place = getattr(module, "__file__", None)
    return folder is not None and place is not None and Path(place).is_relative_to(folder)
