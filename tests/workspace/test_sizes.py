"""What is named as big is what a person would look for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.errors import InputError
from confjob.workspace.sizes import biggest, human_size, require_size


def test_a_folder_is_named_by_what_makes_up_nearly_all_of_it():
    assert biggest({"a/b/c/x": 5, "a/b/c/y": 5, "a/z": 1, "f": 3}) == [("a/b/c/", 10), ("f", 3)]


def test_five_are_named_the_biggest_first():
    assert [size for _, size in biggest({str(n): n for n in range(9)})] == [8, 7, 6, 5, 4]


@given(st.dictionaries(st.from_regex(r"[ab](/[ab]){0,3}x", fullmatch=True), st.integers(0, 99), max_size=8))
def test_the_total_is_the_sum_and_the_limit_is_allowed(sizes):
    total = sum(sizes.values())
    assert require_size(sizes, total) == total
    if total:
        with pytest.raises(InputError, match="the biggest: "):
            require_size(sizes, total - 1)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (1 << 41, "2.0 TiB")]
)
def test_sizes_are_written_for_people(size, text):
    assert human_size(size) == text
