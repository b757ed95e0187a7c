"""Declaring: from `launch.toml`, a decorated function or a script to a `JobSpec`.

Only the job that is asked for is read in full, so that a job whose code is broken hurts
nobody else, and only what it needs is imported.
"""

from __future__ import annotations

from confjob.declare.manifest import Declared, Manifest, manifest_schema, read_manifest
from confjob.declare.settings import read_settings, with_settings
from confjob.declare.targets import (
    declared_target,
    elsewhere_of,
    fill_target,
    find_target,
    known_targets,
    open_engine,
)
from confjob.declare.templates import expanded
from confjob.errors import UnknownJob
from confjob.model import JobSpec, Source
from confjob.project import Project
from confjob.words import did_you_mean, listing

__all__ = [
    "Declared",
    "declare",
    "declared_target",
    "elsewhere_of",
    "expanded",
    "fill_target",
    "find_target",
    "known_targets",
    "manifest_schema",
    "open_engine",
    "read_project",
]


def read_project(project: Project) -> Declared:
    """Return the project's manifest; an absent one is empty.

    Raises:
        ManifestError: With every fault of the manifest.
        InputError: When it is not TOML.
        PluginError: When a plugin that it requires is not installed.
    """
    if project.manifest is None:
        return Declared(manifest=Manifest())
    source = Source(input=str(project.manifest), path=project.manifest, root=project.root)
    document = project.registry.format("toml").load(source)
    manifest = read_manifest(document)
    if manifest.plugins:
        project.registry.require(manifest.plugins)
    return Declared(manifest=manifest, document=document)


def declare(project: Project, declared: Declared, name: str) -> JobSpec:
    """Return the job called `name`: a job of the manifest, or `train.py:train`, or `train.py`.

    What the settings give every job lies under what is declared of it.

    Raises:
        ManifestError: When the declaration, or a settings file, is wrong, with all problems.
        InputError: When there is no such job, or its code can't be read.
    """
    return with_settings(_declared(project, declared, name), read_settings(project.settings))


def _declared(project: Project, declared: Declared, name: str) -> JobSpec:
    from confjob.declare.reader import from_code, from_manifest

    if name in declared.manifest.jobs:
        assert declared.document is not None
        return from_manifest(project, declared.document, declared.manifest, name)
    script, _, function = name.partition(":")
    path = project.relative(script)
    if script.endswith(".py") and (project.root / path).is_file():
        return from_code(project, declared.manifest, name, path, function)
    raise _unknown_job(project, declared.manifest, name)


def _unknown_job(project: Project, manifest: Manifest, name: str) -> UnknownJob:
    if not manifest.jobs:
        return UnknownJob(
            f"no job is called {name!r}: {project.root} has no launch.toml with jobs",
            hint="name a function (train.py:train) or a script (train.py), or write a launch.toml",
        )
    known = listing(manifest.jobs)
    return UnknownJob(
        f"no job is called {name!r} (jobs: {known})",
        hint=did_you_mean(name, manifest.jobs) or "a script is named by its path: train.py:train",
    )
