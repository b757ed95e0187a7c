"""A whole config, pasted: read as a file of overrides is, and shown in the form before anyone asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from attrs import evolve, frozen

from confjob.errors import ConfjobError
from confjob.form import Form, Override
from confjob.keypath import KeyPath
from confjob.model import Document, Problem, Source
from confjob.override import from_document, locate
from confjob.override.locate import Spot
from confjob.project import Project
from confjob.tree import MISSING, Json, delete, get, put, same

__all__ = ["Pasted", "holds_secret", "overlay", "paste"]

_NAME = "the pasted text"
#: The code of the problem that a pasted secret is.
_SECRET = "secret-pasted"  # noqa: S105 - no secret


@frozen(kw_only=True)
class Pasted:
    """What a pasted config asks for, at its places in the form.

    Args:
        overrides: The requests; each names its input.
        problems: What can't be read, or is no input.
    """

    overrides: tuple[Override, ...] = ()
    problems: tuple[Problem, ...] = ()


def paste(project: Project, form: Form, text: str) -> Pasted:
    """Return what a pasted config asks for.

    Args:
        project: The project.
        form: The form.
        text: YAML or JSON: by input, by path, W&B's launch config, or one config file as it is.
    """
    try:
        asked = list(from_document(form.job, _read(project, text), "pasted"))
    except ConfjobError as error:
        message = error.message.replace("pasted.yaml:", "line ")
        return Pasted(problems=(Problem(code="unreadable", message=message, hint=error.hint),))
    found: list[Override] = []
    problems: list[Problem] = []
    for override in asked:
        spot = locate(form, override)
        if isinstance(spot, Problem):
            problems.append(evolve(spot, message=f"{spot.message} ({override.said})"))
            continue
        there = get(form.documents[spot.input].tree, spot.path)
        if override.operation == "delete" or not form.is_secret(spot.input, spot.path, override.value):
            found.append(evolve(override, input=spot.input, path=spot.path))
        elif there is MISSING or not same(there, override.value):
            problems.append(_withheld(spot))
    return Pasted(overrides=tuple(found), problems=tuple(problems))


def holds_secret(project: Project, form: Form, text: str) -> bool:
    """Whether a pasted text gives a secret another value than it has."""
    return bool(text.strip()) and any(each.code == _SECRET for each in paste(project, form, text).problems)


def _withheld(spot: Spot) -> Problem:
    # A page never holds a secret, so that there is nothing to fill in.
    return Problem(
        code=_SECRET,
        input=spot.input,
        path=spot.path,
        message="a secret is not taken from a pasted text",
        hint="type it into its field",
    )


def _read(project: Project, text: str) -> Document:
    path = PurePosixPath("pasted.yaml")
    source = Source(input=_NAME, path=path, root=Path(), provided={path: text})
    return project.registry.format("yaml").load(source)


def overlay(form: Form, overrides: tuple[Override, ...]) -> Mapping[str, Json]:
    """Return the trees of the inputs with requests made in them, for the form to show.

    What does not fit is left out: it is refused where it is decided.
    """
    trees: dict[str, Json] = {}
    for override in overrides:
        name = override.input or ""
        tree = trees.get(name, form.documents[name].tree)
        try:
            trees[name] = _made(tree, override)
        except KeyError:
            continue
    return trees


def _made(tree: Json, override: Override) -> Json:
    path = KeyPath(override.path)
    return delete(tree, path) if override.operation == "delete" else put(tree, path, override.value)
