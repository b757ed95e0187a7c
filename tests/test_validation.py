from __future__ import annotations

import copy
import math
import operator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.keypath import KeyPath
from confjob.tree import MISSING, get
from confjob.validation import InvalidSchema, Validator, Violation, check_schema

NAMES = st.sampled_from(["a", "b", "01", "learning_rate"])
FINITE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=3),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
_SIMPLE = st.one_of(
    st.builds(
        lambda kind: {"type": kind},
        st.sampled_from(["integer", "number", "string", "boolean", "null", "object"]),
    ),
    st.builds(lambda options: {"enum": options}, st.lists(st.sampled_from([1, "a", None]), min_size=1)),
    st.builds(lambda low: {"minimum": low}, st.integers(-2, 2)),
    st.builds(lambda size: {"maxLength": size, "uniqueItems": True}, st.integers(0, 2)),
    st.builds(lambda names: {"required": names}, st.lists(NAMES, unique=True)),
)
SCHEMAS = st.recursive(
    _SIMPLE,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"allOf": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"oneOf": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda part: {"items": part}, inner),
        st.builds(
            lambda parts, rest: {"properties": parts, "additionalProperties": rest},
            st.dictionaries(NAMES, inner, max_size=3),
            st.booleans(),
        ),
        st.builds(lambda part: {"propertyNames": part}, inner),
    ),
    max_leaves=5,
)

MODEL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "learning_rate": {"type": "number", "exclusiveMinimum": 0},
        "dataset": {"enum": ["cifar10", "cifar100"]},
    },
    "required": ["dataset"],
    "additionalProperties": False,
}


def faults(schema: Any, value: Any) -> list[tuple[str, str]]:
    return [(str(fault.path), fault.message) for fault in Validator(schema).violations(value)]


def fault(schema: Any, value: Any) -> Violation:
    (one,) = Validator(schema).violations(value)
    return one


class TestVerdict:
    @given(SCHEMAS, FINITE)
    def test_it_is_the_validators_own_on_finite_values(self, schema, value):
        before = copy.deepcopy((schema, value))
        found = Validator(schema).violations(value)
        assert (not found) == jsonschema_rs.is_valid(schema, value) == Validator(schema).is_valid(value)
        assert (schema, value) == before
        assert all(one.message and one.keyword for one in found)

    @given(SCHEMAS, FINITE)
    def test_every_violation_says_where_and_no_two_say_the_same(self, schema, value):
        found = Validator(schema).violations(value)
        for one in found:
            parent = get(value, one.path.parent)
            assert get(value, one.path) is not MISSING or isinstance(parent, dict)
        assert len({(one.path, one.message) for one in found}) == len(found)

    @given(
        st.floats() | st.sampled_from([math.nan, math.inf, -math.inf]),
        st.dictionaries(
            st.sampled_from(["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"]),
            st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False),
        ),
        st.sampled_from(["plain", "reference", "property", "list"]),
    )
    def test_bounds_are_judged_as_ieee_754_does(self, value, bounds, place):
        holds = {
            "minimum": operator.ge,
            "exclusiveMinimum": operator.gt,
            "maximum": operator.le,
            "exclusiveMaximum": operator.lt,
        }
        rules: dict[str, Any] = {"type": "number", **bounds}
        schema, instance = {
            "plain": (rules, value),
            "reference": ({"$ref": "#/$defs/x", "$defs": {"x": rules}}, value),
            "property": ({"properties": {"minimum": rules}}, {"minimum": value}),
            "list": ({"items": rules}, [value]),
        }[place]
        expected = all(holds[keyword](value, limit) for keyword, limit in bounds.items())
        found = Validator(schema).violations(instance)
        assert (not found) == expected
        assert all(one.keyword in bounds for one in found)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_what_json_cannot_say_is_a_number_and_nothing_else(self, value):
        assert faults({"type": ["number", "null"]}, value) == []
        assert faults({"type": "integer"}, value) == [("", f"must be an int, not the float {value}")]
        assert faults({"const": 1}, value) == [("", f"must be 1, not the float {value}")]
        assert not Validator({"multipleOf": 0.5}).is_valid(value)
        assert not Validator({"type": ["null", "string"]}).is_valid(value)
        assert Validator({"type": "number", "default": value, "maximum": math.inf}).is_valid(1)

    def test_nan_breaks_the_bound_that_is_there(self):
        assert fault({"minimum": 0}, math.nan).message == "must be at least 0, not nan"
        one = fault(
            {"properties": {"a": {"$ref": "#/$defs/p"}}, "$defs": {"p": {"exclusiveMinimum": 0}}},
            {"a": math.nan},
        )
        assert (one.keyword, one.message) == ("exclusiveMinimum", "must be greater than 0, not nan")
        assert one.schema_path == ("$defs", "p", "exclusiveMinimum")

    @given(st.integers(2**63, 2**80), st.integers(2**63, 2**80))
    def test_integers_of_any_size(self, value, limit):
        assert Validator({"type": "integer", "maximum": limit}).is_valid(value) == (value <= limit)

    def test_a_bool_is_no_number_and_a_whole_float_is_an_integer(self):
        assert not Validator({"type": "number"}).is_valid(True)
        assert Validator({"type": "integer"}).is_valid(1.0)

    def test_formats_are_notes(self):
        assert (
            faults({"format": "secret"}, "x")
            == faults({"format": "email"}, "x")
            == faults({"format": "no"}, 1)
            == []
        )

    def test_keys_and_texts_that_json_cannot_hold_are_judged_too(self):
        schema = {"additionalProperties": {"type": "integer"}}
        assert faults(schema, {1: "x"})[0][0] == "1"
        assert faults(schema, {"a": "\ud800"}) == [("a", "must be an int, not the text '\\ud800'")]

    def test_a_schema_that_was_changed_is_another_schema(self):
        schema = {"type": "integer"}
        assert not Validator(schema).is_valid("a")
        schema["type"] = "string"
        assert Validator(schema).is_valid("a")

    @pytest.mark.parametrize(
        "schema", [{"type": "float"}, {"$ref": "#/no"}, {"$ref": "https://example.org/x"}]
    )
    def test_a_malformed_schema_is_told_in_one_line_and_nothing_is_fetched(self, schema):
        with pytest.raises(InvalidSchema, match=r"^the schema is malformed: .+$"):
            Validator(schema).violations(1)


class TestMessages:
    @pytest.mark.parametrize(
        ("schema", "value", "message"),
        [
            ({"type": "number"}, "abc", "must be a float, not the text 'abc'"),
            ({"type": "integer"}, 0.5, "must be an int, not the float 0.5"),
            ({"type": "boolean"}, 1, "must be a bool, not the int 1"),
            ({"type": "string"}, None, "must be a str, not null"),
            ({"type": "object"}, [1], "must be a dict, not a list"),
            ({"type": ["null", "integer"]}, True, "must be int or null, not true"),
            ({"type": "string"}, 10**70, f"must be a str, not the int {str(10**70)[:59]}…"),
            (
                {"enum": ["cifar10", "cifar100"]},
                "cifar1",
                "must be one of cifar10, cifar100, not the text 'cifar1'",
            ),
            ({"const": "a"}, "b", "must be a, not the text 'b'"),
            ({"exclusiveMinimum": 0}, 0, "must be greater than 0"),
            ({"minimum": 1.0}, 0, "must be at least 1"),
            ({"maximum": 0.5}, 1, "must be at most 0.5"),
            ({"exclusiveMaximum": 1}, 1, "must be less than 1"),
            ({"multipleOf": 8}, 7, "must be a multiple of 8"),
            ({"minLength": 2}, "a", "must have at least 2 characters"),
            ({"maxLength": 1}, "ab", "must have at most 1 character"),
            ({"pattern": "^a{2}$"}, "b", "must match ^a{2}$"),
            ({"minItems": 1}, [], "must have at least 1 item"),
            ({"uniqueItems": True}, [1, 1], "must hold no item twice"),
            ({"maxProperties": 0}, {"a": 1}, "must have at most 0 keys"),
            (False, 1, "must not be given"),
            ({"not": {"type": "integer"}}, 1, "is a value that the schema rules out"),
            ({"oneOf": [{"type": "integer"}, {"minimum": 1}]}, 1, None),
        ],
    )
    def test_rules_in_words(self, schema, value, message):
        found = fault(schema, value).message
        assert found == message if message else found

    def test_unknown_and_missing_keys_one_by_one(self):
        found = Validator(MODEL).violations({"lerning_rate": 0.1, "datset": 1})
        assert [(str(one.path), one.message) for one in found] == [
            ("dataset", "missing key 'dataset'"),
            ("datset", "unknown key 'datset'"),
            ("lerning_rate", "unknown key 'lerning_rate'"),
        ]
        assert found[1].allowed == found[2].allowed == ("learning_rate", "dataset")
        assert [one.value for one in found] == [MISSING, "datset", "lerning_rate"]

    def test_known_keys_behind_references_and_unions(self):
        schema = {
            "properties": {"m": {"anyOf": [{"$ref": "#/$defs/M"}, {"type": "null"}]}},
            "$defs": {"M": MODEL},
        }
        one = fault(schema, {"m": {"dataset": "cifar10", "lr": 1}})
        assert (str(one.path), one.allowed) == ("m.lr", ("learning_rate", "dataset"))
        one = fault({"allOf": [{"properties": {"aa": {}}}], "unevaluatedProperties": False}, {"ab": 1})
        assert (str(one.path), one.allowed) == ("ab", ("aa",))

    def test_names_of_keys(self):
        one = fault({"propertyNames": {"pattern": "^a"}}, {"b": 1})
        assert (str(one.path), one.message) == ("b", "the key 'b' must match ^a")

    def test_keys_of_digits_are_keys(self):
        schema = {"additionalProperties": {"type": "integer"}}
        assert [one.path for one in Validator(schema).violations({"01": "a", "2": "b", "3": 1})] == [
            ("01",),
            ("2",),
        ]

    def test_paths_and_order(self):
        schema = {"items": {"type": "integer"}}
        assert [path for path, _ in faults(schema, ["a"] * 12)] == [f"[{index}]" for index in range(12)]
        assert fault({"properties": {"a.b": schema}}, {"a.b": ["x"]}).path == KeyPath(("a.b", 0))


class TestUnions:
    def test_no_branch_of_the_values_type(self):
        optional = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
        assert fault(optional, "a").message == "must be int or null, not the text 'a'"
        nested = {"anyOf": [{"type": "boolean"}, optional]}
        assert fault(nested, "a").message == "must be bool, int or null, not the text 'a'"

    def test_constants_beside_types(self):
        schema = {
            "anyOf": [{"type": "boolean"}, {"const": "auto"}, {"enum": ["on", "off"]}, {"type": "null"}]
        }
        one = fault(schema, "aut")
        assert one.message == "must be bool, auto, on, off or null, not the text 'aut'"
        assert one.allowed == ("auto", "on", "off")
        assert (
            fault({"anyOf": [{"const": "a"}, {"const": "b"}]}, "c").message
            == "must be one of a, b, not the text 'c'"
        )

    def test_the_one_branch_of_the_values_type_tells_its_own_faults(self):
        schema = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}
        assert fault(schema, 0).message == "must be at least 1"
        schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]}
        assert [path for path, _ in faults(schema, ["a", 1, "b"])] == ["[0]", "[2]"]

    def test_several_branches_of_the_type_with_one_rule_each(self):
        schema = {"anyOf": [{"type": "integer", "maximum": 0}, {"type": "integer", "minimum": 10}]}
        assert fault(schema, 5).message == "must be at most 0 or be at least 10"

    def test_a_tag_chooses_the_branch(self):
        cat = {"properties": {"kind": {"const": "cat"}, "mice": {"type": "integer"}}, "required": ["kind"]}
        dog = {"properties": {"kind": {"const": "dog"}, "bones": {"type": "integer"}}, "required": ["kind"]}
        schema = {"oneOf": [cat, dog]}
        assert faults(schema, {"kind": "dog", "bones": "x"}) == [
            ("bones", "must be an int, not the text 'x'")
        ]
        one = fault(schema, {"kind": "cow"})
        assert (str(one.path), one.message) == ("kind", "must be one of cat, dog, not the text 'cow'")
        assert (one.allowed, one.value) == (("cat", "dog"), "cow")


class TestSecrets:
    @pytest.mark.parametrize(
        "schema",
        [
            {"properties": {"key": {"type": "integer", "format": "secret"}}},
            {"properties": {"key": {"anyOf": [{"type": "null"}, {"type": "boolean", "writeOnly": True}]}}},
            {
                "properties": {"key": {"$ref": "#/$defs/s"}},
                "$defs": {"s": {"enum": ["a"], "format": "password"}},
            },
        ],
    )
    def test_no_message_and_no_violation_holds_a_secret(self, schema):
        one = fault(schema, {"key": "hunter2"})
        assert "hunter2" not in repr(one)
        assert one.message.startswith("must be ")

    def test_nor_one_that_the_caller_names(self):
        schema = {"properties": {"key": {"items": {"type": "integer"}}}}
        (one,) = Validator(schema).violations({"key": ["hunter2"]}, secrets=[KeyPath(("key",))])
        assert "hunter2" not in repr(one)
        assert "hunter2" in repr(fault(schema, {"key": ["hunter2"]}))


class TestCheckSchema:
    def test_all_faults_at_once(self):
        schema = {
            "properties": {
                "a": {"type": "flaot"},
                "type": {"type": ["integer", "none"]},
                "b": {"minimum": "x", "pattern": "(a"},
                "c": {"$ref": "#/$defs/no"},
                "d": {"items": [{}], "patternProperties": {"[": {}}},
                "e": 5,
                "f": {"required": "a", "$ref": "https://example.org/x"},
            }
        }
        assert [(str(one.path), one.message) for one in check_schema(schema)] == [
            ("properties.a.type", "unknown type 'flaot' (did you mean 'number'?)"),
            ("properties.b.minimum", "must be a float, not the text 'x'"),
            ("properties.b.pattern", "'(a' is no regular expression"),
            ("properties.c.$ref", "'#/$defs/no' points at nothing in the schema"),
            ("properties.d.items", "must be a schema, not a list; a list of schemas is called prefixItems"),
            ("properties.d.patternProperties.\\[", "'[' is no regular expression"),
            ("properties.e", "must be a schema, not the int 5"),
            (
                "properties.f.$ref",
                "'https://example.org/x' points outside the schema, where nothing is fetched",
            ),
            ("properties.f.required", "must be a list, not the text 'a'"),
            ("properties.type.type", "unknown type 'none' (did you mean 'null'?)"),
        ]

    @pytest.mark.parametrize(
        ("said", "meant"), [("float", "number"), ("int", "integer"), ("str", "string"), ("dict", "object")]
    )
    def test_the_types_of_python_are_understood(self, said, meant):
        assert check_schema({"type": said})[0].message == f"unknown type {said!r} (did you mean {meant!r}?)"

    @given(SCHEMAS)
    def test_a_sound_schema_has_none(self, schema):
        assert check_schema(schema) == []

    @pytest.mark.parametrize(
        "schema",
        [
            {"format": "secret", "x-mine": 1, "type": "string"},
            {"const": {"type": "float"}, "default": {"$ref": 3}, "properties": {"$ref": {"type": "string"}}},
            {"$schema": "https://example.org/mine", "type": "integer"},
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]},
            {"$ref": "#n", "$defs": {"N": {"$anchor": "n"}}},
            {"type": "number", "default": math.nan},
        ],
    )
    def test_what_only_looks_like_a_fault(self, schema):
        assert check_schema(schema) == []

    @given(
        st.recursive(
            FINITE,
            lambda inner: st.dictionaries(
                st.sampled_from(["type", "items", "$ref", "anyOf", "properties", "pattern", "enum"]), inner
            ),
        )
    )
    def test_anything_may_be_asked_about_and_only_the_sound_compile(self, schema):
        assert bool(check_schema(schema)) or Validator(schema).violations(1) is not None
