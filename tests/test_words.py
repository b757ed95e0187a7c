import json

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from confjob.words import did_you_mean, listing, nearest, toml_key, value_text


def test_the_nearest_name_comes_first_and_the_last_part_counts():
    assert nearest("learning_rat", ["batch_size", "learning_rate"]) == ["learning_rate"]
    assert nearest("lr", ["trainer.lr", "trainer.model"]) == ["trainer.lr"]
    assert nearest("traner.lr", ["trainer.lr", "other.lr"])[0] == "trainer.lr"
    assert nearest("zzzz", ["a", "b"]) == []


@given(st.text(max_size=6), st.lists(st.text(max_size=6), max_size=6))
def test_suggestions_are_options_without_repetition(name, options):
    found = nearest(name, options)
    assert set(found) <= set(options)
    assert len(found) == len(set(found)) <= 3


def test_a_suggestion_is_a_question_or_nothing():
    assert did_you_mean("inclde", ["include", "exclude"]) == "did you mean 'include' or 'exclude'?"
    assert did_you_mean("zzz", ["include"]) == ""


def test_long_lists_are_counted():
    assert listing("abc") == "a, b, c"
    assert listing(map(str, range(14)), limit=12).endswith("11 and 2 more")
    assert listing([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [("a b", "a b"), (True, "true"), (None, "null"), (0.1, "0.1"), ([1, "x"], '[1, "x"]'), ("", "")],
)
def test_values_as_a_command_line_shows_them(value, text):
    assert value_text(value) == text


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text()))
def test_a_list_reads_back_from_its_text(value):
    assert json.loads(value_text(value)) == value


@given(st.text(min_size=1, alphabet=st.characters(codec="utf-8")))
def test_every_key_reads_back_from_toml(key):
    assert tomlkit.parse(f"{toml_key(key)} = 1") == {key: 1}
