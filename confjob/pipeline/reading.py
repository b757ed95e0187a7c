"""From a job's name to its form: declare, load, filter, infer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from confjob.declare import Declared, declare
from confjob.deliver import Carry
from confjob.filter import unmatched, visible
from confjob.form import Form, Typing
from confjob.infer import infer
from confjob.load import choose, format_of, load, siblings
from confjob.model import Document, Format, InputSpec, JobSpec, Problem
from confjob.pipeline.disagreement import disagreements
from confjob.pipeline.requests import Request
from confjob.pipeline.soundness import sound, sound_hints
from confjob.project import Project

__all__ = ["carry_of", "form_of", "formats_of", "job_of", "typed"]


def job_of(project: Project, declared: Declared, request: Request) -> JobSpec:
    """Return the requested job, with the files that were picked for it."""
    return choose(project, declare(project, declared, request.job), request.files)


def form_of(project: Project, job: JobSpec) -> Form:
    """Load a job's sources and return what may be changed in them."""
    ask = project.ask(project.interpreter(job.python))
    return typed(project, job, load(project, job, ask))


def typed(project: Project, job: JobSpec, documents: Mapping[str, Document]) -> Form:
    """Filter the documents and infer the types of what is left."""
    hidden = {name: project.registry.hide(document) for name, document in documents.items()}
    shown = {spec.input: visible(documents[spec.input], spec, hidden[spec.input]) for spec in job.inputs}
    typing, unsound = _typing(project, job, documents)
    doubts = [
        *job.warnings,
        *(warning for spec in job.inputs for warning in spec.warnings),
        *(warning for document in documents.values() for warning in document.warnings),
        *(warning for spec in job.inputs for warning in unmatched(documents[spec.input], spec)),
        *(doubt for spec in _said(job) for doubt in disagreements(spec, documents[spec.input])),
        *unsound,
        *project.registry.warnings,
    ]
    return infer(job, documents, shown, hidden, typing, tuple(doubts))


def _said(job: JobSpec) -> Iterator[InputSpec]:
    """Yield the inputs whose schema somebody wrote: a function's signature types what it excludes, too."""
    return (spec for spec in job.inputs if job.function is None or spec.kind != "run-config")


def _typing(
    project: Project, job: JobSpec, documents: Mapping[str, Document]
) -> tuple[dict[str, Typing], list[Problem]]:
    """Return what is known of the types, and a warning for what plugins say that is no schema."""
    formats = formats_of(project, job)
    typing: dict[str, Typing] = {}
    unsound: list[Problem] = []
    for spec in job.inputs:
        document = documents[spec.input]
        kind = formats.get(spec.input)
        framework = sound(spec.input, kind, document, unsound) if kind is not None else None
        hints = sound_hints(spec.input, project.registry.infer(document), unsound)
        # A framework's own schema says more than other files could.
        kin = siblings(project, spec, document) if kind is not None and framework is None else ()
        typing[spec.input] = Typing(
            author=spec.schema, framework=framework, hints=hints, document=document, siblings=kin
        )
    return typing, unsound


def formats_of(project: Project, job: JobSpec) -> dict[str, Format]:
    """Return the format of each file input, by input."""
    return {spec.input: format_of(project, spec) for spec in job.inputs if spec.kind == "file"}


def carry_of(project: Project, job: JobSpec) -> Carry | None:
    """Return how the run config's changes reach the library that reads it, if one does."""
    reader = next((spec.reader for spec in job.inputs if spec.kind == "run-config"), None)
    return next((calls.deliver for calls in project.registry.calls() if calls.name == reader), None)
