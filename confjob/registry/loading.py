"""Importing plugins and asking them, so that whatever goes wrong names the plugin.

A plugin's fault is a `PluginError` here, whatever it raises and whenever: at its import,
at its registration, or when it is asked.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from functools import reduce, wraps
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy
from attrs import evolve

from confjob import hookspecs
from confjob.errors import ConfjobError, PluginError
from confjob.model import Format
from confjob.registry.installed import Plugin
from confjob.registry.tracing import trace, trace_answer, tracing

__all__ = ["ask", "guarded", "imported", "imported_file", "new_manager", "register", "way_out"]

Answer = TypeVar("Answer")


def new_manager() -> pluggy.PluginManager:
    """Return a manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager("confjob")
    manager.add_hookspecs(hookspecs)
    return manager


def imported(plugin: Plugin) -> object:
    """Return the module or object that an entry point names."""
    module, _, attributes = plugin.module.partition(":")
    trace(f"import {plugin.module} of {plugin}")
    try:
        return reduce(getattr, filter(None, attributes.split(".")), importlib.import_module(module))
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"plugin {plugin} cannot be imported: {type(error).__name__}: {error}", hint=way_out(plugin)
        ) from error


def imported_file(path: Path) -> ModuleType:
    """Return the project's own plugin as a module.

    It may lie in a snapshot, to which nothing may be written: no bytecode either.
    """
    trace(f"import {path}")
    # Dataclasses and attrs look their module up by name; another project has another.
    name = f"{path.stem}_{abs(hash(path)):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python module")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(
            f"{path.name} cannot be imported: {type(error).__name__}: {error}", hint=f"mend {path}"
        ) from error
    finally:
        sys.dont_write_bytecode = writes
    return module


def register(manager: pluggy.PluginManager, plugin: Plugin, module: object) -> None:
    """Add a plugin to a manager."""
    try:
        manager.register(module, name=plugin.module)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        if manager.has_plugin(plugin.module):
            manager.unregister(name=plugin.module)
        raise PluginError(
            f"plugin {plugin} does not fit this confjob: {error}", hint=way_out(plugin)
        ) from error


def ask(
    manager: pluggy.PluginManager,
    plugin: Plugin,
    hook: str,
    read: Callable[[Any], Answer],
    **arguments: Any,
) -> list[Answer]:
    """Return what one plugin of a manager answers to a hook, each answer as `read` takes it."""
    others = [module for name, module in manager.list_name_plugin() if name != plugin.module]
    began = time.perf_counter()
    try:
        answers = [read(answer) for answer in manager.subset_hook_caller(hook, others)(**arguments)]
    except Exception as error:
        trace(f"{hook} of {plugin} fails: {type(error).__name__}: {error}")
        raise PluginError(
            f"plugin {plugin} fails: {type(error).__name__}: {error}", hint=way_out(plugin)
        ) from error
    if tracing() and plugin.module in _implementers(manager, hook):
        trace_answer(plugin, hook, arguments, answers, time.perf_counter() - began)
    return answers


def _implementers(manager: pluggy.PluginManager, hook: str) -> set[str]:
    return {each.plugin_name for each in getattr(manager.hook, hook).get_hookimpls()}


def way_out(plugin: Plugin) -> str:
    """Return the hint for a broken plugin."""
    mend = f"upgrade or uninstall {plugin.distribution}" if plugin.version else f"mend {plugin.module}"
    return f"{mend}, or block it with -p no:{plugin.name}"


def guarded(plugin: Plugin, record: Format) -> Format:
    """Return a third party's format whose failures name the plugin, as expected refusals do."""
    return evolve(
        record,
        load=_guarded(plugin, record, record.load),
        deliver=_guarded(plugin, record, record.deliver),
        schema=_guarded(plugin, record, record.schema),
        check=record.check and _guarded(plugin, record, record.check),
        choices=record.choices and _guarded(plugin, record, record.choices),
        recognize=record.recognize and _guarded(plugin, record, record.recognize),
    )


def _guarded(plugin: Plugin, record: Format, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ConfjobError:
            raise
        except Exception as error:
            raise PluginError(
                f"the format {record.name!r} of plugin {plugin} failed: {type(error).__name__}: {error}",
                hint=way_out(plugin),
            ) from error

    return call
