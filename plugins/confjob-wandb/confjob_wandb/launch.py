"""W&B Launch's three names for a job that has no wandb: `from confjob_wandb import launch`.

The calls mean what they mean in `wandb.sdk.launch`. The changed values come from the variable
that a launch sets (`WANDB_CONFIG`, in pieces where it is long), a config file is changed before
the job starts. Started by hand there are no changes, and nothing fails.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from confjob.job import runtime

__all__ = ["Config", "LaunchError", "load_wandb_config", "manage_config_file", "manage_wandb_config"]


class LaunchError(Exception):
    """A launch gave this job something that can't be read."""


class Config(dict[str, Any]):
    """A run config whose keys are attributes as well.

    Example:
        >>> Config(seed=1).seed
        1
    """

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"the run config has no {key!r}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def as_dict(self) -> dict[str, Any]:
        """Return a plain copy."""
        return dict(self)


def manage_wandb_config(
    include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, schema: Any = None
) -> None:
    """Declare the run config an input; see `confjob.manage_config`."""
    runtime.manage_config(include=include, exclude=exclude, schema=schema)


def manage_config_file(
    path: str,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    schema: Any = None,
) -> None:
    """Declare a config file an input; in a launched run it is the changed one."""
    runtime.manage_config_file(path, include=include, exclude=exclude, schema=schema)


def load_wandb_config() -> Config:
    """Return what a launch changes in the run config, and nothing else.

    Where nothing is changed, or the job is started by hand, it is empty; wandb's own
    function raises then.

    Raises:
        LaunchError: When the variable holds no JSON object.
    """
    text = os.environ.get("WANDB_CONFIG")
    text = "".join(_chunks()) if text is None else text
    if not text:
        return Config()
    try:
        values = json.loads(text)
    except ValueError as error:
        raise LaunchError(f"WANDB_CONFIG is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise LaunchError(f"WANDB_CONFIG must be an object, not {type(values).__name__}")
    # wandb strips dashes of top-level keys, whatever they are set by.
    return Config({key.strip("-"): value for key, value in values.items()})


def _chunks() -> Iterable[str]:
    number = 0
    while (chunk := os.environ.get(f"WANDB_CONFIG_{number}")) is not None:
        yield chunk
        number += 1
