"""The job's side: what training code may import, and the runner of `function = ...` jobs.

It is standard library only and imports nothing else of confjob, because it lives in the
job's interpreter, where start-up time and dependencies are somebody else's budget.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from confjob.job import decorators
from confjob.job.runtime import load_config, manage_config, manage_config_file

__all__ = ["load_config", "manage_config", "manage_config_file"]


class _CallableModule(ModuleType):
    """Lets `confjob.job` be both this package and the decorator `@confjob.job`.

    Python sets the attribute `job` of `confjob` to this package as soon as anything
    below it is imported, whatever `confjob/__init__.py` had there.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        return decorators.job(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
