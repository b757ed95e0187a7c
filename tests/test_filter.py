from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from confjob.filter import unmatched, visible
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Document, InputSpec, Node, Source, Span
from confjob.tree import get, leaves, walk

KEYS = st.sampled_from(["a", "b", "", "a.b"])
TREES = st.recursive(
    st.integers(0, 2) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(KEYS | st.integers(0, 2), max_size=3).map(KeyPath)
PREFIXES = st.lists(PATHS.map(str), max_size=2)
SOURCE = Source(input="c.yaml", path=PurePosixPath("c.yaml"), root=Path())


def document(tree):
    return Document(source=SOURCE, nodes={path: Node(value=value) for path, value in walk(tree)})


def shown(tree, include=(), exclude=(), hidden=()):
    spec = InputSpec(name="c", kind="file", path=PurePosixPath("c.yaml"), filter=PathFilter(include, exclude))
    return visible(document(tree), spec, frozenset(map(KeyPath.parse, hidden)))


def texts(*arguments, **options):
    return [str(path) for path in shown(*arguments, **options)]


@given(TREES, PREFIXES, PREFIXES, st.lists(PATHS, max_size=2))
def test_what_is_visible_is_exactly_what_is_selected(tree, include, exclude, hidden):
    paths = PathFilter(include, exclude)
    found = shown(tree, include, exclude, map(str, hidden))
    covered = [leaf for path in found for leaf, _ in leaves(get(tree, path), path)]
    wanted = [
        leaf
        for leaf, value in leaves(tree)
        if paths.selects(leaf)
        and not any(leaf.startswith(path) for path in hidden)
        and (leaf or value not in ({}, []))
    ]
    assert covered == wanted


@given(TREES)
def test_a_visible_value_is_a_scalar_an_empty_container_or_a_list_without_mappings(tree):
    for path in shown(tree):
        value = get(tree, path)
        assert not (isinstance(value, dict) and value)
        assert not any(isinstance(below, dict) for _, below in walk(value) if below is not value)


def test_a_list_of_scalars_is_one_input_and_one_with_mappings_is_shown_by_element():
    tree = {"tags": ["a", "b"], "sets": [{"path": "x"}, 3], "grid": [[1, 2], [3]], "mix": [[1], [{"k": 2}]]}
    assert texts(tree) == ["tags", "sets[0].path", "sets[1]", "grid", "mix[0]", "mix[1][0].k"]


def test_a_list_with_an_element_that_is_no_input_is_shown_by_element():
    tree = {"tags": ["a", "b", "c"]}
    assert texts(tree, exclude=["tags[1]"]) == ["tags[0]", "tags[2]"]
    assert texts(tree, include=["tags.0"]) == ["tags[0]"]
    assert texts(tree, hidden=["tags[1]"]) == ["tags[0]", "tags[2]"]


def test_empty_mappings_and_lists_stay_visible_but_not_an_empty_document():
    assert texts({"a": {}, "b": [], "c": {"d": {}}}) == ["a", "b", "c.d"]
    assert texts({}) == texts([]) == []
    assert shown(None) == (KeyPath(),)
    assert shown(0) == (KeyPath(),)


def test_a_list_at_the_root():
    assert shown([1, 2]) == (KeyPath(),)
    assert texts([{"a": 1}, {"b": [1]}]) == ["[0].a", "[1].b"]
    assert texts([{"a": 1}, {"a": 2}], include=["[1]"]) == ["[1].a"]


def test_plugins_hide_with_all_below_and_can_not_reveal():
    tree = {"a": {"x": 1, "y": 2}, "b": 3}
    assert texts(tree, hidden=["a"]) == ["b"]
    assert texts(tree, include=["a"], hidden=["b"]) == ["a.x", "a.y"]
    assert texts(tree, hidden=[""]) == []


def test_a_hundred_thousand_values_are_filtered_in_one_pass():
    tree = {"l": [{"v": number} for number in range(50_000)], "s": list(range(50_000))}
    assert len(shown(tree, include=["l.*.v", "s"], exclude=["s[49999]"])) == 99_999


def test_a_prefix_that_matches_nothing_is_a_warning_with_the_place_of_the_filter():
    where = Span(file=PurePosixPath("launch.toml"), line=3, column=1, start=0, end=0)
    paths = PathFilter(["a", "traner"], ["a.x.y", "a.*"])
    spec = InputSpec(name="c", kind="file", path=PurePosixPath("c.yaml"), filter=paths, filter_where=where)
    told = list(unmatched(document({"a": {"x": 1}}), spec))
    assert [problem.message.split("'")[1] for problem in told] == ["traner", "a.x.y"]
    assert {(problem.severity, problem.where, problem.input) for problem in told} == {
        ("warning", where, "c.yaml")
    }


def test_a_secret_path_that_is_not_there_is_a_warning():
    spec = InputSpec(
        name="c",
        kind="file",
        path=PurePosixPath("c.yaml"),
        secrets=tuple(map(KeyPath.parse, ("token", "tokn", "keys.0"))),
    )
    (told,) = unmatched(document({"token": "s", "keys": ["s"]}), spec)
    assert (told.severity, "'tokn'" in told.message) == ("warning", True)
