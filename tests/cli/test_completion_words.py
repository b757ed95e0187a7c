"""A command line that need not be whole, as bash reads it."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.cli.completing.words import read_line, unquoted


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1))
def test_quoted_words_are_read_as_a_shell_does(words):
    line = read_line(" ".join(map(shlex.quote, words)) + " ")
    assert line.words == words
    assert (line.incomplete, line.quote) == ("", "")


@settings(deadline=None)
@given(st.text())
def test_no_line_is_too_odd(text):
    read_line(text)
    unquoted(text)


@pytest.mark.parametrize(
    ("text", "words", "incomplete", "quote"),
    [
        ("confjob", [], "confjob", ""),
        ("confjob ", ["confjob"], "", ""),
        ("a 'b c", ["a"], "b c", "'"),
        ('a "b \\"c', ["a"], 'b "c', '"'),
        ("a b\\ c", ["a"], "b c", ""),
        ("a ''", ["a"], "", ""),
        ("a b'c'd", ["a"], "bcd", ""),
        ("a b\\", ["a"], "b", ""),
    ],
)
def test_the_word_at_the_cursor_is_known(text, words, incomplete, quote):
    line = read_line(text)
    assert (line.words, line.incomplete, line.quote) == (words, incomplete, quote)
