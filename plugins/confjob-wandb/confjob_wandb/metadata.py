"""`input_types` and `input_schemas`: what W&B keeps of a job's inputs, written and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from confjob.plugin import MISSING, ConfjobError, Json, KeyPath, Schema, tree
from confjob_wandb.shapes import plain_schema, schema_of, shape_of, wandb_schema

if TYPE_CHECKING:
    from confjob.form import Form

__all__ = ["manifest_inputs", "metadata"]

#: Where W&B keeps the run config among a job's inputs.
RUN_CONFIG: Final = "@wandb.config"


def metadata(form: Form) -> Json:
    """Return a job's inputs as W&B's job metadata has them.

    Only what may be changed is there. As with W&B an empty mapping has no type, a schema
    is there only if its author gave one, and `@wandb.config` only if the run config is an
    input.
    """
    shapes: dict[str, Json] = {}
    schemas: dict[str, Json] = {}
    for spec in form.job.inputs:
        if spec.kind not in ("run-config", "file"):
            continue
        shapes[spec.input] = shape_of(_visible(form, spec.input))
        if spec.schema is not None:
            schemas[spec.input] = wandb_schema(spec.schema)
    told = {"input_types": _slots(shapes)}
    return {**told, "input_schemas": _slots(schemas)} if schemas else told


def _visible(form: Form, name: str) -> Json:
    values: Json = {}
    for field in form.listed():
        if field.input == name and field.value is not MISSING and field.value != {}:
            path = next((at for at in _upwards(field.path) if _is_list(form, name, at)), field.path)
            whole = tree.get(form.documents[name].tree, path)
            values = tree.put(values, path, whole)
    return values


def _upwards(path: KeyPath) -> Iterator[KeyPath]:
    return (KeyPath(path[:size]) for size in range(len(path) + 1))


def _is_list(form: Form, name: str, path: KeyPath) -> bool:
    return isinstance(tree.get(form.documents[name].tree, path), list)


def _slots(by_input: Mapping[str, Json]) -> Json:
    slots = {RUN_CONFIG: by_input["run-config"]} if "run-config" in by_input else {}
    files = {name: told for name, told in by_input.items() if name != "run-config"}
    return {**slots, "files": files} if files else slots


def manifest_inputs(told: Json) -> Json:
    """Return the tables of a job's manifest that W&B's metadata amounts to.

    Args:
        told: A job's metadata, or its `wandb-job.json`.

    Returns:
        `run-config` and `files`, as `[jobs.NAME]` has them: an include list of all leaves,
        and the types as a schema, under which W&B's own schema is laid.

    Raises:
        ConfjobError: When there are no input types in it.
    """
    types = told.get("input_types") if isinstance(told, dict) else None
    if not isinstance(types, dict):
        raise ConfjobError("there are no input_types in it", hint="give the metadata of a job artifact")
    if "wb_type" in types:  # wandb-job.json has the whole run config's alone
        types = {RUN_CONFIG: types}
    schemas = told.get("input_schemas") or {}
    tables: dict[str, Json] = {}
    if RUN_CONFIG in types:
        tables["run-config"] = {"reader": "wandb", **_input(types[RUN_CONFIG], schemas.get(RUN_CONFIG))}
    files = types.get("files") or {}
    given = schemas.get("files") or {}
    tables["files"] = [{"path": path, **_input(shape, given.get(path))} for path, shape in files.items()]
    return {name: content for name, content in tables.items() if content}


def _input(shape: Json, schema: Schema | None) -> dict[str, Json]:
    types = schema_of(shape)
    whole = tree.merge(types, plain_schema(schema)) if schema else types
    include = [str(path) for path in _leaves(types, KeyPath())]
    return {"include": include, "schema": whole} if include else {"schema": whole}


def _leaves(schema: Schema, at: KeyPath) -> Iterator[KeyPath]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        yield at
        return
    for key, below in properties.items():
        yield from _leaves(below, at.child(key))
