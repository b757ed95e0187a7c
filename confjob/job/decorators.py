"""`@job`: says that a function is a job, and changes nothing about the function.

confjob reads the decorator's arguments from the source text; at run time they are kept
as `function.__confjob__` so that tools can find decorated functions in a live module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

__all__ = ["job"]

Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def job(name: Function, /) -> Function: ...


@overload
def job(
    name: str | None = None,
    *,
    description: str | None = None,
    defaults: Mapping[str, Any] | str | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
    schema: Any = None,
    resources: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> Callable[[Function], Function]: ...


def job(name: Any = None, **options: Any) -> Any:  # noqa: D417 - the options are those of the overload
    """Declare a function as a job, bare (`@job`) or with arguments (`@job("train", …)`).

    Args:
        name: What the job is called; default: the function's name.
        description: One line for `confjob jobs`; default: the docstring's first line.
        defaults: The run config of a function that takes `config: dict`, or a file of it.
        include: Prefixes of what may be changed; default: everything.
        exclude: Prefixes of what may not.
        schema: JSON Schema, `"file.py:Object"`, Pydantic model, dataclass or attrs class.
        resources: As `[jobs.x.resources]` in `launch.toml`.
        env: Environment variables.

    Returns:
        The function itself: called by hand it runs as it always did.

    Raises:
        TypeError: On an option that does not exist.

    Example:
        >>> @job(exclude=["data_dir"])
        ... def train(lr: float = 0.1, data_dir: str = "data") -> float:
        ...     return lr
        >>> train(lr=0.5)
        0.5
    """
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise TypeError(f"job() has no option {unknown[0]!r}; it takes name, {', '.join(sorted(_OPTIONS))}")
    if callable(name):
        return _marked(name, {})
    given = {"name": name, **options}
    return lambda function: _marked(function, given)


_OPTIONS = frozenset({"description", "defaults", "include", "exclude", "schema", "resources", "env"})


def _marked(function: Function, options: Mapping[str, Any]) -> Function:
    given = {key: value for key, value in options.items() if value is not None}
    function.__confjob__ = given  # type: ignore[attr-defined]  # a function takes any attribute
    return function
