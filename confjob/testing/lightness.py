"""What importing a plugin may cost and do: next to nothing."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType

from confjob.registry.light import import_faults

__all__ = ["check_light"]


def check_light(module: str | ModuleType, *, allowed: Collection[str] = ()) -> None:
    """Assert that importing and registering a plugin's module is quick and does nothing.

    The module is imported in a process of its own. It may import the standard library (but
    not its slow packages), `confjob.plugin` and what that has loaded (attrs and pluggy
    among it), and its own package; frameworks and SDKs belong inside the functions that need them, or in a
    script that runs in the job's interpreter. Nothing may be written, started, connected
    to, printed or changed in the environment.

    Args:
        module: The module that the entry point names, or its name.
        allowed: Further top-level packages that may be imported.

    Raises:
        AssertionError: Naming each package and deed.

    Example:
        >>> check_light("confjob.builtin.json")
    """
    name = module if isinstance(module, str) else module.__name__
    faults = import_faults(name, allowed=allowed)
    assert not faults, f"{name}: " + "; ".join(faults)
