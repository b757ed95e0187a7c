"""Tells an interpreter's version, and which of some modules it has, importing none of them.

Request: `{"modules": [top-level names]}`. Answer: `{"version": "3.11.4", "modules": {name:
version of its distribution, or "" where that is not known, or null where it is missing}}`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import typing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

if typing.TYPE_CHECKING:
    from confjob.probes import kit
else:
    import kit


def answer(request: dict[str, typing.Any]) -> typing.Any:
    """Describe this interpreter."""
    return {
        "version": ".".join(map(str, sys.version_info[:3])),
        "modules": {name: _version(name) for name in request["modules"]},
    }


def _version(module: str) -> str | None:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if found is None:
        return None
    try:
        from importlib import metadata

        return metadata.version({"hydra": "hydra-core"}.get(module, module))
    except Exception:  # noqa: BLE001 - no metadata, or an old Python without the module
        return ""


if __name__ == "__main__":
    kit.serve(answer)
