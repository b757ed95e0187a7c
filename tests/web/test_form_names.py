"""Names of controls: whatever an input and its keys are called, a posted name means that place."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from confjob.web.form.names import New, control, digest, element_id, parse, path_of

TOKENS = st.one_of(
    st.text(st.characters(), max_size=8),
    st.integers(0, 10**8),
    st.integers(0, 10**8).map(New),
)


@given(st.sampled_from("vmk"), st.text(st.characters(), max_size=8), st.lists(TOKENS, max_size=6))
def test_a_name_tells_its_input_and_path_whatever_characters_they_have(kind, name, tokens):
    assert parse(control(kind, name, tokens)) == (kind, name, tuple(tokens))


@given(st.text(st.characters(), max_size=8), st.lists(TOKENS, max_size=6))
def test_names_and_ids_hold_nothing_that_a_page_or_a_selector_reads_otherwise(name, tokens):
    assert re.fullmatch(r"v/[A-Za-z0-9_.~%/+\[\]-]*", control("v", name, tokens))
    assert re.fullmatch(r"f[0-9a-f]{8}", element_id(name, tokens))


@given(st.text(max_size=20))
def test_what_a_stranger_posts_is_read_or_ignored_and_never_fails(text):
    found = parse(text)
    assert found is None or found[0] in "vmk"


def test_a_path_of_a_thousand_parts_is_no_name():
    assert parse("v/config.yaml" + "/a" * 1000) is None


def test_what_is_new_has_no_path_yet():
    assert path_of(("a", New(0))) is None
    assert path_of(("a", 0)) == ("a", 0)


def test_marks_differ_where_controls_do():
    assert digest([("a", "b")]) == digest([("a", "b")])
    assert len({digest([("a", "b")]), digest([("a", "c")]), digest([]), digest([("ab", "")])}) == 4
