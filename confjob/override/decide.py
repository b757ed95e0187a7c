"""Deciding: each request becomes a change, or a problem; never half of both.

A change is allowed only if the form admits every leaf it removes or adds (design law
2), so that `trainer={}` can't destroy an excluded `trainer.private`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve

from confjob import schema as schemas
from confjob.form import Field, Form, Override
from confjob.keypath import KeyPath
from confjob.model import Change, Document, InputSpec, Problem
from confjob.override.locate import Spot, locate
from confjob.tree import MISSING, Json, MissingType, delete, get, leaves, put, same
from confjob.validation import Validator, Violation
from confjob.values import coerce, read
from confjob.words import did_you_mean, listing, toml_key, value_text

__all__ = ["changed_tree", "decide", "rule_place"]

#: Types that nobody declared, which `--set-any` may go beyond.
_INFERRED = frozenset({"value", "siblings", "plugin"})


def decide(form: Form, overrides: Iterable[Override]) -> tuple[tuple[Change, ...], tuple[Problem, ...]]:
    """Return the changes that `overrides` make, and every reason why some can't be made.

    Paths name what stands in the form, so that `layers[0]-` does not change what
    `layers[2]=…` means. Later requests win over earlier ones for the same path. A request
    for what is already so makes no change.
    """
    changes: list[Change] = []
    problems: list[Problem] = []
    for override in overrides:
        spot = locate(form, override)
        if isinstance(spot, Problem):
            if not (_is_done(override) and spot.code == "unknown-path"):
                problems.append(_said(spot, override))
            continue
        decided = _decide(form, override, spot)
        if isinstance(decided, Change):
            changes.append(decided)
        else:
            problems.extend(_said(problem, override) for problem in decided)
    folded, misfits = _folded(changes)
    in_turn = tuple(each for each in sorted(folded, key=_turn, reverse=True) if not _idle(each))
    return in_turn, (*problems, *misfits, *_moved(form, in_turn))


def changed_tree(document: Document, changes: Iterable[Change]) -> Json:
    """Return the document's tree with the changes to it made, in order."""
    tree = document.tree
    for change in changes:
        if change.input == document.source.input:
            made = isinstance(change.after, MissingType)
            tree = delete(tree, change.path) if made else put(tree, change.path, change.after)
    return tree


def _decide(form: Form, override: Override, spot: Spot) -> Change | Sequence[Problem]:
    field = form.field(spot.input, spot.path)
    if _is_done(override) and field.value is MISSING:
        return []
    problem = _misfit(form, override, field)
    if problem is not None:
        return [problem]
    try:
        after = _value(override, field)
    except ValueError as error:
        return [_problem(field, "unreadable-value", str(error), "quote it as a YAML scalar")]
    touched = [*_touched(form, field, after)]
    if touched:
        return touched
    wrong = [] if after is MISSING else [*_wrong_type(form, override, field, after)]
    return wrong or Change(
        input=spot.input,
        path=spot.path,
        before=field.value,
        after=after,
        said=override.said,
        where=form.documents[spot.input].where(spot.path),
        secret=field.secret or form.is_secret(spot.input, spot.path, after),
        any_type=override.any_type,
    )


def _is_done(override: Override) -> bool:
    """Whether a request wants no more than that something is absent."""
    return override.earlier and override.operation == "delete"


def _misfit(form: Form, override: Override, field: Field) -> Problem | None:
    """Return why the operation does not fit what is there."""
    if override.operation == "add" and field.value is not MISSING and not override.earlier:
        hint = f"set it without the plus: --set {field.path}=…"
        return _problem(field, "already-there", f"'{field.path}' is already there", hint)
    if override.operation == "delete" and field.value is MISSING:
        return _problem(field, "not-there", f"'{field.path}' is not there to be deleted")
    if override.operation != "delete":
        return _unreachable(form, field)
    return None


def _unreachable(form: Form, field: Field) -> Problem | None:
    tree = form.documents[field.input].tree
    try:
        put(tree, field.path, None)
    except KeyError:
        return _problem(field, "no-place", f"'{field.path}' leads through a value that has no keys")
    return None


def _value(override: Override, field: Field) -> Json | MissingType:
    if override.operation == "delete":
        return MISSING
    schema = {} if override.any_type and field.typed_by in _INFERRED else field.schema
    value = override.value if override.text is None else read(override.text, schema)
    return coerce(value, schema, field.value)


def _touched(form: Form, field: Field, after: Json | MissingType) -> Iterator[Problem]:
    """Yield a problem for each leaf that would come, go or move although it is no input."""
    before, coming = _leaves_around(form, field, after)
    for path in [*before, *(path for path in coming if path not in before)]:
        stays = path in before and path in coming and same(before[path], coming[path])
        if not stays and not form.selects(field.input, path):
            where = form.documents[field.input].where(path)
            verb = "deleted" if after is MISSING else "replaced whole"
            message = f"'{field.path}' can't be {verb}: '{path}' may not be changed"
            hint = "" if after is MISSING else "set the values below it one by one"
            yield evolve(_problem(field, "not-an-input", message, hint), path=path, where=where)


def _leaves_around(
    form: Form, field: Field, after: Json | MissingType
) -> tuple[dict[KeyPath, Json], dict[KeyPath, Json]]:
    """Return the leaves that a change can touch, as they are and as they will be."""
    at, old, new = field.path, field.value, after
    if after is MISSING and at and isinstance(at[-1], int):
        # The elements behind a deleted one move up.
        at = field.path.parent
        old = form.documents[field.input].nodes[at].value
        new = delete(old, KeyPath(field.path[-1:]))
    before = dict(leaves(old, at)) if old is not MISSING else {}
    return before, dict(leaves(new, at)) if new is not MISSING else {}


def _moved(form: Form, changes: Sequence[Change]) -> Iterator[Problem]:
    """Yield a problem for each list element that is no input and that changes only make together.

    One alone deletes an element where its neighbour is the same, another changes that
    neighbour: neither touches what is no input, both do.
    """
    lists = {
        (change.input, change.path.parent): change
        for change in changes
        if change.after is MISSING and change.path and isinstance(change.path[-1], int)
    }
    changed = {name: changed_tree(form.documents[name], changes) for name, _ in lists}
    for (name, at), change in lists.items():
        old, new = form.documents[name].tree, changed[name]
        before, after = (dict(leaves(get(tree, at), at)) for tree in (old, new))
        for path in dict.fromkeys((*before, *after)):
            # A leaf that was or becomes a container is judged by what is in it.
            inner = get(old, path) if path not in before else get(new, path) if path not in after else MISSING
            apart = not same(before.get(path, MISSING), after.get(path, MISSING))
            if apart and not isinstance(inner, (dict, list)) and not form.selects(name, path):
                message = f"'{path}' may not be changed, and what is deleted would move another value there"
                yield _problem(form.field(name, change.path), "not-an-input", message)


def _wrong_type(form: Form, override: Override, field: Field, after: Json) -> Iterator[Problem]:
    if override.any_type and field.typed_by in _INFERRED:
        return
    document = form.documents[field.input]
    if field.schema == schemas.CLOSED and field.path:
        known = _known_beside(form, field) or rule_place(
            form.spec(field.input), field.path, "additionalProperties"
        )
        problem = _problem(field, "additionalProperties", f"unknown key {field.path[-1]!r}", known)
        yield evolve(problem, where=document.where(field.path))
        return
    secrets = [KeyPath()] if form.is_secret(field.input, field.path, after) else []
    for violation in Validator(field.schema).violations(after, secrets=secrets):
        yield Problem(
            code=violation.keyword,
            input=field.input,
            path=field.path.join(violation.path),
            message=violation.message,
            hint=_hint(form, field, violation),
            where=document.where(field.path.join(violation.path)),
        )


def _hint(form: Form, field: Field, violation: Violation) -> str:
    if violation.allowed and isinstance(violation.value, str):
        close = did_you_mean(violation.value, map(str, violation.allowed))
        if close:
            return close
    present = "" if field.value is MISSING or field.secret else f" {value_text(field.value)}"
    if field.typed_by in _INFERRED:
        sources = {"value": f"the present value{present}", "plugin": "what a plugin says"}
        source = sources.get(field.typed_by, field.evidence.because)
        wider = _wider(field, violation)
        return f"its type is inferred from {source}; --set-any accepts another{wider}"
    place = rule_place(form.spec(field.input), field.path.join(violation.path), violation.keyword)
    return place or (f"the present value is{present}" if present else "")


def _wider(field: Field, violation: Violation) -> str:
    """Return how a schema in the manifest would admit the refused value's type as well."""
    known = schemas.kinds(field.schema)
    if violation.path or violation.value is MISSING or not known or not _is_plain(field.path):
        return ""
    kinds = [kind for kind in schemas.ALL_KINDS if kind in known | {schemas.kind_of(violation.value)}]
    keys = "".join(f"properties.{toml_key(str(part))}." for part in field.path)
    listed = ", ".join(f'"{kind}"' for kind in kinds)
    return f", as does a schema in launch.toml: schema.{keys}type = [{listed}]"


def _is_plain(path: KeyPath) -> bool:
    return all(isinstance(part, str) for part in path)


def _known_beside(form: Form, field: Field) -> str:
    """Return the name that a key which no schema admits may be meant as."""
    around = (schemas.at(schema, field.path.parent) for schema in form.typing[field.input].whole())
    names = [name for schema in around if schema for name in schemas.properties(schema)]
    return did_you_mean(str(field.path[-1]), names) or (f"its keys are {listing(names)}" if names else "")


def rule_place(spec: InputSpec, path: KeyPath, keyword: str, pointer: tuple[str | int, ...] = ()) -> str:
    """Return a hint that says where the author's rule stands that the value at `path` breaks.

    `pointer` leads to it in the schema, if that is known.
    """
    if not spec.schema_where:
        return ""
    at = KeyPath(pointer or schemas.rule_pointer(spec.schema or {}, path, keyword) or ())
    while at and at not in spec.schema_places:
        at = at.parent
    where = spec.schema_places.get(at) if at else None
    return f"the rule stands in {f'{where.file}:{where.line}' if where else spec.schema_where}"


def _folded(changes: Iterable[Change]) -> tuple[list[Change], list[Problem]]:
    """Return changes of which none lies at or below another of the same input.

    A later change inside an earlier one goes into it; a later one around earlier ones
    swallows them. One that does not fit into the earlier one is a problem.
    """
    folded: dict[tuple[str, KeyPath], Change] = {}
    misfits: list[Problem] = []
    below: dict[tuple[str, KeyPath], list[tuple[str, KeyPath]]] = {}
    for change in changes:
        around = _around(folded, change)
        if around is not None:
            try:
                folded[around.input, around.path] = _inside(around, change)
            except KeyError:
                misfits.append(_no_place(around, change))
            continue
        key = change.input, change.path
        for inner in below.pop(key, ()):
            folded.pop(inner, None)
        folded[key] = change
        for path in _prefixes(change.path):
            below.setdefault((change.input, path), []).append(key)
    return list(folded.values()), misfits


def _no_place(outer: Change, inner: Change) -> Problem:
    return Problem(
        code="no-place",
        input=inner.input,
        path=inner.path,
        message=f"'{inner.path}' does not fit what '{outer.path}' is changed to",
        hint=f"give '{outer.path}' its whole value at once",
        where=inner.where,
    )


def _turn(change: Change) -> tuple[bool, list[int]]:
    """Order changes: elements are deleted last, from the end, so that no index means another."""
    last = change.path[-1] if change.path else ""
    stays = change.after is not MISSING or not isinstance(last, int)
    return stays, [] if stays else [part if isinstance(part, int) else -1 for part in change.path]


def _around(folded: dict[tuple[str, KeyPath], Change], change: Change) -> Change | None:
    keys = ((change.input, path) for path in _prefixes(change.path))
    return next((folded[key] for key in keys if key in folded), None)


def _prefixes(path: KeyPath) -> Iterator[KeyPath]:
    """Yield the ancestors of a path, the root first."""
    return (KeyPath(path[:size]) for size in range(len(path)))


def _inside(outer: Change, inner: Change) -> Change:
    if outer.after is MISSING and inner.after is MISSING:
        return outer
    rest = KeyPath(inner.path[len(outer.path) :])
    after = {} if isinstance(outer.after, MissingType) else outer.after
    if inner.after is MISSING:
        after = after if get(after, rest) is MISSING else delete(after, rest)
    else:
        after = put(after, rest, inner.after)
    return evolve(
        outer,
        after=after,
        said=inner.said,
        secret=outer.secret or inner.secret,
        any_type=outer.any_type or inner.any_type,
    )


def _idle(change: Change) -> bool:
    return change.before is not MISSING and change.after is not MISSING and same(change.before, change.after)


def _problem(field: Field, code: str, message: str, hint: str = "") -> Problem:
    return Problem(
        code=code, input=field.input, path=field.path, message=message, hint=hint, where=field.where
    )


def _said(problem: Problem, override: Override) -> Problem:
    """Return a problem that tells which line of a file of overrides asked for it, if it was one."""
    if override.said in ("--set", "--set-any", "form"):
        return problem
    return evolve(problem, message=f"{problem.message} (asked by {override.said})")
