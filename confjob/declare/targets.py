"""Targets: where a job goes, and the engine that takes it there.

The project's own come before the user's, these before the site's. A target of one name in two
places is the stronger one's, whole: half a queue's options with half another's is no queue.
"""

from __future__ import annotations

from attrs import frozen

from confjob.declare.manifest import Declared
from confjob.declare.settings import UsedSettings, read_settings
from confjob.declare.structure import problem_at, refusal, structure, structure_value
from confjob.errors import ManifestError
from confjob.keypath import KeyPath
from confjob.model import Document, Engine, Problem, Span, Target
from confjob.project import Project
from confjob.tree import get
from confjob.words import did_you_mean, listing

__all__ = ["find_target", "known_targets", "open_engine"]

#: The target that is there without being declared.
LOCAL = "local"


def find_target(project: Project, declared: Declared, name: str | None) -> Target:
    """Return the target called `name`, or the default one.

    Raises:
        ManifestError: When there is none of that name, its options are wrong, or a settings
            file is.
        PluginError: When its backend is not installed.
        InputError: When a settings file can't be read.
    """
    settings = read_settings(project.settings)
    wanted = _Wanted(name=name) if name else _default(declared, settings)
    document = _documents(declared, settings).get(wanted.name)
    if document is not None:
        return _checked_target(project, document, wanted.name)
    if wanted.name == LOCAL:
        return Target(name=LOCAL, backend="local")
    raise _unknown(wanted, sorted({*_documents(declared, settings), LOCAL}))


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
    record = project.registry.backend(target.backend)
    options: object = structure_value(dict(target.options), record.options, f"targets.{target.name}")
    return record.open(options)


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


def _checked_target(project: Project, document: Document, name: str) -> Target:
    at = KeyPath(("targets", name))
    table = get(document.tree, at)
    assert isinstance(table, dict)
    backend = table.get("backend", "local")
    if not isinstance(backend, str):
        raise refusal(document, [problem_at(document, at.child("backend"), "must be text")])
    record = project.registry.backend(backend)
    structure(document, at, record.options, without="backend")
    options = {key: item for key, item in table.items() if key != "backend"}
    return Target(name=name, backend=backend, options=options, where=document.where(at))
