"""A job's declaration as TOML reads back as itself, but for what TOML can't say."""

from __future__ import annotations

import json
import sys
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.capture.manifest import manifest_text, toml_value
from confjob.capture.rules import Declared, FileDeclared, RunConfigDeclared

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
TREES = st.dictionaries(
    TEXT,
    st.recursive(
        SCALARS,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
        max_leaves=12,
    ),
    max_size=5,
)


def job(declared, name="train", **more):
    written = manifest_text(name, ["python", "train.py"], declared, **more)
    return written, tomllib.loads(written.text)["jobs"][name]


@given(TREES)
def test_defaults_read_back_as_they_were_inline_or_as_tables(tree):
    written, table = job(Declared(run_config=RunConfigDeclared(defaults=tree)))
    defaults = table["run-config"].get("defaults", {})
    assert json.dumps(defaults, sort_keys=True) == json.dumps(tree, sort_keys=True)
    assert written.left_out == ()


@given(TREES)
def test_any_value_reads_back_on_one_line(tree):
    line = f"x = {toml_value(tree)}"
    assert "\n" not in line
    assert tomllib.loads(line) == {"x": tree}


@given(st.lists(TEXT.filter(bool), min_size=1, max_size=3), TEXT.filter(bool))
def test_prefixes_names_and_paths_read_back(prefixes, name):
    declared = Declared(
        run_config=RunConfigDeclared(include=prefixes, exclude=prefixes, reader="wandb"),
        files=(FileDeclared(path=PurePosixPath("a", "b.yaml"), include=prefixes),),
    )
    _, table = job(declared, name)
    assert table == {
        "command": ["python", "train.py"],
        "run-config": {"include": prefixes, "exclude": prefixes, "reader": "wandb"},
        "files": [{"path": "a/b.yaml", "include": prefixes}],
    }


def test_what_is_null_is_left_out_and_told_and_the_rest_stays():
    tree = {"a": None, "b": {"c": None, "d": 1}, "e": [1, None], "f": {"g": [{"h": None}]}}
    written, table = job(Declared(run_config=RunConfigDeclared(defaults=tree)))
    assert table["run-config"]["defaults"] == {"b": {"d": 1}, "f": {}}
    assert written.left_out == (
        "run-config:a is null, which TOML can't say",
        "run-config:b.c is null, which TOML can't say",
        "run-config:e holds a null, which TOML can't say",
        "run-config:f.g holds a null, which TOML can't say",
    )


@pytest.mark.parametrize(
    "schema", [{"type": ["integer", "null"], "default": None}, {"title": "x" * 200}, {"enum": ["a", None]}]
)
def test_a_schema_that_is_long_or_has_a_null_becomes_a_file_and_no_file_is_taken_twice(schema):
    declared = Declared(
        run_config=RunConfigDeclared(schema=schema),
        files=tuple(FileDeclared(path=PurePosixPath(at, "c.yaml"), schema=schema) for at in "ab"),
    )
    written, table = job(declared, taken=[PurePosixPath("schemas/train.json")])
    named = [table["run-config"]["schema"], *(file["schema"] for file in table["files"])]
    assert named == ["schemas/train-2.json", "schemas/train-c.json", "schemas/train-c-2.json"]
    assert [json.loads(text) for text in written.schemas.values()] == [schema] * 3
    assert [str(path) for path in written.schemas] == named


@pytest.mark.parametrize("schema", [{"type": "object"}, "schemas.py:Schema"])
def test_a_short_schema_and_a_reference_stand_in_the_manifest(schema):
    written, table = job(Declared(run_config=RunConfigDeclared(schema=schema)))
    assert table["run-config"]["schema"] == schema
    assert written.schemas == {}


def test_defaults_from_a_file_are_named_and_places_are_comments():
    declared = Declared(
        run_config=RunConfigDeclared(defaults=PurePosixPath("d.yaml"), at=("t.py:3", "t.py:5"))
    )
    written, table = job(declared, settings=['env = { A = "1" }'])
    assert table["run-config"] == {"defaults": "d.yaml"}
    assert table["env"] == {"A": "1"}
    assert "[jobs.train.run-config]    # t.py:3, t.py:5" in written.text
