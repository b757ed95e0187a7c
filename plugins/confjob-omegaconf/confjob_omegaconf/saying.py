"""Changes as Hydra's overrides: which word for which change, and what no word can say.

A mapping in an override is merged, never replaced, and an element of a list can be
neither added nor deleted. So a mapping is said key by key, and a list as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from confjob.plugin import (
    MISSING,
    Change,
    Delivery,
    Document,
    InvalidOverrides,
    Json,
    KeyPath,
    Problem,
    Schema,
    tree,
)
from confjob_omegaconf.app import app_of, placed
from confjob_omegaconf.asking import Answer, asked
from confjob_omegaconf.places import DEFAULTS

__all__ = ["delivery_of"]


@frozen
class _Said:
    """What the probe is asked to say, and for which change."""

    change: Change
    request: Mapping[str, Json]


def delivery_of(document: Document, answer: Answer, changes: Sequence[Change]) -> Delivery:
    """Return the command with the overrides that make `changes`.

    Args:
        document: The composed config.
        answer: Hydra's answer that it was made from.
        changes: What to say.

    Raises:
        InvalidOverrides: With every change that can't be said, and why.
    """
    sayer = _Sayer(document, answer, changes)
    refused = list(sayer.refused())
    said = list(sayer.said())
    found = asked(document.source, {"say": [each.request for each in said]}) if said else None
    unsaid = found["refused"] if found else ()
    refused.extend(_problem(said[each["change"]].change, each["why"]) for each in unsaid)
    if refused:
        raise InvalidOverrides.of(refused)
    return _delivery(document, found["words"] if found else ())


def _delivery(document: Document, words: Sequence[str]) -> Delivery:
    source = document.source
    command = placed(source.command, app_of(source.command, source.root), words) if words else None
    # A file that was picked for the one that the app opens must be brought there.
    if source.path is None or str(source.path) == source.input:
        return Delivery(command=command)
    return Delivery(files={source.path: source.text(source.path)}, command=command)


class _Sayer:
    """Turns the changes of one document into what is asked of the probe."""

    def __init__(self, document: Document, answer: Answer, changes: Sequence[Change]) -> None:
        self.document = document
        self.types: Schema = answer["types"]
        self.groups = answer["groups"]
        self.choices = answer["choices"]
        self.changes = changes
        self.meant = document.tree
        for change in changes:
            gone = change.after is MISSING
            self.meant = (
                tree.delete(self.meant, change.path)
                if gone
                else tree.put(self.meant, change.path, change.after)
            )

    def refused(self) -> Iterator[Problem]:
        """Yield why changes can't be said, as far as Hydra need not be asked."""
        for change in self.changes:
            if change.secret:
                hint = "let the config read it from the environment: ${oc.env:NAME}"
                yield _problem(change, "a secret can't stand on a command line", hint)
            elif type(change.after) is int and self._takes_floats(change.path):
                why = f"Hydra makes {change.after} the fraction {change.after}.0 here"
                yield _problem(change, why, f"say so: --set {change.path}={change.after}.0")
            elif not change.path:
                yield _problem(
                    change, "a composed config can't be replaced whole", "set the values one by one"
                )
            elif (
                len(change.path) == 1 and change.path[0] in self.groups and not isinstance(change.after, dict)
            ):
                hint = f"choose another by --set defaults.{change.path[0]}=…"
                yield _problem(change, f"'{change.path[0]}' is what a config group brings", hint)
            elif change.path in (DEFAULTS, DEFAULTS.child(str(change.path[-1]))) and change.after is MISSING:
                hint = f"--set {change.path}=null chooses none of its options"
                yield _problem(change, "a config group can't be deleted", hint)

    def _takes_floats(self, path: KeyPath) -> bool:
        """Whether a class of the app says that the value at `path` is a float."""
        schema: Json = {"properties": self.types}
        for part in path:
            schema = schema.get("properties", {}).get(part, {})
        return schema.get("type") in ("number", ["number", "null"])

    def said(self) -> Iterator[_Said]:
        """Yield what to say; a list in which several values change is said once."""
        done: set[KeyPath] = set()
        for change in self.changes:
            if change.secret or not change.path:
                continue
            at = _expressible(change.path)
            if at in done:
                continue
            done.add(at)
            before, after = tree.get(self.document.tree, at), tree.get(self.meant, at)
            if self.groups and at.startswith(DEFAULTS):
                requests = self._group_requests()
                done.add(DEFAULTS)
            else:
                requests = _requests(at, before, after)
            yield from (_Said(change, request) for request in requests)

    def _group_requests(self) -> Iterator[Mapping[str, Json]]:
        old, new = tree.get(self.document.tree, DEFAULTS), tree.get(self.meant, DEFAULTS)
        old, new = (found if isinstance(found, dict) else {} for found in (old, new))
        for group in dict.fromkeys((*old, *new)):
            before, after = old.get(group, MISSING), new.get(group, MISSING)
            listed = group in self.choices
            if tree.same(before, after):
                continue
            if after is MISSING or after is None:
                yield {"operation": "delete", "group": group}
            else:
                yield {"operation": "set" if listed else "add", "group": group, "value": after}


def _requests(at: KeyPath, before: Json, after: Json) -> Iterator[Mapping[str, Json]]:
    """Yield what to say for one value, mappings key by key."""
    path = list(at)
    if before is MISSING:
        yield {"operation": "add", "path": path, "value": after}
    elif after is MISSING:
        yield {"operation": "delete", "path": path}
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in _keys(before, after):
            inner = before.get(key, MISSING), after.get(key, MISSING)
            if not tree.same(*inner):
                yield from _requests(at.child(key), *inner)
    else:
        yield {"operation": "set", "path": path, "value": after}


def _keys(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterable[str]:
    """Return all keys: what goes before what comes, for a key may be said in another's place."""
    return [*(key for key in before if key not in after), *after]


def _expressible(path: KeyPath) -> KeyPath:
    """Return the path, or that of the outermost list it leads into."""
    for position, part in enumerate(path):
        if isinstance(part, int):
            return KeyPath(path[:position])
    return path


def _problem(change: Change, why: str, hint: str = "") -> Problem:
    return Problem(
        code="cannot-patch", input=change.input, path=change.path, message=why, hint=hint, where=change.where
    )
