"""Why a value is what it is: where it stands, what its type rests on, and who may change it."""

from __future__ import annotations

from attrs import frozen

from confjob.errors import InvalidOverrides
from confjob.form import Field, Form, Override
from confjob.keypath import KeyPath, PathSyntaxError, split_input
from confjob.model import InputSpec, Problem
from confjob.override import locate

__all__ = ["Explanation", "explain"]


@frozen(kw_only=True)
class Explanation:
    """All that is known of one value.

    Args:
        field: The value with its type.
        set_by: Who set it, in words.
        refusal: Why it may not be changed, or None where it may.
        rules: Where the author's schema stands, or nothing.
        ways: What would change it, as it is typed.
    """

    field: Field
    set_by: str
    refusal: Problem | None
    rules: str
    ways: tuple[str, ...]


def explain(form: Form, text: str) -> Explanation:
    """Return what is known of a value.

    Args:
        form: The job's form.
        text: `[INPUT:]PATH`, as in `--set`.

    Raises:
        InvalidOverrides: When no value, or more than one, is meant.
    """
    field, refusal = _meant(form, text)
    spec = form.spec(field.input)
    return Explanation(
        field=field,
        set_by=_set_by(spec, field),
        refusal=refusal,
        rules=spec.schema_where if field.typed_by == "author" else "",
        ways=() if refusal else tuple(_ways(spec, field)),
    )


def _meant(form: Form, text: str) -> tuple[Field, Problem | None]:
    try:
        name, path = split_input(text)
        asked = Override(path=KeyPath.parse(path), input=name, said=text)
    except PathSyntaxError as error:
        raise InvalidOverrides.of([Problem(code="syntax", message=str(error))]) from None
    spot = locate(form, asked)
    if not isinstance(spot, Problem):
        return form.field(spot.input, spot.path), None
    if spot.code != "not-an-input":
        raise InvalidOverrides.of([spot])
    return form.field(spot.input, spot.path), spot


def _set_by(spec: InputSpec, field: Field) -> str:
    if field.required:
        return "nobody: it has no default and must be set"
    if field.where is None:
        return "nobody: it is not there"
    if spec.kind == "file":
        return "the config file"
    if not field.where.in_project:
        return "the settings, which every job gets"
    return "the manifest" if field.where.file.name == "launch.toml" else "the job's code or defaults"


def _ways(spec: InputSpec, field: Field) -> list[str]:
    named = f"{spec.input}:{field.path}"
    ways = [f"--set {named}=…"]
    if spec.kind == "file" and spec.choices is not None:
        ways.append(f"--file {spec.name}={spec.choices}")
    return [*ways, "--inputs FILE"]
