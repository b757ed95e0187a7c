"""Inferring: from documents to a form, with a typed field for every value that may change."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from confjob.form import Form, Typing
from confjob.keypath import KeyPath
from confjob.model import Document, JobSpec, Problem

__all__ = ["infer"]


def infer(  # noqa: PLR0913, PLR0917 - all that filtering and loading found
    job: JobSpec,
    documents: Mapping[str, Document],
    visible: Mapping[str, tuple[KeyPath, ...]],
    hidden: Mapping[str, frozenset[KeyPath]],
    typing: Mapping[str, Typing],
    warnings: tuple[Problem, ...] = (),
) -> Form:
    """Return the form: a field for each visible value, and for each declared one that has
    no default and must be set.

    Args:
        job: The declared job.
        documents: Its loaded inputs, by input.
        visible: The paths that are inputs, by input, in document order.
        hidden: The paths that plugins hide, by input.
        typing: What is known of the types, by input.
        warnings: What has been doubtful so far.
    """
    form = Form(job=job, documents=documents, typing=typing, fields=(), hidden=hidden, warnings=warnings)
    paths = {
        spec.input: [
            *(
                path
                for path in spec.required
                if path not in documents[spec.input].nodes and form.selects(spec.input, path)
            ),
            *visible[spec.input],
        ]
        for spec in job.inputs
    }
    return evolve(form, fields=tuple(form.field(name, path) for name in paths for path in paths[name]))
