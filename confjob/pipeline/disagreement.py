"""Where an author's schema and the document disagree: said, never guessed at.

A schema whose property is misspelt checks nothing, and nobody would notice. What only a
framework's schema says is left alone: it describes every document there may be.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from attrs import evolve, field, frozen

from confjob.form import Form
from confjob.keypath import KeyPath
from confjob.model import Document, InputSpec, Problem
from confjob.override import judge
from confjob.override.decide import rule_place
from confjob.schema import Navigator
from confjob.words import listing, nearest

__all__ = ["already_broken", "disagreements"]


def disagreements(spec: InputSpec, document: Document) -> Iterator[Problem]:
    """Yield what an author's schema says of values that aren't there or may not be changed.

    A property that is absent is worth a note, and a warning where it looks like the
    misspelt name of a value that the schema does not mention. One that has a default is
    not missed, and one that is required breaks the schema, which is told as such.
    """
    if spec.schema is None or spec.kind not in ("run-config", "file"):
        return
    found = _Found()
    _walk(Navigator(spec.schema), spec, document, KeyPath(), found)
    for path, meant in found.misspelt.items():
        yield _problem(spec, document, path, f"the schema names '{path}', which is not there", meant)
    if found.absent:
        names = listing(map(str, found.absent))
        message = f"the schema names what is not there: {names}"
        yield evolve(_problem(spec, document, KeyPath(), message), severity="note")
    for path, prefix in found.excluded.items():
        message = f"the schema has a rule for '{path}', which may not be changed"
        hint = f"the job's filter excludes '{prefix}'; the value is checked all the same"
        problem = _problem(spec, document, path, message)
        yield evolve(problem, code="schema-of-excluded", hint=hint, severity="note")


def already_broken(form: Form) -> Iterator[Problem]:
    """Yield a warning for each present value that breaks its author's schema."""
    authors = {name: evolve(typing, framework=None, hints={}) for name, typing in form.typing.items()}
    found = judge(evolve(form, typing=authors), ())
    yield from (each for each in found if each.severity == "warning")


@frozen(kw_only=True)
class _Found:
    absent: list[KeyPath] = field(factory=list)
    misspelt: dict[KeyPath, str] = field(factory=dict)
    excluded: dict[KeyPath, str] = field(factory=dict)


def _walk(schema: Navigator, spec: InputSpec, document: Document, path: KeyPath, found: _Found) -> None:
    at = schema.at(path) or {}
    # The properties of a union's branches are alternatives: that one is absent says nothing.
    named = at.get("properties", {})
    for name in named:
        child = path.child(name)
        excluded = spec.filter.excluded_by(child)
        if excluded is not None:
            found.excluded[child] = str(excluded)
        elif child not in document.nodes:
            if not _is_fine(schema, spec, child, at.get("required", ())):
                _absent(document, child, named, found)
        elif isinstance(document.nodes[child].value, dict):
            _walk(schema, spec, document, child, found)


def _is_fine(schema: Navigator, spec: InputSpec, child: KeyPath, required: Container[object]) -> bool:
    """Whether nothing need be said of an absent property here."""
    # What only the running script knows the default of is a flag all the same.
    has_default = "default" in (schema.at(child) or {}) or any(flag.path == child for flag in spec.flags)
    return has_default or child[-1] in required or any(path.startswith(child) for path in spec.required)


def _absent(document: Document, child: KeyPath, named: Iterable[str], found: _Found) -> None:
    node = document.nodes.get(child.parent)
    unnamed = set(node.value if node and isinstance(node.value, dict) else ()) - set(named)
    close = nearest(str(child[-1]), map(str, sorted(unnamed)), count=1)
    if close:
        found.misspelt[child] = f"did you mean '{child.parent.child(close[0])}'?"
    else:
        found.absent.append(child)


def _problem(spec: InputSpec, document: Document, path: KeyPath, message: str, hint: str = "") -> Problem:
    return Problem(
        code="schema-of-absent",
        input=spec.input,
        path=path,
        message=message,
        hint=hint or rule_place(spec, path.parent, "properties"),
        where=document.where(path),
        severity="warning",
    )
