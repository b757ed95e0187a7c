"""The sections of a page: the inputs, the objects in them, and a field for each value.

What is shown is a form's visible values and, beside each object, the keys that its schema names
and the file does not have. Objects become groups, whose headings say their whole path: boxes
within boxes leave no room on a telephone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve, field, frozen

from confjob import schema as schemas
from confjob.form import Field, Form
from confjob.keypath import KeyPath
from confjob.model import InputSpec, Problem
from confjob.schema import CLOSED, Navigator
from confjob.tree import MISSING, Json, MissingType, get, leaves, same
from confjob.web.form.names import New, control, element_id
from confjob.web.form.posted import Draft, Posted, mark_of
from confjob.web.form.spelling import Spelling, yaml_text
from confjob.web.form.widgets import Maker, Widget

__all__ = ["Builder", "FieldView", "Group", "NewKey", "Section"]

#: A key that no document has: what applies to it applies to all keys that nobody names.
_ANY_KEY = "\N{REPLACEMENT CHARACTER}"
#: Types that nobody declared, so that a person may ask for another.
_INFERRED = ("value", "siblings", "plugin")
_LONGEST = 60


@frozen(kw_only=True)
class FieldView:
    """A value with all that a page tells of it.

    Args:
        widget: Its control.
        label: What to call it.
        description: What its schema says of it.
        type: Its type in words.
        rules: Its bounds in words.
        default: The value without any change, in words.
        where: The file and line that it stands at.
        because: What its type rests on.
        required: Whether somebody must give it a value.
        is_changed: Whether it differs from the default.
        mark: What its controls hold without any change; see `names.digest`.
    """

    widget: Widget
    label: str
    description: str = ""
    type: str = ""
    rules: str = ""
    default: str = ""
    where: str = ""
    because: str = ""
    required: bool = False
    is_changed: bool = False
    mark: str = ""

    @property
    def id(self) -> str:
        """The id of its element."""
        return self.widget.id

    @property
    def path(self) -> str:
        """Its path as a command line says it."""
        return str(self.widget.path)

    @property
    def search(self) -> str:
        """What a search looks at, in small letters."""
        return f"{self.path} {self.label} {self.description}".lower()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it."""
        return self.widget.problems


@frozen(kw_only=True)
class NewKey:
    """A key that is to be added to an object: its name and its value, as typed."""

    number: int
    input: str
    path: KeyPath
    key: str = ""
    text: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def is_given(self) -> bool:
        """Whether anything was typed for it."""
        return bool(self.key or self.text)

    @property
    def key_name(self) -> str:
        """The name of the control that holds the key's name."""
        return control("k", self.input, (*self.path, New(self.number)))

    @property
    def value_name(self) -> str:
        """The name of the control that holds the value."""
        return control("v", self.input, (*self.path, New(self.number)))

    @property
    def id(self) -> str:
        """The id of its element."""
        return element_id(self.input, (*self.path, New(self.number)))


@frozen(kw_only=True)
class Group:
    """An object: the fields right below it, those that could be added, and keys of one's own."""

    input: str
    path: KeyPath
    title: str = ""
    description: str = ""
    fields: tuple[FieldView, ...] = ()
    absent: tuple[FieldView, ...] = ()
    new_keys: tuple[NewKey, ...] | None = None
    can_remove: bool = False
    is_removed: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def id(self) -> str:
        """The id of its element."""
        return element_id(self.input, ("group", *self.path))

    @property
    def mode_name(self) -> str:
        """The name of the control that says whether the object goes."""
        return control("m", self.input, self.path)

    def everything(self) -> Iterator[FieldView]:
        """Yield all fields, those that are not in the file last."""
        yield from self.fields
        yield from self.absent


@frozen(kw_only=True)
class Section:
    """An input: a config file, the run config, what the job needs."""

    input: str
    kind: str
    title: str
    about: str = ""
    groups: tuple[Group, ...] = ()
    choices: tuple[str, ...] = ()
    picked: str = ""

    @property
    def id(self) -> str:
        """The id of its element."""
        return element_id(self.input, ("section",))

    def everything(self) -> Iterator[FieldView]:
        """Yield all fields."""
        for group in self.groups:
            yield from group.everything()


_ABOUT = {
    "run-config": "what the job's code asks confjob for",
    "resources": "what the job needs of a machine",
    "env": "environment variables of the job",
    "target": "variables of the target",
}
_TITLES = {
    "run-config": "Run config",
    "resources": "Resources",
    "env": "Environment",
    "target": "Target variables",
}


@frozen(kw_only=True)
class Builder:
    """Makes sections of a form.

    Args:
        form: The form.
        spelling: How numbers are written in the project's files.
        posted: What was posted; nothing, for a page that is opened.
        values: input -> the tree to show in place of the document's (a pasted config).
    """

    form: Form
    spelling: Spelling
    posted: Posted = field(factory=Posted)
    values: Mapping[str, Json] = field(factory=dict)

    @property
    def _maker(self) -> Maker:
        return Maker(form=self.form, spelling=self.spelling)

    def sections(self) -> tuple[Section, ...]:
        """Return a section for each input that has something to show."""
        made = [self._section(spec) for spec in self.form.job.inputs]
        return tuple(section for section in made if section.groups or section.choices)

    def _section(self, spec: InputSpec) -> Section:
        document = self.form.documents[spec.input]
        if isinstance(document.tree, dict):
            groups = tuple(self._groups(spec.input))
        else:
            groups = tuple(self._flat(spec.input))
        return Section(
            input=spec.input,
            kind=spec.kind,
            title=_TITLES.get(spec.kind, spec.name),
            about=_ABOUT.get(spec.kind, str(spec.source or spec.path or "")),
            groups=tuple(group for group in groups if not _is_empty(group)),
        )

    def _flat(self, input: str) -> Iterator[Group]:  # noqa: A002
        """Yield one group of all visible values: a document that is a list has no keys to group by."""
        views = tuple(self.view(input, item.path) for item in self.form.fields if item.input == input)
        yield Group(input=input, path=KeyPath(), fields=views)

    def _groups(self, input: str, path: KeyPath = KeyPath()) -> Iterator[Group]:  # noqa: A002
        names, inner = self._children(input, path)
        removed = bool(path) and self._is_removed(input, path)
        here = [] if removed else [self.view(input, child) for child in names]
        absent = [] if removed else [self.view(input, child) for child in self._absent(input, path)]
        told = self.form.field(input, path).schema if path else {}
        yield Group(
            input=input,
            path=path,
            title=str(told.get("title") or ""),
            description=_text(told.get("description")),
            fields=tuple(here),
            absent=tuple(absent),
            new_keys=None if removed else self._new_keys(input, path),
            can_remove=bool(path) and self._can_go(input, path),
            is_removed=removed,
        )
        for child in [] if removed else inner:
            yield from self._groups(input, child)

    def _is_removed(self, input: str, path: KeyPath) -> bool:  # noqa: A002
        draft = self.posted.draft(input, path)
        if draft is not None:
            return draft.mode == "unset"
        return input in self.values and get(self.values[input], path) is MISSING

    def _children(self, input: str, path: KeyPath) -> tuple[list[KeyPath], list[KeyPath]]:  # noqa: A002
        """Return what stands right below an object: the values to show, and the objects in it."""
        fields: dict[KeyPath, None] = {}
        inner: list[KeyPath] = []
        shown = self._shown(input)
        here = get(self.form.documents[input].tree, path)
        for key, value in (here if isinstance(here, dict) else {}).items():
            child = path.child(key)
            below = shown.get(child, [])
            if not below:
                continue
            if isinstance(value, dict) and value:
                inner.append(child)
            elif self._is_whole(input, child, value):
                fields[child] = None
            else:
                fields.update(dict.fromkeys(below))
        due = (at for at in self._listed(input) if at not in self.form.documents[input].nodes)
        fields.update((at, None) for at in due if self._belongs(input, at) == path)
        return list(fields), inner

    def _listed(self, input: str) -> Mapping[KeyPath, None]:  # noqa: A002
        if input not in self._paths:
            self._paths[input] = dict.fromkeys(item.path for item in self.form.fields if item.input == input)
        return self._paths[input]

    _paths: dict[str, dict[KeyPath, None]] = field(factory=dict, init=False, repr=False)

    def _belongs(self, input: str, path: KeyPath) -> KeyPath:  # noqa: A002
        """Return the group that a value which is not there belongs to."""
        above = path.parent
        while above and not isinstance(get(self.form.documents[input].tree, above), dict):
            above = above.parent
        return above

    def _shown(self, input: str) -> dict[KeyPath, list[KeyPath]]:  # noqa: A002
        """Return the visible paths of an input, by each place that they lie at or below."""
        if input not in self._index:
            found: dict[KeyPath, list[KeyPath]] = {}
            for item in self.form.fields:
                if item.input == input and item.path in self.form.documents[input].nodes:
                    for size in range(len(item.path) + 1):
                        found.setdefault(KeyPath(item.path[:size]), []).append(item.path)
            self._index[input] = found
        return self._index[input]

    _index: dict[str, dict[KeyPath, list[KeyPath]]] = field(factory=dict, init=False, repr=False)

    def _is_whole(self, input: str, path: KeyPath, value: Json) -> bool:  # noqa: A002
        """Whether all of a value may be seen and changed."""
        return all(self.form.selects(input, at) for at, _ in leaves(value, path))

    def _can_go(self, input: str, path: KeyPath) -> bool:  # noqa: A002
        """Whether the key at a path may be taken out."""
        if not isinstance(path[-1], str) or self.form.spec(input).kind in ("run-config", "target"):
            return False
        value = get(self.form.documents[input].tree, path)
        return path[-1] not in self._required(input, path.parent) and (
            value is MISSING or self._is_whole(input, path, value)
        )

    def _required(self, input: str, path: KeyPath) -> frozenset[str]:  # noqa: A002
        """Return the keys that an object must have."""
        if (input, path) not in self._needed:
            said = (at.get("required") for at in self._said(input, path))
            self._needed[input, path] = frozenset(
                each for one in said if isinstance(one, list) for each in one
            )
        return self._needed[input, path]

    _needed: dict[tuple[str, KeyPath], frozenset[str]] = field(factory=dict, init=False, repr=False)

    def _said(self, input: str, path: KeyPath) -> Iterator[schemas.Schema]:  # noqa: A002
        """Yield what the schemas of the whole document say at a path."""
        if input not in self._navigators:
            whole = self.form.typing[input].whole()
            self._navigators[input] = [Navigator(schema) for schema in whole]
        yield from filter(None, (navigator.at(path) for navigator in self._navigators[input]))

    _navigators: dict[str, list[Navigator]] = field(factory=dict, init=False, repr=False)

    def _absent(self, input: str, path: KeyPath) -> list[KeyPath]:  # noqa: A002
        """Return the keys that a schema names and the document does not have."""
        if (input, path) not in self._absents:
            self._absents[input, path] = list(self._found_absent(input, path))
        return self._absents[input, path]

    _absents: dict[tuple[str, KeyPath], list[KeyPath]] = field(factory=dict, init=False, repr=False)

    def _found_absent(self, input: str, path: KeyPath) -> Iterator[KeyPath]:  # noqa: A002
        nodes, listed = self.form.documents[input].nodes, self._listed(input)
        names = dict.fromkeys(name for said in self._said(input, path) for name in schemas.properties(said))
        for child in map(path.child, names):
            if child not in nodes and child not in listed and self.form.selects(input, child):
                yield from [child] if self.form.field(input, child).schema != CLOSED else []

    def _new_keys(self, input: str, path: KeyPath) -> tuple[NewKey, ...] | None:  # noqa: A002
        """Return the keys that somebody adds, and an empty one; None where no key may be added."""
        child = path.child(_ANY_KEY)
        spec = self.form.spec(input)
        if spec.kind == "target" or not self.form.selects(input, child):
            return None
        if spec.kind == "resources" or self.form.field(input, child).schema == CLOSED:
            return None
        found = [*self._typed_keys(input, path), *self._given_keys(input, path)]
        return tuple(
            NewKey(number=number, input=input, path=path, key=key, text=text)
            for number, (key, text) in enumerate([*found, ("", "")])
        )

    def _typed_keys(self, input: str, path: KeyPath) -> Iterator[tuple[str, str]]:  # noqa: A002
        draft = self.posted.draft(input, path)
        for token, inner in (draft.below if draft is not None else {}).items():
            if isinstance(token, New) and (inner.key or any(inner.texts)):
                yield inner.key, next(iter(inner.texts), "")

    def _given_keys(self, input: str, path: KeyPath) -> Iterator[tuple[str, str]]:  # noqa: A002
        """Yield what a pasted config adds that neither the document nor a schema knows."""
        given = get(self.values[input], path) if input in self.values else {}
        present = get(self.form.documents[input].tree, path)
        known = {
            *(present if isinstance(present, dict) else ()),
            *(at[-1] for at in self._absent(input, path)),
        }
        for key, value in (given if isinstance(given, dict) else {}).items():
            if key not in known and path.child(key) not in self._listed(input):
                yield key, yaml_text(value)

    def view(self, input: str, path: KeyPath) -> FieldView:  # noqa: A002
        """Return the field at a path, with what was posted for it if that is a change."""
        item = self.form.field(input, path)
        present = get(self.form.documents[input].tree, path)
        original = MISSING if path in self.form.documents[input].required else present
        can_unset = self._may_be_unset(item, present)
        before = self._widget(item, original, original, None, can_unset=can_unset)
        mark = mark_of(before.draft())
        shown = get(self.values[input], path) if input in self.values else original
        draft = self._changed_draft(input, path, before, mark)
        changed = draft is not None or not _alike(shown, original)
        widget = self._widget(item, original, shown, draft, can_unset=can_unset) if changed else before
        told = self._told(item, evolve(widget, label=_label(item)), _default(item, before))
        return evolve(told, mark=mark, is_changed=changed)

    def _changed_draft(self, input: str, path: KeyPath, before: Widget, mark: str) -> Draft | None:  # noqa: A002
        """Return what was posted, if it is not what the page showed and not what it would show now."""
        draft = self.posted.draft(input, path)
        if draft is None or mark_of(draft) in (mark, self.posted.seen.get(before.id)):
            return None
        return draft

    def _may_be_unset(self, item: Field, present: Json | MissingType) -> bool:
        if item.required or not item.path:
            return False
        return present is MISSING or self._can_go(item.input, item.path)

    def _widget(
        self,
        item: Field,
        original: Json | MissingType,
        shown: Json | MissingType,
        draft: Draft | None,
        *,
        can_unset: bool,
    ) -> Widget:
        return self._maker.make(
            item.input,
            tuple(item.path),
            item.path,
            {} if item.schema == CLOSED else item.schema,
            original,
            shown=shown,
            draft=draft,
            can_unset=can_unset,
            loose=item.typed_by in _INFERRED and bool(item.schema),
        )

    @staticmethod
    def _told(item: Field, widget: Widget, default: str) -> FieldView:
        return FieldView(
            widget=widget,
            label=_label(item),
            description=_text(item.schema.get("description")),
            type=schemas.type_name(item.schema) if item.schema else "any",
            rules="" if widget.options else schemas.constraints(item.schema),
            default=default,
            where=f"{item.where.file}:{item.where.line}" if item.where else "",
            because=item.evidence.because,
            required=item.required or item.schema.get("required") is True,
        )

    def marks(self, sections: Sequence[Section]) -> str:
        """Return the marks of all fields, for the page to send back."""
        views = (view for section in sections for view in section.everything())
        return " ".join(f"{view.id}:{view.mark}" for view in views)


def _alike(one: Json | MissingType, other: Json | MissingType) -> bool:
    return one is other or same(one, other)


def _is_empty(group: Group) -> bool:
    return not (group.fields or group.absent or group.new_keys or group.is_removed)


def _label(item: Field) -> str:
    for key in ("label", "title"):
        if isinstance(item.schema.get(key), str) and item.schema[key]:
            return str(item.schema[key])
    parts = [str(part) if isinstance(part, str) else f"[{part}]" for part in item.path]
    named = next((at for at in range(len(parts) - 1, -1, -1) if isinstance(item.path[at], str)), 0)
    return "".join(parts[named:]) or item.input


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _default(item: Field, widget: Widget) -> str:
    """Return what the field is without any change, in words that fit a line."""
    if item.secret:
        return "set" if widget.is_there else "not set"
    if widget.original is MISSING:
        said = item.schema.get("default", MISSING)
        if item.required:
            return "no default"
        return "not set" if said is MISSING else f"not set, the job takes {_short(yaml_text(said))}"
    if widget.way.kind in ("integer", "number") and widget.text:
        return widget.text
    return _short(yaml_text(widget.original))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
