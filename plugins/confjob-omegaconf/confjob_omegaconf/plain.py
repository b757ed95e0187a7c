"""OmegaConf's YAML files: `${…}` stays as it is written, `???` must be given.

Nothing is resolved here: a resolver runs code. Numbers are read as OmegaConf reads them,
which is what confjob's own YAML does too, so that there is no doubt about readers.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from confjob.plugin import Document, Format, Json, KeyPath, Problem, Source, builtin_format

__all__ = ["FORMAT", "missing", "notes"]

#: What OmegaConf writes for a value that must still be given.
MISSING_MARK = "???"

_YAML = builtin_format("yaml")


def missing(document: Document) -> frozenset[KeyPath]:
    """Return where a value must be given before a job can start."""
    return frozenset(path for path, node in document.nodes.items() if node.value == MISSING_MARK)


def notes(document: Document) -> Iterator[Problem]:
    """Yield one note on all references: what they come to is known in the job only."""
    references = [path for path, node in document.nodes.items() if _refers(node.value)]
    if not references:
        return
    others = f" (and {len(references) - 1} more like it)" if len(references) > 1 else ""
    yield Problem(
        code="reference",
        input=document.source.input,
        path=references[0],
        message=f"'{references[0]}' is a reference that the job resolves when it runs{others}",
        hint="setting it to a value replaces the reference",
        where=document.where(references[0]),
        severity="note",
    )


def _refers(value: Json) -> bool:
    return isinstance(value, str) and "${" in value.replace("\\${", "")


def _load(source: Source) -> Document:
    document = _YAML.load(source)
    # Not the notes of YAML itself: it is known which reader this file has.
    return evolve(document, required=missing(document), warnings=tuple(notes(document)))


FORMAT = Format(name="omegaconf", load=_load, deliver=_YAML.deliver)
