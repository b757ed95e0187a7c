"""Judging: the documents that result are validated whole, once per schema.

Only problems that the unchanged document did not have refuse: 48 of 133 real Axolotl
files break their framework's own schema as they stand, and nobody should be kept from
launching them. Older problems warn.
"""

from __future__ import annotations

from collections.abc import Iterator

from confjob.form import Form
from confjob.keypath import KeyPath
from confjob.model import Change, Document, InputSpec, Problem
from confjob.override.decide import changed_tree, rule_place
from confjob.schema import Schema
from confjob.tree import MISSING, get
from confjob.validation import Validator, Violation
from confjob.words import did_you_mean

__all__ = ["judge"]


def judge(form: Form, changes: tuple[Change, ...]) -> Iterator[Problem]:
    """Yield errors that the changes bring, and warnings for what was wrong before."""
    for spec in form.job.inputs:
        document = form.documents[spec.input]
        after = changed_tree(document, changes)
        for schema in form.typing[spec.input].whole():
            found = _judge(spec, document, schema, after)
            # A parameter without a default is told below, with the way to give it.
            yield from (
                each for each in found if not (each.code == "required" and each.path in spec.required)
            )
        for path in spec.required:
            if get(after, path) is MISSING:
                yield _needed(spec.input, path, document)


def _judge(spec: InputSpec, document: Document, schema: Schema, after: object) -> Iterator[Problem]:
    validator = Validator(schema)
    old = {_key(violation) for violation in validator.violations(document.tree, secrets=spec.secrets)}
    for violation in validator.violations(after, secrets=spec.secrets):
        yield _problem(spec, document, violation, known=_key(violation) in old)


def _key(violation: Violation) -> tuple[KeyPath, str, str]:
    return violation.path, violation.keyword, violation.message


def _problem(spec: InputSpec, document: Document, violation: Violation, *, known: bool) -> Problem:
    hint = ""
    if violation.allowed and isinstance(violation.value, str):
        hint = did_you_mean(violation.value, map(str, violation.allowed))
    return Problem(
        code=violation.keyword,
        input=document.source.input,
        path=violation.path,
        message=f"already breaks its schema: {violation.message}" if known else violation.message,
        hint=hint or rule_place(spec),
        where=document.where(violation.path),
        severity="warning" if known else "error",
    )


def _needed(input_name: str, path: KeyPath, document: Document) -> Problem:
    return Problem(
        code="required",
        input=input_name,
        path=path,
        message=f"'{path}' has no default and must be set",
        hint=f"--set {path}=…",
        where=document.where(path),
    )
