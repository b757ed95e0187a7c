"""Watches a command's Python processes for `confjob capture`, from before their first line.

Python imports `sitecustomize` when it starts. `confjob capture` puts this folder first on
PYTHONPATH, so that this one is found; it brings in the environment's own, if there is one,
takes its folder off `sys.path` again, and runs the watch scripts.

The protocol, by environment variables:

`CONFJOB_CAPTURE`
: the absolute path of a private file; each call that declares inputs becomes one line of
  JSON there. confjob's own `manage_config()` and `manage_config_file()` write theirs.

`CONFJOB_CAPTURE_ROOT`
: the project's folder, in which the command was started.

`CONFJOB_CAPTURE_WATCH`
: watch scripts, separated by `os.pathsep`: the `watch` files of plugins' `Calls`. Each is a
  file of the standard library alone. It is run with a global function `record(call)`, and
  usually wraps a library's functions when the library is imported. Nothing has been
  imported yet when it runs. `record` raises nothing, changes none of the objects it is
  given, and is to be called *before* the library's own function does its work.

A call is a mapping, and the line has the same keys:

`call`
: `"manage_config"` (declares the run config), `"manage_config_file"` (a config file), or
  `"values"` (hands the run config's values over, as `wandb.init(config=…)` does).

`reader`
: `""` for confjob's own, else the `name` of the plugin's `Calls`.

`defaults` of `manage_config`, `config` of `values`
: a mapping (or an object with fields, a Namespace), or the path of a file that has it.

`path` of `manage_config_file`
: as the job said it. In the line it is absolute.

`include`, `exclude`
: lists of prefixes, or one.

`schema`
: a JSON Schema, a class or instance with fields, or a reference (`"file.py:Object"`). In the
  line it is a JSON Schema or the reference, and `values` has those of an instance.

`at`
: optional: where the call stands, `file:line`. By default it is found.

`unsaid`
: only in the line: what could not be turned into JSON, in words.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import types

_HERE = os.path.dirname(os.path.abspath(__file__))


def _chain() -> None:
    """Run the environment's own `sitecustomize`, in this one's place."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _watch() -> None:
    record = _loaded("_confjob_recording", os.path.join(os.path.dirname(_HERE), "recording.py")).record
    watching = os.environ.get("CONFJOB_CAPTURE_WATCH", "").split(os.pathsep)
    for number, script in enumerate(filter(None, watching)):
        try:
            _loaded(f"_confjob_watch_{number}", script, record=record)
        except Exception as error:  # noqa: BLE001 - the job goes on unwatched
            sys.stderr.write(f"confjob capture: {script}: {error!r}\n")


def _loaded(name: str, path: str, **given: object) -> types.ModuleType:
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(given)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


try:
    _chain()
finally:
    if os.environ.get("CONFJOB_CAPTURE"):
        _watch()
