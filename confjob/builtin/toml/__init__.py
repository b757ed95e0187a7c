"""TOML, changed by editing its text, with tomlkit for whole tables.

No TOML library tells where a value stands, and `launch.toml` itself is read through this
format, so that every error about it needs a line: a scanner of our own finds the places,
the standard parser says the values. Values, keys and elements are changed in place; moving
whole tables about is left to tomlkit, which keeps all else as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from confjob.plugin import Change, Document, Format, KeyPath, Node, hookimpl, text_format

__all__ = ["FORMAT", "confjob_formats", "edit", "parse"]


def parse(text: str, file: PurePosixPath) -> Mapping[KeyPath, Node]:
    """Read TOML; a table's place is its header, a date is its text.

    Raises:
        InputError: On malformed text, or nesting without bound.
    """
    from confjob.builtin.inplace import Lines, nodes_of
    from confjob.builtin.toml.syntax import read

    return nodes_of(read(text, file), Lines(text, file))


def edit(document: Document, text: str, changes: Sequence[Change]) -> str:
    """Change `text` in place.

    Raises:
        InvalidOverrides: With every change that TOML can't say, such as a null.
    """
    from confjob.builtin.inplace import Language, revise
    from confjob.builtin.toml.rewrite import rewrite
    from confjob.builtin.toml.syntax import read

    file = document.source.path or PurePosixPath()
    language = Language(read=lambda text: read(text, file), write=rewrite)
    return revise(document, text, changes, language)


FORMAT: Format = text_format("toml", (".toml",), parse=parse, edit=edit)


@hookimpl
def confjob_formats() -> Iterator[Format]:
    """Give the TOML format."""
    yield FORMAT
