# ruff: noqa: RUF012 - schemas in a test class, and pydantic copies its defaults
from __future__ import annotations

import copy
from enum import Enum
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from confjob.keypath import KeyPath
from confjob.schema import (
    CLOSED,
    DIALECT,
    Navigator,
    at,
    conjoin,
    constraints,
    embed,
    infer,
    is_fractional_name,
    is_secret,
    kind_of,
    kinds,
    merge,
    narrow,
    properties,
    rule_pointer,
    type_name,
    unite,
)
from confjob.tree import walk
from confjob.validation import Validator, check_schema

NAMES = ["a", "b", "lr", "0"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.floats(),
    st.sampled_from(["", "a", "ab", "${x}", "2e-5"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
FINITE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 12), st.sampled_from([0.5, 1.0, "", "a", "ab"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
#: What the strategies' `$ref`s point at; B and C are recursive.
DEFS: dict[str, Any] = {
    "A": {"type": "integer", "minimum": 1},
    "B": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/B"}}},
    "C": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/C"}}, {"$ref": "#/definitions/D"}]},
}
DEFINITIONS: dict[str, Any] = {"D": {"type": ["string", "null"]}}

_TYPES = st.sampled_from(["integer", "number", "string", "boolean", "null", "array", "object"])
_SIMPLE = st.one_of(
    st.just({}),
    st.sampled_from([{"$ref": f"#/$defs/{name}"} for name in DEFS]),
    st.builds(lambda kind: {"type": kind}, _TYPES),
    st.builds(lambda options: {"enum": options}, st.lists(st.sampled_from([1, "a", None, True]), min_size=1)),
    st.builds(lambda low: {"type": "number", "minimum": low}, st.integers(0, 3)),
    st.builds(lambda size: {"maxLength": size, "title": "t"}, st.integers(0, 2)),
    st.just({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}),
    st.just({"items": {"type": "integer"}}),
    st.just({"prefixItems": [{"type": "string"}]}),
    st.just({"additionalProperties": False}),
    st.just({"properties": {"a": {}}, "unevaluatedProperties": False}),
)


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda parts, extra: {"allOf": parts, **extra}, some, _SIMPLE),
        st.builds(lambda parts: {"anyOf": parts}, some),
        st.builds(lambda props, rest: {"properties": props, "additionalProperties": rest}, named, inner),
        st.builds(lambda props: {"type": "object", "properties": props}, named),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda first: {"prefixItems": first, "items": False}, some),
    )


PARTS = st.recursive(_SIMPLE, _larger, max_leaves=5)
SCHEMAS = st.builds(lambda part: {**part, "$defs": DEFS, "definitions": DEFINITIONS}, PARTS)


def path(text: str) -> KeyPath:
    return KeyPath.parse(text)


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return Validator(schema).is_valid(value)


def whole(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "$defs": DEFS, "definitions": DEFINITIONS}


class TestInfer:
    @given(VALUES, st.sampled_from(["", "'"]), st.sampled_from(["", "lr"]))
    def test_a_value_has_its_own_type(self, value, style, name):
        if style == "" and value == "2e-5":
            value = 2e-5
        assert accepts(infer(value, style, name=name), value)

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (True, {"type": "boolean"}),
            (1, {"type": "integer"}),
            (1.0, {"type": "number"}),
            ("a", {"type": "string"}),
            (None, {}),
            ([], {"type": "array"}),
            ([None], {"type": "array"}),
            ({}, {"type": "object"}),
            ([1, 0.5], {"type": "array", "items": {"type": "number"}}),
            ([1, None], {"type": "array", "items": {"type": ["integer", "null"]}}),
            ([True, "a"], {"type": "array", "items": {"type": ["boolean", "string"]}}),
            ([[1], [0.5]], {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}),
            (["a", "${b}"], {"type": "array"}),
        ],
    )
    def test_each_kind_of_value(self, value, expected):
        assert infer(value) == expected

    def test_a_mapping_admits_no_other_key(self):
        schema = infer({"a": 1})
        assert schema == {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "additionalProperties": False,
        }

    def test_mappings_in_a_list_merge_and_stay_open(self):
        """An element may leave out or add keys: a list is replaced as a whole."""
        schema = infer([{"a": 1, "b": None}, {"a": 0.5}])
        assert schema["items"] == {"type": "object", "properties": {"a": {"type": "number"}, "b": {}}}

    def test_a_list_and_a_scalar_are_alternatives(self):
        assert type_name(infer([[1], "a"])) == "list[str | list[int]]"

    @pytest.mark.parametrize("text", ["2e-5", "1E4", "-1e-3", "1.0e4", ".5e-1", "1_0e3"])
    def test_plain_scientific_text_is_a_number_and_quoted_is_text(self, text):
        assert infer(text) == {"type": "number"}
        assert infer(text, "'") == infer(text, '"') == {"type": "string"}

    def test_a_scalar_inside_is_plain_only_if_said(self):
        assert infer(["1e-4"])["items"] == {"type": "string"}
        assert infer(["1e-4"], styles={KeyPath((0,)): ""})["items"] == {"type": "number"}

    @pytest.mark.parametrize("text", ["${a}", "${oc.env:A,${b}}", "???"])
    def test_an_interpolation_says_nothing(self, text):
        assert infer(text) == infer(text, '"') == {}

    @pytest.mark.parametrize("text", ["${a}/b", "${a}${b}", "a ${b}", "none", "auto", "00005"])
    def test_text_with_an_interpolation_in_it_and_words_are_text(self, text):
        assert infer(text) == {"type": "string"}

    def test_zero_and_one_under_a_fractional_name_are_numbers(self):
        assert infer(0, name="lora_dropout") == infer(1, name="lr") == {"type": "number"}
        assert infer(2, name="lr") == infer(0, name="seed") == infer(1) == {"type": "integer"}
        assert infer({"betas": [0, 1]})["properties"]["betas"]["items"] == {"type": "number"}

    @pytest.mark.parametrize(
        "name", ["lr", "weight_decay", "learningRate", "adam_beta1", "top_p", "val_set_size"]
    )
    def test_fractional_names(self, name):
        assert is_fractional_name(name)

    @pytest.mark.parametrize("name", ["", "steps", "lr_scheduler", "rate_limit_count", "decayed", "1"])
    def test_other_names(self, name):
        assert not is_fractional_name(name)


class TestAt:
    @given(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1))
    def test_of_an_inferred_type_it_is_the_type_of_the_value_there(self, tree):
        schema = infer(tree)
        for where, value in walk(tree):
            if where and not any(isinstance(part, int) for part in where):
                assert at(schema, where) == infer(value, "'", name=where[-1])

    @given(SCHEMAS, FINITE)
    def test_what_the_whole_accepts_each_part_accepts(self, schema, value):
        """But in a union, where a branch that names the path hides one that leaves it open."""
        assume("anyOf" not in repr({**schema, "$defs": {}}))
        if accepts(schema, value):
            navigator = Navigator(schema)
            for where, below in walk(value):
                found = navigator.at(where)
                assert found is None or accepts(found, below), (where, found)

    @given(
        st.dictionaries(st.sampled_from(["a", "b", "x1"]), PARTS, min_size=1),
        st.dictionaries(st.sampled_from(["a", "b", "x1", "x2"]), FINITE),
    )
    def test_the_whole_accepts_what_all_parts_accept(self, parts, value):
        """Where the properties are all that there is: behind a reference, in `allOf`, by pattern."""
        first = dict(list(parts.items())[:1])
        defs = {**DEFS, "P": {"properties": first, "patternProperties": {"^x": {"type": "integer"}}}}
        schema = {
            "allOf": [{"$ref": "#/$defs/P"}, {"properties": parts}],
            "$defs": defs,
            "definitions": DEFINITIONS,
        }
        found = {key: at(schema, KeyPath((key,))) for key in value}
        assert accepts(schema, value) == all(
            found[key] is None or accepts(found[key], below) for key, below in value.items()
        )

    @given(SCHEMAS, st.lists(st.sampled_from([*NAMES, 0, 1]), max_size=4))
    def test_the_answer_stands_alone_and_the_schema_is_not_changed(self, schema, parts):
        before = copy.deepcopy(schema)
        found = at(schema, KeyPath(parts))
        assert schema == before
        assert found is None or check_schema(found) == []

    def test_only_the_definitions_in_need_come_along(self):
        schema = {"properties": {"b": {"items": {"$ref": "#/$defs/B"}}}, "$defs": {**DEFS, "X": {}}}
        assert set(at(schema, path("b"))["$defs"]) == {"A", "B"}

    def test_recursion_stays_finite(self):
        schema = {"$ref": "#/$defs/B", "$defs": DEFS}
        deep = at(schema, KeyPath(["b"] * 50 + ["a"]))
        assert deep == DEFS["A"]
        assert at({"$ref": "#/$defs/L", "$defs": {"L": {"$ref": "#/$defs/L"}}}, path("a")) is None

    def test_pointers_anchors_and_the_root_are_followed(self):
        schema = {
            "$id": "https://example.org/s",
            "properties": {
                "self": {"$ref": "#"},
                "n": {"$ref": "#num"},
                "m": {"$ref": "#/properties/odd~1name%25"},
                "o": {"$ref": "https://example.org/s#/$defs/N"},
                "odd/name%": {"type": "boolean"},
                "far": {"$ref": "https://example.org/other"},
            },
            "$defs": {"N": {"$anchor": "num", "type": "integer"}},
        }
        assert type_name(at(schema, path("self.self.n"))) == type_name(at(schema, path("o"))) == "int"
        assert type_name(at(schema, path("m"))) == "bool"
        assert type_name(at(schema, path("far"))) == "any"
        assert check_schema(at(schema, path("self"))["$defs"]["root"]) != [] or accepts(
            at(schema, path("self")), {}
        )

    def test_closed_open_and_silent(self):
        schema = {
            "properties": {
                "a": {"additionalProperties": False},
                "b": {"additionalProperties": True},
                "c": {},
            },
            "unevaluatedProperties": False,
        }
        assert at(schema, path("a.x")) is CLOSED
        assert at(schema, path("a.x.y")) is CLOSED
        assert at(schema, path("b.x")) == at(schema, path("c")) == {}
        assert at(schema, path("c.x")) is None
        assert at(schema, path("d")) is CLOSED
        assert not accepts(CLOSED, None)

    def test_a_union_is_closed_only_where_each_branch_that_can_hold_the_path_is(self):
        closed = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
        assert at({"anyOf": [closed, {"type": "null"}]}, path("x")) is CLOSED
        assert at({"anyOf": [closed, {"type": "object"}]}, path("x")) is None
        other = {"properties": {"a": {"type": "string"}}}
        assert at({"oneOf": [closed, other]}, path("a")) == {
            "anyOf": [{"type": "integer"}, {"type": "string"}]
        }

    def test_elements(self):
        schema = {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}}
        assert at(schema, path("[0]")) == at(schema, path("0")) == {"type": "integer"}
        assert at(schema, path("[7]")) == {"type": "string"}
        assert at({"prefixItems": [True], "items": False}, path("[1]")) is CLOSED

    def test_a_conditional_property_is_known_but_of_no_type(self):
        assert at({"if": {}, "then": {"properties": {"a": {"type": "integer"}}}}, path("a")) == {}

    def test_a_reference_keeps_what_stands_beside_it(self):
        schema = {"properties": {"a": {"$ref": "#/$defs/A", "title": "mine", "maximum": 5}}, "$defs": DEFS}
        assert at(schema, path("a")) == {"type": "integer", "minimum": 1, "maximum": 5, "title": "mine"}


class TestCombining:
    @given(PARTS, PARTS, FINITE)
    def test_conjoin_is_all_of(self, one, other, value):
        assert accepts(whole(conjoin([one, other])), value) == accepts(whole({"allOf": [one, other]}), value)

    @given(PARTS, PARTS, FINITE)
    def test_unite_is_any_of(self, one, other, value):
        assert accepts(whole(unite([one, other])), value) == accepts(whole({"anyOf": [one, other]}), value)

    @given(SCHEMAS, FINITE)
    def test_kinds_hold_every_accepted_value(self, schema, value):
        admitted = kinds(schema)
        if admitted is not None and accepts(schema, value):
            also = {"integer": "number", "number": "integer"}.get(kind_of(value))
            assert kind_of(value) in admitted or also in admitted

    @pytest.mark.parametrize(
        ("one", "other", "value"),
        [
            ({"properties": {"a": {}}}, {"additionalProperties": False}, {"a": 1}),
            ({"prefixItems": [{}]}, {"items": {"type": "string"}}, [1]),
            ({"properties": {"a": {}}}, {"unevaluatedProperties": False}, {"a": 1}),
            ({"minimum": 1}, {"minimum": 3}, 2),
        ],
    )
    def test_rules_that_depend_on_their_neighbours_stay_apart(self, one, other, value):
        """Beside one another in one mapping they would accept the value."""
        assert not accepts(conjoin([one, other]), value)
        assert not accepts({"allOf": [one, other]}, value)

    def test_a_reference_beside_unevaluated_stays_a_reference(self):
        schema = {
            "properties": {"x": {"$ref": "#/$defs/B", "unevaluatedProperties": False}},
            "$defs": DEFS,
        }
        found = at(schema, path("x"))
        assert accepts(found, {"a": 1})
        assert not accepts(found, {"c": 1})
        assert at(schema, path("x.a")) == DEFS["A"]
        assert at(schema, path("x.c")) is CLOSED

    def test_kinds_of_an_intersection(self):
        assert kinds({"allOf": [{"type": "number"}, {"type": ["integer", "string"]}]}) == {"integer"}
        assert kinds({"type": "number", "anyOf": [{"type": "number"}, {"type": "null"}]}) == {"number"}
        assert kinds({}) is None
        assert kinds({"anyOf": [{"type": "null"}, {"minimum": 3}]}) is None


class TestMerge:
    def test_an_authors_rule_refines_and_an_authors_type_stands(self):
        assert merge({"minimum": 0, "title": "t"}, {"type": "integer"}) == {
            "type": "integer",
            "minimum": 0,
            "title": "t",
        }
        for author in (
            {"type": "string"},
            {"enum": ["a"]},
            {"const": 1},
            {"anyOf": [{"type": "null"}, {"type": "string"}]},
            {"$ref": "#/$defs/A", "$defs": DEFS},
            {"allOf": [{"minimum": 3}, {"type": "number"}]},
        ):
            assert merge(author, {"type": "integer"}) is author

    def test_a_fractional_bound_shows_that_an_int_is_a_number(self):
        assert merge({"maximum": 0.5}, {"type": "integer"}) == {"type": "number", "maximum": 0.5}

    def test_inside_mappings_and_lists(self):
        inferred = infer({"a": 1, "b": [0.5]})
        merged = merge({"properties": {"a": {"minimum": 0}, "b": {"items": {"maximum": 1}}}}, inferred)
        assert at(merged, path("a")) == {"type": "integer", "minimum": 0}
        assert at(merged, path("b[0]")) == {"type": "number", "maximum": 1}
        assert merged["additionalProperties"] is False

    @given(SCHEMAS, VALUES)
    def test_nothing_is_changed_and_the_author_is_obeyed(self, author, value):
        before = copy.deepcopy(author)
        merged = merge(author, infer(value))
        assert author == before
        assert not accepts(merged, 1) or accepts(author, 1)


class TestNarrow:
    LEARNING_RATE: dict[str, Any] = {
        "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}],
        "title": "lr",
    }

    def test_text_does_not_pass_for_a_number(self):
        narrowed = narrow(self.LEARNING_RATE, infer(0.1))
        assert not accepts(narrowed, "banana")
        assert accepts(narrowed, 0.2)
        assert accepts(narrowed, None)
        assert narrowed["title"] == "lr"
        assert type_name(narrow(self.LEARNING_RATE, infer(1))) == "float | null"
        assert type_name(narrow({"type": ["string", "number"]}, infer(1))) == "float"

    def test_constants_and_null_stay(self):
        union = {
            "oneOf": [{"type": "string"}, {"const": "auto"}, {"enum": ["x"]}, {"type": ["boolean", "null"]}]
        }
        assert [*map(type_name, narrow(union, infer(True))["oneOf"])] == ["str", "str", "bool", "null"]

    def test_a_value_that_is_a_constant_tells_nothing(self):
        union = {"anyOf": [{"type": "boolean"}, {"const": "auto"}]}
        assert narrow(union, infer("auto")) is union

    def test_unknown_types_and_no_unions_are_left_alone(self):
        assert narrow(self.LEARNING_RATE, {}) is self.LEARNING_RATE
        assert narrow(self.LEARNING_RATE, {"type": "boolean"}) is self.LEARNING_RATE
        plain = {"type": "number"}
        assert narrow(plain, infer("a")) is plain

    def test_a_union_behind_a_reference(self):
        union = {"$ref": "#/$defs/U", "$defs": {"U": self.LEARNING_RATE}}
        assert type_name(narrow(union, infer(0.5))) == "float | null"

    @given(SCHEMAS, VALUES)
    def test_it_only_refuses_more_and_never_the_present_value(self, schema, value):
        narrowed = narrow(schema, infer(value))
        if accepts(schema, value):
            assert accepts(narrowed, value)
        assert not accepts(narrowed, "banana") or accepts(schema, "banana")


class TestWords:
    @pytest.mark.parametrize(
        ("schema", "name", "rules"),
        [
            ({}, "any", ""),
            (CLOSED, "nothing", ""),
            ({"type": "integer", "exclusiveMinimum": 0}, "int", "> 0"),
            ({"type": "number", "minimum": 0, "maximum": 1.0}, "float", "0 to 1"),
            ({"type": "number", "minimum": 0.5, "exclusiveMaximum": 1}, "float", ">= 0.5, < 1"),
            ({"enum": ["cifar10", "cifar100"]}, "str", "one of cifar10, cifar100"),
            ({"const": "a b"}, "str", "only a b"),
            ({"enum": ["a, b", ""]}, "str", 'one of "a, b", ""'),
            ({"type": "string", "pattern": "^a{2}"}, "str", "matches ^a{2}"),
            ({"type": "string", "maxLength": 5}, "str", "at most 5 characters"),
            ({"type": "string", "minLength": 1}, "str", "at least 1 character"),
            ({"type": "string", "minLength": 2, "maxLength": 5}, "str", "2 to 5 characters"),
            ({"type": "array", "minItems": 2, "maxItems": 2}, "list", "exactly 2 items"),
            ({"type": "array", "items": {"type": "integer", "minimum": 1}}, "list[int]", "each >= 1"),
            ({"type": "integer", "multipleOf": 8}, "int", "multiple of 8"),
            ({"type": ["null", "number", "string"]}, "float | str | null", ""),
            ({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]}, "float | null", "> 0"),
            (
                {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}]},
                "int | str",
                "int >= 1 or auto",
            ),
            ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, "bool | str", ""),
            ({"allOf": [{"type": "number"}, {"minimum": 0}]}, "float", ">= 0"),
            ({"type": "array", "items": {"type": ["integer", "null"]}}, "list[int | null]", ""),
            ({"properties": {"a": {}}}, "dict", ""),
            ({"type": "string", "format": "secret"}, "str", ""),
            ({"type": "string", "format": "uri"}, "str", "uri format"),
            (
                {"$ref": "#/$defs/L", "$defs": {"L": {"type": "array", "items": {"$ref": "#/$defs/L"}}}},
                "list",
                "",
            ),
        ],
    )
    def test_types_and_rules_as_users_know_them(self, schema, name, rules):
        assert (type_name(schema), constraints(schema)) == (name, rules)

    def test_long_lists_are_cut(self):
        text = constraints({"enum": [*map(str, range(100))]})
        assert text.endswith(", … (100 in all)")
        assert len(text) < 100

    @given(SCHEMAS)
    def test_every_schema_has_words(self, schema):
        assert type_name(schema)
        assert isinstance(constraints(schema), str)

    @pytest.mark.parametrize(
        "schema",
        [
            {"format": "secret"},
            {"type": "string", "format": "password"},
            {"writeOnly": True},
            {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/S"}], "$defs": {"S": {"format": "secret"}}},
            {"allOf": [{"type": "string"}, {"format": "secret"}]},
        ],
    )
    def test_secrets(self, schema):
        assert is_secret(schema)
        assert not is_secret({"type": "string", "format": "email"})


class TestProperties:
    def test_through_references_all_of_and_unions_and_only_what_may_stand(self):
        schema = {
            "$ref": "#/$defs/B",
            "allOf": [{"properties": {"c": {"type": "string"}, "no": False}}],
            "anyOf": [{"properties": {"d": {}}}],
            "$defs": DEFS,
        }
        found = properties(schema)
        assert set(found) == {"a", "b", "c", "d"}
        assert len(found) == 4
        assert found["a"] == DEFS["A"]
        assert "no" not in found
        assert found["d"] == {}

    def test_each_stands_alone(self):
        assert accepts(properties({"$ref": "#/$defs/B", "$defs": DEFS})["b"], {"b": {"a": 1}})


class TestEmbed:
    @given(SCHEMAS, SCHEMAS, FINITE, FINITE)
    def test_the_whole_accepts_what_the_parts_accept(self, one, other, first, second):
        other = {**other, "$defs": {**DEFS, "A": {"type": "string"}}}
        embedded = embed({"run-config": one, "a/b%.yaml": other})
        assert check_schema(embedded) == []
        expected = accepts(one, first) and accepts(other, second)
        assert accepts(embedded, {"run-config": first, "a/b%.yaml": second}) == expected

    def test_two_definitions_of_one_name_stay_two(self):
        one, other = ({"$ref": "#/$defs/A", "$defs": {"A": {"type": kind}}} for kind in ("integer", "string"))
        embedded = embed({"one": one, "other": other})
        assert accepts(embedded, {"one": 1, "other": "a"})
        assert not accepts(embedded, {"one": "a"})
        assert not accepts(embedded, {"other": 1})

    def test_roots_anchors_and_ids_go_on_meaning_what_they_meant(self):
        tree = {
            "$schema": DIALECT,
            "$id": "https://example.org/t",
            "type": "object",
            "properties": {"kid": {"$ref": "#"}, "n": {"$ref": "#n"}},
            "additionalProperties": False,
            "$defs": {"N": {"$anchor": "n", "type": "integer"}},
        }
        before = copy.deepcopy(tree)
        embedded = embed({"x": tree, "y": tree})
        assert tree == before
        assert accepts(embedded, {"x": {"kid": {"n": 1}}, "y": {"n": 2}})
        assert not accepts(embedded, {"x": {"kid": {"n": "1"}}})
        assert not accepts(embedded, {"y": {"kid": {"m": 1}}})


class TestPydantic:
    @pytest.fixture
    def schema(self):
        pydantic = pytest.importorskip("pydantic")

        class Color(str, Enum):
            red = "red"
            blue = "blue"

        class Node(pydantic.BaseModel):
            model_config = pydantic.ConfigDict(extra="forbid")
            color: Color
            other: Color = Color.red
            kids: list[Node] = []

        class Cat(pydantic.BaseModel):
            kind: Literal["cat"]
            mice: int = 0

        class Dog(pydantic.BaseModel):
            kind: Literal["dog"]
            bones: float = 0.5

        class Model(pydantic.BaseModel):
            lr: float = pydantic.Field(0.1, gt=0, lt=1)
            tag: Optional[str] = None  # noqa: UP045 - the spelling under test
            node: Node
            maybe: Optional[Node] = None  # noqa: UP045
            by_name: dict[str, Node] = {}
            mode: Literal["a", "b"] = "a"
            steps: Union[int, Literal["auto"]] = "auto"  # noqa: UP007
            betas: tuple[float, float] = (0.9, 0.99)
            names: list[Annotated[str, pydantic.Field(pattern="^a", max_length=5)]] = []
            token: Optional[pydantic.SecretStr] = None  # noqa: UP045
            pet: Union[Cat, Dog] = pydantic.Field(discriminator="kind")  # noqa: UP007

        namespace = {"Node": Node, "Color": Color, "Optional": Optional, "Union": Union, "Literal": Literal}
        namespace |= {"Annotated": Annotated, "Cat": Cat, "Dog": Dog, "pydantic": pydantic}
        Node.model_rebuild(_types_namespace=namespace)
        Model.model_rebuild(_types_namespace=namespace)
        return Model.model_json_schema()

    @pytest.mark.parametrize(
        ("where", "name", "rules"),
        [
            ("lr", "float", "> 0, < 1"),
            ("tag", "str | null", ""),
            ("node", "dict", ""),
            ("node.color", "str", "one of red, blue"),
            ("node.other", "str", "one of red, blue"),
            ("node.kids", "list[dict]", ""),
            ("node.kids[0].kids[3].color", "str", "one of red, blue"),
            ("maybe", "dict | null", ""),
            ("maybe.color", "str", "one of red, blue"),
            ("maybe.colour", "nothing", ""),
            ("by_name.x.color", "str", "one of red, blue"),
            ("mode", "str", "one of a, b"),
            ("steps", "int | str", "int or auto"),
            ("betas", "list[float]", "exactly 2 items"),
            ("betas[1]", "float", ""),
            ("names[0]", "str", "at most 5 characters, matches ^a"),
            ("pet.kind", "str", "cat or dog"),
            ("pet.bones", "float", ""),
        ],
    )
    def test_every_field_is_found_with_its_type(self, schema, where, name, rules):
        found = at(schema, path(where))
        assert (type_name(found), constraints(found)) == (name, rules)
        assert found == CLOSED or check_schema(found) == []

    def test_secrets_defaults_and_unknown_fields(self, schema):
        assert is_secret(at(schema, path("token")))
        assert at(schema, path("node.other"))["default"] == "red"
        assert at(schema, path("nope")) is None

    def test_validation_speaks_of_the_field_that_is_wrong(self, schema):
        node = {"color": "red", "kids": [{"color": "gren", "kid": []}]}
        value = {"node": node, "maybe": {"colour": "red"}, "pet": {"kind": "cow"}, "lr": 2, "steps": "x"}
        found = {str(one.path): one.message for one in Validator(schema).violations(value)}
        assert found == {
            "lr": "must be less than 1",
            "maybe.color": "missing key 'color'",
            "maybe.colour": "unknown key 'colour'",
            "node.kids[0].color": "must be one of red, blue, not the text 'gren'",
            "node.kids[0].kid": "unknown key 'kid'",
            "pet.kind": "must be one of cat, dog, not the text 'cow'",
            "steps": "must be int or auto, not the text 'x'",
        }


class TestRulePointer:
    SCHEMA = {
        "$defs": {
            "Rate": {"minimum": 0},
            "Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}, "maxProperties": 2},
        },
        "properties": {
            "lr": {"allOf": [{"type": "number"}, {"$ref": "#/$defs/Rate"}]},
            "list": {"prefixItems": [{"const": 1}], "items": {"pattern": "x"}},
            "tree": {"$ref": "#/$defs/Node"},
        },
        "patternProperties": {"^x_": {"maximum": 3}},
        "additionalProperties": {"enum": [1]},
        "required": ["lr"],
        "then": {"properties": {"tree": {"minProperties": 1}}},
    }

    @pytest.mark.parametrize(
        ("path", "keyword", "pointer"),
        [
            ("lr", "minimum", ("$defs", "Rate", "minimum")),
            ("lr", "type", ("properties", "lr", "allOf", 0, "type")),
            ("lr", "required", ("required",)),
            ("list[0]", "const", ("properties", "list", "prefixItems", 0, "const")),
            ("list[4]", "pattern", ("properties", "list", "items", "pattern")),
            ("tree.next.next.next", "maxProperties", ("$defs", "Node", "maxProperties")),
            ("tree", "minProperties", ("then", "properties", "tree", "minProperties")),
            ("x_y", "maximum", ("patternProperties", "^x_", "maximum")),
            ("other", "enum", ("additionalProperties", "enum")),
            ("lr", "pattern", None),
            ("lr.deep", "minimum", None),
        ],
    )
    def test_it_leads_to_the_keyword_that_applies(self, path, keyword, pointer):
        assert rule_pointer(self.SCHEMA, KeyPath.parse(path), keyword) == pointer
