"""Tells `confjob capture` what a script declares through wandb, while it runs.

Executed when the script's interpreter starts, with a function `record` among its globals,
which copes with whatever it is given and raises nothing. wandb is not imported here: a finder
waits until the script does, and wraps the functions where they are defined, so that every
later `from … import` gets the wrapped ones. Standard library only, for any Python; a failure
of ours must never be the script's.
"""

from __future__ import annotations

import atexit
import functools
import importlib.abc
import importlib.machinery
import sys
import types
import typing

if typing.TYPE_CHECKING:

    def record(call: typing.Mapping[str, typing.Any]) -> None:
        """Write down a call; given to this file when it is executed."""


_CALLS = {"manage_wandb_config": "manage_config", "manage_config_file": "manage_config_file"}
_PARAMETERS = {
    "manage_wandb_config": ("include", "exclude", "schema"),
    "manage_config_file": ("path", "include", "exclude", "schema"),
}
#: Where `config` stands among the arguments of `wandb.init`.
_CONFIG = 7

#: The runs of this process, each with the config that it began with.
_runs: list[tuple[typing.Any, dict[str, typing.Any]]] = []


def _wrap_launch(module: types.ModuleType) -> None:
    """Wrap the functions that declare inputs."""
    for name in _CALLS:
        setattr(module, name, _recording(name, getattr(module, name)))


def _recording(name: str, function: typing.Callable[..., typing.Any]) -> typing.Callable[..., typing.Any]:
    @functools.wraps(function)
    def wrapper(*arguments: typing.Any, **keywords: typing.Any) -> typing.Any:
        given = dict(zip(_PARAMETERS[name], arguments))  # noqa: B905 - any Python
        given.update((key, keywords[key]) for key in _PARAMETERS[name] if key in keywords)
        record({**given, "call": _CALLS[name], "reader": "wandb"})
        return function(*arguments, **keywords)

    return wrapper


def _wrap_init(module: types.ModuleType) -> None:
    """Wrap `wandb.init`, whose `config` is the run config."""
    init: typing.Callable[..., typing.Any] = module.init

    @functools.wraps(init)
    def wrapper(*arguments: typing.Any, **keywords: typing.Any) -> typing.Any:
        config = keywords.get("config", arguments[_CONFIG] if len(arguments) > _CONFIG else None)
        if config is not None:
            _record_values(config)
        run = init(*arguments, **keywords)
        _runs.append((run, _values(run)))
        return run

    setattr(module, "init", wrapper)  # noqa: B010 - a module has no declared attributes


def _record_values(config: typing.Any) -> None:
    record({"call": "values", "reader": "wandb", "config": config})


def _values(run: typing.Any) -> dict[str, typing.Any]:
    """Return a run's config without what wandb itself puts there."""
    try:
        return {key: value for key, value in dict(run.config).items() if key != "_wandb"}
    except Exception:  # noqa: BLE001 - another version of wandb
        return {}


def _record_later_values() -> None:
    """Record what a config got after `init`, by `config.update` or assignment: W&B counts it as well."""
    for run, first in _runs:
        last = _values(run)
        if last and last != first:
            _record_values(last)


_WRAPS = {
    "wandb.sdk.wandb_init": _wrap_init,
    "wandb.sdk.launch.inputs.manage": _wrap_launch,
    "confjob_wandb.launch": _wrap_launch,
}


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the other finders find a module, and wraps its functions once it is executed."""

    def find_spec(
        self, fullname: str, path: typing.Any = None, target: typing.Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        wrap = _WRAPS.get(fullname)
        if wrap is None:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(fullname, path, target) if find else None
            if spec is not None:
                return _wrapping(spec, wrap)
        return None


def _wrapping(
    spec: importlib.machinery.ModuleSpec, wrap: typing.Callable[[types.ModuleType], None]
) -> importlib.machinery.ModuleSpec:
    loader: typing.Any = spec.loader
    execute = loader.exec_module

    def exec_module(module: types.ModuleType) -> None:
        execute(module)
        try:
            wrap(module)
        except Exception as error:  # noqa: BLE001 - another version of wandb: nothing is recorded
            sys.stderr.write("confjob capture: %s: %r\n" % (spec.name, error))  # noqa: UP031 - any Python

    loader.exec_module = exec_module
    return spec


sys.meta_path.insert(0, _Finder())
atexit.register(_record_later_values)
