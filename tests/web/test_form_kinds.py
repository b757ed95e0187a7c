"""Which control suits a type: W&B's table of schemas in full, and what it lacks."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confjob.schema import infer
from confjob.tree import same
from confjob.values import read
from confjob.web.form.kinds import alternatives, bounds, chosen, option_key
from confjob.web.form.spelling import is_plain, typed_text, yaml_text

#: What W&B's drawer renders, and the control that it stands for.
WANDB = [
    ({"type": "number"}, ["number"]),
    ({"type": "integer", "minimum": 1, "maximum": 5}, ["integer"]),
    ({"type": "string", "placeholder": "a name"}, ["text"]),
    ({"type": "boolean"}, ["choice"]),
    ({"type": "object", "properties": {"a": {"type": "integer"}}}, ["object"]),
    ({"type": "string", "enum": ["a", "b"]}, ["choice"]),
    ({"enum": [1, 2, 3], "type": "integer"}, ["choice"]),
    ({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "uniqueItems": True}, ["many"]),
]
BEYOND = [
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, ["integer"]),
    ({"type": ["string", "null"]}, ["text"]),
    ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, ["number"]),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, ["integer", "text"]),
    ({"anyOf": [{"const": "auto"}, {"type": "boolean"}, {"type": "null"}]}, ["choice"]),
    ({"type": "array", "items": {"type": "number"}}, ["list"]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, ["object"]),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"enum": ["x"]}}}, ["choice"]),
    ({"allOf": [{"type": "integer"}, {"minimum": 0}]}, ["integer"]),
    ({}, ["any"]),
    ({"not": {}}, ["any"]),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/A"}]}}}, ["any"]),
]


@pytest.mark.parametrize(("schema", "kinds"), WANDB + BEYOND)
def test_a_type_has_its_control(schema, kinds):
    assert [way.kind for way in alternatives(schema)] == kinds


def test_truth_values_and_words_are_one_choice():
    (way,) = alternatives({"anyOf": [{"type": "boolean"}, {"enum": ["auto", "full"]}]})
    assert list(way.options) == [True, False, "auto", "full"]


def test_few_short_options_stand_side_by_side_and_many_in_a_list():
    (few,) = alternatives({"enum": ["adam", "sgd"]})
    (many,) = alternatives({"enum": [f"optimizer-{number}" for number in range(9)]})
    assert few.is_side_by_side
    assert not many.is_side_by_side


def test_options_of_one_spelling_and_two_types_are_told_apart():
    assert len({option_key(each) for each in (1, "1", True, 1.0, None, "null")}) == 6


@pytest.mark.parametrize(
    ("name", "schema", "value", "log"),
    [
        ("lr", {"type": "number"}, 0.1, True),
        ("weight_decay", {"type": "number"}, 0.0, True),
        ("scale", {"type": "number", "minimum": 1e-6, "maximum": 1}, 0.5, True),
        ("dropout", {"type": "number", "minimum": 0, "maximum": 1}, 0.5, False),
        ("tiny", {"type": "number"}, 2e-5, True),
        ("shift", {"type": "number", "x-scale": "log"}, 3.0, True),
        ("depth", {"type": "integer", "minimum": 1, "maximum": 12}, 3, False),
    ],
)
def test_a_number_whose_magnitude_matters_is_stepped_by_magnitude(name, schema, value, log):
    assert bounds(schema, name, value).by_magnitude is log


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=6)
)
TREES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.text(st.characters(), max_size=4), below, max_size=3)
    ),
    max_leaves=6,
)


@given(TREES)
def test_a_line_of_yaml_reads_as_the_value_that_it_is_made_of(value):
    if is_plain(yaml_text(value)):
        assert same(read(yaml_text(value), {}), value)


@given(TREES)
def test_the_text_for_a_type_reads_as_the_value_or_there_is_none(value):
    schema = infer(value, "'")
    text = typed_text(value, schema)
    assert text is None or same(read(text, schema), value)


@example({"\ud800": 1})
@given(TREES)
def test_the_way_that_is_found_for_a_value_is_one_of_its_types_ways(value):
    ways = alternatives(infer(value, "'"))
    way = chosen(ways, value)
    assert way is None or way in ways
