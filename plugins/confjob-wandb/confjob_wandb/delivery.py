"""How changes of the run config reach an unmodified `wandb.init(config=…)`.

Of wandb's ways to inject values the sweep's parameter file (`WANDB_SWEEP_PARAM_PATH`) is the one
that merges deeply, keeps the run's project, name and id, and needs no flag: with `WANDB_LAUNCH`
set `init(project=…)` is ignored, and `WANDB_CONFIG_PATHS` makes every `wandb.init` fail.
`WANDB_CONFIG` carries the same for `launch.load_wandb_config()`; `init` does not look at it.

Only what changes is told, so that what the program itself computes stays. What wandb would
silently read otherwise (it strips dashes, drops `_wandb`, makes null of not-a-number) is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from confjob.plugin import (
    MISSING,
    Change,
    Delivery,
    Document,
    InvalidOverrides,
    Json,
    KeyPath,
    Problem,
    RunFile,
    tree,
)

__all__ = ["deliver"]

#: The private file of the changes, as a sweep's agent would write it.
SWEEP_FILE: Final = "wandb-sweep.yaml"

#: wandb cuts the text of one variable here; Linux allows 128 KiB each.
_CHUNK: Final = 32670

#: Top-level keys that wandb takes for its own.
_RESERVED: Final = frozenset({"_wandb", "wandb_version"})
_ARTIFACT: Final = "wandb-artifact://"

#: What wandb's own config files have at each key; only `value` counts.
_ENTRY: Final = frozenset({"value", "desc"})
_YAML: Final = frozenset({".yaml", ".yml"})


def deliver(document: Document, changes: Sequence[Change]) -> Delivery:
    """Return the private file and the variables that tell wandb of `changes`.

    Args:
        document: The run config as it is.
        changes: What changes, in the order in which it is made.

    Raises:
        InvalidOverrides: With every change that wandb can't be told.
    """
    before = document.tree
    after = _changed(before, changes)
    problems = [problem for change in changes for problem in _problems(document, change, after)]
    if problems:
        raise InvalidOverrides.of(problems)
    overrides = _overrides(before, after, changes)
    if _in_wandbs_form(document):
        overrides = {key: entry["value"] for key, entry in overrides.items()}
    # With no change `load_wandb_config()` still wants its variable, as W&B Launch gives it.
    private = {SWEEP_FILE: _sweep(overrides)} if overrides else {}
    path = {"WANDB_SWEEP_PARAM_PATH": RunFile(name=SWEEP_FILE)} if overrides else {}
    return Delivery(private=private, environment={**path, **_config(overrides)})


def _in_wandbs_form(document: Document) -> bool:
    """Whether the run config is a file such as `wandb.init(config="file.yaml")` reads: `lr: {value: 0.1}`."""
    where = document.where(KeyPath())
    values = document.tree if isinstance(document.tree, dict) else {}
    entries = [value for key, value in values.items() if key != "wandb_version"]
    spelled = all(isinstance(entry, dict) and {"value"} <= entry.keys() <= _ENTRY for entry in entries)
    return bool(entries) and spelled and where is not None and where.file.suffix in _YAML


def _changed(values: Json, changes: Sequence[Change]) -> Json:
    for change in changes:
        deletes = change.after is MISSING
        values = tree.delete(values, change.path) if deletes else tree.put(values, change.path, change.after)
    return values


def _overrides(before: Json, after: Json, changes: Sequence[Change]) -> dict[str, Json]:
    """Return what wandb shall merge into the config: changed leaves, and lists whole."""
    told: Json = {}
    for change in changes:
        path = _place(change.path, before)
        told = tree.put(told, path, tree.get(after, path))
    assert isinstance(told, dict)
    return told


def _place(path: KeyPath, before: Json) -> KeyPath:
    """Return where wandb must be given a value: it merges mappings and replaces lists."""
    for size in range(len(path)):
        if isinstance(tree.get(before, KeyPath(path[:size])), list) or isinstance(path[size], int):
            return KeyPath(path[:size])
    return path


def _sweep(overrides: dict[str, Json]) -> str:
    import yaml

    class Unshared(yaml.SafeDumper):
        # An alias would make two values of the job's config one and the same object.
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML asks
            return True

    values = {key: {"value": value} for key, value in overrides.items()}
    # ASCII: wandb opens the file in whatever encoding the job's locale has.
    dumped: str = yaml.dump(values, Dumper=Unshared, sort_keys=False, allow_unicode=False)
    return dumped


def _config(overrides: dict[str, Json]) -> dict[str, str]:
    text = json.dumps(overrides)
    if len(text) <= _CHUNK:
        return {"WANDB_CONFIG": text}
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    return {f"WANDB_CONFIG_{number}": chunk for number, chunk in enumerate(chunks)}


def _problems(document: Document, change: Change, after: Json) -> Iterator[Problem]:
    """Yield why wandb can't be told of a change."""

    def problem(code: str, message: str, hint: str, path: KeyPath = change.path) -> Problem:
        where = change.where or document.where(path)
        name = document.source.input
        return Problem(code=code, message=message, input=name, path=path, hint=hint, where=where)

    if change.secret:
        message = "wandb would keep a secret of its run config in the clear, and upload it"
        yield problem("secret", message, "let the job read an environment variable: --set env:NAME=…")
        return
    value = tree.get(after, _place(change.path, document.tree))
    for lost in _lost(document.tree, after, change.path):
        message = "a key can't be taken out of wandb's run config, only be given another value"
        yield problem("cannot-delete", message, "set it to null, or to what the job takes for nothing", lost)
    if change.path:
        yield from (problem("wandb-key", *said) for said in _key(document, str(change.path[0])))
    else:
        keys = change.after if isinstance(change.after, dict) else {}
        yield from (problem("wandb-key", *said) for key in keys for said in _key(document, key))
    if _in_wandbs_form(document) and not _is_value(change):
        message = "wandb reads of this file what stands at `value`, and nothing else"
        yield problem("wandb-key", message, f"set {KeyPath((*change.path[:1], 'value'))}")
    for path, leaf in tree.leaves(value, _place(change.path, document.tree)):
        yield from (problem("wandb-value", *said, path) for said in _leaf(path, leaf))


def _lost(before: Json, after: Json, path: KeyPath) -> Iterator[KeyPath]:
    """Yield the keys of a mapping that are gone afterwards: wandb would merge them back in."""
    here = _place(path, before)
    old, new = tree.get(before, here), tree.get(after, here)
    if new is MISSING:
        yield here
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            yield from _lost(before, after, here.child(key))


def _key(document: Document, key: str) -> Iterator[tuple[str, str]]:
    """Yield what wandb would do to a top-level key."""
    if key in _RESERVED:
        yield f"wandb keeps {key!r} for itself, and drops what it is given", "choose another key"
    bare = key.strip("-")
    known = document.tree if isinstance(document.tree, dict) else {}
    rivals = [other for other in known if other != key and other.strip("-") == bare]
    if rivals:
        yield f"wandb strips dashes: it takes {key!r} and {rivals[0]!r} for one key", f"set {bare!r}"
    elif bare != key and key not in known:
        yield f"wandb strips dashes: {key!r} would become {bare!r}", f"add {bare!r}"


def _is_value(change: Change) -> bool:
    """Whether a change of a file in wandb's form is one of values alone."""
    if len(change.path) > 1:
        return change.path[1] == "value"
    return bool(change.path) and isinstance(change.after, dict) and change.after.keys() == {"value"}


def _leaf(path: KeyPath, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, float) and not math.isfinite(value):
        message = "wandb can't record a number that is not finite: it makes null of it, or no JSON"
        yield message, "give a finite number, or a word that the job understands"
    nested = len(path) > 1 and all(isinstance(part, str) for part in path)
    if nested and isinstance(value, str) and value.startswith(_ARTIFACT):
        yield "wandb takes an artifact as a top-level value only", "give it a key of its own"
