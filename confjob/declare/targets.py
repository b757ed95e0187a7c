"""Targets: where a job goes, and the engine that takes it there."""

from __future__ import annotations

from collections.abc import Mapping

from confjob.declare.manifest import Declared
from confjob.declare.structure import problem_at, refusal, structure, structure_value
from confjob.errors import ManifestError
from confjob.keypath import KeyPath
from confjob.model import Engine, Target
from confjob.project import Project
from confjob.tree import Json
from confjob.words import did_you_mean, listing

__all__ = ["find_target", "open_engine"]


def find_target(project: Project, declared: Declared, name: str | None) -> Target:
    """Return the target called `name`, or the default one.

    Raises:
        ManifestError: When there is none of that name, or its options are wrong.
        PluginError: When its backend is not installed.
    """
    manifest = declared.manifest
    wanted = name or manifest.default_target or "local"
    table = manifest.targets.get(wanted)
    if table is None and wanted == "local":
        return Target(name="local", backend="local")
    if table is None:
        known = sorted({*manifest.targets, "local"})
        raise ManifestError(
            f"no target is called {wanted!r} (known: {listing(known)})", hint=did_you_mean(wanted, known)
        )
    return _checked_target(project, declared, wanted, table)


def open_engine(project: Project, target: Target) -> Engine:
    """Return the engine of a target; does no I/O.

    Raises:
        PluginError: When its backend is not installed.
        ManifestError: When the backend does not take these options.
    """
    record = project.registry.backend(target.backend)
    options: object = structure_value(dict(target.options), record.options, f"targets.{target.name}")
    return record.open(options)


def _checked_target(project: Project, declared: Declared, name: str, table: Mapping[str, Json]) -> Target:
    assert declared.document is not None
    at = KeyPath(("targets", name))
    backend = table.get("backend", "local")
    if not isinstance(backend, str):
        raise refusal(declared.document, [problem_at(declared.document, at.child("backend"), "must be text")])
    record = project.registry.backend(backend)
    structure(declared.document, at, record.options, without="backend")
    return Target(
        name=name, backend=backend, options={key: item for key, item in table.items() if key != "backend"}
    )
