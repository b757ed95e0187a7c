"""Building and running `jsonschema_rs` validators.

Schemas are compiled from their text, so that equal schemas share one validator however
many fields have them, and a caller who changes a schema gets a new one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from confjob.keypath import KeyPath
from confjob.schema.keywords import ANNOTATIONS, CLOSED, Schema, normal, transform
from confjob.schema.lookup import Navigator
from confjob.tree import Json
from confjob.validation.explain import Explainer
from confjob.validation.nonfinite import BEYOND, bounded, has_nonfinite, stand_in
from confjob.validation.violation import Violation

__all__ = ["InvalidSchema", "Validator", "build"]


class InvalidSchema(ValueError):  # noqa: N818 - as InvalidOverrides
    """The schema itself is malformed; `check_schema` has all its faults."""


class Validator:
    """A schema that values are checked against.

    Args:
        schema: A JSON Schema, or `True`/`False`. Formats are notes, not rules; a `$ref`
            out of the schema is refused, never fetched.
    """

    def __init__(self, schema: Schema | bool) -> None:
        self.schema = normal(schema)
        self._navigator = Navigator(self.schema)
        self._text: dict[bool, str] = {}

    def violations(self, instance: Json, *, secrets: Collection[KeyPath] = ()) -> list[Violation]:
        """Return all faults of `instance`, in the order of their paths.

        Args:
            instance: Any tree; NaN and the infinities count as numbers.
            secrets: Paths whose values no message may show, besides those that the
                schema itself calls secret.

        Raises:
            InvalidSchema: When the schema itself is malformed.
        """
        explainer = Explainer(self._navigator, instance, secrets)
        found = [one for error in self._errors(instance) for one in explainer.explain(error)]
        unique = {(one.path, one.message): one for one in reversed(found)}
        return sorted(unique.values(), key=lambda one: [(isinstance(part, str), part) for part in one.path])

    def is_valid(self, instance: Json) -> bool:
        """Whether `instance` has no fault; raises as `violations` does."""
        return not self._errors(instance)

    def _errors(self, instance: Json) -> list[Any]:
        if has_nonfinite(instance):
            return list(self._compiled(nonfinite=True).iter_errors(_plain(instance)))
        try:
            return list(self._compiled(nonfinite=False).iter_errors(instance))
        except ValueError:  # a key that is no text, a lone surrogate, a date
            return list(self._compiled(nonfinite=False).iter_errors(_plain(instance)))

    def _compiled(self, *, nonfinite: bool) -> Any:
        if nonfinite not in self._text:
            schema = transform(self.schema, _rules)
            self._text[nonfinite] = json.dumps(bounded(schema) if nonfinite else schema, default=str)
        return build(self._text[nonfinite])


@lru_cache(maxsize=64)
def build(text: str) -> Any:
    """Return the `jsonschema_rs` validator of a schema's JSON text.

    Raises:
        InvalidSchema: With the first fault of the schema.
    """
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(text, validate_formats=False, retriever=_refuse)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        first_line = str(error.args[0] if error.args else error).partition("\n")[0]
        raise InvalidSchema(f"the schema is malformed: {first_line}") from None


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} lies outside the schema, and nothing is fetched")


def _rules(schema: Schema) -> Schema:
    """Return what a validator needs: no notes (a default may be no JSON), all numbers finite."""
    if schema == CLOSED:
        return schema
    kept = {key: _finite(key, value) for key, value in schema.items() if key not in ANNOTATIONS}
    dialect = kept.get("$schema")
    if isinstance(dialect, str) and "json-schema.org/draft" not in dialect:
        kept.pop("$schema")
    return kept


def _finite(key: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return BEYOND if value > 0 else -BEYOND
    if key in ("const", "enum"):
        return json.loads(json.dumps(value, default=str), parse_constant=str)
    return value


def _plain(value: Json) -> Any:
    """Return `value` as `jsonschema_rs` can read it: text keys, stand-ins, no lone surrogate."""
    if isinstance(value, dict):
        return {_text(key): _plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(below) for below in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else stand_in(value)
    return value if value is None or isinstance(value, int) else _text(value)


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode("utf-8")
