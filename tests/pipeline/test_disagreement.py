"""What is said where an author's schema and the document disagree."""

from __future__ import annotations

import json

import pytest

from confjob.pipeline import Request, make_plan, read_form
from confjob.project import Project

CONFIG = "lr: -1\nlayers: {depth: 2, width: 8}\nprivate: {key: 1}\n"


@pytest.fixture
def doubts(project):
    """A function: the warnings and notes of `show` for a schema of CONFIG."""

    def of(schema, exclude=(), config=CONFIG):
        table = f'path = "c.yaml"\nschema = "s.json"\nexclude = {json.dumps(list(exclude))}\n'
        project.write({"launch.toml": f'[jobs.t]\ncommand = ["true"]\n[[jobs.t.files]]\n{table}'})
        project.write({"c.yaml": config, "s.json": json.dumps(schema)})
        return read_form(Project.find(project.root, environ={}), Request(job="t")).warnings

    return of


def told(problems):
    return [(each.severity, str(each.path), each.message) for each in problems]


def test_a_sound_schema_is_passed_over_in_silence(doubts):
    schema = {"properties": {"lr": {"maximum": 1}, "layers": {"properties": {"depth": {"minimum": 1}}}}}
    assert doubts(schema) == ()


def test_a_property_that_is_absent_is_noted_unless_it_has_a_default(doubts):
    """At any depth, all in one note."""
    inner = {"properties": {"heads": {"type": "integer"}, "bias": {"default": True}}}
    schema = {"properties": {"layers": inner, "optimizer": {"type": "string"}, "seed": {"default": 1}}}
    message = "the schema names what is not there: layers.heads, optimizer"
    assert told(doubts(schema)) == [("note", "", message)]


def test_a_misspelt_property_warns_because_its_rule_checks_nothing(doubts):
    (problem,) = doubts({"properties": {"layers": {"properties": {"deepth": {"maximum": 9}}}}})
    assert told([problem]) == [
        ("warning", "layers.deepth", "the schema names 'layers.deepth', which is not there")
    ]
    assert problem.hint == "did you mean 'layers.depth'?"
    assert str(problem.where) == "c.yaml:2:9"


def test_a_required_one_and_a_broken_value_warn_with_the_place(doubts):
    schema = {"properties": {"lr": {"minimum": 0}, "seed": {"type": "integer"}}, "required": ["seed"]}
    assert sorted(told(doubts(schema))) == [
        ("warning", "lr", "already breaks its schema: must be at least 0"),
        ("warning", "seed", "already breaks its schema: missing key 'seed'"),
    ]
    assert [str(each.where) for each in doubts(schema) if str(each.path) == "lr"] == ["c.yaml:1:5"]


def test_a_schema_for_what_is_excluded_is_noted(doubts):
    schema = {"properties": {"private": {"properties": {"key": {"type": "integer"}}}}}
    (problem,) = doubts(schema, exclude=["private"])
    assert told([problem]) == [
        ("note", "private", "the schema has a rule for 'private', which may not be changed")
    ]
    assert doubts(schema) == ()


def test_what_the_alternatives_of_a_union_name_may_be_absent(doubts):
    branches = [{"properties": {"depth": {}, "a": {}}}, {"properties": {"depth": {}, "b": {}}}]
    assert doubts({"properties": {"layers": {"anyOf": branches}}}, config="layers: {a: 1}\n") == ()


def test_a_plan_tells_the_same_and_no_more_of_what_it_mends(doubts, project):
    doubts({"properties": {"lr": {"minimum": 0}, "layers": {"properties": {"deepth": {}}}}})
    there = Project.find(project.root, environ={})
    plain = make_plan(there, Request(job="t")).warnings
    assert sorted(str(each.path) for each in plain) == ["layers.deepth", "lr"]
    mended = make_plan(there, Request(job="t", sets=("lr=1",))).warnings
    assert [str(each.path) for each in mended] == ["layers.deepth"]


@pytest.mark.parametrize(
    "job", ["train", "json-schema", "pydantic-class", "pydantic-instance", "four-parameters"]
)
def test_wandbs_own_examples_warn_of_nothing(copy_of_example, job):
    """W&B's documentation has them, and its own code warns about the Pydantic one."""
    there = copy_of_example("seed")
    assert read_form(Project.find(there.root, environ=there.environ), Request(job=job)).warnings == ()
