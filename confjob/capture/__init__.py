"""Capturing: a command is run once, and what it declares by its calls is recorded.

Calls whose arguments only the running script knows can't be read from its text. The
command is run as a job would be, watched by `probes/capture/sitecustomize.py`; by the rules
of the calls its record becomes a job's declaration, and that a manifest's text.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import frozen

from confjob.capture.manifest import Written, manifest_text
from confjob.capture.rules import Declared, combined
from confjob.capture.running import run_watched, variables
from confjob.model import Calls, Source
from confjob.project import Project
from confjob.tree import Json

__all__ = ["Captured", "Declared", "Written", "capture", "job_name", "manifest_text"]


@frozen(kw_only=True)
class Captured:
    """What a command declared while it ran.

    Args:
        calls: The calls as they were recorded, paths relative to the project root.
        declared: What they come to.
        exit_code: The command's; None when it was ended at the time limit.
    """

    calls: Sequence[Mapping[str, Any]]
    declared: Declared
    exit_code: int | None


def capture(project: Project, command: Sequence[str], limit: float) -> Captured:
    """Run a command once in the project's folder, and return what it declares.

    Its output goes to stderr. It is ended at the time limit, and so is whatever it leaves
    behind.

    Args:
        project: The project.
        command: The words of the command.
        limit: Seconds until it is ended.

    Raises:
        InputError: When there is no such program, or no Python for the job.
    """
    libraries = {library.name: library for library in project.registry.calls()}
    watch = [library.watch for library in libraries.values() if library.watch is not None]
    with tempfile.TemporaryDirectory(prefix="confjob-capture-") as folder:
        record = Path(folder, "calls.jsonl")
        record.touch(mode=0o600)
        environment = variables(project.environ, project.interpreter(None), project.root, record, watch)
        code = run_watched(command, project.root, environment, limit)
        calls = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    calls = [_with_json_schema(call, libraries) for call in calls]
    declared = combined(calls, project.root, lambda path: _content(project, path))
    return Captured(
        calls=[_relative(call, project.root) for call in calls], declared=declared, exit_code=code
    )


def _with_json_schema(call: dict[str, Any], libraries: Mapping[str, Calls]) -> dict[str, Any]:
    """Return a call with its schema as JSON Schema, where its library takes it in another way."""
    library = libraries.get(call["reader"])
    if library is None or not isinstance(call.get("schema"), dict):
        return call
    return {**call, "schema": library.schema(call["schema"])}


def _relative(call: Mapping[str, Any], root: Path) -> Mapping[str, Any]:
    """Return a call with the paths in the project as the project names them."""
    top = f"{os.path.realpath(root)}{os.sep}"
    paths = {key: call[key] for key in ("path", "defaults", "config") if isinstance(call.get(key), str)}
    return {**call, **{key: path.removeprefix(top) for key, path in paths.items()}}


def _content(project: Project, path: PurePosixPath) -> Json:
    source = Source(input=str(path), path=path, root=project.root)
    return project.registry.format_for(path).load(source).tree


def job_name(command: Sequence[str]) -> str:
    """Return a name for the job of a command: its script's, its module's, or its program's.

    Example:
        >>> job_name(["python", "-m", "pkg.train", "--fast"]), job_name(["uv", "run", "a/fit.py"])
        ('train', 'fit')
    """
    for at, word in enumerate(command):
        if word.endswith(".py"):
            return PurePosixPath(word).stem
        if word == "-m" and at + 1 < len(command):
            return command[at + 1].rpartition(".")[2]
    return PurePosixPath(command[0]).stem
