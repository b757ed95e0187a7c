"""What is kept for completion: every value is one that can be set."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confjob import offers as kept
from confjob import schema as schemas
from confjob.keypath import KeyPath
from confjob.pipeline import Request, list_jobs, make_plan, read_form
from confjob.pipeline.remembering import offers_of
from confjob.project import Project

EXAMPLES = Path(__file__).parents[2] / "examples"

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
TRICKY = st.sampled_from(
    ["1.10", "true", "null", "~", " a", "a ", "", "[1]", "{", "'", "1e-4", "#x", "é", "a\tb", "a=b"]
)

unhurried = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])


def project_with(tmp_path, values, schema=None):
    (tmp_path / "config.json").write_text(json.dumps(values))
    (tmp_path / "schema.json").write_text(json.dumps(schema or {}))
    (tmp_path / "launch.toml").write_text(
        '[jobs.train]\ncommand = ["true"]\n[[jobs.train.files]]\npath = "config.json"\nschema = "schema.json"\n'
    )
    return Project.find(tmp_path, environ={})


def planned(project, offer, text):
    """Return the changes that setting an offered value makes."""
    named = f"{offer['input']}:{offer['path']}={text}"
    return make_plan(project, Request(job="train", sets=(named,))).changes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("values")


@unhurried
@given(
    values=st.dictionaries(st.sampled_from("abcd"), SCALARS | TRICKY | st.lists(SCALARS | TRICKY, max_size=3))
)
def test_the_present_value_is_offered_as_it_is_typed(folder, values):
    """Setting what is there already changes nothing."""
    project = project_with(folder, values)
    request = Request(job="train")
    for offer in offers_of(project, request, read_form(project, request))["offers"]:
        if offer["now"] is not None:
            assert all(change.before == change.after for change in planned(project, offer, offer["now"]))


@unhurried
@given(constants=st.lists(SCALARS | TRICKY, min_size=1, max_size=5))
def test_a_schemas_values_are_offered_as_they_are_typed(folder, constants):
    """What is offered is accepted, and is one of them."""
    values, schema = {"a": constants[0]}, {"properties": {"a": {"enum": constants}}}
    project = project_with(folder, values, schema)
    request = Request(job="train")
    (offer,) = [
        each
        for each in offers_of(project, request, read_form(project, request))["offers"]
        if each["path"] == "a"
    ]
    for text in offer["values"]:
        for change in planned(project, offer, text):
            assert change.after in constants


@pytest.mark.parametrize("name", ["digits", "seed"])
def test_of_an_example_exactly_the_fields_that_show_lists_are_offered(name, copy_of_example):
    project = Project.find(copy_of_example(name).root)
    for job in list_jobs(project):
        request = Request(job=job.name)
        form = read_form(project, request)
        found = offers_of(project, request, form)
        there = {(offer["input"], offer["path"]) for offer in found["offers"] if not offer["absent"]}
        listed = {
            (each.input, str(KeyPath(map(str, each.path)))) for each in form.fields if not each.required
        }
        assert there == listed
        key = kept.key_of(str(project.root), str(project.root), job.name, {})
        assert kept.load(str(project.state), key) == found, "reading the form keeps it"


def test_constants_are_found_through_references_and_unions():
    schema = {
        "$defs": {"name": {"enum": ["adam", "sgd"]}},
        "anyOf": [{"$ref": "#/$defs/name"}, {"type": "null"}, {"const": 0}],
    }
    assert list(schemas.constants(schema)) == ["adam", "sgd", 0]


def test_a_schema_that_refers_to_itself_ends():
    assert list(schemas.constants({"$ref": "#", "const": 1})) == [1, 1]


def test_what_is_kept_is_nothing_to_git(project):
    project.write({"launch.toml": '[jobs.train]\ncommand = ["true"]\n'}).commit()
    found = Project.find(project.root)
    read_form(found, Request(job="train"))
    assert (found.state / "cache" / "completion").is_dir()
    assert project.git("status", "--porcelain") == ""
    assert not (found.state / "runs").exists(), "only a run makes it"
