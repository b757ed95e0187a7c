import copy
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from confjob.keypath import KeyPath
from confjob.tree import MISSING, delete, get, leaves, merge, put, same, walk

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=2)
KEYS = st.sampled_from(["a", "b", "", "a.b", "0"])
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, TREES, max_size=4)
PATHS = st.lists(KEYS | st.integers(-1, 3), max_size=4).map(KeyPath)


def test_missing_is_no_null():
    assert get({"a": None}, KeyPath(("a",))) is None
    assert get({"a": None}, KeyPath(("b",))) is MISSING
    assert not MISSING
    assert repr(MISSING) == "MISSING"


@given(TREES, PATHS, TREES)
def test_what_is_put_is_got_and_the_rest_stays(tree, path, value):
    before = copy.deepcopy(tree)
    try:
        after = put(tree, path, value)
    except KeyError:
        after = None
    else:
        assert same(get(after, path), value)
        others = [at for at, _ in leaves(before) if not at.startswith(path) and not path.startswith(at)]
        assert all(same(get(after, at), get(before, at)) for at in others)
    assert same(tree, before)


@given(TREES, PATHS, TREES)
def test_put_fails_only_where_the_path_can_not_lead(tree, path, value):
    where = tree
    fits = True
    for part in path:
        if isinstance(where, list):
            fits = fits and isinstance(part, int) and 0 <= part <= len(where)
        else:
            fits = fits and isinstance(part, str) and (where in (None, MISSING) or isinstance(where, dict))
        where = get(where, KeyPath((part,))) if fits else MISSING
    if fits:
        put(tree, path, value)
    else:
        with pytest.raises(KeyError):
            put(tree, path, value)


@given(TREES, TREES)
def test_putting_what_is_there_changes_nothing(tree, value):
    for path, there in walk(tree):
        assert same(put(tree, path, there), tree)
        assert same(put(put(tree, path, value), path, there), tree)


@given(TREES, PATHS)
def test_delete_takes_exactly_one_value(tree, path):
    before = copy.deepcopy(tree)
    if not path or get(tree, path) is MISSING:
        with pytest.raises(KeyError):
            delete(tree, path)
    else:
        after = delete(tree, path)
        if isinstance(path[-1], str):
            assert get(after, path) is MISSING
            assert same(put(after, path, get(before, path)), before)
        else:
            kept = get(before, path.parent)
            assert same(get(after, path.parent), kept[: path[-1]] + kept[path[-1] + 1 :])
    assert same(tree, before)


@given(MAPPINGS, MAPPINGS)
def test_merging_changes_no_argument_and_merging_again_changes_nothing(below, above):
    copies = copy.deepcopy([below, above])
    merged = merge(below, above)
    assert same(merge(merged, above), merged)
    assert same([below, above], copies)


@given(MAPPINGS, MAPPINGS)
def test_the_upper_tree_wins_a_merge(below, above):
    merged = merge(below, above)
    for path, value in leaves(above):
        if path and value != {}:
            assert same(get(merged, path), value)
    assert same(merge(below, {}), below)
    assert same(merge(below, below), below)
    assert list(merged) == [*below, *(key for key in above if key not in below)]


@given(TREES)
def test_a_tree_is_its_leaves(tree):
    built = MISSING
    assume(
        isinstance(tree, dict) and not any(isinstance(part, int) for path, _ in leaves(tree) for part in path)
    )
    for path, value in leaves(tree):
        built = put(built, path, value)
    assert same(built, tree)


@given(TREES)
def test_walk_tells_every_value_in_document_order(tree):
    walked = list(walk(tree))
    assert len({path for path, _ in walked}) == len(walked)
    assert all(value is get(tree, path) for path, value in walked)
    assert walked[0][0] == KeyPath()
    assert [path for path, _ in walk({"b": {"z": 1, "a": [5, {}]}, "a": 2})] == [
        KeyPath(path) for path in [(), ("b",), ("b", "z"), ("b", "a"), ("b", "a", 0), ("b", "a", 1), ("a",)]
    ]


def test_empty_containers_are_leaves():
    assert dict(leaves({"a": {}, "b": [], "c": [{}]})) == {
        KeyPath(("a",)): {},
        KeyPath(("b",)): [],
        KeyPath(("c", 0)): {},
    }


@given(TREES)
def test_a_tree_is_the_same_as_its_copy(tree):
    assert same(tree, copy.deepcopy(tree))


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), (0, False), (0.0, False), ("1", 1), (None, False), ([], {})]
)
def test_values_of_different_types_differ(one, other):
    assert not same(one, other)
    assert not same({"a": [one]}, {"a": [other]})


def test_equality_of_special_values():
    assert same(math.nan, math.nan)
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not same([1, 2], [2, 1])
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert not same([1], [1, 2])


def test_null_and_nothing_become_mappings_where_a_key_is_put():
    assert put({"a": None}, KeyPath(("a", "b")), 1) == {"a": {"b": 1}}
    assert put({}, KeyPath(("a", "b", "c")), 1) == {"a": {"b": {"c": 1}}}
    assert put([1], KeyPath((1,)), 2) == [1, 2]
