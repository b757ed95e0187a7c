"""Finding Hydra apps in a folder, by their decorator; nothing is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from confjob.plugin import Json
from confjob_omegaconf.app import main_call, python_files

__all__ = ["recognize"]


def recognize(root: Path) -> Iterator[Mapping[str, Json]]:
    """Yield a `[[jobs.NAME.files]]` table for each function with `@hydra.main`.

    Its config must be a file of the project: one that is only registered in code is no
    input that could be named.
    """
    for path in python_files(root):
        if path.stat().st_size > 1 << 20 or b"hydra" not in path.read_bytes():
            continue
        call = main_call(path)
        if call is None or call.config_name is None:
            continue
        script = PurePosixPath(path.relative_to(root))
        config = PurePosixPath(os.path.normpath(script.parent / (call.config_path or ".") / call.config_name))
        file = config if config.suffix in (".yaml", ".yml") else config.with_name(f"{config.name}.yaml")
        if (root / file).is_file():
            yield {
                "job": script.stem,
                "command": ["python", str(script)],
                "path": str(file),
                "format": "hydra",
                "name": "config",
            }
