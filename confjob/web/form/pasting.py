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
from confjob.project import Project
from confjob.tree import Json, delete, put

__all__ = ["Pasted", "overlay", "paste"]

_NAME = "the pasted text"


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
        else:
            found.append(evolve(override, input=spot.input, path=spot.path))
    return Pasted(overrides=tuple(found), problems=tuple(problems))


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
