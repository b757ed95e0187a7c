"""Tables of a `launch.toml`, printed for a person to paste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confjob.plugin import ConfjobError, Json

__all__ = ["table"]


def table(names: Sequence[str], content: Mapping[str, Json]) -> str:
    """Return `content` as the TOML table `[names[0].names[1]…]`.

    Raises:
        ConfjobError: When TOML has no word for a value: it knows no null.
    """
    import tomlkit

    _check(content)
    nested: Json = dict(content)
    for name in reversed(names):
        nested = {name: nested}
    # Read and printed again, super tables get no header of their own.
    return tomlkit.dumps(nested)


def _check(value: Json) -> None:
    if value is None:
        raise ConfjobError("TOML knows no null", hint="leave the value out, or use another one")
    below = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in below:
        _check(each)
