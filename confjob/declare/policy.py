"""What targets may not ask for: `[policy] forbid`, of the project, the user and the site.

A forbidden option is refused whoever wrote the target, and whatever a variable made of it. The
policies add up, so that no project can lift what its site forbids. They guard against accidents
among people who may run programs anyway; they are no substitute for the engine's own limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import fields, frozen

from confjob.declare.structure import kebab, problem_at
from confjob.keypath import KeyPath, PathSyntaxError
from confjob.model import Backend, Document, Problem, Span, Target
from confjob.tree import MISSING, get
from confjob.words import did_you_mean, listing, value_text

__all__ = ["Rule", "breaches", "rule_faults", "rules"]

_AT = KeyPath(("policy", "forbid"))


@frozen(kw_only=True)
class Rule:
    """One option that is forbidden.

    Args:
        option: Its path in a target's table.
        backend: Of targets of this backend; empty for all.
        value: As this value only, in text form; None for whatever switches it on.
        text: As it was written.
        where: Where that is.
    """

    option: KeyPath
    backend: str = ""
    value: str | None = None
    text: str = ""
    where: Span | None = None

    @classmethod
    def parse(cls, text: str, where: Span | None = None) -> Rule:
        """Read `[BACKEND:]OPTION[=VALUE]`; raises `PathSyntaxError`.

        Example:
            >>> rule = Rule.parse("container:network=host")
            >>> rule.backend, str(rule.option), rule.value
            ('container', 'network', 'host')
        """
        named, equals, value = text.partition("=")
        backend, colon, option = named.rpartition(":")
        path = KeyPath.parse(option)
        if not path or (colon and not backend):
            raise PathSyntaxError(f"{text!r} names no option: write [BACKEND:]OPTION[=VALUE]")
        return cls(option=path, backend=backend, value=value if equals else None, text=text, where=where)

    def forbids(self, target: Target) -> bool:
        """Whether a target has the option, switched on or with the value."""
        if self.backend not in ("", target.backend):
            return False
        value = get(dict(target.options), self.option)
        if value is MISSING:
            return False
        return value not in (None, False, [], {}) if self.value is None else value_text(value) == self.value


def rules(documents: Iterable[Document]) -> list[Rule]:
    """Return the rules of all these files; one that can't be read is told where its file is read."""
    return [rule for document in documents for rule in _read(document)]


def rule_faults(document: Document) -> Iterator[Problem]:
    """Yield the rules of a file that can't be read."""
    for at, text in _texts(document):
        try:
            Rule.parse(text)
        except PathSyntaxError as error:
            yield problem_at(document, at, str(error), 'such as "container:privileged"')


def breaches(target: Target, record: Backend, found: Iterable[Rule]) -> Iterator[Problem]:
    """Yield why a target may not be used.

    Args:
        target: With its variables filled in.
        record: Its backend: a rule for it that names none of its options guards nothing.
        found: The rules.
    """
    known = [kebab(attribute) for attribute in fields(record.options)]
    for rule in found:
        if rule.backend == target.backend and str(rule.option[0]) not in known:
            hint = did_you_mean(str(rule.option[0]), known) or f"options: {listing(known)}"
            message = f"{rule.text!r} forbids nothing: {target.backend} has no option {str(rule.option[0])!r}"
            yield Problem(
                code="policy", input="policy", path=_AT, message=message, hint=hint, where=rule.where
            )
        elif rule.forbids(target):
            yield _breach(target, rule)


def _breach(target: Target, rule: Rule) -> Problem:
    path = KeyPath(("targets", target.name)).join(rule.option)
    place = f" ({rule.where.file}:{rule.where.line})" if rule.where else ""
    where = target.document.where(path) if target.document else None
    return Problem(
        code="policy",
        input="target",
        path=path,
        message=f"{rule.text!r} is forbidden by policy{place}",
        hint="ask whoever wrote the policy, or use another target",
        where=where,
    )


def _read(document: Document) -> Iterator[Rule]:
    for at, text in _texts(document):
        try:
            yield Rule.parse(text, document.where(at))
        except PathSyntaxError:
            continue


def _texts(document: Document) -> Iterator[tuple[KeyPath, str]]:
    written = get(document.tree, _AT)
    for number, text in enumerate(written if isinstance(written, list) else ()):
        if isinstance(text, str):
            yield _AT.child(number), text
