"""Delivering: decided changes become new file texts, private files and environment.

Delivery happens inside planning, so that a patch that can't be made is one of the
reported problems. The law of every format, that what is delivered reads back as exactly
what was meant, is checked here, outside the plugin.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import PurePosixPath

from attrs import evolve, frozen

from confjob.errors import ConfjobError, InvalidOverrides
from confjob.form import Form
from confjob.keypath import KeyPath
from confjob.model import Change, Delivery, Document, Format, InputSpec, Node, Problem
from confjob.tree import Json, same, walk

__all__ = ["RUN_CONFIG", "Carry", "Delivered", "check", "deliver", "diff", "patched"]

#: The private file that holds the whole run config; `confjob/job` reads it by this name.
RUN_CONFIG = "run-config.json"


#: How changes of a run config reach a library that reads it in its own way.
Carry = Callable[[Document, Sequence[Change]], Delivery]


@frozen(kw_only=True)
class Delivered:
    """The outcome for all inputs: what reaches the job, and how it will read it."""

    deliveries: Mapping[str, Delivery]
    documents: Mapping[str, Document]
    problems: tuple[Problem, ...] = ()

    @property
    def whole(self) -> Delivery:
        """All deliveries as one."""
        return Delivery.together(self.deliveries.values())


def deliver(  # noqa: PLR0913 - one call for all inputs
    form: Form,
    changes: Sequence[Change],
    formats: Mapping[str, Format],
    trees: Mapping[str, Json],
    carry: Carry | None = None,
    *,
    verify: bool = True,
) -> Delivered:
    """Return the deliveries that make `changes`, each verified.

    Args:
        form: The documents as they are.
        changes: What is decided.
        formats: The format of each file input, by input.
        trees: What each input must read as afterwards, by input.
        carry: Brings the run config's changes to the library that reads it, if one does.
        verify: Whether to check the law; changed selectors bring trees of their own, so
            for them alone it can't be checked.
    """
    deliveries: dict[str, Delivery] = {}
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    for spec in form.job.inputs:
        document = form.documents[spec.input]
        own = [change for change in changes if change.input == spec.input]
        try:
            if spec.kind != "file":
                delivery, after = _plain(spec, document, own, trees[spec.input], carry)
            else:
                kind = formats[spec.input]
                delivery, after = _file(spec, document, own, kind, trees[spec.input], verify=verify)
        except InvalidOverrides as error:
            problems.extend(error.problems)
            delivery, after = None, document
        documents[spec.input] = after
        if delivery is not None:
            deliveries[spec.input] = delivery
    problems.extend(_rivals(deliveries))
    return Delivered(deliveries=deliveries, documents=documents, problems=tuple(problems))


def check(form: Form, delivered: Delivered, formats: Mapping[str, Format]) -> Iterator[Problem]:
    """Yield what the frameworks themselves say of the changed inputs.

    `form` is the one before any change, of selectors as well. The unchanged document is asked about in the same start, so that only what the changes
    bring refuses; what was wrong before warns.
    """
    for name, delivery in delivered.deliveries.items():
        kind = formats.get(name)
        if kind is not None and kind.check is not None:
            old, new = kind.check(form.documents[name], [Delivery(), delivery])
            known = {(problem.path, problem.message) for problem in old}
            for problem in new:
                before = (problem.path, problem.message) in known
                yield evolve(problem, severity="warning") if before else problem


def patched(form: Form, deliveries: Mapping[str, Delivery]) -> dict[PurePosixPath, bytes]:
    """Return the new bytes of every delivered file: line endings and BOM as they were.

    A file picked by `--file` for one that the job opens by a fixed path lands there.
    """
    files: dict[PurePosixPath, bytes] = {}
    for name, delivery in deliveries.items():
        spec, source = form.spec(name), form.documents[name].source
        for path, text in delivery.files.items():
            moved = spec.path if spec.path and path == source.path and not spec.by_command else path
            files[moved] = source.on_disk(path).restore(text).encode()
    return files


def diff(form: Form, deliveries: Mapping[str, Delivery]) -> dict[str, str]:
    """Return a unified diff per changed file, against the file as it stands.

    Values of secret fields must be masked by the caller.
    """
    diffs: dict[str, str] = {}
    for name, delivery in deliveries.items():
        source = form.documents[name].source
        for path, text in delivery.files.items():
            lines = unified_diff(
                _lines(source.on_disk(path).text), _lines(text), f"a/{path}", f"b/{path}", n=3
            )
            diffs[str(path)] = "".join(lines)
    return {path: text for path, text in diffs.items() if text}


def _rivals(deliveries: Mapping[str, Delivery]) -> Iterator[Problem]:
    """Yield a problem when two inputs each bring a whole command: one of them would be lost."""
    names = [name for name, delivery in deliveries.items() if delivery.command is not None]
    for name in names[1:]:
        yield Problem(
            code="command",
            input=name,
            message=f"both {names[0]} and {name} are delivered by the command line, which has room for one",
            hint="change one of them in a run, or declare two jobs",
        )


def _plain(
    spec: InputSpec, document: Document, changes: Sequence[Change], tree: Json, carry: Carry | None
) -> tuple[Delivery | None, Document]:
    """Return the delivery of what lies in no file: the run config whole, in a private one."""
    after = _revalued(document, tree)
    if spec.kind != "run-config":
        return None, after
    delivery = Delivery(private={RUN_CONFIG: json.dumps(tree, indent=2) + "\n"})
    return (delivery.then(carry(document, changes)) if carry else delivery), after


def _file(  # noqa: PLR0913 - one input, from all sides
    spec: InputSpec,
    document: Document,
    changes: Sequence[Change],
    kind: Format,
    tree: Json,
    *,
    verify: bool,
) -> tuple[Delivery | None, Document]:
    if not changes:
        return _unchanged(spec, document), document
    delivery = kind.deliver(document, changes)
    after = _verified(kind, document, delivery, tree) if verify else document
    return document.source.delivered.then(delivery), after


def _unchanged(spec: InputSpec, document: Document) -> Delivery | None:
    """Return the delivery of an unchanged file: one that was picked must still be brought."""
    path = document.source.path
    if document.source.delivered != Delivery():
        return document.source.delivered
    if path is None or spec.source is None or spec.by_command or spec.source == spec.path:
        return None
    return Delivery(files={path: document.source.text(path)})


def _verified(kind: Format, document: Document, delivery: Delivery, tree: Json) -> Document:
    """Return what the job will read, which must be exactly what was meant."""
    try:
        after = kind.load(document.source.applied(delivery))
    except ConfjobError as error:
        raise _unlawful(kind, document, f"the changed file does not load: {error.message}") from error
    if not same(after.tree, tree):
        raise _unlawful(kind, document, "the changed file would read back differently from what was asked")
    return after


def _unlawful(kind: Format, document: Document, message: str) -> InvalidOverrides:
    problem = Problem(
        code="cannot-patch",
        input=document.source.input,
        message=message,
        hint=f"nothing was changed; this is a fault of the format {kind.name!r}, please report it",
        where=document.where(KeyPath()),
    )
    return InvalidOverrides.of([problem])


def _revalued(document: Document, tree: Json) -> Document:
    nodes = {}
    for path, value in walk(tree):
        node = document.nodes.get(path)
        nodes[path] = Node(value=value) if node is None else evolve(node, value=value)
    return evolve(document, nodes=nodes)


def _lines(text: str) -> list[str]:
    # Not str.splitlines: a form feed or U+2028 in a value ends no line of a diff.
    *lines, rest = text.split("\n")
    last = [f"{rest}\n\\ No newline at end of file\n"] if rest else []
    return [*(f"{line}\n" for line in lines), *last]
