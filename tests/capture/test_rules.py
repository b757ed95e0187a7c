"""What recorded calls come to: the rules of the seed's calls, whatever their order."""

from __future__ import annotations

import itertools
from pathlib import Path, PurePosixPath

import pytest

from confjob.capture.rules import combined
from confjob.errors import InputError

ROOT = Path("/project")


def read(path):
    if path.name == "gone.yaml":
        raise InputError(f"{path}: no such file")
    return {"from": str(path), "below": {"file": True}}


def config(reader="", **said):
    return {"call": "manage_config", "reader": reader, "include": [], "exclude": [], **said}


def file(path="/project/c.yaml", **said):
    return {"call": "manage_config_file", "reader": "", "path": path, "include": [], "exclude": [], **said}


def values(given, reader="w"):
    return {"call": "values", "reader": reader, "config": given, "include": [], "exclude": []}


def come_to(*calls):
    return combined(calls, ROOT, read)


def test_nothing_comes_to_nothing():
    assert come_to().run_config is None
    assert come_to().files == ()


def test_a_lone_file_call_hides_the_run_config_and_a_run_config_call_brings_it_back():
    for calls in itertools.permutations([file(), values({"a": 1})]):
        assert come_to(*calls).run_config is None
    for calls in itertools.permutations([file(), values({"a": 1}), config("w")]):
        told = come_to(*calls)
        assert told.run_config is not None
        assert told.run_config.defaults == {"a": 1}
        assert [each.path for each in told.files] == [PurePosixPath("c.yaml")]


def test_run_config_calls_add_up_and_the_last_schema_wins():
    told = come_to(
        config(include=["a", "b"], schema={"title": "first"}, defaults={"a": {"x": 1, "y": 1}}),
        config(include=["b", "c"], exclude=["d"], schema={"title": "last"}),
        config(exclude=["e"], defaults={"a": {"y": 2}}),
    ).run_config
    assert told is not None
    assert (told.include, told.exclude) == (("a", "b", "c"), ("d", "e"))
    assert told.schema == {"title": "last"}
    assert told.defaults == {"a": {"x": 1, "y": 2}}


def test_of_two_calls_for_one_file_the_last_counts():
    told = come_to(file(include=["a"], schema={}), file("/project/d.yaml"), file(exclude=["b"]))
    assert [(str(each.path), each.include, each.exclude, each.schema) for each in told.files] == [
        ("c.yaml", (), ("b",), None),
        ("d.yaml", (), (), None),
    ]


def test_values_of_a_schemas_instance_lie_under_all_that_is_said_and_only_the_last_ones():
    told = come_to(
        config(defaults={"a": 1}),
        config(schema={"title": "x"}, values={"z": 9}),
        config(schema={"title": "y"}, values={"a": 0, "b": 0}),
    )
    assert told.run_config is not None
    assert told.run_config.defaults == {"a": 1, "b": 0}


def test_one_file_of_defaults_stays_a_file_and_several_sources_are_merged():
    alone = come_to(config(defaults="/project/d.yaml"), config(include=["a"])).run_config
    assert alone is not None
    assert alone.defaults == PurePosixPath("d.yaml")
    both = come_to(config(defaults="/project/d.yaml"), config(defaults={"below": {"said": 1}})).run_config
    assert both is not None
    assert both.defaults == {"from": "d.yaml", "below": {"file": True, "said": 1}}
    gone = come_to(config(defaults={"a": 1}), config(defaults="/project/gone.yaml"))
    assert gone.run_config is not None
    assert gone.run_config.defaults == {"a": 1}
    assert come_to(values("/project/d.yaml")).left_out == (
        "the values of /project/d.yaml, which w reads in its own way",
    )
    assert gone.left_out == ("defaults from gone.yaml: gone.yaml: no such file",)


@pytest.mark.parametrize(
    ("calls", "reader", "defaults"),
    [
        ([values({"a": 1})], "w", {"a": 1}),
        ([config("w"), values({"a": 1})], "w", {"a": 1}),
        ([config(defaults={"b": 2}), values({"a": 1})], None, {"b": 2}),
        ([config("w"), config(defaults={"b": 2}), values({"a": 1})], None, {"b": 2}),
        ([config("w"), values({"a": 1}), values({"c": 3}, reader="other")], "w", {"a": 1}),
    ],
)
def test_the_reader_is_whose_calls_declare_the_run_config_ours_before_others(calls, reader, defaults):
    for order in itertools.permutations(calls):
        told = come_to(*order).run_config
        assert told is not None
        assert (told.reader, told.defaults) == (reader, defaults)


def test_what_is_faulty_is_left_out_and_told_with_its_place():
    told = come_to(
        config(include=["a", "b\\c"], unsaid=["defaults.f: function is no value of a config"], at="t.py:3"),
        file("/elsewhere/x.yaml", at="t.py:4"),
        file("/project/../elsewhere/x.yaml"),
    )
    assert told.run_config is not None
    assert told.run_config.include == ("a",)
    assert told.files == ()
    assert told.left_out[0] == "t.py:3: defaults.f: function is no value of a config"
    assert "t.py:4: /elsewhere/x.yaml lies outside the project" in told.left_out
    assert any(words.startswith("t.py:3: include: ") for words in told.left_out)


def test_places_are_told_once():
    told = come_to(config(at="t.py:3"), config(at="t.py:3"), config(at="t.py:5"), file(at="t.py:7"))
    assert told.run_config is not None
    assert told.run_config.at == ("t.py:3", "t.py:5")
    assert told.files[0].at == ("t.py:7",)
