"""The format on its own: with a scripted answer for torchtune, and without torchtune."""

from __future__ import annotations

import re
import runpy
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import confjob_torchtune
import pytest
import yaml
from confjob_torchtune import FORMAT
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.plugin import MISSING, Change, InputError, InvalidOverrides, KeyPath, Source
from confjob.testing import check_format

_PROBE = Path(confjob_torchtune.__file__).with_name("probe.py")

CONFIG = """\
# torchtune's style
output_dir: /tmp/x # where
optimizer:
  _component_: torch.optim.AdamW
  lr: 2e-5
  fused: ${fused}
fused: True
model:
  _component_: pkg.lora
  inner:
    _component_: pkg.inner
    rank: 8
  modules: ['${a}', v]
"""

_ANSWER = {
    "keys": ["epochs", "optimizer"],
    "components": {
        "torch.optim.AdamW": {
            "type": "object",
            "properties": {
                "_component_": {"type": "string"},
                "lr": {"type": "number", "default": 0.001},
                "fused": {"type": "boolean"},
                "amsgrad": {"type": "boolean", "default": False},
            },
            "additionalProperties": False,
        },
        "pkg.lora": {
            "type": "object",
            "properties": {"modules": {"type": "array", "items": {"enum": ["q", "v"]}}, "inner": {}},
            "additionalProperties": True,
        },
        "pkg.inner": {"error": "No module named 'pkg'"},
    },
}


def _document(root: Path, answer: Any = _ANSWER, **options: Any) -> Any:
    (root / "config.yaml").write_text(CONFIG)
    ask = None if answer is None else lambda _script, _request: answer
    source = Source(input="config.yaml", path=PurePosixPath("config.yaml"), root=root, ask=ask, **options)
    return FORMAT.load(source)


def test_the_laws_of_every_format_hold():
    check_format(FORMAT, CONFIG, file_name="config.yaml", changes=[("optimizer.lr", 0.5), ("fused", MISSING)])


def test_every_component_at_any_depth_is_a_selector(tmp_path):
    found = sorted(map(str, _document(tmp_path).selectors))
    assert found == ["model._component_", "model.inner._component_", "optimizer._component_"]


@pytest.mark.parametrize("answer", [None, {"absent": True}])
def test_without_torchtune_types_are_inferred_and_a_warning_says_so(tmp_path, answer):
    document = _document(tmp_path, answer)
    assert FORMAT.schema(document) is None
    assert "torchtune is not installed" in document.warnings[0].message
    assert FORMAT.check(document, [document.source.delivered]) == [[]]


def test_a_component_that_cannot_be_imported_is_a_warning_at_its_place(tmp_path):
    (warning,) = _document(tmp_path).warnings
    assert warning.path == KeyPath.parse("model.inner._component_")
    assert warning.where.line == 11


def test_arguments_have_the_types_of_signatures_and_unknown_ones_are_closed(tmp_path):
    optimizer = FORMAT.schema(_document(tmp_path))["properties"]["optimizer"]
    assert optimizer["properties"]["lr"]["type"] == "number"
    assert optimizer["properties"]["amsgrad"] == {"type": "boolean", "default": False}
    assert optimizer["additionalProperties"] is False


def test_what_stands_as_an_interpolation_may_stay_one(tmp_path):
    properties = FORMAT.schema(_document(tmp_path))["properties"]
    assert {"type": "string", "pattern": r"\$\{"} in properties["optimizer"]["properties"]["fused"]["anyOf"]
    assert properties["model"]["properties"]["modules"] == {}


def test_top_level_keys_are_those_of_the_file_and_those_that_torchtune_knows(tmp_path):
    whole = FORMAT.schema(_document(tmp_path))
    assert whole["additionalProperties"] is False
    assert set(whole["properties"]) >= {"epochs", "output_dir", "fused"}


def _built_in(root: Path, command: tuple[str, ...], answer: Any = None) -> Any:
    def ask(_script: Path, request: Any) -> Any:
        return (answer or {"text": CONFIG}) if request["ask"] == "config" else _ANSWER

    source = Source(input="a/b", path=PurePosixPath("a/b"), root=root, command=command, ask=ask)
    return FORMAT.load(source)


def _change(document: Any, path: str, after: Any) -> Change:
    at = KeyPath.parse(path)
    return Change(input="a/b", path=at, before=document.nodes[at].value, after=after)


@pytest.mark.parametrize("word", ["a/b", "{config}"])
def test_a_built_in_config_is_delivered_as_a_copy_that_the_command_names(tmp_path, word):
    document = _built_in(tmp_path, ("tune", "run", "recipe", "--config", word, "x=1"))
    delivery = FORMAT.deliver(document, [_change(document, "optimizer.lr", 0.5)])
    copy = PurePosixPath("a/b.yaml")
    assert delivery.command == ("tune", "run", "recipe", "--config", str(copy), "x=1")
    assert delivery.files == {copy: CONFIG.replace("2e-5", "0.5")}
    again = FORMAT.load(document.source.applied(delivery))
    assert again.tree["optimizer"]["lr"] == 0.5
    twice = FORMAT.deliver(again, [_change(again, "fused", False)])
    assert twice.command[4] == str(copy)
    assert "0.5" in twice.files[copy]


def test_a_command_that_does_not_name_the_built_in_config_is_refused(tmp_path):
    document = _built_in(tmp_path, ("tune", "run", "recipe", "--config", "other.yaml"))
    with pytest.raises(InvalidOverrides) as caught:
        FORMAT.deliver(document, [_change(document, "fused", False)])
    assert "does not name" in caught.value.problems[0].message


def test_an_unknown_built_in_config_is_refused_with_the_nearest_names(tmp_path):
    with pytest.raises(InputError) as caught:
        _built_in(tmp_path, (), {"close": ["a/c"], "count": 1})
    assert "did you mean a/c" in caught.value.hint


def test_a_file_in_the_place_of_the_copy_is_not_overwritten(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.yaml").write_text("x: 1\n")
    with pytest.raises(InputError, match=re.escape("a/b.yaml")):
        _built_in(tmp_path, ())


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (float | None, {"anyOf": [{"type": "number"}, {"type": "null"}]}),
        (list[Literal["q", "v"]], {"type": "array", "items": {"enum": ["q", "v"]}}),
        (dict[str, str], {"type": "object", "additionalProperties": {"type": "string"}}),
        (float | object, {"type": "number"}),
        (object, None),
        (Any, {}),
    ],
)
def test_annotations_are_json_schemas(annotation, schema):
    assert runpy.run_path(str(_PROBE))["json_schema"](annotation) == schema


def test_init_recognises_the_config_and_its_recipe(tmp_path):
    """A YAML with a component is torchtune's; the one script with @config.parse runs it."""
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "other.yaml").write_text("a: 1\n")
    (tmp_path / "recipe.py").write_text("from torchtune import config\n@config.parse\ndef main(cfg): ...\n")
    (table,) = FORMAT.recognize(tmp_path)
    assert table["path"] == "c.yaml"
    assert table["command"] == ["tune", "run", "recipe.py", "--config", "{config}"]
    (tmp_path / "second.py").write_text("@config.parse\n")
    (table,) = FORMAT.recognize(tmp_path)
    assert "command" not in table


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
