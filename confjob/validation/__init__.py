"""Does a value fit its schema, and if not, what would a person say is wrong?

The one wrapper around `jsonschema_rs`: it is fast and imports in 20 ms, but its messages
speak of JSON, it judges NaN as null, and it stops at "not valid under any of the given
schemas". Here every fault of a value is found at once and said in the words of the
type listing, with what a did-you-mean needs.
"""

from __future__ import annotations

from confjob.validation.engine import InvalidSchema, Validator
from confjob.validation.metaschema import check_schema
from confjob.validation.violation import Violation

__all__ = ["InvalidSchema", "Validator", "Violation", "check_schema"]
