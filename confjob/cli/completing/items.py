"""Candidates: what all that make them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from click.shell_completion import CompletionItem

__all__ = ["item", "matching"]


def item(value: str, help: str = "", *, open_end: bool = False) -> CompletionItem[str]:  # noqa: A002 - click's word
    """Return a candidate.

    Args:
        value: What would stand on the line.
        help: What it is, for the shells that show it.
        open_end: More follows without a space, such as a value after `lr=`.
    """
    return CompletionItem(value, help=_line(help) or None, open_end=open_end)


def matching(texts: Mapping[str, str] | Iterable[str], incomplete: str) -> list[CompletionItem[str]]:
    """Return the candidates that begin with what is typed; a mapping has their help."""
    helps = texts if isinstance(texts, Mapping) else dict.fromkeys(texts, "")
    return [
        item(text, about)
        for text, about in helps.items()
        if text.startswith(incomplete) and text.isprintable()
    ]


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).strip()
