"""The plugins: those that are broken or in one another's way, and those that the project lacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from confjob.declare.manifest import Manifest
from confjob.errors import ConfjobError, PluginError
from confjob.pipeline.doctoring.findings import Finding, check, fail, note, ok, warn
from confjob.pipeline.doctoring.patient import Patient
from confjob.registry import Plugin, Registry
from confjob.words import listing

__all__ = ["all_plugins"]


@check("plugins", "plugins")
def all_plugins(patient: Patient) -> Iterator[Finding]:
    """Import every plugin once, and look for what the manifest asks for."""
    registry = patient.project.registry
    installed = list(registry.installed())
    missing = list(_missing(registry, patient.declared.manifest))
    yield from missing
    told = {finding.detail for finding in missing}
    broken = [finding for finding in _broken(registry, installed) if finding.detail not in told]
    yield from broken
    yield from _in_the_way(installed)
    others = {
        f"{each.distribution} {each.version}".strip() for each in installed if each.distribution != "confjob"
    }
    yield ok("installed", listing(sorted(others), 20) or "none beside confjob's own formats and local runs")


def _missing(registry: Registry, manifest: Manifest) -> Iterator[Finding]:
    """Yield the formats and backends that the manifest asks for and nobody gives."""
    for what, error in _refusals(registry, manifest):
        yield fail(what, error.message, error.hint)


def _refusals(registry: Registry, manifest: Manifest) -> Iterator[tuple[str, ConfjobError]]:
    seen = set()
    for name, job in manifest.jobs.items():
        for file in job.files:
            asked = file.format or file.path
            try:
                if file.format:
                    registry.format(file.format)
                else:
                    registry.format_for(PurePosixPath(file.path))
            except PluginError as error:
                if asked not in seen:
                    yield f"jobs.{name}", error
                seen.add(asked)


def _broken(registry: Registry, installed: list[Plugin]) -> Iterator[Finding]:
    """Yield what can't be imported, though nothing of this project has asked for it."""
    errors: dict[str, Finding] = {}
    for plugin in installed:
        if plugin.state == "ok" and plugin.kind != "plugins" and not plugin.name.startswith("."):
            try:
                _ = (
                    registry.format(plugin.name)
                    if plugin.kind == "formats"
                    else registry.backend(plugin.name)
                )
            except PluginError as error:
                errors[error.message] = warn(plugin.name, error.message, error.hint)
    registry.calls()  # loads the ambient ones
    for problem in registry.warnings:
        errors[problem.message] = warn("broken", problem.message, problem.hint)
    yield from errors.values()


def _in_the_way(installed: list[Plugin]) -> Iterator[Finding]:
    for plugin in installed:
        name = f"{plugin.kind[:-1]} {plugin.name!r}"
        gives = f"{plugin.distribution} {plugin.version} gives the {name}"
        if plugin.state == "shadowed":
            yield warn(plugin.name, f"{gives}, which is built in, so it is not used")
        elif plugin.state == "conflict":
            yield warn(plugin.name, f"{gives}, and so does another", f"pip uninstall {plugin.distribution}")
        elif plugin.state == "blocked":
            yield note(plugin.name, f"{gives}; it is blocked by -p no:… or CONFJOB_DISABLE_PLUGINS")
