"""NaN and the infinities, which JSON and so `jsonschema_rs` do not know.

A value that holds one is judged through stand-ins: numbers far beyond every float, and
no integers. The stand-in for infinity is above all bounds but one, which this module
adds to every schema that has a lower bound alone, and the one for NaN is above that
too, so that NaN breaks whatever bound there is, as IEEE 754 has it.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

from confjob.schema.keywords import Schema, transform
from confjob.tree import Json

__all__ = ["BEYOND", "bounded", "has_nonfinite", "stand_in"]

#: Above the stand-in for infinity, below the one for NaN.
BEYOND: Final = 10**401
_INFINITE: Final = Decimal(f"{10**400}.1234567891")
_MINUS_INFINITE: Final = Decimal(f"-{10**400}.1234567891")
_NAN: Final = Decimal(f"{10**402}.1234567891")


def has_nonfinite(value: Json) -> bool:
    """Whether a NaN or an infinity stands anywhere in `value`."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, float) and not math.isfinite(one):
            return True
    return False


def stand_in(value: float) -> Decimal:
    """Return the number that is judged in the place of a non-finite float."""
    if math.isnan(value):
        return _NAN
    return _INFINITE if value > 0 else _MINUS_INFINITE


def bounded(schema: Any) -> Any:
    """Return `schema` with an upper bound that NaN breaks beside every lower one."""
    return transform(schema, _bounded)


def _bounded(schema: Schema) -> Schema:
    low = schema.keys() & {"minimum", "exclusiveMinimum"}
    high = schema.keys() & {"maximum", "exclusiveMaximum"}
    return {**schema, "maximum": BEYOND} if low and not high else schema
