"""torchtune's configs: YAML whose `_component_` entries bring their own types.

What a value may be stands in the signature behind the `_component_` around it, so it is
asked of torchtune in the job's own interpreter; without torchtune there the types are
inferred from the values, and a warning says so. A built-in config has no file in the
project: a patched copy is delivered, and the command names it in the config's place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import evolve

from confjob.plugin import (
    Change,
    Delivery,
    Document,
    Format,
    InputError,
    InvalidOverrides,
    Json,
    KeyPath,
    Problem,
    Schema,
    Source,
    builtin_format,
    hookimpl,
    tree,
)
from confjob_torchtune.recognize import recognize

__all__ = ["FORMAT", "check", "choices", "confjob_formats", "deliver", "load", "schema"]

_PROBE: Final = Path(__file__).with_name("probe.py")
_COMPONENT: Final = "_component_"
_INTERPOLATION: Final[Schema] = {"type": "string", "pattern": r"\$\{"}
_PLACEHOLDER: Final = re.compile(r"\{[^{}:]+\}")


def load(source: Source) -> Document:
    """Read a config file, or the built-in config that `source.path` names.

    Raises:
        InputError: When it does not parse, or no config is called so.
    """
    source = _with_text(source)
    document = builtin_format("yaml").load(evolve(source, path=_file(source)))
    document = evolve(document, source=source)
    return evolve(document, selectors=frozenset(_selectors(document)), warnings=tuple(_doubts(document)))


def deliver(document: Document, changes: Sequence[Change]) -> Delivery:
    """Patch the file; for a built-in config, a copy that the command names instead.

    Raises:
        InvalidOverrides: With every change that can't be written.
    """
    source = document.source
    file = _file(source)
    delivery = builtin_format("yaml").deliver(evolve(document, source=evolve(source, path=file)), changes)
    return delivery if file == source.path else evolve(delivery, command=_renamed(document, str(file)))


def schema(document: Document) -> Schema | None:
    """Return the schema that the signatures give; None where torchtune can't be asked.

    Top-level keys are those of the file, of any built-in config, and those that the recipe
    reads: torchtune itself takes every key and never looks at a misspelled one.
    """
    told = _signatures(document)
    if told is None:
        return None
    whole = _typed(document.tree, told["components"])
    known: Schema = {key: {} for key in told["keys"]}
    return {
        **whole,
        "type": "object",
        "properties": {**known, **whole.get("properties", {})},
        "additionalProperties": False,
    }


def check(document: Document, deliveries: Sequence[Delivery]) -> Sequence[Sequence[Problem]]:
    """Return the verdict of `tune validate` on each delivery, in one start of torchtune."""
    file = _file(document.source)
    assert file is not None
    texts = [document.source.applied(delivery).text(file) for delivery in deliveries]
    told = _ask(document.source, {"ask": "check", "texts": texts})
    if told is None:
        return [[] for _ in deliveries]
    return [[_problem(document, each) for each in found] for found in told["problems"]]


def choices(source: Source) -> Sequence[str]:
    """Return the names of the built-in configs, as `tune ls` lists them; none without torchtune."""
    told = _ask(source, {"ask": "names"})
    return [] if told is None else list(told["names"])


def _problem(document: Document, told: Json) -> Problem:
    path = KeyPath(tuple(told["path"]))
    return Problem(
        code="tune-validate",
        input=document.source.input,
        path=path,
        message=f"tune validate: {told['message']}",
        where=document.where(path),
    )


def _with_text(source: Source) -> Source:
    """Return the source of a built-in config with its text; any other as it is."""
    path = source.path
    if path is None or _copy(path) in source.provided or (source.root / path).exists():
        return source
    told = _ask(source, {"ask": "config", "name": str(path)})
    if told is None:
        hint = "install torchtune in the job's interpreter to name a built-in config"
        raise InputError(f"{path}: no such file", hint=hint)
    if "text" not in told:
        close = ", ".join(told["close"])
        hint = f"did you mean {close}?" if close else f"tune ls lists its {told['count']} configs"
        raise InputError(f"{path}: neither a file nor a built-in config of torchtune", hint=hint)
    if (source.root / _copy(path)).exists():
        message = f"{path} is a built-in config, and {_copy(path)} stands where its copy would"
        raise InputError(message, hint=f'say path = "{_copy(path)}" to use that file')
    return evolve(source, provided={**source.provided, _copy(path): told["text"]})


def _file(source: Source) -> PurePosixPath | None:
    """Return the file that is patched: a built-in config's copy has its name and a suffix."""
    path = source.path
    return _copy(path) if path is not None and _copy(path) in source.provided else path


def _copy(path: PurePosixPath) -> PurePosixPath:
    return path.with_name(f"{path.name}.yaml")


def _renamed(document: Document, file: str) -> tuple[str, ...]:
    """Return the command with the built-in config's name replaced by its copy's."""
    source = document.source
    words = list(source.command)
    for at, word in enumerate(words[1:], 1):
        named = word in (str(source.path), file) or _PLACEHOLDER.fullmatch(word)
        if words[at - 1] == "--config" and named:
            words[at] = file
            return tuple(words)
    message = f"the command does not name the built-in config: no '--config {source.path}' in it"
    raise InvalidOverrides.of([Problem(code="command", input=source.input, message=message)])


def _selectors(document: Document) -> Iterator[KeyPath]:
    return (path for path in document.nodes if path and path[-1] == _COMPONENT)


def _doubts(document: Document) -> Iterator[Problem]:
    told = _signatures(document)
    if told is None:
        yield _doubt(document, KeyPath(), "torchtune is not installed there: types are inferred from values")
        return
    for path in _selectors(document):
        value = document.nodes[path].value
        error = told["components"].get(value, {}).get("error") if isinstance(value, str) else None
        if error:
            yield _doubt(document, path, f"{value} can't be imported, so its types are unknown: {error}")


def _doubt(document: Document, path: KeyPath, message: str) -> Problem:
    return Problem(
        code="not-typed",
        input=document.source.input,
        path=path,
        message=message,
        where=document.where(path),
        severity="warning",
    )


def _signatures(document: Document) -> Json:
    names = {document.nodes[path].value for path in _selectors(document)}
    components = sorted(name for name in names if isinstance(name, str))
    recipe = _recipe(document.source.command)
    return _ask(document.source, {"ask": "signatures", "components": components, "recipe": recipe})


def _recipe(command: Sequence[str]) -> str | None:
    """Return the recipe that `tune run` is told: the last plain word before `--config`."""
    before = command[: command.index("--config")] if "--config" in command else ()
    return next((word for word in reversed(before) if "=" not in word and not word.startswith("-")), None)


def _ask(source: Source, request: Json) -> Json:
    """Return the probe's answer; None where torchtune is not to be asked."""
    told = None if source.ask is None else source.ask(_PROBE, request)
    return None if told is None or told.get("absent") else told


def _typed(value: Json, components: Json) -> Schema:
    """Return what signatures say of a value: nothing, where no component is at or below it."""
    if isinstance(value, list):
        items = [_typed(item, components) for item in value]
        return {"prefixItems": items} if any(items) else {}
    if not isinstance(value, dict):
        return {}
    below = {key: _typed(item, components) for key, item in value.items()}
    name = value.get(_COMPONENT, tree.MISSING)
    own = components.get(name) if isinstance(name, str) else None
    if own is None or "error" in own:
        return {"properties": below} if any(below.values()) else {}
    named = {key: rule for key, rule in own["properties"].items() if key in value}
    here = {key: _as_written(value[key], below[key], rule) for key, rule in named.items()}
    return {**own, "properties": {**own["properties"], **here}}


def _as_written(value: Json, below: Schema, rule: Schema) -> Schema:
    """Return the rule for an argument, as far as it holds for the way the file gives it."""
    if below:
        # A component has a schema of its own, whatever the annotation says of its outcome.
        return below
    if not any(_interpolated(leaf) for _, leaf in tree.leaves(value)):
        return rule
    # What an interpolation stands for is known at the run only; inside a list it tells nothing.
    return _with_interpolation(rule) if isinstance(value, str) else {}


def _interpolated(value: Json) -> bool:
    return isinstance(value, str) and "${" in value


def _with_interpolation(rule: Schema) -> Schema:
    branches = rule.get("anyOf", [rule])
    if not rule or any(branch.get("type") == "string" for branch in branches):
        return rule
    return {"anyOf": [*branches, _INTERPOLATION]}


FORMAT: Final = Format(
    name="torchtune",
    load=load,
    deliver=deliver,
    schema=schema,
    check=check,
    recognize=recognize,
    choices=choices,
)


@hookimpl
def confjob_formats() -> Iterator[Format]:
    """Give the format of torchtune's configs."""
    yield FORMAT
