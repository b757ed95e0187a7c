"""How changes reach wandb: laws of the sweep file and the variables, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path, PurePosixPath

import pytest
import yaml
from confjob_wandb.delivery import SWEEP_FILE, deliver
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.plugin import (
    MISSING,
    Change,
    Delivery,
    Document,
    InvalidOverrides,
    KeyPath,
    Node,
    RunFile,
    Source,
    Span,
    tree,
)

_KEYS = st.text(min_size=1, max_size=6).filter(
    lambda key: key == key.strip("-") and key not in ("_wandb", "wandb_version")
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_KEYS, below, max_size=3),
    max_leaves=6,
)


def _document(values) -> Document:
    source = Source(input="run-config", path=None, root=Path("/nowhere"))
    return Document(source=source, nodes={path: Node(value=value) for path, value in tree.walk(values)})


def _change(path: str, after, **more) -> Change:
    return Change(input="run-config", path=KeyPath.parse(path), before=MISSING, after=after, **more)


def _deliver(values, *changes: tuple[str, object]) -> Delivery:
    return deliver(_document(values), [_change(path, after) for path, after in changes])


def _told(delivery: Delivery):
    """Return the changes as wandb reads them, from both places."""
    loaded = yaml.safe_load(delivery.private[SWEEP_FILE])
    swept = {key: value["value"] for key, value in loaded.items()}
    text = delivery.environment.get("WANDB_CONFIG")
    if text is None:
        text = "".join(
            value for name, value in delivery.environment.items() if name.startswith("WANDB_CONFIG_")
        )
    assert tree.same(json.loads(text), swept)
    return swept


def _refused(values, path: str, after, **more) -> list[tuple[str, str]]:
    with pytest.raises(InvalidOverrides) as refused:
        deliver(_document(values), [_change(path, after, **more)])
    assert all(problem.hint for problem in refused.value.problems)
    return [(str(problem.path), problem.message) for problem in refused.value.problems]


@settings(deadline=None)
@given(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=3), _VALUES)
def test_whatever_value_is_set_reads_back_the_same_from_the_file_and_from_the_variables(key, values, after):
    path = KeyPath((key,))
    if isinstance(after, dict) and isinstance(values.get(key), dict):
        after = {**values[key], **after}
    try:
        delivery = deliver(
            _document(values), [Change(input="run-config", path=path, before=MISSING, after=after)]
        )
    except InvalidOverrides:
        # Below a mapping that stands there already, something would have to be taken out.
        assert isinstance(values.get(key), dict)
        return
    assert tree.same(_told(delivery), {key: after})


def test_only_what_changes_is_told_so_that_what_the_program_computes_stays():
    values = {"trainer": {"lr": 0.1, "steps": 10, "net": {"a": 1, "b": 2}}, "seed": 1}
    told = _told(_deliver(values, ("trainer.lr", 0.5), ("trainer.net.a", 3)))
    assert told == {"trainer": {"lr": 0.5, "net": {"a": 3}}}


@pytest.mark.parametrize(
    ("path", "after", "told"),
    [
        ("layers[1].units", 8, {"layers": [{"units": 1}, {"units": 8}]}),
        ("layers[0]", MISSING, {"layers": [{"units": 2}]}),
        ("layers[2]", {"units": 3}, {"layers": [{"units": 1}, {"units": 2}, {"units": 3}]}),
        ("layers", [], {"layers": []}),
        ("net.sizes[0]", 5, {"net": {"sizes": [5, 6]}}),
    ],
)
def test_a_list_is_told_whole(path, after, told):
    values = {"layers": [{"units": 1}, {"units": 2}], "net": {"sizes": [4, 6], "bias": True}}
    assert _told(_deliver(values, (path, after))) == told


def test_changes_within_one_list_add_up():
    assert _told(_deliver({"a": [1, 2, 3]}, ("a[0]", 9), ("a[2]", 8))) == {"a": [9, 2, 8]}


def test_an_added_key_and_a_null_are_told():
    assert _told(_deliver({"net": {"a": 1}}, ("net.b.c", 2), ("net.a", None))) == {
        "net": {"b": {"c": 2}, "a": None}
    }


def test_a_dot_in_a_key_stays_a_dot():
    assert _told(_deliver({"data.size": 1}, (r"data\.size", 2))) == {"data.size": 2}


def test_the_job_finds_the_private_file_by_its_path_and_no_launch_flag_is_set():
    delivery = _deliver({"seed": 1}, ("seed", 2))
    assert delivery.environment == {
        "WANDB_SWEEP_PARAM_PATH": RunFile(name="wandb-sweep.yaml"),
        "WANDB_CONFIG": '{"seed": 2}',
    }
    assert delivery.files == {}
    assert delivery.command is None


def test_without_a_change_there_is_still_an_empty_config_to_load():
    assert _deliver({"seed": 1}) == Delivery(environment={"WANDB_CONFIG": "{}"})


def test_the_sweep_file_is_ascii_and_knows_no_alias():
    shared = ["ü", "→"]
    text = _deliver({}, ("a", shared), ("b", shared)).private[SWEEP_FILE]
    assert text.isascii()
    assert "&" not in text
    assert yaml.safe_load(text)["b"]["value"] == shared


@pytest.mark.parametrize(("length", "names"), [(32650, 1), (32670, 2), (70000, 3)])
def test_a_long_config_is_cut_as_wandb_cuts_it(length, names):
    delivery = _deliver({"a": ""}, ("a", "x" * length))
    variables = [name for name in delivery.environment if name.startswith("WANDB_CONFIG")]
    assert variables == (["WANDB_CONFIG"] if names == 1 else [f"WANDB_CONFIG_{n}" for n in range(names)])
    assert max(len(delivery.environment[name]) for name in variables) <= 32670
    assert _told(delivery) == {"a": "x" * length}


@pytest.mark.parametrize(("path", "after"), [("net.a", MISSING), ("net", {"b": 2}), ("seed", MISSING)])
def test_what_would_be_merged_back_in_can_not_be_taken_out(path, after):
    ((where, message),) = _refused({"net": {"a": 1, "b": 2}, "seed": 1}, path, after)
    assert where == ("net.a" if path.startswith("net") else "seed")
    assert "can't be taken out" in message


def test_a_mapping_may_give_way_to_a_scalar():
    assert _told(_deliver({"net": {"a": 1}}, ("net", "none"))) == {"net": "none"}


def test_a_secret_is_refused_and_not_repeated():
    with pytest.raises(InvalidOverrides) as refused:
        deliver(_document({"token": "old"}), [_change("token", "hunter2", secret=True)])
    (problem,) = refused.value.problems
    assert "hunter2" not in f"{problem}"
    assert "env:NAME" in problem.hint


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(value):
    assert _refused({"a": 1.0}, "a", value)[0][0] == "a"
    assert _refused({"a": {"b": [1.0]}}, "a.b[0]", value)[0][0] == "a.b[0]"


@pytest.mark.parametrize("key", ["_wandb", "wandb_version"])
def test_keys_that_wandb_keeps_for_itself_are_refused_at_the_top_alone(key):
    assert f"{key!r}" in _refused({}, key, 1)[0][1]
    assert _told(_deliver({}, (f"a.{key}", 1))) == {"a": {key: 1}}


def test_dashes_that_wandb_would_strip_are_refused_where_that_makes_another_key():
    assert "would become 'x'" in _refused({}, "\\-x", 1)[0][1]
    assert "for one key" in _refused({"-x": 1, "x": 2}, "\\-x", 3)[0][1]
    # A key that the program has itself is stripped alike on both sides.
    assert _told(_deliver({"-x": 1}, ("\\-x", 3))) == {"-x": 3}


def test_an_artifact_may_stand_at_the_top_only():
    link = "wandb-artifact://e/p/data:v1"
    assert _told(_deliver({"data": "x"}, ("data", link))) == {"data": link}
    assert "top-level" in _refused({"data": {"train": "x"}}, "data.train", link)[0][1]


def test_all_refusals_come_at_once():
    changes = [_change("a", math.nan), _change("b", 1, secret=True), _change("c", MISSING)]
    with pytest.raises(InvalidOverrides) as refused:
        deliver(_document({"a": 1.0, "b": 2, "c": 3}), changes)
    assert [problem.code for problem in refused.value.problems] == ["wandb-value", "secret", "cannot-delete"]


def _in_file(values, file: str) -> Document:
    document = _document(values)
    span = Span(file=PurePosixPath(file), line=1, column=1, start=0, end=0)
    nodes = {path: Node(value=node.value, where=span) for path, node in document.nodes.items()}
    return Document(source=document.source, nodes=nodes)


def test_a_file_in_wandbs_own_form_is_told_by_its_values():
    values = {"wandb_version": 1, "lr": {"value": 0.1, "desc": "rate"}, "net": {"value": {"a": 1, "b": 2}}}
    changes = [_change("lr.value", 0.5), _change("net.value.a", 3), _change("new", {"value": 4})]
    assert _told(deliver(_in_file(values, "c.yaml"), changes)) == {"lr": 0.5, "net": {"a": 3}, "new": 4}
    # The same in a script is a config like any other.
    in_script = deliver(_in_file({"lr": {"value": 0.1}}, "train.py"), changes[:1])
    assert _told(in_script) == {"lr": {"value": 0.5}}


@pytest.mark.parametrize(("path", "after"), [("lr.desc", "pace"), ("new", 3), ("new.other", 3)])
def test_of_a_file_in_wandbs_own_form_only_values_can_be_set(path, after):
    with pytest.raises(InvalidOverrides) as refused:
        deliver(_in_file({"lr": {"value": 0.1, "desc": "rate"}}, "c.yaml"), [_change(path, after)])
    (problem,) = refused.value.problems
    assert problem.hint == f"set {path.partition('.')[0]}.value"
