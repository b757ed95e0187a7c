"""Finding what a request means: which input, and which path in its tree.

A path without an input's name is looked up in the run config and the files. What two
inputs share must be qualified; what none has is refused with the nearest names.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from confjob import schema as schemas
from confjob.form import Form, Override
from confjob.keypath import KeyPath
from confjob.model import Problem, Span
from confjob.tree import leaves
from confjob.words import did_you_mean, listing, nearest

__all__ = ["Spot", "locate"]


@frozen
class Spot:
    """Where a request points: an input and the canonical path in its tree."""

    input: str
    path: KeyPath


def locate(form: Form, override: Override) -> Spot | Problem:
    """Return the place that `override` means, or why there is none."""
    if override.input is not None:
        spec = form.job.input(override.input)
        if spec is None:
            return _unknown_input(form, override)
        names = [spec.input]
    else:
        names = [spec.input for spec in form.job.inputs if spec.kind in ("run-config", "file")]
    spots = [Spot(name, form.documents[name].resolve(override.path)) for name in names]
    return _one(form, override, spots)


def _one(form: Form, override: Override, spots: list[Spot]) -> Spot | Problem:
    known = [spot for spot in spots if _exists(form, spot)]
    if override.operation == "add":
        # One that is there already counts as well: who adds it elsewhere must say where.
        known = [spot for spot in spots if _open(form, spot) or spot in known]
    open_to_all = [spot for spot in known if any_selected(form, spot)]
    candidates = open_to_all or known
    if len(candidates) > 1:
        return _ambiguous(form, override, candidates)
    if open_to_all:
        return open_to_all[0]
    if known and _depth(form, known[0]) >= max(_depth(form, spot) for spot in spots):
        return _not_an_input(form, override, known[0])
    return _unknown(form, override, spots)


def any_selected(form: Form, spot: Spot) -> bool:
    """Whether filter and plugins leave anything at or below the place to a person."""
    node = form.documents[spot.input].nodes.get(spot.path)
    below = (spot.path,) if node is None else (path for path, _ in leaves(node.value, spot.path))
    return any(form.selects(spot.input, path) for path in below)


def _exists(form: Form, spot: Spot) -> bool:
    """Whether the place holds a value, must be given one, or is declared by a schema."""
    if spot.path in form.documents[spot.input].nodes or spot.path in form.spec(spot.input).required:
        return True
    return any(_declares(schema, spot.path) for schema in form.typing[spot.input].whole())


def _declares(schema: schemas.Schema, path: KeyPath) -> bool:
    """Whether a schema says something of a value at `path`, by name or by a rule for such names."""
    if not path or not isinstance(path[-1], str):
        return False
    said = schemas.at(schema, path)
    if said:
        return said != schemas.CLOSED
    parent = schemas.at(schema, path.parent)
    return parent is not None and path[-1] in schemas.properties(parent)


def _open(form: Form, spot: Spot) -> bool:
    """Whether a new key could stand there: below a mapping, or at the end of a list."""
    document = form.documents[spot.input]
    above = spot.path.parent
    while above and above not in document.nodes:
        above = above.parent
    value = document.nodes[above].value if above in document.nodes else {}
    if isinstance(value, list):
        return above == spot.path.parent and spot.path[-1] == len(value)
    return (isinstance(value, dict) or value is None) and spot.path not in document.nodes


def _unknown_input(form: Form, override: Override) -> Problem:
    names = [name for spec in form.job.inputs for name in dict.fromkeys((spec.name, spec.input))]
    if override.input == "target":
        return Problem(
            code="unknown-input",
            input="target",
            path=override.path,
            message="the target has no variables",
            hint="[targets.NAME.variables] in launch.toml declares them",
        )
    return Problem(
        code="unknown-input",
        input=override.input or "",
        path=override.path,
        message=f"no input is called {override.input!r}",
        hint=did_you_mean(override.input or "", names) or f"inputs: {listing(names)}",
    )


def _ambiguous(form: Form, override: Override, spots: list[Spot]) -> Problem:
    places = [f"{spot.input}:{spot.path}{_at(form, spot)}" for spot in spots]
    verb = "could be in" if override.operation == "add" else "is in"
    before, after = {"add": ("+", "=…"), "delete": ("", "-"), "set": ("", "=…")}[override.operation]
    return Problem(
        code="ambiguous-path",
        path=override.path,
        message=f"'{override.path}' {verb} {len(spots)} inputs: {' and '.join(places)}",
        hint=f"say which: --set {before}{_escaped(spots[-1].input)}:{spots[-1].path}{after}",
        where=form.documents[spots[0].input].where(spots[0].path),
    )


def _escaped(input_name: str) -> str:
    return "".join("\\" + char if char in "\\:=+" else char for char in input_name)


def _at(form: Form, spot: Spot) -> str:
    where = form.documents[spot.input].where(spot.path)
    return f" ({where.file}:{where.line})" if where else ""


def _not_an_input(form: Form, override: Override, spot: Spot) -> Problem:
    spec = form.spec(spot.input)
    excluded = spec.filter.excluded_by(spot.path)
    place = f" ({spec.filter_where.file}:{spec.filter_where.line})" if spec.filter_where else ""
    if excluded is not None:
        hint = f"the job's filter excludes '{excluded}'{place}"
    elif not spec.filter.includes(spot.path):
        hint = f"the job's filter includes only {listing(map(str, spec.filter.include))}{place}"
    else:
        hint = "a plugin hides it"
    where = form.documents[spot.input].where(spot.path)
    return Problem(
        code="not-an-input",
        input=spot.input,
        path=spot.path,
        message=f"'{override.path}' may not be changed",
        hint=hint,
        where=where,
    )


def _unknown(form: Form, override: Override, spots: list[Spot]) -> Problem:
    # Where most of the path exists, the rest of it was meant to be.
    best = max(spots, key=lambda spot: _depth(form, spot), default=None)
    inside = best if best and _depth(form, best) else None
    meant = [inside] if inside else spots
    names = {str(field.path): field for field in _fields(form, meant)}
    close = nearest(str(override.path), names)
    where = names[close[0]].where if close else _parent(form, meant)
    hint = did_you_mean(str(override.path), names) or (_no_room(form, inside) if inside else "")
    if not hint and override.operation == "set":
        named = f"{override.input}:" if override.input else ""
        hint = f"--set +{named}{override.path}=… adds a new key" if spots else "the job has no inputs"
    only = meant[0].input if len(meant) == 1 else ""
    return Problem(
        code="unknown-path",
        input=names[close[0]].input if close else only,
        path=override.path,
        message=f"there is no input '{override.path}'" + (f" in {only}" if only else ""),
        hint=hint or "confjob show lists the inputs",
        where=where,
    )


def _depth(form: Form, spot: Spot) -> int:
    """Return how many components of the path lead to something that is there."""
    nodes = form.documents[spot.input].nodes
    return next((size for size in range(len(spot.path), 0, -1) if KeyPath(spot.path[:size]) in nodes), 0)


def _no_room(form: Form, spot: Spot) -> str:
    """Return why nothing can stand at a place whose beginning exists, or nothing."""
    at = KeyPath(spot.path[: _depth(form, spot)])
    value, part = form.documents[spot.input].nodes[at].value, spot.path[len(at)]
    if isinstance(value, list):
        end = f"--set +{at.child(len(value))}=… adds one" if isinstance(part, int) else ""
        return f"'{at}' is a list of {len(value)}" + (f"; {end}" if end else "")
    if value is not None and not isinstance(value, dict):
        return f"'{at}' is a single value, with nothing below it"
    around = [schemas.at(schema, at) or {} for schema in form.typing[spot.input].whole()]
    if any(
        schemas.at(schema, at.child(part)) == schemas.CLOSED for schema in form.typing[spot.input].whole()
    ):
        return f"the keys of '{at}' are {listing(name for one in around for name in schemas.properties(one))}"
    return ""


def _fields(form: Form, spots: list[Spot]) -> Iterator:  # type: ignore[type-arg]
    inputs = {spot.input for spot in spots}
    return (field for field in form.fields if field.input in inputs)


def _parent(form: Form, spots: list[Spot]) -> Span | None:
    return form.documents[spots[0].input].where(spots[0].path) if spots else None
