"""How single values are said as flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.keypath import KeyPath
from confjob.model import Flag
from confjob.render.flags import flag_words, is_default, styled
from confjob.tree import MISSING

X = KeyPath(("x",))


def flag(**fields):
    return Flag(path=X, **{"word": "--x", **fields})


def words(of, value):
    found = flag_words([of], {"x": value})
    assert not found.problems
    return [*found.flags, *(["--", *found.arguments] if found.arguments else [])]


@pytest.mark.parametrize(
    ("fields", "value", "said"),
    [
        ({}, "a b", ["--x", "a b"]),
        ({}, "", ["--x", ""]),
        ({}, "-a", ["--x=-a"]),
        ({}, -1, ["--x=-1"]),
        ({}, True, ["--x", "true"]),
        ({}, 1e-5, ["--x", "1e-05"]),
        ({}, -1e-5, ["--x=-0.00001"]),
        ({}, float("-inf"), ["--x=-Infinity"]),
        ({}, {"a": 1}, ["--x", '{"a": 1}']),
        ({"word": "-x"}, "a", ["-x", "a"]),
        ({"word": "-x"}, "-a", ["-x-a"]),
        ({"word": "-xy"}, "-a", ["-xy=-a"]),
        ({"takes": "switch"}, True, ["--x"]),
        ({"takes": "switch", "off": "--no-x"}, False, ["--no-x"]),
        ({"takes": "words"}, [1, -2], ["--x", "1", "-2"]),
        ({"takes": "words"}, ["-a"], ["--x=-a"]),
        ({"takes": "words"}, [], ["--x"]),
        ({"takes": "tuple"}, ["-a", "b"], ["--x", "-a", "b"]),
        ({"takes": "repeat"}, ["a", "-b"], ["--x", "a", "--x=-b"]),
        ({"takes": "count"}, 2, ["--x", "--x"]),
        ({"takes": "count", "default": 1}, 2, ["--x"]),
        ({"takes": "truthy"}, False, ["--x", ""]),
        ({"takes": "argument"}, "-a", ["--", "-a"]),
        ({"takes": "argument"}, ["a", "b"], ["--", "a", "b"]),
    ],
)
def test_a_value_is_said_as_its_parser_takes_it(fields, value, said):
    assert words(flag(**fields), value) == said


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({}, "--"),
        ({}, None),
        ({"takes": "switch"}, False),
        ({"takes": "switch", "word": "", "off": "--no-x"}, True),
        ({"takes": "switch"}, "yes"),
        ({"takes": "words"}, ["a", "-b"]),
        ({"takes": "words"}, [-1e-300, "--y"]),
        ({"takes": "repeat"}, []),
        ({"takes": "count", "default": 2}, 1),
        ({"takes": "count"}, "many"),
        ({"takes": "argument"}, "--"),
    ],
)
def test_what_a_flag_can_not_say_is_a_problem_and_no_word(fields, value):
    found = flag_words([flag(**fields)], {"x": value})
    assert list(found.problems) == [X]
    assert not [*found.flags, *found.arguments]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each, max_size=3)
    )
)
def test_a_default_is_not_said(value):
    for takes in ("value", "switch", "words", "repeat", "argument"):
        assert words(flag(takes=takes, default=value), value) == []


def test_equal_numbers_are_one_default_and_a_truth_value_is_none():
    assert is_default(flag(default=1), 1.0)
    assert not is_default(flag(default=1), True)
    assert not is_default(flag(default=MISSING), None)


def test_an_absent_value_is_not_said():
    assert flag_words([flag()], {}).flags == []


def test_positional_arguments_go_as_far_as_the_last_that_is_given():
    one, two = (Flag(path=KeyPath((name,)), takes="argument", default=name) for name in ("a", "b"))
    assert flag_words([one, two], {"a": "a", "b": "b"}).arguments == []
    assert flag_words([one, two], {"a": "x", "b": "b"}).arguments == ["x"]
    assert flag_words([one, two], {"a": "a", "b": "x"}).arguments == ["a", "x"]
    holed = flag_words(
        [Flag(path=KeyPath(("a",)), takes="argument", default=None), two], {"a": None, "b": "x"}
    )
    assert list(holed.problems) == [KeyPath(("a",))]


@pytest.mark.parametrize(
    ("style", "said"), [("space", ["--x", "1"]), ("equals", ["--x=1"]), ("bare", ["x=1"])]
)
def test_without_a_flag_of_its_own_a_value_has_the_general_style(style, said):
    assert list(styled(style, X, 1)) == said
