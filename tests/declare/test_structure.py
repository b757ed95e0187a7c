from pathlib import Path, PurePosixPath
from typing import Literal

import pytest
from attrs import field, frozen

from confjob.declare.structure import kebab, problem_at, refusal, structure, structure_value
from confjob.errors import ManifestError
from confjob.keypath import KeyPath
from confjob.model import Document, Node, Source, Span
from confjob.tree import walk


@frozen(kw_only=True)
class Inner:
    size: int
    ratio: float = 0.5


@frozen(kw_only=True)
class Table:
    name: str
    on_it: bool = False
    kind: Literal["one", "two"] = "one"
    count: int | None = None
    texts: list[str] = field(factory=list)
    either: list[str] | str = ""
    inner: Inner | None = None
    many: dict[str, Inner] = field(factory=dict)


def document(tree):
    nodes = {}
    for line, (path, value) in enumerate(walk(tree), start=1):
        span = Span(file=PurePosixPath("launch.toml"), line=line, column=1, start=line, end=line)
        nodes[path] = Node(value=value, where=span)
    source = Source(input="launch.toml", path=PurePosixPath("launch.toml"), root=Path())
    return Document(source=source, nodes=nodes)


def told(tree, at=KeyPath(), kind=Table):
    with pytest.raises(ManifestError) as caught:
        structure(document(tree), at, kind)
    # The best suggestion is enough here.
    return [
        (str(each.path), each.message, each.hint.partition(" or ")[0].rstrip("?"))
        for each in caught.value.problems
    ]


def test_a_table_becomes_a_record():
    tree = {
        "name": "n",
        "on-it": True,
        "kind": "two",
        "count": 3,
        "either": ["a"],
        "many": {"x": {"size": 1}},
    }
    made = structure(document({"t": tree}), KeyPath(("t",)), Table)
    assert made == Table(name="n", on_it=True, kind="two", count=3, either=["a"], many={"x": Inner(size=1)})


def test_every_fault_is_told_at_once_in_the_order_of_the_file():
    tree = {
        "nam": 1,
        "on-it": 1,
        "kind": "tow",
        "count": True,
        "texts": ["a", 1, False],
        "inner": {"size": "x", "sizes": 2, "ratio": "y"},
        "many": {"a": {}, "b": 5, "c": {"size": 1.5}},
        "on_it": True,
    }
    assert told(tree) == [
        ("", "missing key 'name'", ""),
        ("nam", "unknown key 'nam'", "did you mean 'name'"),
        ("on-it", "must be true or false, not 1", ""),
        ("kind", "must be one of 'one', 'two', not 'tow'; did you mean 'two'?", ""),
        ("count", "must be a whole number, not true", ""),
        ("texts[1]", "must be text, not 1", ""),
        ("texts[2]", "must be text, not false", ""),
        ("inner.size", "must be a whole number, not 'x'", ""),
        ("inner.sizes", "unknown key 'sizes'", "did you mean 'size'"),
        ("inner.ratio", "must be a number, not 'y'", ""),
        ("many.a", "missing key 'size'", ""),
        ("many.b", "must be a table, not 5", ""),
        ("many.c.size", "must be a whole number, not 1.5", ""),
        ("on_it", "unknown key 'on_it'", "did you mean 'on-it'"),
    ]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"name": "n", "texts": "a"}, "must be a list, not 'a'; write [\"a\"]"),
        ({"name": "n", "texts": {"a": 1}}, "must be a list, not a table"),
        ({"name": "n", "either": 5}, "must be a list or text, not 5"),
        ({"name": "n", "either": [5]}, "must be text, not 5"),
        ({"name": "n", "many": [1]}, "must be a table, not a list"),
        ({"name": "n", "kind": ["one"]}, "must be one of 'one', 'two', not a list"),
        ({"name": "n", "kind": {"a": 1}}, "must be one of 'one', 'two', not a table"),
        ({"name": None}, "must be text, not None"),
    ],
)
def test_a_wrong_type_says_what_it_must_be(tree, message):
    assert [found for _, found, _ in told(tree)] == [message]


@pytest.mark.parametrize("tree", [[1], 5, "x"])
def test_what_is_no_table_at_all_is_told(tree):
    assert told({"t": tree}, KeyPath(("t",)))[0][:1] == ("t",)


def test_an_unknown_key_with_no_near_one_lists_the_known():
    ((_, _, hint),) = told({"name": "n", "zzzzzz": 1})
    assert hint == "known keys: name, on-it, kind, count, texts, either, inner, many"


@pytest.mark.parametrize("ratio", ["0.5", True, [1], None])
def test_a_number_is_not_read_from_text_or_truth(ratio):
    assert [path for path, _, _ in told({"size": 1, "ratio": ratio}, kind=Inner)] == ["ratio"]
    assert structure(document({"size": 1, "ratio": 2}), KeyPath(), Inner).ratio == 2


def test_problems_have_the_line_they_stand_on():
    with pytest.raises(ManifestError, match=r"launch\.toml: 2 problems") as caught:
        structure(document({"name": 1, "inner": {"size": ""}}), KeyPath(), Table)
    assert [str(problem.where) for problem in caught.value.problems] == ["launch.toml:2:1", "launch.toml:4:1"]


def test_a_plain_value_is_named_in_its_refusal():
    assert structure_value({"size": 1}, Inner, "targets.x") == Inner(size=1)
    with pytest.raises(ManifestError, match=r"targets\.x: 1 problem") as caught:
        structure_value({"size": 1, "siez": 2}, Inner, "targets.x")
    assert caught.value.problems[0].hint == "did you mean 'size'?"


def test_a_refusal_orders_problems_by_their_place():
    there = document({"a": 1, "b": 2})
    problems = [problem_at(there, KeyPath((key,)), key) for key in ("b", "a", "c")]
    assert [problem.message for problem in refusal(there, problems).problems] == ["c", "a", "b"]


def test_keys_are_written_with_dashes():
    assert kebab(Table.__attrs_attrs__[1]) == "on-it"
