"""Hydra apps and OmegaConf files for confjob.

The two share a notation (`${…}`, `???`) but not a way to the job: a Hydra app's inputs
are what Hydra composes and reach it on its command line; an OmegaConf file is YAML that
is edited in place.
"""

from __future__ import annotations

from collections.abc import Iterator

from confjob.plugin import Format, hookimpl

__all__ = ["confjob_formats"]


@hookimpl
def confjob_formats() -> Iterator[Format]:
    """Give the formats `hydra` and `omegaconf`."""
    from confjob_omegaconf import hydra, plain

    yield hydra.FORMAT
    yield plain.FORMAT
