"""confjob: make a training job's inputs visible, changeable, checked, and sendable.

The names are loaded when first used: `import confjob` in a training script costs next to
nothing, and imports nothing but the standard library until a plugin API name is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from confjob.api import Run as Run
    from confjob.api import launch as launch
    from confjob.api import plan as plan
    from confjob.errors import ConfjobError as ConfjobError
    from confjob.errors import InputError as InputError
    from confjob.errors import InvalidOverrides as InvalidOverrides
    from confjob.errors import ManifestError as ManifestError
    from confjob.errors import PluginError as PluginError
    from confjob.job.decorators import job as job
    from confjob.job.runtime import load_config as load_config
    from confjob.job.runtime import manage_config as manage_config
    from confjob.job.runtime import manage_config_file as manage_config_file
    from confjob.version import __version__ as __version__

_HOMES = {
    "job": "confjob.job.decorators",
    "load_config": "confjob.job.runtime",
    "manage_config": "confjob.job.runtime",
    "manage_config_file": "confjob.job.runtime",
    "Run": "confjob.api",
    "launch": "confjob.api",
    "plan": "confjob.api",
    "ConfjobError": "confjob.errors",
    "InputError": "confjob.errors",
    "InvalidOverrides": "confjob.errors",
    "ManifestError": "confjob.errors",
    "PluginError": "confjob.errors",
    "__version__": "confjob.version",
}

#: What plugin authors use; the same names as in `confjob.plugin`.
_PLUGIN_API = (
    "MISSING",
    "Backend",
    "Change",
    "Delivery",
    "Document",
    "Engine",
    "Format",
    "KeyPath",
    "Node",
    "PathFilter",
    "Problem",
    "Resources",
    "Source",
    "Span",
    "State",
    "Status",
    "Submission",
    "hookimpl",
    "text_format",
)

__all__ = [*_HOMES, *_PLUGIN_API]  # noqa: PLE0604 - names of a table


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name) or ("confjob.plugin" if name in _PLUGIN_API else None)
    if home is None:
        raise AttributeError(f"module 'confjob' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    # `confjob.job` is also a subpackage: once it is imported, the import system puts the
    # package here, so the decorator must be put back for `from confjob import job`.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
