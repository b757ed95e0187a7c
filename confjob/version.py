"""The version, alone in a module so that `--version` and the build read it cheaply."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0.dev0"
