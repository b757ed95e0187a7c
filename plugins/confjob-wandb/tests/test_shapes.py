"""W&B's types: written as wandb writes them (`test_engine.py` asks it), and read as a schema."""

from __future__ import annotations

import copy

import pytest
from confjob_wandb.shapes import plain_schema, schema_of, shape_of, wandb_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.plugin import ConfjobError
from confjob.validation import Validator

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
#: In a list W&B tells mappings and lists apart by the name of their kind only, so the law is for lists of scalars.
_VALUES = st.recursive(
    _SCALARS | st.lists(_SCALARS, max_size=3),
    lambda below: st.dictionaries(st.text(max_size=4).filter("_wandb".__ne__), below, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(_VALUES)
def test_the_schema_of_a_values_type_accepts_the_value(value):
    assert Validator(schema_of(shape_of(value))).is_valid(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "boolean"),
        (1, "number"),
        (1.5, "number"),
        ("a", "string"),
        (None, "none"),
        ([], "list"),
        ({}, "typedDict"),
    ],
)
def test_each_kind_of_value_has_wandbs_name(value, kind):
    assert shape_of(value)["wb_type"] == kind


def test_a_list_of_several_kinds_is_a_union_and_what_is_wandbs_own_is_left_out():
    union = {"wb_type": "union", "params": {"allowed_types": [{"wb_type": "number"}, {"wb_type": "string"}]}}
    assert shape_of([1, "a", 2.5])["params"] == {"element_type": union, "length": 3}
    assert shape_of({"a": {"_wandb": 1, "b": 2}, "_wandb": 3})["params"]["type_map"].keys() == {"a"}
    assert schema_of(union) == {"anyOf": [{"type": "number"}, {"type": "string"}]}


def test_null_and_the_unknown_say_nothing():
    assert schema_of({"wb_type": "none"}) == schema_of({"wb_type": "unknown"}) == {}
    nullable = {"wb_type": "union", "params": {"allowed_types": [{"wb_type": "none"}, {"wb_type": "number"}]}}
    assert schema_of(nullable) == {"anyOf": [{"type": "number"}, {"type": "null"}]}


@pytest.mark.parametrize("shape", [{"wb_type": "image-file"}, {"learning_rate": "float"}, "number", None])
def test_what_is_no_type_is_an_error(shape):
    with pytest.raises(ConfjobError, match="no type of W&B's"):
        schema_of(shape)


def test_references_are_written_out_and_the_callers_schema_stays_as_it_is():
    schema = {
        "$defs": {
            "Color": {"enum": ["red", "blue"], "type": "string"},
            "Tree": {"properties": {"left": {"$ref": "#/$defs/Tree"}}},
        },
        "properties": {
            "first": {"$ref": "#/$defs/Color"},
            "second": {"allOf": [{"$ref": "#/$defs/Color"}], "title": "Second"},
            "tree": {"$ref": "#/$defs/Tree"},
        },
    }
    kept = copy.deepcopy(schema)
    written = wandb_schema(schema)
    assert schema == kept
    assert written["properties"]["first"] == {"enum": ["red", "blue"], "type": "string"}
    assert written["properties"]["second"] == {"enum": ["red", "blue"], "type": "string", "title": "Second"}
    assert written["properties"]["tree"] == {"properties": {"left": {}}}
    assert "$defs" not in written


def test_a_reference_to_nothing_is_an_error():
    with pytest.raises(ConfjobError, match="not in it"):
        wandb_schema({"properties": {"a": {"$ref": "#/$defs/Gone"}}})


def test_wandbs_required_and_labels_become_json_schemas():
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "required": True, "label": "A", "placeholder": "…"},
            "label": {"required": False},
        },
        "required": ["b"],
    }
    assert plain_schema(schema) == {
        "type": "object",
        "properties": {"a": {"type": "integer", "title": "A"}, "label": {}},
        "required": ["b", "a"],
    }
