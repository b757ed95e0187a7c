"""From a changed value to requests: they make exactly that change, and no larger one than it takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from confjob.form import Override
from confjob.keypath import KeyPath
from confjob.tree import MISSING, delete, put, same
from confjob.web.form.asking import _differences

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False), st.sampled_from("ab")
)
TREES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(st.sampled_from("xyz"), below, max_size=3)
    ),
    max_leaves=8,
)


def made(old, requests: list[Override]):
    """What the requests make of a value; paths mean what stands there at first, as in a launch."""
    tree = {"at": old}
    gone = [each for each in requests if each.operation == "delete"]
    for each in requests:
        if each.operation != "delete":
            tree = put(tree, each.path, each.value)
    for each in sorted(gone, key=lambda each: [str(part) for part in each.path], reverse=True):
        tree = delete(tree, each.path)
    return tree.get("at", MISSING)


@given(TREES, TREES)
def test_the_requests_for_a_change_make_that_change(old, new):
    requests = list(_differences(old, new, KeyPath(("at",))))
    assert same(made(old, requests), new)


@given(TREES)
def test_what_was_not_changed_is_not_asked_for(tree):
    assert list(_differences(tree, tree, KeyPath(("at",)))) == []


@given(st.lists(TREES, min_size=1, max_size=5), st.data())
def test_of_a_list_that_lost_elements_the_others_are_left_alone(items, data):
    at = data.draw(st.integers(0, len(items) - 1))
    requests = list(_differences(items, items[:at] + items[at + 1 :], KeyPath(("at",))))
    if len(items) > 1:
        assert {each.operation for each in requests} == {"delete"}


def test_one_changed_element_of_a_long_list_is_one_request():
    requests = list(
        _differences([{"a": 1, "b": 2}, {"a": 3}], [{"a": 1, "b": 5}, {"a": 3}], KeyPath(("at",)))
    )
    assert [(str(each.path), each.value) for each in requests] == [("at[0].b", 5)]
