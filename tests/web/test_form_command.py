"""The command line of a form: a shell reads its words as they were meant."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import given
from hypothesis import strategies as st

from confjob.web.form.command import _word

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.one_of(WORDS, WORDS.map("--name={}".format), WORDS.map("-{}".format), WORDS.map("a=$({})".format)))
def test_each_word_is_read_as_it_was_meant(word):
    assert shlex.split(_word(word)) == [word]


def test_a_shell_runs_nothing_that_stands_in_a_word():
    words = ["$(echo hi)", "`id`", "a;b", "--note=it's $HOME", "~", "*", "new\nline", ""]
    line = "printf '%s\\0' " + " ".join(map(_word, words))
    done = subprocess.run(["sh", "-c", line], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words


def test_plain_words_are_left_plain():
    plain = ["config.yaml:lr=2e-5", "--set", "--target=a", "conf/x.yaml", "--"]
    assert list(map(_word, plain)) == plain
