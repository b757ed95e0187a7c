"""The nouns of deciding: what may be changed (`Form`), what is asked (`Override`), what
is decided (`Plan`).

They stand apart from `model` because plugins never see them: a plugin speaks about one
document, the form about the whole job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal, TypeAlias

from attrs import Factory, frozen

from confjob import schema as schemas
from confjob.keypath import KeyPath
from confjob.model import (
    Change,
    Delivery,
    Document,
    Elsewhere,
    InputSpec,
    JobSpec,
    Node,
    Priority,
    Problem,
    Resources,
    RunFile,
    Span,
    Target,
)
from confjob.schema import Evidence, Schema
from confjob.tree import MISSING, Json, MissingType, leaves, walk

__all__ = ["Field", "Form", "Override", "Plan", "Typed", "TypedBy", "Typing", "Word", "is_secret_name"]

#: Who decided a field's type, the strongest first.
TypedBy = Literal["author", "framework", "plugin", "siblings", "value"]

#: A word of an argv; a `RunFile` is a path that only the run knows.
Word: TypeAlias = "str | RunFile"


#: Environment variables whose values are hidden without anyone having to say so.
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)KEY($|_)", re.IGNORECASE)


@frozen(kw_only=True)
class Field:
    """A value that a person may change, with its type and the place it stands.

    `schema` is self-contained (its `$defs` travel with it).
    """

    input: str
    path: KeyPath
    schema: Schema
    typed_by: TypedBy
    value: Json | MissingType = MISSING
    where: Span | None = None
    required: bool = False
    secret: bool = False
    #: What the type rests on, in words, and how far to trust it.
    evidence: Evidence = Evidence(because="")


@frozen(kw_only=True)
class Typed:
    """A type, who decided it, and what it rests on."""

    schema: Schema
    by: TypedBy
    evidence: Evidence


@frozen(kw_only=True, slots=False)
class Typing:
    """All that is known of the types of one input.

    Args:
        author: The author's schema of the whole document, or None.
        framework: The framework's own schema of the whole document, or None.
        hints: What plugins say, by path.
        document: The document itself, for how its values are spelled.
        siblings: Other documents of its kind, whose values tell what else a path may hold.
    """

    author: Schema | None = None
    framework: Schema | None = None
    hints: Mapping[KeyPath, Schema] = Factory(dict)
    document: Document | None = None
    siblings: tuple[Document, ...] = ()

    def whole(self) -> Iterator[Schema]:
        """Yield the schemas of the whole document, the strongest first."""
        yield from (schema for schema in (self.author, self.framework) if schema is not None)

    def at(self, path: KeyPath, node: Node | None, *, secret: bool = False) -> Typed:
        """Return the type of the value at `path`, and what it rests on.

        Author > framework > plugins > siblings > value: a stronger one that states no
        type is refined by the weaker ones. Of a secret, siblings tell nothing: their
        values would stand in its type.
        """
        found = self._inferred(path, node, () if secret else self.siblings)
        framework = self._framework.at(path) if self._framework else None
        if framework:
            schema = schemas.narrow(framework, found.schema)
            found = Typed(schema=schema, by="framework", evidence=_SAID["framework"])
        author = self._author.at(path) if self._author else None
        if author:
            schema = schemas.merge(author, found.schema)
            found = Typed(schema=schema, by="author", evidence=_SAID["author"])
        return found

    def calls_secret(self, path: KeyPath) -> bool:
        """Whether a schema says that the value at `path`, or one around it, is secret."""
        if not self._has_secrets:
            return False
        for size in range(len(path) + 1):
            at = KeyPath(path[:size])
            if at not in self._secret:
                self._secret[at] = schemas.is_secret(self._declared(at))
            if self._secret[at]:
                return True
        return False

    def _declared(self, path: KeyPath) -> Schema:
        """Return what is said of a path, whatever its value is."""
        framework = (self._framework.at(path) if self._framework else None) or {}
        author = (self._author.at(path) if self._author else None) or {}
        return schemas.conjoin([self.hints.get(path, {}), framework, author])

    # Each path is looked up once, in a schema that is prepared once: a form has many paths.
    @cached_property
    def _secret(self) -> dict[KeyPath, bool]:
        return {}

    @cached_property
    def _author(self) -> schemas.Navigator | None:
        return None if self.author is None else schemas.Navigator(self.author)

    @cached_property
    def _framework(self) -> schemas.Navigator | None:
        return None if self.framework is None else schemas.Navigator(self.framework)

    @cached_property
    def _has_secrets(self) -> bool:
        # Most schemas know no secret, and then no path need be looked up.
        found: list[bool] = []

        def look(schema: Schema) -> Schema:
            found.append(schemas.is_secret(schema))
            return schema

        for schema in (*self.whole(), *self.hints.values()):
            schemas.transform(schema, look)
        return any(found)

    def _inferred(self, path: KeyPath, node: Node | None, siblings: tuple[Document, ...]) -> Typed:
        """Return the type by what plugins say, else by the value and its siblings'."""
        if path in self.hints:
            return Typed(schema=self.hints[path], by="plugin", evidence=_SAID["plugin"])
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        samples = [] if node is None else [_sample(self.document, path, node)]
        peers = [_sample(each, path, each.nodes[path]) for each in siblings if path in each.nodes]
        if not samples and not peers:
            return Typed(schema={}, by="value", evidence=schemas.evidence([]))
        schema = schemas.infer_from([*samples, *peers], name=name)
        by: TypedBy = "siblings" if peers else "value"
        return Typed(schema=schema, by=by, evidence=schemas.evidence([*samples, *peers], name=name))


_SAID = {
    "author": Evidence(because="the job's schema"),
    "framework": Evidence(because="the framework's schema"),
    "plugin": Evidence(because="a plugin says so"),
}


def _sample(document: Document | None, path: KeyPath, node: Node) -> schemas.Sample:
    """Return a node with the spelling of all that is below it."""
    styles = {}
    if document is not None and isinstance(node.value, (list, dict)):
        for below, _ in leaves(node.value):
            inner = document.nodes.get(path.join(below))
            styles[below] = "'" if inner is None else inner.style
    where = f"{node.where.file}:{node.where.line}" if node.where else ""
    return schemas.Sample(value=node.value, style=node.style, styles=styles, where=where)


@frozen(kw_only=True)
class Form:
    """What may be changed in a job: its documents, their types, and the fields to show."""

    job: JobSpec
    documents: Mapping[str, Document]
    typing: Mapping[str, Typing]
    fields: tuple[Field, ...]
    #: input -> paths that plugins hide, on top of the filter
    hidden: Mapping[str, frozenset[KeyPath]] = Factory(dict)
    warnings: tuple[Problem, ...] = ()

    def spec(self, input: str) -> InputSpec:  # noqa: A002 - the noun is called input everywhere
        """Return the declaration of `input`, which must be one of the job's."""
        return next(spec for spec in self.job.inputs if spec.input == input)

    def field(self, input: str, path: KeyPath) -> Field:  # noqa: A002
        """Return the field at `path`, whether or not it is listed or there at all."""
        document, spec = self.documents[input], self.spec(input)
        node = document.nodes.get(path)
        secret = self.is_secret(input, path, MISSING if node is None else node.value)
        typed = self.typing[input].at(path, node, secret=secret)
        marked = path in document.required
        return Field(
            input=input,
            path=path,
            schema=typed.schema,
            typed_by=typed.by,
            evidence=typed.evidence,
            value=MISSING if node is None or marked else node.value,
            where=None if node is None else node.where,
            required=marked or (node is None and path in spec.required),
            secret=secret,
        )

    def calls_secret(self, input: str, path: KeyPath) -> bool:  # noqa: A002
        """Whether the value at `path`, listed or not, is declared secret or stands in one that is."""
        named = any(path.startswith(secret) for secret in self._declared_secrets(input))
        variable = input == "env" and bool(path) and is_secret_name(str(path[0]))
        return named or variable or self.typing[input].calls_secret(path)

    def secrets(self, input: str, tree: Json) -> frozenset[KeyPath]:  # noqa: A002
        """Return the paths in `tree` whose values no message may show."""
        declared = frozenset(self._declared_secrets(input))
        typing = self.typing[input]
        return declared | {path for path, _ in walk(tree) if typing.calls_secret(path)}

    def is_secret(self, input: str, path: KeyPath, value: Json | MissingType) -> bool:  # noqa: A002
        """Whether `value` at `path` must not be shown: it is secret, or something in it is."""
        holds = any(secret.startswith(path) for secret in self._declared_secrets(input))
        return holds or any(self.calls_secret(input, at) for at, _ in leaves(value, path))

    def _declared_secrets(self, input: str) -> Iterator[KeyPath]:  # noqa: A002
        # `keys.0` is the first element where `keys` is a list.
        return map(self.documents[input].resolve, self.spec(input).secrets)

    def selects(self, input: str, path: KeyPath) -> bool:  # noqa: A002
        """Whether filter and plugins let a value at `path` be seen and changed."""
        hidden = self.hidden.get(input, frozenset())
        shown = not hidden or not any(KeyPath(path[:size]) in hidden for size in range(len(path) + 1))
        return shown and self.spec(input).filter.selects(path)

    def listed(self) -> Iterator[Field]:
        """Yield what `show` prints: the fields of the run config and the files, and what settings add."""
        return (item for item in self.fields if item.input not in ("resources", "env") or _is_added(item))


def is_secret_name(variable: str) -> bool:
    """Whether an environment variable is secret by its name, without anyone having to say so."""
    return _SECRET_NAME.search(variable) is not None


def _is_added(item: Field) -> bool:
    """Whether a value comes from someone's settings, where nobody who reads the project sees it."""
    return item.where is not None and not item.where.in_project


@frozen(kw_only=True)
class Override:
    """One requested change, before it is decided.

    Args:
        path: Where, in the input's tree.
        input: Which input, or None where the path alone must tell.
        operation: `set` an existing value, `add` a new key, `delete` one.
        text: The value as typed (`--set`), to be read by the field's type.
        value: The value as data (`--inputs`, Python, the web form); used when `text` is None.
        any_type: Accept a type that only inference refuses (`--set-any`).
        earlier: It repeats a change of an earlier run. What is so by now is no reason to
            refuse it; a value of `MISSING` that is not deleted is a secret, never recorded.
        said: Where it was said: `--set`, `runs.json:3`, `form`.
    """

    path: KeyPath
    said: str
    input: str | None = None
    operation: Literal["set", "add", "delete"] = "set"
    text: str | None = None
    value: Json | MissingType = MISSING
    any_type: bool = False
    earlier: bool = False


@frozen(kw_only=True)
class Invocation:
    """How a launch was asked for, besides its changes: what running it again needs.

    Args:
        job: The job as it was named.
        cwd: Where the user stood, relative to the project's root.
        files: Name of a file input to the file picked for it.
        command: The command in place of the job's own; empty for that one.
        extra: Arguments for the job's command.
    """

    job: str
    cwd: str = "."
    files: Mapping[str, str] = Factory(dict)
    command: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


@frozen(kw_only=True)
class Plan:
    """Everything decided and verified, nothing done."""

    form: Form
    changes: tuple[Change, ...]
    #: one verified delivery per input that changes, in the order they are applied
    deliveries: Mapping[str, Delivery]
    #: input -> document with the changes made, as the job will read it
    documents: Mapping[str, Document]
    target: Target
    command: tuple[Word, ...]
    resources: Resources
    env: Mapping[str, str]
    invocation: Invocation
    priority: Priority = "medium"
    warnings: tuple[Problem, ...] = ()
    #: how things are called for the job, where it does not see this machine's folders
    elsewhere: Elsewhere | None = None

    @property
    def job(self) -> JobSpec:
        """The job that is planned."""
        return self.form.job

    @property
    def delivery(self) -> Delivery:
        """All deliveries as one."""
        return Delivery.together(self.deliveries.values())
