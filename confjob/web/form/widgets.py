"""A value with the control it is given in: what a page shows, and what that stands for.

One record serves both ways. Made of a document's value it is what is shown first; made of what
was posted it is the same control with what somebody typed, and `value` tells what that means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from attrs import field, frozen

from confjob.form import Form
from confjob.keypath import KeyPath
from confjob.model import Problem
from confjob.schema import Navigator, Schema, kinds, properties
from confjob.schema.keywords import CLOSED
from confjob.tree import MISSING, Json, MissingType, leaves, same
from confjob.validation import Validator
from confjob.values import read
from confjob.web.form.kinds import (
    ANYTHING,
    Alternative,
    Bounds,
    alternatives,
    bounds,
    chosen,
    option_key,
    option_text,
)
from confjob.web.form.names import New, Token, Tokens, control, element_id
from confjob.web.form.posted import Draft
from confjob.web.form.spelling import Spelling, is_plain, number_text, yaml_text

__all__ = ["Maker", "Option", "Row", "Widget"]

#: Longer lists are one text: a row for each of ten thousand numbers helps nobody.
_MOST_ROWS: Final = 60


@frozen(kw_only=True)
class Option:
    """One of the values that may be chosen."""

    key: str
    text: str
    is_chosen: bool


@frozen(kw_only=True)
class Row:
    """An element of a list, or a key of a mapping."""

    token: Token
    widget: Widget
    key: str = ""
    is_first: bool = False
    is_last: bool = False

    @property
    def is_new_key(self) -> bool:
        """Whether the key's own name is still to be given."""
        return isinstance(self.token, New)


@frozen(kw_only=True)
class Widget:
    """A value's control.

    Args:
        input: The input.
        tokens: Where in it, as the controls' names say.
        path: Where in it, as messages say.
        schema: The type.
        original: What stands there; `MISSING` if nothing does.
        ways: The ways to give a value.
        mode: The kind of the way that is chosen, or `null`, or `unset`.
        way: The way whose control is shown.
        text: What the control shows.
        options: What may be chosen.
        rows: What is below.
        nullable: Whether null may be said.
        can_unset: Whether there need not be a value.
        secret: Whether the value must not be shown.
        loose: Whether the last way asks for a type that only inference refuses.
        bounds: Of a number: its range.
        problems: What is wrong with it.
    """

    input: str
    tokens: Tokens
    path: KeyPath
    schema: Schema
    original: Json | MissingType
    ways: tuple[Alternative, ...]
    mode: str
    way: Alternative
    text: str = ""
    options: tuple[Option, ...] = ()
    rows: tuple[Row, ...] = ()
    nullable: bool = False
    can_unset: bool = False
    secret: bool = False
    loose: bool = False
    bounds: Bounds = Bounds()
    label: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def id(self) -> str:
        """The id of its element."""
        return element_id(self.input, self.tokens)

    @property
    def name(self) -> str:
        """The name of its control."""
        return control("v", self.input, self.tokens)

    @property
    def mode_name(self) -> str:
        """The name of the control that says in which way the value is given."""
        return control("m", self.input, self.tokens)

    @property
    def key_name(self) -> str:
        """The name of the control that holds the name of a new key."""
        return control("k", self.input, self.tokens)

    @property
    def is_given(self) -> bool:
        """Whether it holds a value, be it null."""
        return self.mode != "unset"

    @property
    def is_there(self) -> bool:
        """Whether the file has it."""
        return self.original is not MISSING

    @property
    def shown(self) -> Literal["secret", "choice", "buttons", "many", "list", "object", "lines", "line"]:
        """What kind of control it is drawn as."""
        kind = self.way.kind
        if self.secret:
            return "secret"
        if kind == "choice":
            return "buttons" if self.is_side_by_side else "choice"
        if kind in ("many", "list", "object"):
            return kind
        return "lines" if "\n" in self.text or len(self.text) > 120 else "line"

    @property
    def is_side_by_side(self) -> bool:
        """Whether its options are buttons on one line."""
        return self.way.is_side_by_side

    @property
    def placeholder(self) -> str:
        """What an empty control says."""
        said = self.schema.get("placeholder")
        if isinstance(said, str):
            return said
        examples = self.schema.get("examples")
        if isinstance(examples, list) and examples and not isinstance(examples[0], (dict, list)):
            return f"e.g. {yaml_text(examples[0])}"
        return ""

    @property
    def needs_choice(self) -> bool:
        """Whether the way to give the value is chosen from a list."""
        return not self.secret and (len(self.ways) > 1 + self.loose or self.is_beyond)

    @property
    def is_beyond(self) -> bool:
        """Whether a value of a type is given that only inference refuses."""
        return self.loose and self.way is self.ways[-1]

    @property
    def is_one_type(self) -> bool:
        """Whether there is one way to give a value, so that a text can mean but one."""
        return len(self.ways) == 1 + self.loose and not self.is_beyond

    @property
    def null_is_option(self) -> bool:
        """Whether null is one of the options, so that nothing else need say it."""
        return self.way.kind == "choice" and self.nullable

    def draft(self) -> Draft:
        """Return what a browser posts of it if nobody touches it."""
        texts = [self.text]
        if self.shown in ("list", "object"):
            texts = []
        elif self.shown == "many" or (self.shown == "buttons" and not self.secret):
            texts = [option.key for option in self.options if option.is_chosen]
        elif self.shown == "choice":
            texts = [next((option.key for option in self.options if option.is_chosen), "")]
        below = {row.token: row.widget.draft() for row in self.rows}
        for row in self.rows:
            below[row.token].key = row.key if row.is_new_key else ""
        return Draft(texts=texts, mode=self.mode, below=below)

    def value(self) -> Json | MissingType:
        """Return the value that it stands for; `MISSING` for none.

        What can't be read is returned as text, for validation to refuse.
        """
        if self.mode == "unset":
            return MISSING
        if self.mode == "null":
            return None
        if self.secret:
            return self._secret_value()
        return _VALUES[self.way.kind](self)

    def _secret_value(self) -> Json | MissingType:
        return _readable(self.text, self.schema) if self.text else self.original

    def _choice(self) -> Json | MissingType:
        key = next((option.key for option in self.options if option.is_chosen), None)
        return MISSING if key is None else json.loads(key)

    def _many(self) -> Json:
        ticked = [option.key for option in self.options if option.is_chosen]
        before = [option_key(each) for each in self.original] if isinstance(self.original, list) else []
        kept = [key for key in before if key in ticked]
        return [json.loads(key) for key in [*kept, *(key for key in ticked if key not in kept)]]

    def _list(self) -> Json:
        values = [row.widget.value() for row in self.rows]
        return [None if value is MISSING else value for value in values]

    def _object(self) -> Json:
        named = [(row.key, row.widget.value()) for row in self.rows if row.key or not row.is_new_key]
        return {key: value for key, value in named if value is not MISSING}

    def _number(self) -> Json:
        return _readable(self.text, {key: value for key, value in self.way.schema.items() if key != "enum"})

    def _text(self) -> Json:
        return self.text

    def _any(self) -> Json:
        return _readable(self.text, {})


_VALUES: Final = {
    "choice": Widget._choice,  # noqa: SLF001 - the class's own table
    "many": Widget._many,  # noqa: SLF001
    "list": Widget._list,  # noqa: SLF001
    "object": Widget._object,  # noqa: SLF001
    "integer": Widget._number,  # noqa: SLF001
    "number": Widget._number,  # noqa: SLF001
    "text": Widget._text,  # noqa: SLF001
    "any": Widget._any,  # noqa: SLF001
}


def _readable(text: str, schema: Schema) -> Json:
    try:
        return read(text, schema)
    except ValueError:
        return text


@frozen(kw_only=True)
class Maker:
    """Makes the controls of a form's values.

    Args:
        form: The form.
        spelling: How numbers are written in the project's files.
    """

    form: Form
    spelling: Spelling
    _navigators: dict[int, Navigator] = field(factory=dict, init=False, repr=False)

    def make(  # noqa: PLR0913 - all that a control depends on
        self,
        input: str,  # noqa: A002
        tokens: Tokens,
        path: KeyPath,
        schema: Schema,
        original: Json | MissingType,
        *,
        shown: Json | MissingType,
        draft: Draft | None = None,
        can_unset: bool = False,
        loose: bool = False,
    ) -> Widget:
        """Return the control of a value.

        Args:
            input: The input.
            tokens: Where in it, as names say.
            path: Where in it, as messages say.
            schema: The type.
            original: What stands in the file.
            shown: The value to show, where nothing was posted.
            draft: What was posted.
            can_unset: Whether there need not be a value.
            loose: Whether a value of any type may be asked for, as nobody declared the type.
        """
        secret = self.form.calls_secret(input, path) or (
            not tokens and self.form.is_secret(input, path, original)
        )
        # A pasted value of another type was shown so, and comes back so.
        loosely = loose or (draft is not None and draft.mode == ANYTHING.kind)
        ways = self._ways(schema, original if draft is not None else shown, loose=loosely)
        found = kinds(schema)
        nullable = found is None or "null" in found
        mode, way = _mode(ways, shown, nullable=nullable)
        if draft is not None:
            before, _ = _mode(ways, original, nullable=nullable)
            mode, way = _posted_mode(ways, schema, draft, before, nullable=nullable)
        common = {
            "input": input,
            "tokens": tokens,
            "path": path,
            "schema": schema,
            "original": original,
            "ways": ways,
            "mode": mode,
            "way": way,
            "nullable": nullable,
            "can_unset": can_unset,
            "secret": secret,
            "loose": loose and len(ways) > 1 and ways[-1] is ANYTHING,
        }
        if secret:
            return Widget(**common, text=_typed(draft))  # type: ignore[arg-type]
        if way.kind in ("choice", "many"):
            return Widget(**common, options=self._options(way, shown, draft, nullable=nullable))  # type: ignore[arg-type]
        if way.kind in ("list", "object"):
            return Widget(**common, rows=self._rows(common, shown, draft))  # type: ignore[arg-type]
        name = str(next((part for part in reversed(path) if isinstance(part, str)), ""))
        ends = bounds(way.schema, name, original) if way.kind in ("integer", "number") else Bounds()
        return Widget(**common, text=self._shown_text(way, input, path, shown, draft, mode), bounds=ends)  # type: ignore[arg-type]

    def _ways(self, schema: Schema, value: Json | MissingType, *, loose: bool) -> tuple[Alternative, ...]:
        ways = alternatives(schema)
        odd = value is not MISSING and value is not None and not _fits(ways, value)
        return (*ways, ANYTHING) if (odd or loose) and all(way.kind != "any" for way in ways) else ways

    @staticmethod
    def _options(
        way: Alternative, shown: Json | MissingType, draft: Draft | None, *, nullable: bool
    ) -> tuple[Option, ...]:
        values = list(way.options)
        if nullable and way.kind == "choice" and None not in values:
            values.append(None)
        if draft is not None:
            ticked = set(draft.texts)
        elif way.kind == "many":
            ticked = {option_key(each) for each in shown} if isinstance(shown, list) else set()
        else:
            ticked = set() if shown is MISSING else {option_key(shown)}
        return tuple(
            Option(key=option_key(value), text=option_text(value), is_chosen=option_key(value) in ticked)
            for value in values
        )

    def _shown_text(  # noqa: PLR0913, PLR0917
        self,
        way: Alternative,
        input: str,  # noqa: A002
        path: KeyPath,
        shown: Json | MissingType,
        draft: Draft | None,
        mode: str,
    ) -> str:
        if draft is not None:
            return _typed(draft)
        if shown is MISSING or mode in ("null", "unset"):
            return ""
        if way.kind == "text":
            return str(shown)
        if way.kind in ("integer", "number") and isinstance(shown, (int, float)):
            document = self.form.documents[input]
            node = document.nodes.get(path)
            there = node is not None and same(node.value, shown)
            return self.spelling.of_number(shown, document, path) if there else number_text(shown)
        return yaml_text(shown)

    def _rows(
        self, common: Mapping[str, object], shown: Json | MissingType, draft: Draft | None
    ) -> tuple[Row, ...]:
        if common["mode"] in ("unset", "null"):
            return ()
        way = common["way"]
        assert isinstance(way, Alternative)
        made = self._elements if way.kind == "list" else self._keys
        rows = list(made(common, way, shown, draft))
        last = len(rows) - 1
        return tuple(
            Row(token=row.token, widget=row.widget, key=row.key, is_first=at == 0, is_last=at == last)
            for at, row in enumerate(rows)
        )

    def _elements(
        self, common: Mapping[str, object], way: Alternative, shown: Json | MissingType, draft: Draft | None
    ) -> Iterator[Row]:
        original = common["original"] if isinstance(common["original"], list) else []
        items = shown if isinstance(shown, list) else []
        tokens = self._list_tokens(original, items) if draft is None else list(draft.below)
        for at, token in enumerate(tokens):
            if isinstance(token, str):
                continue
            there = original[token] if isinstance(token, int) and token < len(original) else MISSING
            value = items[at] if draft is None and at < len(items) else there
            yield Row(token=token, widget=self._below(common, way, token, at, there, value, draft))

    @staticmethod
    def _list_tokens(original: list[Json], items: list[Json]) -> list[Token]:
        known = min(len(original), len(items))
        return [*range(known), *(New(number) for number in range(len(items) - known))]

    def _keys(
        self, common: Mapping[str, object], way: Alternative, shown: Json | MissingType, draft: Draft | None
    ) -> Iterator[Row]:
        original = common["original"] if isinstance(common["original"], dict) else {}
        given = shown if isinstance(shown, dict) else {}
        declared = properties(way.schema)
        names: dict[Token, None] = dict.fromkeys((*original, *given, *declared))
        for token in names if draft is None else dict.fromkeys((*names, *draft.below)):
            if isinstance(token, int):
                continue
            inner = None if draft is None else draft.below.get(token)
            if isinstance(token, New):
                key = inner.key if inner is not None else ""
                widget = self._below(common, way, token, key, MISSING, MISSING, draft)
                yield Row(token=token, widget=widget, key=key)
                continue
            there = original.get(token, MISSING)
            value = given.get(token, MISSING) if draft is None else there
            yield Row(
                token=token, widget=self._below(common, way, token, token, there, value, draft), key=token
            )

    def _below(  # noqa: PLR0913, PLR0917 - a place, and what is there
        self,
        common: Mapping[str, object],
        way: Alternative,
        token: Token,
        part: str | int,
        there: Json | MissingType,
        value: Json | MissingType,
        draft: Draft | None,
    ) -> Widget:
        tokens, path = common["tokens"], common["path"]
        assert isinstance(tokens, tuple)
        assert isinstance(path, KeyPath)
        schema = self._navigator(way).at(KeyPath((part,))) or {}
        required = way.schema.get("required")
        needed = isinstance(required, list) and part in required
        empty = isinstance(token, New)
        inner = None if draft is None else draft.below.get(token)
        return self.make(
            str(common["input"]),
            (*tokens, token),
            path.child(part),
            {} if schema == CLOSED else schema,
            there,
            shown=_blank(schema) if empty and value is MISSING else value,
            draft=None if inner is not None and not inner.mode and not inner.texts else inner,
            can_unset=isinstance(token, str) and not needed,
        )

    def _navigator(self, way: Alternative) -> Navigator:
        return self._navigators.setdefault(id(way.schema), Navigator(way.schema))


def _blank(schema: Schema) -> Json | MissingType:
    """Return what a new element holds at first: its default, else something of its type."""
    default = schema.get("default")
    if default is not None and Validator(schema).is_valid(default):
        return default
    way = alternatives(schema)[0]
    if way.kind == "choice":
        return way.options[0] if way.options else MISSING
    return {"list": [], "many": [], "object": {}, "text": ""}.get(way.kind, MISSING)


def _typed(draft: Draft | None) -> str:
    return "" if draft is None or not draft.texts else draft.texts[0]


def _fits(ways: tuple[Alternative, ...], value: Json) -> bool:
    """Whether one of the ways can show a value."""
    way = chosen(ways, value)
    if way is None or (way.kind == "text" and not is_plain(value)):
        return False
    if way.kind in ("list", "object"):
        return len(value) <= _MOST_ROWS and all(
            is_plain(str(part)) for path, _ in leaves(value) for part in path
        )
    return True


def _mode(
    ways: tuple[Alternative, ...], shown: Json | MissingType, *, nullable: bool
) -> tuple[str, Alternative]:
    """Return the mode in which a value is given, and the way whose control is shown."""
    first = _first(ways)
    if shown is MISSING:
        return "unset", first
    way = chosen(ways, shown) if shown is not None or not nullable else None
    if shown is None and way is None:
        return ("choice", first) if first.kind == "choice" and nullable else ("null", first)
    if way is None or (ways[-1] is ANYTHING and not _fits(ways[:-1], shown)):
        way = ways[-1]
    return way.kind, way


def _posted_mode(
    ways: tuple[Alternative, ...], schema: Schema, draft: Draft, before: str, *, nullable: bool
) -> tuple[str, Alternative]:
    """Return the mode that was posted, and the way whose control is shown.

    Who types into a field that held nothing means a value, whether or not a script said so.
    """
    for way in ways:
        if way.kind == draft.mode:
            return draft.mode, way
    first = _first(ways)
    typed = next(filter(None, draft.texts), "")
    if typed and draft.mode in ("", before):
        meant = chosen(ways, _readable(typed, schema)) if first.kind not in ("choice", "many") else first
        return (meant or first).kind, meant or first
    if draft.mode in ("", "set"):
        return ways[0].kind, ways[0]
    return ("null" if draft.mode == "null" and nullable else "unset"), first


def _first(ways: tuple[Alternative, ...]) -> Alternative:
    return next((way for way in ways if way.kind not in ("list", "object", "many")), ways[0])
