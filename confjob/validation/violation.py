"""One fault of a value, as a record: the validator's answer and nothing of its insides."""

from __future__ import annotations

from attrs import frozen

from confjob.keypath import KeyPath
from confjob.schema.keywords import Pointer
from confjob.tree import MISSING, Json, MissingType

__all__ = ["Violation"]


@frozen(kw_only=True)
class Violation:
    """One fault.

    Args:
        path: Where, in the validated value; includes the key that is unknown or missing.
        keyword: The JSON Schema keyword that is broken.
        message: The rule in words, without the path: `must be greater than 0`.
        value: What is wrong there: the value, or the name of an unknown key; `MISSING`
            where nothing stands, or where it is a secret.
        allowed: What could have stood there (constants, or the known keys beside an
            unknown one), for a did-you-mean.
        schema_path: Where the rule stands in the schema, as far as it is known.
    """

    path: KeyPath
    keyword: str
    message: str
    value: Json | MissingType = MISSING
    allowed: tuple[Json, ...] = ()
    schema_path: Pointer = ()
