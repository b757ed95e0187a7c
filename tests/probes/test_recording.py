"""The recorder inside the job: whatever it is given, the job goes on and its objects stay."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import sys
from pathlib import Path

import pytest

from confjob.probes.recording import record


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Record into a file; gives what the file holds."""
    file = tmp_path / "calls"
    file.touch()
    monkeypatch.setenv("CONFJOB_CAPTURE", str(file))
    monkeypatch.setenv("CONFJOB_CAPTURE_ROOT", str(Path(__file__).parent))
    monkeypatch.chdir(tmp_path)
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


@dataclasses.dataclass
class Settings:
    lr: float = 0.1


def test_a_call_becomes_one_line_with_its_place(lines, tmp_path):
    record(
        {"call": "manage_config_file", "path": Path("a") / "b.yaml", "include": "a", "exclude": ("b", "c")}
    )
    (line,) = lines()
    assert line.pop("at").startswith("test_recording.py:")
    assert line == {
        "call": "manage_config_file",
        "reader": "",
        "path": str(tmp_path / "a" / "b.yaml"),
        "include": ["a"],
        "exclude": ["b", "c"],
    }


def test_a_place_that_is_given_stands(lines):
    record({"call": "values", "reader": "w", "config": {}, "at": "x.py:1"})
    assert lines()[0]["at"] == "x.py:1"


@pytest.mark.parametrize("given", [{"a": 1, "b": {"c": [1]}}, argparse.Namespace(a=1, b={"c": (1,)})])
def test_values_may_be_a_mapping_or_a_namespace(lines, given):
    record({"call": "values", "reader": "w", "config": given})
    assert lines()[0]["config"] == {"a": 1, "b": {"c": [1]}}


def test_numpy_values_become_plain_ones(lines):
    numpy = pytest.importorskip("numpy")
    record({"call": "values", "config": {"a": numpy.float64(0.5), "b": numpy.arange(2), "c": numpy.int32(3)}})
    assert lines()[0]["config"] == {"a": 0.5, "b": [0, 1], "c": 3}


def test_what_has_no_form_in_json_is_left_out_and_named(lines):
    record(
        {
            "call": "manage_config",
            "defaults": {"a": {"f": print, "g": 1}, "l": [1, {2j}]},
            "include": ["a", 3],
        }
    )
    (line,) = lines()
    assert line["defaults"] == {"a": {"g": 1}}
    assert line["include"] == ["a"]
    assert len(line["unsaid"]) == 3
    assert line["unsaid"][0] == "defaults.a.f: builtin_function_or_method is no value of a config"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (Settings, {"schema"}),
        (Settings(lr=3), {"schema", "values"}),
        ({"type": "object"}, {"schema"}),
        ("file.py:Object", {"schema"}),
        (3, {"unsaid"}),
        (int, {"unsaid"}),
    ],
)
def test_schemas_become_json_schema_with_the_values_of_an_instance(lines, schema, said):
    before = copy.deepcopy(schema)
    record({"call": "manage_config", "schema": schema})
    (line,) = lines()
    assert set(line) - {"call", "reader", "at", "include", "exclude"} == said
    assert schema == before


def test_the_jobs_own_modules_of_the_recorders_names_stay(lines, monkeypatch):
    monkeypatch.delitem(sys.modules, "_confjob_typed", raising=False)
    monkeypatch.setitem(sys.modules, "typed", json)
    path = list(sys.path)
    record({"call": "manage_config", "schema": Settings})
    assert "schema" in lines()[0]
    assert sys.modules["typed"] is json
    assert "kit" not in sys.modules
    assert sys.path == path


@pytest.mark.parametrize(
    "call", [{}, {"call": "values", "config": None, "path": 3}, {"call": "values", "include": 3}]
)
def test_nothing_that_is_wrong_with_a_call_reaches_the_job(lines, call):
    record(call)


def test_a_circular_value_does_not_fail_the_job(lines, capsys):
    loop = {}
    loop["loop"] = loop
    record({"call": "values", "config": loop})
    assert "could not be recorded" in capsys.readouterr().err


def test_nothing_is_written_when_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.delenv("CONFJOB_CAPTURE", raising=False)
    record({"call": "values"})
    monkeypatch.setenv("CONFJOB_CAPTURE", str(tmp_path / "gone"))
    record({"call": "values"})
    assert list(tmp_path.iterdir()) == []
