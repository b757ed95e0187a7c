from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from confjob.schema import infer, kind_of
from confjob.tree import MISSING, same
from confjob.validation import Validator
from confjob.values import coerce, read

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
INTEGER = {"type": "integer"}
OPTIONAL_TEXT = {"anyOf": [TEXT, {"type": "null"}]}
INT_OR_TEXT = {"type": ["integer", "string"]}
BOOL_OR_AUTO = {"anyOf": [{"type": "boolean"}, {"const": "auto"}]}
TEXTS = {"type": "array", "items": TEXT}
SCHEMAS = st.sampled_from(
    [{}, TEXT, NUMBER, INTEGER, OPTIONAL_TEXT, INT_OR_TEXT, BOOL_OR_AUTO, TEXTS, {"type": "object"}]
)

#: Characters that JSON and YAML both write as themselves.
WORDS = st.text(
    st.characters(
        min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f", exclude_categories=["Cc"]
    ),
    max_size=5,
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)

#: What only some readers of YAML take for a value, and what is no flow notation.
_NOT_VALUES = (
    ["yes", "No", "on", "off", "y", "tRUE", "007", "08", "1:30", "2024-01-01", "1_000", "nan", "inf", "0b1"],
    ["1e400", "12e4567", "1.2.3", "--1", "=", "<<", "a: b", "- a", "#fff", "a #b", "@x", "`x`", "%x", "|"],
    ["> x", "? a", "a, b"],
)


class TestRead:
    @given(st.text())
    def test_a_text_field_takes_the_text_as_it_is(self, text):
        assert read(text, TEXT) == text

    @given(VALUES)
    def test_json_is_read_as_what_it_says(self, value):
        text = json.dumps(value, ensure_ascii=False)
        assert same(read(text, {}), value)

    @given(st.lists(VALUES, max_size=3) | st.dictionaries(WORDS, VALUES, max_size=3))
    def test_and_so_it_is_by_a_schema_that_accepts_it(self, value):
        assert same(read(json.dumps(value, ensure_ascii=False), infer(value)), value)

    @given(st.text() | st.text("[]{},:'\"&*!#-?|>@%~ a1\n", max_size=12), SCHEMAS)
    def test_any_text_is_read_or_refused_with_a_reason(self, text, schema):
        try:
            value = read(text, schema)
        except ValueError as error:
            assert str(error)
        else:
            Validator(schema).violations(value)

    @given(st.text(min_size=1))
    def test_where_text_is_allowed_none_is_refused(self, text):
        assert isinstance(read(text, INT_OR_TEXT), (int, str))
        assert read(text, OPTIONAL_TEXT) in (text, None)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("true", True),
            ("False", False),
            ("NULL", None),
            ("~", None),
            ("0", 0),
            ("-12", -12),
            ("0x1F", 31),
            ("0o17", 15),
            ("1e-3", 0.001),
            ("2E5", 200000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-.inf", -math.inf),
            ("+.INF", math.inf),
            (".nan", math.nan),
            (" 1 ", 1),
            ("", None),
        ],
    )
    def test_constants_and_numbers(self, text, value):
        assert same(read(text, {}), value)
        assert same(read(text, {"type": ["number", "boolean", "null"]}), value)

    @pytest.mark.parametrize(
        "text",
        [word for words in _NOT_VALUES for word in words],
    )
    def test_everything_else_is_a_word(self, text):
        assert read(text, {}) == text
        assert read(text, INTEGER) == text

    @pytest.mark.parametrize("text", ["1.10", "true", "null", "'a'", "[1", "*.txt", "00005", " a ", "", "!x"])
    def test_optional_text_is_text_but_for_null(self, text):
        assert read(text, OPTIONAL_TEXT) == (None if text == "null" else text)

    @pytest.mark.parametrize(
        ("text", "schema", "value"),
        [
            ("5", INT_OR_TEXT, 5),
            ("'5'", INT_OR_TEXT, "5"),
            ("5.5", INT_OR_TEXT, "5.5"),
            ("1.0", INT_OR_TEXT, "1.0"),
            ("1e3", INT_OR_TEXT, "1e3"),
            ("5a", INT_OR_TEXT, "5a"),
            ("true", BOOL_OR_AUTO, True),
            ("auto", BOOL_OR_AUTO, "auto"),
            ("yes", BOOL_OR_AUTO, "yes"),
            ("1", {"enum": ["1", "2"]}, "1"),
            ("1", {"enum": ["1", 1]}, 1),
            ("[a, 1]", {"anyOf": [TEXT, TEXTS]}, ["a", "1"]),
            ("[a, 1", {"anyOf": [TEXT, TEXTS]}, "[a, 1"),
            ("banana", NUMBER, "banana"),
        ],
    )
    def test_unions_take_text_last(self, text, schema, value):
        assert same(read(text, schema), value)

    @pytest.mark.parametrize(
        ("text", "schema", "value"),
        [
            ("[1.10, b, null, '2']", TEXTS, ["1.10", "b", "null", "2"]),
            ("[1.10, b]", {}, [1.1, "b"]),
            ("{a: 1.10, b: 1.10}", {"properties": {"a": TEXT, "b": NUMBER}}, {"a": "1.10", "b": 1.1}),
            ("{1: [on, {x: ~}]}", {}, {"1": ["on", {"x": None}]}),
            ("{a: }", {"properties": {"a": TEXT}}, {"a": ""}),
            ("[null, x]", {"items": OPTIONAL_TEXT}, [None, "x"]),
            ("[[]]", {"$ref": "#/$defs/L", "$defs": {"L": {"items": {"$ref": "#/$defs/L"}}}}, [[]]),
            ('"a\\nb"', {}, "a\nb"),
            ("{<<: {a: 1}}", {}, {"<<": {"a": 1}}),
        ],
    )
    def test_elements_are_read_by_their_own_schema(self, text, schema, value):
        assert same(read(text, schema), value)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("[1, 2", "not closed"),
            ("'a", "not closed"),
            ("[1] x", "column 5"),
            ("[1]\n---\n[2]", "follows the value"),
            ("{a: 1, a: 2}", "twice"),
            ("{[a]: 1}", "a key is a word"),
            ("'a': 1", r"\{key: value\}"),
            ("&a 1", "anchors"),
            ("*a", "anchors"),
            ("!!int 1", "tags"),
            ("[*a]", "aliases"),
            ("[&a 1, *a]", "anchors"),
            ("[!!python/object/apply:os.system [x]]", "tags"),
            ("{!x a: 1}", "tags"),
            ("[" * 101 + "]" * 101, "deeper than 100"),
            ("[" * 100000, "deeper than 100"),
            ("['\x07']", "not allow"),
            ("9" * 5000, "5000 digits"),
        ],
    )
    def test_what_is_refused_and_why(self, text, reason):
        with pytest.raises(ValueError, match=reason) as caught:
            read(text, {})
        assert len(str(caught.value)) < 120

    def test_a_refusal_does_not_repeat_a_secret(self):
        with pytest.raises(ValueError) as caught:
            read("[hunter2", {"type": "array", "format": "secret"})
        assert "hunter2" not in str(caught.value)


class TestCoerce:
    @pytest.mark.parametrize(
        ("value", "schema", "present", "expected"),
        [
            (1, NUMBER, 0.5, 1.0),
            (1, NUMBER, MISSING, 1.0),
            (1, NUMBER, 2, 1),
            (1, NUMBER, None, 1),
            (1, {"type": ["number", "null"]}, 0.5, 1.0),
            (1, {"type": ["number", "integer"]}, 0.5, 1),
            (True, NUMBER, 0.5, True),
            (2**60, NUMBER, 0.5, 2**60),
            (1000.0, INTEGER, 1, 1000),
            (0.5, INTEGER, 1, 0.5),
            (math.inf, INTEGER, 1, math.inf),
            (1.0, NUMBER, 1, 1.0),
            (1, {}, 0.5, 1),
            ([1, 2, 3], {"items": NUMBER}, [0.5, 1], [1.0, 2, 3]),
            ([1, 2], {"items": NUMBER}, [], [1.0, 2.0]),
            ({"a": 1, "b": 2}, {"properties": {"a": NUMBER}}, {"a": 0.1}, {"a": 1.0, "b": 2}),
            ("1", NUMBER, 0.5, "1"),
        ],
    )
    def test_numbers_take_the_type_of_their_field(self, value, schema, present, expected):
        assert same(coerce(value, schema, present), expected)

    @given(VALUES, SCHEMAS, VALUES | st.just(MISSING))
    def test_it_changes_no_number_and_no_verdict(self, value, schema, present):
        changed = coerce(value, schema, present)
        assert changed == value
        assert Validator(schema).is_valid(changed) == Validator(schema).is_valid(value)
        assert same(coerce(changed, schema, present), changed)

    @given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False))
    def test_what_replaces_a_float_is_a_float(self, value, present):
        assume(abs(value) <= 2**53)
        text = str(int(value)) if value.is_integer() else repr(value)
        assert kind_of(coerce(read(text, NUMBER), NUMBER, present)) == "number"


def test_what_is_read_for_an_inferred_field_is_what_a_person_typed() -> None:
    """The way of `--set`: infer, read, coerce, validate."""
    for present, text, expected in [
        (1e-4, "2e-5", 2e-5),
        (0.1, "1", 1.0),
        (3, "4", 4),
        ("a", "1.10", "1.10"),
    ]:
        schema: dict[str, Any] = infer(present, '"')
        value = coerce(read(text, schema), schema, present)
        assert same(value, expected)
        assert Validator(schema).violations(value) == []
