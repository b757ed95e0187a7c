"""Targets: where a job goes, and the engine that takes it there.

The project's own come before the user's, these before the site's. A target of one name in two
places is the stronger one's, whole: half a queue's options with half another's is no queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import evolve, frozen

from confjob.declare.manifest import Declared
from confjob.declare.policy import breaches, rules
from confjob.declare.settings import UsedSettings, read_settings
from confjob.declare.structure import problem_at, refusal, structure_options, structure_value
from confjob.declare.templates import VARIABLES, filled, macro_faults, variable_faults, variables
from confjob.errors import ManifestError
from confjob.keypath import KeyPath
from confjob.model import Backend, Document, Elsewhere, Engine, Problem, Source, Span, Target
from confjob.project import Project
from confjob.tree import Json, get
from confjob.words import did_you_mean, listing

__all__ = [
    "declared_target",
    "elsewhere_of",
    "fill_target",
    "find_target",
    "known_targets",
    "open_engine",
]

#: The target that is there without being declared.
LOCAL = "local"

_NOWHERE = Document(source=Source(input="targets", path=None, root=Path()), nodes={})

#: The keys of a target's table that are not its backend's.
_OURS = ("backend", VARIABLES)


def find_target(project: Project, declared: Declared, name: str | None) -> Target:
    """Return the target called `name`, or the default one, with the defaults of its variables.

    Raises:
        ManifestError: When there is none of that name, its options are wrong or forbidden, or a
            settings file is wrong.
        PluginError: When its backend is not installed.
        InputError: When a settings file can't be read.
    """
    target = declared_target(project, declared, name)
    spec = target.variables
    defaults = spec.defaults[KeyPath()].value if spec is not None and spec.defaults else {}
    if spec is not None and spec.required:  # nobody can judge it before somebody says these
        return filled(target, defaults)[0]
    return fill_target(project, declared, target, defaults)


def declared_target(project: Project, declared: Declared, name: str | None) -> Target:
    """Return the target called `name`, or the default one, as it stands there.

    Raises:
        ManifestError: When there is none of that name, its variables are declared wrongly, or a
            settings file is wrong.
        InputError: When a settings file can't be read.
    """
    settings = read_settings(project.settings)
    wanted = _Wanted(name=name) if name else _default(declared, settings)
    documents = _documents(declared, settings)
    if wanted.name in documents:
        return _read(documents[wanted.name], wanted.name)
    if wanted.name == LOCAL:
        return Target(name=LOCAL, backend="local")
    raise _unknown(wanted, sorted({*documents, LOCAL}))


def fill_target(project: Project, declared: Declared, target: Target, values: Mapping[str, Json]) -> Target:
    """Return a target with its variables filled in, checked by its backend and the policies.

    Args:
        project: The project.
        declared: Its manifest.
        target: As `declared_target` returns it.
        values: Values of its variables.

    Raises:
        ManifestError: With everything that is wrong with its options.
        PluginError: When its backend is not installed.
    """
    record = project.registry.backend(target.backend)
    made, problems = filled(target, values)
    problems.extend(macro_faults(target))
    problems.extend(structure_options(made, record.options))
    problems.extend(breaches(made, record, rules(_sources(project, declared))))
    if problems:
        raise refusal(target.document or declared.document or _NOWHERE, problems)
    return made


def _sources(project: Project, declared: Declared) -> Iterator[Document]:
    """Yield all files that may hold a policy."""
    if declared.document is not None:
        yield declared.document
    yield from (each.document for each in read_settings(project.settings).read)


def known_targets(project: Project, declared: Declared) -> dict[str, Span | None]:
    """Return the names of all targets, and where each is declared; `local` may be nowhere.

    Raises:
        ManifestError: When a settings file is wrong.
        InputError: When one can't be read.
    """
    documents = _documents(declared, read_settings(project.settings))
    places = {name: document.where(KeyPath(("targets", name))) for name, document in documents.items()}
    return {LOCAL: None, **places}


def open_engine(project: Project, target: Target) -> Engine:
    """Return the engine of a target; does no I/O.

    Raises:
        PluginError: When its backend is not installed.
        ManifestError: When the backend does not take these options.
    """
    record, options = _with_options(project, target)
    return record.open(options)


def elsewhere_of(project: Project, target: Target) -> Elsewhere | None:
    """Return how things are called for a target's jobs, where they don't see this machine's folders.

    Raises:
        PluginError: When its backend is not installed.
        ManifestError: When the backend does not take these options.
    """
    record, options = _with_options(project, target)
    return record.elsewhere(options)


def _with_options(project: Project, target: Target) -> tuple[Backend, object]:
    record = project.registry.backend(target.backend)
    return record, structure_value(dict(target.options), record.options, f"targets.{target.name}")


@frozen(kw_only=True)
class _Wanted:
    """The target that is looked for, and where it is said if nobody asked for it."""

    name: str
    where: Span | None = None


def _default(declared: Declared, settings: UsedSettings) -> _Wanted:
    named = declared.manifest.default_target
    if named is not None:
        where = declared.document.where(KeyPath(("default-target",))) if declared.document else None
        return _Wanted(name=named, where=where)
    given = settings.default_target
    return _Wanted(name=LOCAL) if given is None else _Wanted(name=given[0], where=given[1])


def _documents(declared: Declared, settings: UsedSettings) -> dict[str, Document]:
    """Return each target's name with the document that declares it."""
    document = declared.document
    own = {} if document is None else dict.fromkeys(declared.manifest.targets, document)
    return {**settings.targets, **own}


def _unknown(wanted: _Wanted, known: list[str]) -> ManifestError:
    message = f"no target is called {wanted.name!r} (known: {listing(known)})"
    hint = did_you_mean(wanted.name, known)
    if wanted.where is None:
        return ManifestError(message, hint=hint)
    path = KeyPath(("default-target",))
    file = str(wanted.where.file)
    problem = Problem(code="manifest", input=file, path=path, message=message, hint=hint, where=wanted.where)
    return ManifestError(f"{file}: {message}", problems=[problem])


def _read(document: Document, name: str) -> Target:
    at = KeyPath(("targets", name))
    table = get(document.tree, at)
    assert isinstance(table, dict)
    backend = table.get("backend", LOCAL)
    if not isinstance(backend, str):
        raise refusal(document, [problem_at(document, at.child("backend"), "must be text")])
    faults = list(variable_faults(document, at))
    if faults:
        raise refusal(document, faults)
    target = Target(name=name, backend=backend, where=document.where(at), document=document)
    options = {key: item for key, item in table.items() if key not in _OURS}
    return evolve(target, options=options, variables=variables(document, at))
