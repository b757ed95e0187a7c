"""The format on its own: with a scripted answer for Axolotl, and without Axolotl."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import confjob_axolotl
import pytest
import yaml
from confjob_axolotl import FORMAT
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.plugin import MISSING, Change, Delivery, InputError, KeyPath, Source
from confjob.testing import check_format

_PROBE = Path(confjob_axolotl.__file__).with_name("probe.py")

CONFIG = """\
# Axolotl's style
base_model: org/model
datasets:
  - path: org/data
    type: alpaca   # instruction, input, output
dataset_prepared_path:

lora_r: 8          # rank
learning_rate: 2e-4
gc_steps: 4
"""

_SCHEMA = {
    "type": "object",
    "properties": {key: {} for key in ("base_model", "datasets", "dataset_prepared_path", "plugins")}
    | {"lora_r": {"type": "integer"}, "learning_rate": {"type": "number"}, "gc_steps": {"type": "integer"}},
}


class Scripted:
    """Answers as the probe would, and remembers what was asked."""

    def __init__(self, verdict: Any = (), **answer: Any) -> None:
        told = {"schema": _SCHEMA, "deprecated": {"gc_steps": "Use other_steps."}, "failed": {}}
        self.schema = told | answer
        self.verdict = {"problems": list(verdict)}
        self.asked: list[Any] = []

    def __call__(self, script: Path, request: Any) -> Any:
        assert script == _PROBE
        self.asked.append(request)
        return self.schema if request["ask"] == "schema" else self.verdict


def _document(root: Path, ask: Any, text: str = CONFIG) -> Any:
    (root / "config.yml").write_text(text)
    return FORMAT.load(Source(input="config.yml", path=PurePosixPath("config.yml"), root=root, ask=ask))


def _changed(document: Any, path: str, after: Any) -> Delivery:
    change = Change(input="config.yml", path=KeyPath.parse(path), before=MISSING, after=after)
    return FORMAT.deliver(document, [change])


def test_the_laws_of_every_format_hold():
    changes = [("learning_rate", 3e-4), ("datasets[0].type", "chat"), ("gc_steps", MISSING)]
    check_format(FORMAT, CONFIG, file_name="config.yml", changes=changes)


def test_a_key_that_axolotl_would_drop_is_not_allowed(tmp_path):
    assert FORMAT.schema(_document(tmp_path, Scripted()))["additionalProperties"] is False


def test_a_plugin_that_cannot_be_loaded_leaves_the_top_open_and_warns(tmp_path):
    ask = Scripted(failed={"own.Plugin": "ImportError: no"})
    document = _document(tmp_path, ask, CONFIG + "plugins: [own.Plugin]\n")
    assert "additionalProperties" not in FORMAT.schema(document)
    assert any("own.Plugin can't be loaded" in warning.message for warning in document.warnings)
    assert ask.asked[0] == {"ask": "schema", "plugins": ["own.Plugin"]}


def test_a_change_of_the_plugins_changes_the_types(tmp_path):
    document = _document(tmp_path, Scripted(), CONFIG + "plugins: [a.A]\n")
    assert sorted(map(str, document.selectors)) == ["plugins", "plugins[0]", "plugins[1]"]


def test_a_deprecated_key_is_told_where_it_stands_in_axolotls_words(tmp_path):
    document = _document(tmp_path, Scripted())
    (found,) = [warning for warning in document.warnings if warning.code == "deprecated"]
    assert (str(found.where), found.message) == (
        "config.yml:10:11",
        "gc_steps is deprecated: Use other_steps.",
    )
    assert FORMAT.schema(document)["properties"]["gc_steps"]["deprecated"] is True


def test_a_deprecated_key_that_a_change_brings_is_a_warning_of_that_change(tmp_path):
    document = _document(tmp_path, Scripted(verdict=[[], []]), CONFIG.replace("gc_steps: 4\n", ""))
    old, new = FORMAT.check(document, [Delivery(), _changed(document, "gc_steps", 2)])
    assert old == []
    assert [(problem.code, problem.severity) for problem in new] == [("deprecated", "warning")]


def test_all_texts_are_judged_in_one_start_and_told_by_place(tmp_path):
    ask = Scripted(verdict=[[], [{"path": ["datasets", 0, "type"], "message": "no"}]])
    document = _document(tmp_path, ask)
    ask.asked.clear()
    _, (problem,) = FORMAT.check(document, [Delivery(), _changed(document, "datasets[0].type", "chat")])
    (texts,) = [request["texts"] for request in ask.asked if request["ask"] == "check"]
    assert [("type: chat" in text) for text in texts] == [False, True]
    assert (str(problem.path), str(problem.where)) == ("datasets[0].type", "config.yml:5:11")
    assert (problem.message, problem.severity) == ("Axolotl: no", "error")


@pytest.mark.parametrize("ask", [None, lambda _script, _request: {"absent": True}])
def test_without_axolotl_types_are_inferred_and_a_warning_says_so(tmp_path, ask):
    document = _document(tmp_path, ask)
    assert FORMAT.schema(document) is None
    assert any("axolotl is not installed" in warning.message for warning in document.warnings)
    assert FORMAT.check(document, [Delivery()]) == [[]]


def test_a_broken_axolotl_is_a_warning(tmp_path):
    def ask(_script: Path, _request: Any) -> Any:
        raise InputError("no torch")

    document = _document(tmp_path, ask)
    assert FORMAT.schema(document) is None
    assert any("no torch" in warning.message for warning in document.warnings)
    ((problem,),) = FORMAT.check(document, [Delivery()])
    assert (problem.severity, "no torch" in problem.message) == ("warning", True)


def test_init_recognises_the_file_at_any_depth_and_no_other(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "lora.yml").write_text(CONFIG)
    (tmp_path / "other.yaml").write_text("base_model: x\nlr: 1\n")
    (tmp_path / "broken.yaml").write_bytes(b"base_model: \xff\ndatasets: 1\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "lora.yml").write_text(CONFIG)
    (found,) = FORMAT.recognize(tmp_path)
    assert (found["path"], found["format"]) == ("configs/lora.yml", "axolotl")
    assert found["command"] == ["axolotl", "train", "{config}"]


def test_the_probe_says_that_axolotl_is_absent_even_beside_a_folder_of_that_name(tmp_path):
    (tmp_path / "axolotl").mkdir()
    (tmp_path / "request").write_text(json.dumps({"ask": "schema", "plugins": []}))
    argv = [sys.executable, "-I", "-B", _PROBE, tmp_path / "request", tmp_path / "answer"]
    subprocess.run(argv, cwd=tmp_path, check=True)
    reply = json.loads((tmp_path / "answer").read_text())
    assert reply == {"version": 1, "answer": {"absent": True}, "files": []}


_LEAF = st.one_of(
    st.integers(-99, 99), st.booleans(), st.none(), st.sampled_from(["a b", "no", "1e-4", "x: y", ""])
)
_KEY = st.sampled_from(["lr", "model", "data", "name", "b_1"])
_TREE = st.recursive(
    _LEAF, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEY, inner, max_size=3))
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(_KEY, _TREE, min_size=1, max_size=4))
def test_the_laws_of_patching_hold_for_any_config(config):
    """Unchanged it is the same text; each leaf set, added or deleted reads back as meant."""
    text = "# a remark\n" + yaml.safe_dump(config, sort_keys=False)
    check_format(FORMAT, text, file_name="config.yaml")
