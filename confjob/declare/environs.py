"""The two inputs that every job has beside its own: `resources` and `env`.

Their types are ours, not the author's, so what is declared is checked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from confjob.keypath import KeyPath
from confjob.model import InputSpec, Node, Resources
from confjob.schema import Schema
from confjob.tree import Json
from confjob.validation import Validator

__all__ = ["ENVIRONMENT", "RESOURCES", "environs", "faults"]

#: The type of the `resources` input.
RESOURCES: Schema = {
    "type": "object",
    "properties": {
        "cpus": {"type": "number", "exclusiveMinimum": 0, "description": "processor cores"},
        "memory": {"type": ["string", "integer"], "description": "such as 16GiB"},
        "gpus": {"type": "integer", "minimum": 0, "description": "GPUs per node; 0 hides all"},
        "nodes": {"type": "integer", "minimum": 1},
        "time": {"type": ["string", "integer"], "description": "such as 4h"},
    },
    "additionalProperties": False,
}

_WORDS = "KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?"

#: Variables such as HF_TOKEN, whose value is neither shown nor recorded, whoever sets them.
_HIDDEN = rf"^(?:[A-Za-z_][A-Za-z0-9_]*)?(?:{_WORDS}|{_WORDS.lower()})(?:_[A-Za-z0-9_]*)?$"

#: The type of the `env` input.
ENVIRONMENT: Schema = {
    "type": "object",
    "patternProperties": {
        # A NUL would end the value.
        "^[A-Za-z_][A-Za-z0-9_]*$": {"type": "string", "pattern": "^[^\\u0000]*$"},
        _HIDDEN: {"format": "secret"},
    },
    "additionalProperties": False,
}


def environs(resources: Mapping[KeyPath, Node], env: Mapping[KeyPath, Node]) -> tuple[InputSpec, InputSpec]:
    """Return the two inputs of a job that declares these."""
    return (
        InputSpec(name="resources", kind="resources", defaults=resources, schema=RESOURCES),
        InputSpec(name="env", kind="env", defaults=env, schema=ENVIRONMENT),
    )


def faults(spec: InputSpec) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with declared resources or environment, whose schema is not the author's."""
    if spec.kind in ("resources", "env") and spec.schema is not None and spec.defaults:
        table = spec.defaults[KeyPath()].value
        wrong = [(fault.path, fault.message) for fault in Validator(spec.schema).violations(table)]
        yield from wrong
        known = {path[:1] for path, _ in wrong}
        yield from (fault for fault in _amounts(spec, table) if fault[0] not in known)


def _amounts(spec: InputSpec, table: Mapping[str, Json]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the amounts of resources that can't be read."""
    for key, value in table.items() if spec.kind == "resources" else ():
        try:
            Resources.parse({key: value})
        except (TypeError, ValueError) as error:
            yield KeyPath((key,)), str(error)
