"""What is asked of Hydra in the job's interpreter, and what is made of its answer.

One request has all that the answer depends on, the names of the config files included: an
answer is kept until it changes or a file that was read does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias

from confjob.plugin import InputError, Json, Source
from confjob_omegaconf.app import HydraApp, app_of, main_call, overrides_in, python_files

__all__ = ["Answer", "asked", "composed"]

#: The probe's answer: `tree`, `types`, `choices`, `groups`, `files`, or `words`, `refused`.
Answer: TypeAlias = Mapping[str, Any]

_PROBE: Final = Path(__file__).parent / "probes" / "ask_hydra.py"


def composed(source: Source) -> Answer | None:
    """Return the composed config of a source; None where there is no Hydra to ask.

    Raises:
        InputError: In Hydra's own words, when the config can't be composed.
    """
    return asked(source, {})


def asked(source: Source, more: Mapping[str, Json]) -> Answer | None:
    """Return what Hydra says of a source and of what `more` asks; see `composed`."""
    if source.ask is None:
        return None
    answer: Answer = source.ask(_PROBE, {**_request(source), **more})
    if answer.get("absent"):
        return None
    if "failed" in answer:
        raise InputError(f"{source.path}: {answer['failed']}", hint="; ".join(answer["doubts"]))
    return answer


def _request(source: Source) -> dict[str, Json]:
    app = app_of(source.command, source.root)
    folder, name, version = _primary(source, app)
    started = app.module or (str(app.script) if app.script else None)
    at = app.script.parent if app.script and not app.module else PurePosixPath()
    return {
        "config_dir": str(folder),
        "config_name": name,
        "overrides": overrides_in(source.command, app),
        "app": started if _registers(source.root) else None,
        "import_root": str(at),
        "seen": sorted(_config_files(source.root / folder)),
        **version,
    }


def _primary(source: Source, app: HydraApp) -> tuple[PurePosixPath, str, dict[str, Json]]:
    """Return the folder that the search path begins with, the config's name in it, the version."""
    assert source.path is not None
    call = main_call(source.root / app.script) if app.script else None
    version: dict[str, Json] = {"version_base": None}
    if call is not None and app.script is not None:
        version = {"version_base": call.version_base} if "version_base" in call.given else {}
        if call.config_path is not None:
            base = PurePosixPath(os.path.normpath(app.script.parent / call.config_path))
            if source.path.is_relative_to(base):
                return base, str(source.path.relative_to(base).with_suffix("")), version
    return source.path.parent, source.path.stem, version


def _registers(root: Path) -> bool:
    """Whether the project's code registers configs: only then need it be imported."""
    return any(b"ConfigStore" in text for text in _texts(python_files(root)))


def _texts(paths: Iterator[Path]) -> Iterator[bytes]:
    for path in paths:
        try:
            yield path.read_bytes()
        except OSError:
            continue


def _config_files(folder: Path) -> Sequence[str]:
    found = (path for suffix in ("*.yaml", "*.yml") for path in folder.rglob(suffix))
    return [str(path.relative_to(folder)) for path in found]
