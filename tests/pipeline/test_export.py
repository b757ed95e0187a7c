"""The exported schema: sound to others, and of one mind with our own verdicts."""

from __future__ import annotations

import json
import os

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from confjob.errors import InvalidOverrides
from confjob.form import Override
from confjob.keypath import KeyPath
from confjob.pipeline import Request, make_plan, read_form
from confjob.pipeline.export import json_schema_of
from confjob.project import Project
from confjob.tree import MISSING, delete, get, put
from confjob.validation import Validator

MANIFEST = """
[jobs.t]
command = ["true"]

[jobs.t.run-config]
defaults = { seed = 1, name = "run", model = { depth = 3, act = "relu" }, token = "x", hidden = { a = 1 } }
exclude = ["hidden"]
secret = ["token"]
schema = "schema.json"

[[jobs.t.files]]
path = "config.yaml"
exclude = ["trainer.private", "stages.*.key"]

[[jobs.t.files]]
path = "plain.json"

[jobs.f]
function = "f:train"
"""
SCHEMA = {
    "$defs": {
        "Act": {"enum": ["relu", "gelu"]},
        "Node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/Node"}, "v": {"type": "integer"}},
        },
    },
    "properties": {
        "seed": {"type": "integer", "minimum": 0},
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
        "model": {
            "properties": {
                "depth": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
                "act": {"$ref": "#/$defs/Act"},
                "width": {"type": "integer", "exclusiveMinimum": 0},
                "chain": {"$ref": "#/$defs/Node"},
            },
            "required": ["depth"],
            "dependentRequired": {"width": ["act"]},
            "additionalProperties": False,
        },
        "hidden": {"properties": {"a": {"type": "integer"}}},
    },
}
CONFIG = """\
lr: 0.1
trainer:
  private: {key: 1}
  depth: 3
  betas: [0.9, 0.99]
stages:
  - name: warm
    steps: 5
    key: k
  - name: cool
    steps: 2.5
    key: k
nothing: null
empty: {}
"""
FUNCTION = """
from dataclasses import dataclass

@dataclass
class Optim:
    lr: float
    name: str = "sgd"

def train(optim: Optim, rounds: int, size: int = 3): ...
"""
FILES = {
    "launch.toml": MANIFEST,
    "schema.json": json.dumps(SCHEMA),
    "config.yaml": CONFIG,
    "plain.json": '{"rows": [[1, 2], [3]], "items": [{"a": 1}, {"a": "x", "b": [1]}]}',
    "f.py": FUNCTION,
}


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    root = tmp_path_factory.mktemp("export")
    for name, content in FILES.items():
        (root / name).write_text(content)
    return Project.find(root, environ=dict(os.environ))


@pytest.fixture(scope="module")
def form(there):
    return read_form(there, Request(job="t"))


def visible(form):
    """Return what of the documents a person sees."""
    names = [name for name in form.documents if name not in ("resources", "env")]
    return {name: _visible(form, name, form.documents[name].tree, KeyPath()) for name in names}


def _visible(form, name, tree, at):
    if isinstance(tree, dict) and tree:
        below = {key: _visible(form, name, value, at.child(key)) for key, value in tree.items()}
        return {key: value for key, value in below.items() if value is not MISSING} or MISSING
    if isinstance(tree, list) and tree:
        return [_visible(form, name, value, at.child(index)) for index, value in enumerate(tree)]
    return tree if form.selects(name, at) else MISSING


def verdict(there, name, path, value, operation="set"):
    """Return whether a plan with this one change is made."""
    asked = Override(path=path, input=name, value=value, operation=operation, said="test")
    try:
        make_plan(there, Request(job="t", overrides=(asked,)))
    except InvalidOverrides:
        return False
    return True


@pytest.mark.parametrize("job", ["t", "f"])
def test_it_is_a_schema_to_others(there, job):
    """The meta-schema admits it, every reference leads somewhere, and it is plain JSON."""
    schema = json_schema_of(read_form(there, Request(job=job)))
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    list(Draft202012Validator(schema).iter_errors({name: {} for name in schema["properties"]}))


def test_the_document_as_it_stands_is_admitted(form):
    assert Draft202012Validator(json_schema_of(form)).is_valid(visible(form))


def test_what_is_hidden_is_not_in_it_and_what_is_secret_is_marked(form):
    properties = json_schema_of(form)["properties"]
    assert "hidden" not in properties["run-config"]["properties"]
    assert "private" not in properties["config.yaml"]["properties"]["trainer"]["properties"]
    assert properties["run-config"]["properties"]["token"]["writeOnly"] is True
    stages = properties["config.yaml"]["properties"]["stages"]
    assert [sorted(one["properties"]) for one in stages["prefixItems"]] == [["name", "steps"]] * 2


def test_each_element_of_a_list_of_mappings_has_its_own_type(form):
    items = json_schema_of(form)["properties"]["plain.json"]["properties"]["items"]
    assert [one["properties"]["a"]["type"] for one in items["prefixItems"]] == ["integer", "string"]
    assert "b" not in items["prefixItems"][0]["properties"]
    assert items["items"] == {}, "an element may be added, and nothing is known of it"


def test_what_must_be_given_is_required(there):
    schema = json_schema_of(read_form(there, Request(job="f")))
    run_config = schema["properties"]["run-config"]
    assert schema["required"] == ["run-config"]
    assert sorted(run_config["required"]) == ["optim", "rounds"]
    assert run_config["properties"]["optim"]["required"] == ["lr"]


def test_a_value_that_breaks_its_schema_as_it_stands_may_stay(project):
    """Only a problem that a change brings refuses it, and so says the schema."""
    project.write(
        {"launch.toml": '[jobs.t]\ncommand = ["true"]\nfiles = [{ path = "c.json", schema = "s.json" }]\n'}
    )
    project.write({"c.json": '{"lr": -1, "n": 1}', "s.json": '{"properties": {"lr": {"minimum": 0}}}'})
    schema = json_schema_of(read_form(Project.find(project.root, environ={}), Request(job="t")))
    check = Draft202012Validator(schema)
    assert check.is_valid({"c.json": {"lr": -1, "n": 2}})
    assert not check.is_valid({"c.json": {"lr": -2, "n": 2}})


CHANGED = [
    ("run-config", "seed"),
    ("run-config", "name"),
    ("run-config", "model"),
    ("run-config", "model.depth"),
    ("run-config", "model.act"),
    ("run-config", "model.width"),
    ("run-config", "model.chain"),
    ("config.yaml", "lr"),
    ("config.yaml", "trainer.depth"),
    ("config.yaml", "trainer.betas"),
    ("config.yaml", "stages[0].name"),
    ("config.yaml", "stages[1].steps"),
    ("config.yaml", "nothing"),
    ("plain.json", "rows"),
    ("plain.json", "rows[1]"),
    ("plain.json", "items[0].a"),
    ("plain.json", "items[1].b"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats(-2, 2)
    | st.sampled_from(["", "ab", "relu", "LONG"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["depth", "act", "width", "chain", "next", "v"]), below, max_size=3)
    ),
    max_leaves=6,
)


def instances(schema, root):
    """Return what a schema admits, more or less: each part may be anything for once."""
    return st.integers(0, 9).flatmap(lambda dice: ANYTHING if dice == 0 else _fitting(schema, root))


def _fitting(schema, root):
    if not isinstance(schema, dict):
        return ANYTHING
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return st.deferred(lambda: instances(root["$defs"][name], root))
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return st.one_of([instances(branch, root) for branch in schema["anyOf"]])
    make = {"object": _objects, "array": _arrays}.get(schema.get("type"))
    simple = {
        "integer": st.integers(schema.get("minimum", -2), 9),
        "number": st.floats(-2, 9) | st.integers(-2, 9),
        "string": st.from_regex(schema["pattern"], fullmatch=True)
        if "pattern" in schema
        else st.text(max_size=3),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    return make(schema, root) if make else simple.get(schema.get("type"), ANYTHING)


def _objects(schema, root):
    inner = {key: instances(below, root) for key, below in schema.get("properties", {}).items()}
    needed = {key: inner[key] for key in schema.get("required", ())}
    optional = {key: below for key, below in inner.items() if key not in needed}
    more = st.dictionaries(st.sampled_from(["depth", "other"]), ANYTHING, max_size=1)
    closed = schema.get("additionalProperties") is False
    made = st.fixed_dictionaries(needed, optional=optional)
    return made if closed else st.tuples(made, more).map(lambda parts: {**parts[1], **parts[0]})


def _arrays(schema, root):
    first = st.tuples(*(instances(below, root) for below in schema.get("prefixItems", ())))
    more = (
        st.just([])
        if schema.get("items") is False
        else st.lists(instances(schema.get("items", {}), root), max_size=2)
    )
    return st.tuples(first, more, st.integers(0, 4)).map(lambda parts: [*parts[0], *parts[1]][: parts[2]])


@pytest.fixture(scope="module")
def exported(form):
    return json_schema_of(form)


@settings(deadline=None, max_examples=150)
@given(change=st.sampled_from(CHANGED), data=st.data())
def test_one_changed_value_is_admitted_by_the_schema_where_a_plan_is_made(
    there, form, exported, change, data
):
    """The verdicts of `plan`, of our validator and of a third party's are one."""
    name, path = change[0], KeyPath.parse(change[1])
    fitting = form.field(name, path).schema
    value = data.draw(instances(fitting, fitting))
    instance = put(visible(form), KeyPath((name, *path)), value)
    admitted = Draft202012Validator(exported).is_valid(instance)
    assert Validator(exported).is_valid(instance) == admitted
    asked = verdict(there, name, path, value)
    assert asked == admitted


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *CHANGED,
        ("config.yaml", "trainer"),
        ("config.yaml", "stages"),
        ("config.yaml", "stages[1]"),
        ("run-config", "token"),
        ("plain.json", "items"),
        ("plain.json", "items[1]"),
    ],
)
def test_a_deleted_value_may_be_absent(there, form, name, path):
    at = KeyPath.parse(path)
    if get(visible(form)[name], at) is MISSING:
        return
    instance = {**visible(form), name: delete(visible(form)[name], at)}
    admitted = Draft202012Validator(json_schema_of(form)).is_valid(instance)
    assert verdict(there, name, at, MISSING, "delete") == admitted


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("plain.json", "items[2]", {"a": 3}),
        ("run-config", "model.more", 1),
        ("config.yaml", "stages[2]", {"name": "x", "steps": 1}),
    ],
)
def test_an_added_element_is_admitted_where_a_plan_adds_it(there, form, name, path, value):
    at = KeyPath.parse(path)
    instance = {**visible(form), name: put(visible(form)[name], at, value)}
    admitted = Draft202012Validator(json_schema_of(form)).is_valid(instance)
    assert verdict(there, name, at, value, "add") == admitted


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_whole_documents_are_judged_alike_by_a_third_party(exported, data):
    """Instances made from the schema, and nearly so: one verdict by two validators."""
    instance = data.draw(instances(exported, exported))
    assert Validator(exported).is_valid(instance) == Draft202012Validator(exported).is_valid(instance)


def test_keys_that_nobody_names_are_admitted_where_a_plain_set_is(project):
    """A mapping is closed, but where its author says what other keys hold."""
    rules = {
        "properties": {"env": {"additionalProperties": {"type": "string"}}, "sub": {"properties": {"b": {}}}}
    }
    project.write(
        {"launch.toml": '[jobs.t]\ncommand = ["true"]\nfiles = [{ path = "c.json", schema = "s.json" }]\n'}
    )
    project.write({"c.json": '{"env": {"A": "x"}, "sub": {"a": 1}}', "s.json": json.dumps(rules)})
    there = Project.find(project.root, environ={})
    check = Draft202012Validator(json_schema_of(read_form(there, Request(job="t"))))
    for path, value in [("env.B", "y"), ("env.B", 3), ("sub.b", 1), ("sub.c", 1), ("more", 1)]:
        at = KeyPath.parse(path)
        instance = put({"env": {"A": "x"}, "sub": {"a": 1}}, at, value)
        assert check.is_valid({"c.json": instance}) == verdict(there, "c.json", at, value), path


def test_definitions_of_one_name_stay_apart(form):
    """Author and framework may each have a definition that is called the same."""

    def whole(name, kind):
        leaf = {"type": kind}
        part = {
            "type": "object",
            "properties": {"x": {"$ref": "#/$defs/Leaf"}, "again": {"$ref": "#/$defs/Part"}},
        }
        return {"$defs": {"Leaf": leaf, "Part": part}, "properties": {name: {"$ref": "#/$defs/Part"}}}

    typing = evolve(
        form.typing["run-config"], author=whole("one", "integer"), framework=whole("two", "string")
    )
    both = evolve(form, typing={**form.typing, "run-config": typing})
    check = Draft202012Validator(json_schema_of(both))
    run_config = visible(form)["run-config"]
    for name, value, admitted in [
        ("one", 1, True),
        ("one", "a", False),
        ("two", "a", True),
        ("two", 1, False),
    ]:
        instance = {**run_config, name: {"again": {"x": value}}}
        found = [error.message for error in check.iter_errors({**visible(form), "run-config": instance})]
        assert (not found) == admitted, (name, value, found)
