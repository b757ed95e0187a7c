"""Changes that add, remove or replace whole tables, made by tomlkit.

tomlkit keeps the text of all it does not touch, but its values know no positions and a new
key lands below the comment of the next table; so it does only what `rewrite` can't.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confjob.builtin.inplace import Refusal
from confjob.builtin.toml.emit import value_text
from confjob.plugin import MISSING, Change, Json, KeyPath

__all__ = ["change_tables"]


def change_tables(text: str, changes: Sequence[Change]) -> str:
    """Return `text` with `changes` made in order.

    Raises:
        Refusal: When tomlkit can't make one.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        for change in changes:
            _change(document, change.path, change.after)
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        # tomlkit's own bugs show as any of these; the text is not ours yet, so nothing is lost.
        raise Refusal(f"tomlkit can't do it ({type(error).__name__}: {error})") from None


def _change(document: Any, path: KeyPath, after: Json) -> None:
    if after is not MISSING:
        value_text(after)  # refuses what TOML has no word for, which tomlkit says less well
    at = document
    for part in path[:-1]:
        if isinstance(part, str) and part not in at:
            at[part] = {}
        at = at[part]
    last = path[-1]
    if after is MISSING:
        del at[last]
    elif isinstance(last, int) and last == len(at):
        at.append(after)
    else:
        at[last] = after
