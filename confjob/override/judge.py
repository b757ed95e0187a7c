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
from confjob.tree import MISSING, get, same
from confjob.validation import Validator, Violation
from confjob.words import did_you_mean

__all__ = ["judge"]


def judge(form: Form, changes: tuple[Change, ...], original: Form | None = None) -> Iterator[Problem]:
    """Yield errors that the changes bring, and warnings for what was wrong before.

    Args:
        form: The form that the changes are made to.
        changes: What is decided.
        original: The form before any change, where selectors have changed since: what they
            bring is no older problem.
    """
    for spec in form.job.inputs:
        document = form.documents[spec.input]
        after = changed_tree(document, changes)
        old = _older(original or form, spec.input)
        secrets = form.secrets(spec.input, after)
        for schema in form.typing[spec.input].whole():
            violations = Validator(schema).violations(after, secrets=secrets)
            found = (_problem(spec, document, each, known=_key(each) in old) for each in violations)
            # A parameter without a default is told below, with the way to give it.
            yield from (
                each for each in found if not (each.code == "required" and each.path in spec.required)
            )
        for path in spec.required:
            if get(after, path) is MISSING:
                yield _needed(form, spec.input, path)
        for path in sorted(document.required, key=str):
            if same(get(after, path), get(document.tree, path)):
                yield _needed(form, spec.input, path)


def _older(form: Form, name: str) -> set[tuple[KeyPath, str, str]]:
    """Return what is wrong with an input as it stands."""
    tree = form.documents[name].tree
    secrets = form.secrets(name, tree)
    violations = (Validator(schema).violations(tree, secrets=secrets) for schema in form.typing[name].whole())
    return {_key(violation) for found in violations for violation in found}


def _key(violation: Violation) -> tuple[KeyPath, str, str]:
    return violation.path, violation.keyword, violation.message


def _problem(spec: InputSpec, document: Document, violation: Violation, *, known: bool) -> Problem:
    hint = ""
    if violation.allowed and isinstance(violation.value, str):
        hint = did_you_mean(violation.value, map(str, violation.allowed))
    # Behind a reference the validator's way to the rule is not the rule's place.
    pointer = () if "$ref" in violation.schema_path else violation.schema_path
    return Problem(
        code=violation.keyword,
        input=document.source.input,
        path=violation.path,
        message=f"already breaks its schema: {violation.message}" if known else violation.message,
        hint=hint or rule_place(spec, violation.path, violation.keyword, pointer),
        where=document.where(violation.path),
        severity="warning" if known else "error",
    )


def _needed(form: Form, input_name: str, path: KeyPath) -> Problem:
    may = form.selects(input_name, path)
    return Problem(
        code="required",
        input=input_name,
        path=path,
        message=f"'{path}' has no default and must be set",
        hint=f"--set {path}=…"
        if may
        else "the job's filter hides it: let it be changed, or give it a default",
        where=form.documents[input_name].where(path),
    )
