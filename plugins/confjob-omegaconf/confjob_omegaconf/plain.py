"""OmegaConf's YAML files: `${…}` stays as it is written, `???` must be given.

No resolver is run here: that is code. Numbers are read as OmegaConf reads them,
which is what confjob's own YAML does too, so that there is no doubt about readers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from attrs import evolve

from confjob.plugin import Document, Format, Json, KeyPath, Problem, Source, builtin_format, tree
from confjob_omegaconf.references import preview

__all__ = ["FORMAT", "missing", "notes"]

#: What OmegaConf writes for a value that must still be given.
MISSING_MARK = "???"

#: How many references a note shows.
_MOST = 6

_YAML = builtin_format("yaml")


def missing(document: Document) -> frozenset[KeyPath]:
    """Return where a value must be given before a job can start."""
    return frozenset(path for path, node in document.nodes.items() if node.value == MISSING_MARK)


def notes(document: Document) -> Iterator[Problem]:
    """Yield one note on all references, with what those come to that need no code to be run."""
    references = [path for path, node in document.nodes.items() if _refers(node.value)]
    if not references:
        return
    others = f" (and {len(references) - 1} more like it)" if len(references) > 1 else ""
    shown = [f"{path} = {_shown(document, path)}" for path in references[:_MOST]]
    yield Problem(
        code="reference",
        input=document.source.input,
        path=references[0],
        message=f"'{references[0]}' is a reference that the job resolves when it runs{others}",
        hint=f"at present {', '.join(shown)}; setting it to a value replaces the reference",
        where=document.where(references[0]),
        severity="note",
    )


def _shown(document: Document, path: KeyPath) -> str:
    value = preview(document.tree, path)
    return "(known to the job only)" if value is tree.MISSING else json.dumps(value)


def _refers(value: Json) -> bool:
    return isinstance(value, str) and "${" in value.replace("\\${", "")


def _load(source: Source) -> Document:
    document = _YAML.load(source)
    # Not the notes of YAML itself: it is known which reader this file has.
    return evolve(document, required=missing(document), warnings=tuple(notes(document)))


FORMAT = Format(name="omegaconf", load=_load, deliver=_YAML.deliver)
