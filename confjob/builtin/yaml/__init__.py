"""YAML, changed by editing its text where libyaml says a value stands.

Dumping a loaded file again drops its comments, reorders its keys and, worst, unquotes words
such as `'no'` that the next reader takes for a boolean. So nothing is ever dumped: `syntax`
reads values with their offsets, `rewrite` replaces characters, and the result is read again
and compared whole before anyone sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from confjob.plugin import Change, Document, Format, KeyPath, Node, Problem, hookimpl, text_format

__all__ = ["FORMAT", "confjob_formats", "doubts", "edit", "parse"]


def parse(text: str, file: PurePosixPath) -> Mapping[KeyPath, Node]:
    """Read YAML: one document as itself, several as a list of documents.

    Values are those of PyYAML, except that `2e-5` is a number, as OmegaConf reads it, and
    a date stays text. Keys are text as spelled.

    Raises:
        InputError: On malformed text, a duplicate key, or aliases or nesting without bound.
    """
    from confjob.builtin.inplace import Lines, nodes_of
    from confjob.builtin.yaml.syntax import read

    return nodes_of(read(text, file), Lines(text, file))


def edit(document: Document, text: str, changes: Sequence[Change]) -> str:
    """Change `text` in place.

    Raises:
        InvalidOverrides: With every change that would reach another place, or that cannot
            be written so that reading it again gives what was meant.
    """
    from confjob.builtin.inplace import Language, revise
    from confjob.builtin.yaml.rewrite import guard, rewrite
    from confjob.builtin.yaml.syntax import read

    file = document.source.path or PurePosixPath()
    language = Language(read=lambda text: read(text, file), write=rewrite, guard=guard)
    return revise(document, text, changes, language)


def doubts(document: Document, text: str) -> Iterator[Problem]:
    """Yield a note on the numbers that some readers of YAML take for text."""
    from confjob.builtin.yaml.resolve import is_text_to_pyyaml

    numbers = [
        (path, node.where)
        for path, node in document.nodes.items()
        if isinstance(node.value, float) and node.where is not None and not node.style
    ]
    doubtful = {path: where for path, where in numbers if is_text_to_pyyaml(text[where.start : where.end])}
    if not doubtful:
        return
    path, where = next(iter(doubtful.items()))
    spelled = text[where.start : where.end]
    others = f" (and {len(doubtful) - 1} more like it)" if len(doubtful) > 1 else ""
    yield Problem(
        code="readers-differ",
        input=document.source.input,
        path=path,
        message=f"'{spelled}' is a number to OmegaConf and YAML 1.2, and text to PyYAML{others}",
        hint="all readers agree on a dot and a signed exponent, which is what confjob writes: 2.0e-5",
        where=where,
        severity="note",
    )


FORMAT: Format = text_format("yaml", (".yaml", ".yml"), parse=parse, edit=edit, doubts=doubts)


@hookimpl
def confjob_formats() -> Iterator[Format]:
    """Give the YAML format."""
    yield FORMAT
