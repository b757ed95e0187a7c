from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.form import Form, Override, Typing
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Document, InputSpec, JobSpec, Node, Source, Span
from confjob.override import changed_tree, decide, parse_set
from confjob.tree import MISSING, delete, get, leaves, put, same, walk


def form(tree, schema=None, hints=None, hidden=(), kind="file", **spec):
    path = PurePosixPath("c.yaml") if kind == "file" else None
    name = "c.yaml" if kind == "file" else kind
    nodes = {}
    for line, (at, value) in enumerate(walk(tree), start=1):
        span = Span(file=PurePosixPath("c.yaml"), line=line, column=1, start=0, end=0)
        nodes[at] = Node(value=value, where=span)
    declared = InputSpec(name="c", kind=kind, path=path, **spec)
    return Form(
        job=JobSpec(name="j", inputs=(declared,), command=("x",)),
        documents={name: Document(source=Source(input=name, path=path, root=Path()), nodes=nodes)},
        typing={name: Typing(author=schema, hints=hints or {})},
        fields=(),
        hidden={name: frozenset(hidden)},
    )


def asked(*texts, any_type=False):
    return [parse_set(text, any_type=any_type) for text in texts]


def result(known, *texts, any_type=False):
    """Return the tree after all requests, none of which may be refused."""
    changes, problems = decide(known, asked(*texts, any_type=any_type))
    assert problems == ()
    return changed_tree(known.documents["c.yaml"], changes)


def codes(known, *texts, any_type=False):
    changes, problems = decide(known, asked(*texts, any_type=any_type))
    return [(problem.code, str(problem.path)) for problem in problems], len(changes)


TREE = {
    "lr": 0.1,
    "n": None,
    "tags": ["a", "b", "c"],
    "m": {"x": 1, "y": {"z": "t"}},
    "sets": [{"p": 1}, {"p": 2}],
}


@pytest.mark.parametrize(
    ("texts", "path", "value"),
    [
        (["lr=1"], "lr", 1.0),
        (["n=5"], "n", 5),
        (["tags=[x]"], "tags", ["x"]),
        (["tags[1]=x"], "tags", ["a", "x", "c"]),
        (["tags.1=x"], "tags", ["a", "x", "c"]),
        (["m.y.z=1.10"], "m.y.z", "1.10"),
        (["+m.new=1"], "m.new", 1),
        (["+m.a.b.c=1"], "m.a", {"b": {"c": 1}}),
        (["+n.x=1"], "n", {"x": 1}),
        (["+tags[3]=d"], "tags", ["a", "b", "c", "d"]),
        (["m-"], "m", MISSING),
        (["m.x-"], "m", {"y": {"z": "t"}}),
        (["lr=2", "lr=3"], "lr", 3.0),
        (["m={x: 2, y: {z: u}}", "m.x=3"], "m", {"x": 3, "y": {"z": "u"}}),
        (["m.x=3", "m={x: 2, y: {z: u}}"], "m", {"x": 2, "y": {"z": "u"}}),
        (["m-", "m.x=4"], "m", {"x": 4}),
        (["m.x=4", "m-"], "m", MISSING),
        (["m={x: 1, y: {z: t}}", "m.x-"], "m", {"y": {"z": "t"}}),
        (["tags=[x, y]", "tags[0]=z"], "tags", ["z", "y"]),
    ],
)
def test_what_requests_mean(texts, path, value):
    after = result(form(TREE), *texts)
    assert same(get(after, KeyPath.parse(path)), value)


def test_paths_name_what_stands_in_the_form_whatever_the_other_requests_do():
    known = form(TREE)
    assert result(known, "tags[0]-", "tags[2]=x")["tags"] == ["b", "x"]
    assert result(known, "tags[2]=x", "tags[0]-")["tags"] == ["b", "x"]
    assert result(known, "tags[0]-", "tags[1]-")["tags"] == ["c"]
    assert result(known, "tags[1]-", "tags[1]-")["tags"] == ["a", "c"]
    assert result(known, "tags[0]-", "+tags[3]=d")["tags"] == ["b", "c", "d"]
    assert result(known, "sets[0]-", "sets[1].p=5")["sets"] == [{"p": 5}]
    nested = form({"l": [[1, 2], [3, 4]]})
    assert result(nested, "l[0]-", "l[1][0]-", "l[1][1]=9") == {"l": [[9]]}
    assert result(form([1, 2, 3]), "[0]-", "[2]=9") == [2, 9]


def test_a_change_tells_before_after_where_and_who_said_it():
    (change,), _ = decide(form(TREE), [Override(path=KeyPath(("m", "x")), value=7, said="runs.json:3")])
    assert (change.before, change.after, change.said, str(change.where)) == (
        1,
        7,
        "runs.json:3",
        "c.yaml:9:1",
    )
    (added,), _ = decide(form(TREE), asked("+m.q.r=1"))
    assert (added.before, str(added.where)) == (MISSING, "c.yaml:8:1")


def test_a_request_for_what_is_already_so_makes_no_change():
    known = form(TREE)
    for texts in (["lr=0.1"], ["m={y: {z: t}, x: 1}"], ["lr=2", "lr=0.1"], ["m.x=2", "m={x: 1, y: {z: t}}"]):
        assert codes(known, *texts) == ([], 0)


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("+lr=1", "already-there", "lr"),
        ("q-", "unknown-path", "q"),
        ("lr=abc", "type", "lr"),
        ("tags=5", "type", "tags"),
        ("m=5", "type", "m"),
        ("m={x: 1}", None, None),
        ("m={x: a, y: {z: t}}", "type", "m.x"),
        ("m=[", "unreadable-value", "m"),
        ("tags=[*a]", "unreadable-value", "tags"),
        ("lr.x=1", "unknown-path", "lr.x"),
        ("n.x=1", "unknown-path", "n.x"),
        ("+m[0]=1", "no-place", "m[0]"),
        ("+q[0]=1", "no-place", "q[0]"),
        ("d:lr=1", "unknown-input", "lr"),
    ],
)
def test_a_request_that_can_not_be_met_says_why(text, code, path):
    found, _ = codes(form(TREE), text)
    assert found == ([] if code is None else [(code, path)])


def test_all_problems_come_at_once_and_each_names_place_and_hint():
    known = form(TREE)
    changes, problems = decide(known, asked("lr=abc", "sets[0].p=x", "lx=1", "m.y.z=u", "+lr=2"))
    assert [change.path for change in changes] == [KeyPath(("m", "y", "z"))]
    assert [problem.code for problem in problems] == ["type", "type", "unknown-path", "already-there"]
    assert all(problem.where is not None and problem.hint for problem in problems)


def test_a_file_of_requests_is_named_in_its_problems():
    _, (problem,) = decide(form(TREE), [Override(path=KeyPath(("lr",)), value="x", said="o.yaml:4")])
    assert problem.message.endswith("(asked by o.yaml:4)")


@pytest.mark.parametrize(
    "texts", [["tags=[]", "tags[1]=x"], ["tags-", "tags[0]=x"], ["m=5", "m.x=1"], ["n=5", "+n.x=1"]]
)
def test_a_request_that_does_not_fit_into_an_earlier_one_is_a_problem(texts):
    _, (problem,) = decide(form(TREE), asked(*texts, any_type=True))
    assert (problem.code, problem.input) == ("no-place", "c.yaml")
    assert str(problem.path) in texts[1]


def test_any_type_overrules_only_what_is_inferred():
    known = form(
        {"a": 1, "b": 1, "c": 1},
        {"properties": {"b": {"type": "integer"}}},
        {KeyPath(("c",)): {"type": "integer"}},
    )
    assert result(known, "a=x", "c=y", any_type=True) == {"a": "x", "b": 1, "c": "y"}
    assert codes(known, "b=x", any_type=True)[0] == [("type", "b")]
    assert codes(known, "a=x")[0] == [("type", "a")]


def test_bounds_and_constants_of_the_author_s_schema_are_kept_with_a_hint():
    schema = {"properties": {"lr": {"exclusiveMinimum": 0}, "d": {"enum": ["cifar10", "mnist"]}}}
    known = form({"lr": 0.1, "d": "mnist"}, schema, schema_where="schemas.py:Schema")
    _, (low, unknown) = decide(known, asked("lr=-1", "d=cifar11"))
    assert (low.code, low.message, low.hint) == (
        "exclusiveMinimum",
        "must be greater than 0",
        "the rule stands in schemas.py:Schema",
    )
    assert (unknown.code, unknown.hint) == ("enum", "did you mean 'cifar10'?")


def test_an_excluded_value_survives_whatever_is_done_around_it():
    known = form(
        {"t": {"lr": 1, "private": {"key": 2}}, "l": ["a", "b", "c"]},
        filter=PathFilter(exclude=["t.private", "l[1]"]),
    )
    for text in (
        "t={}",
        "t-",
        "t={lr: 1}",
        "t={lr: 1, private: {key: 3}}",
        "+t.private.x=1",
        "l=[a]",
        "l=[a, x, c]",
        "l[0]-",
        "l-",
    ):
        found, changes = codes(known, text)
        assert found, text
        assert {code for code, _ in found} == {"not-an-input"}
        assert changes == 0
    assert result(known, "t={lr: 3, private: {key: 2}}")["t"]["lr"] == 3
    below = form({"t": {"lr": 1}}, filter=PathFilter("t.lr"))
    assert codes(below, "t=5", any_type=True) == ([("not-an-input", "t")], 0)
    assert result(known, "l[2]-")["l"] == ["a", "b"]
    assert result(known, "l=[x, b, y, z]")["l"] == ["x", "b", "y", "z"]


def test_a_change_of_or_around_a_secret_is_secret():
    known = form({"k": {"token": "s", "n": 1}, "a": 1}, secrets=(KeyPath(("k", "token")),))
    for text, secret in [
        ("k.token=q", True),
        ("k={token: q, n: 2}", True),
        ("k-", True),
        ("k.n=2", False),
        ("a=2", False),
    ]:
        (change,), _ = decide(known, asked(text))
        assert change.secret is secret, text
    changes, _ = decide(known, asked("k={token: s, n: 3}", "k.token=q"))
    assert [change.secret for change in changes] == [True]


def test_a_secret_value_is_in_no_problem():
    known = form(
        {"token": "s", "k": {"pin": 1}},
        {"properties": {"token": {"enum": ["s"]}}},
        secrets=(KeyPath(("token",)), KeyPath(("k",))),
    )
    _, problems = decide(known, asked("token=hunter2", "k.pin=hunter2", "k={pin: hunter2}", "k=[hunter2"))
    assert len(problems) == 4
    assert "hunter2" not in str(problems)


KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.integers(0, 3) | st.none() | st.sampled_from(["s", "t"])
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
PATHS = st.lists(KEYS | st.integers(0, 3), min_size=1, max_size=3).map(KeyPath)
VALUES = (
    SCALARS
    | st.just({})
    | st.just([])
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(KEYS, SCALARS, max_size=2)
)
OVERRIDES = st.builds(
    Override,
    path=PATHS,
    operation=st.sampled_from(["set", "set", "add", "delete"]),
    value=VALUES,
    any_type=st.just(value=True),
    said=st.just("--set"),
)


def touched(before, after):
    """Return the leaves that come, go or change."""
    old, new = dict(leaves(before)), dict(leaves(after))
    return [
        path
        for path in old.keys() | new.keys()
        if path not in old or path not in new or not same(old[path], new[path])
    ]


@settings(max_examples=300)
@given(
    TREES,
    st.lists(OVERRIDES, max_size=4),
    st.lists(PATHS.map(str), max_size=2),
    st.lists(PATHS.map(str), max_size=1),
)
def test_no_change_touches_a_leaf_that_is_no_input(tree, overrides, exclude, include):
    known = form(tree, filter=PathFilter(include, exclude))
    changes, _ = decide(known, overrides)
    after = changed_tree(known.documents["c.yaml"], changes)
    for path in touched(tree, after):
        # That a container becomes or was empty is a matter of what is in it.
        emptied = get(after, path) in ({}, []) or get(tree, path) in ({}, [], None)
        assert known.selects("c.yaml", path) or emptied


@settings(max_examples=300)
@given(TREES, st.lists(OVERRIDES, max_size=4))
def test_changes_can_always_be_made_and_tell_the_truth(tree, overrides):
    known = form(tree)
    document = known.documents["c.yaml"]
    changes, _ = decide(known, overrides)
    after = changed_tree(document, changes)
    for change in changes:
        assert same(change.before, get(tree, change.path)) or change.before is get(tree, change.path)
        if change.after is not MISSING:
            alone = changed_tree(document, [other for other in changes if other.after is not MISSING])
            assert same(get(alone, change.path), change.after)
    for one in changes:
        assert not any(one is not other and one.path.startswith(other.path) for other in changes)
    assert not changes or not same(after, tree) or any(change.before is MISSING for change in changes)


@settings(max_examples=300)
@given(
    TREES,
    st.lists(
        OVERRIDES.filter(lambda override: all(isinstance(part, str) for part in override.path)), max_size=4
    ),
)
def test_overlapping_requests_are_what_comes_of_them_in_turn(tree, overrides):
    known = form(tree)
    changes, problems = decide(known, overrides)
    if not problems:
        expected = tree
        for override in overrides:
            if override.operation != "delete":
                expected = put(expected, override.path, override.value)
            elif get(expected, override.path) is not MISSING:
                expected = delete(expected, override.path)
        assert same(changed_tree(known.documents["c.yaml"], changes), expected)


def test_three_thousand_requests_are_decided_at_once():
    tree = {f"g{group}": {f"k{key}": key for key in range(100)} for group in range(30)}
    known = form(tree)
    overrides = [Override(path=path, value=-1, said="x") for path, _ in leaves(tree)]
    changes, problems = decide(known, overrides)
    assert (len(changes), problems) == (3000, ())


def test_what_only_two_requests_together_would_move_is_refused():
    """Alone each leaves the excluded `l[1]` a 5; together they would make it a 7."""
    known = form({"l": [5, 5, 5]}, filter=PathFilter(exclude="l[1]"))
    assert result(known, "l[0]-") == {"l": [5, 5]}
    assert result(known, "l[2]=7") == {"l": [5, 5, 7]}
    assert codes(known, "l[0]-", "l[2]=7")[0] == [("not-an-input", "l[0]")]
    deep = form({"l": [{"a": 1, "b": 2}, {"a": 1, "b": 2}]}, filter=PathFilter(exclude="l.*.b"))
    assert result(deep, "l[1].a=3")["l"][1] == {"a": 3, "b": 2}
    every = form({"l": [1, 2]}, filter=PathFilter("l.*"))
    assert result(every, "l[0]-", "l[1]-") == {"l": []}


def test_what_is_deleted_twice_is_gone():
    known = form(TREE)
    assert "m" not in result(known, "m-", "m.x-")
    assert "m" not in result(known, "m.x-", "m-", "m.y.z-")


def test_requests_around_earlier_ones_swallow_them():
    tree = {f"k{number}": {"x": 1, "y": 2} for number in range(2000)}
    asks = [
        Override(path=KeyPath((key, *deep)), value=value, said="x")
        for key in tree
        for deep, value in ((("x",), 2), (("y",), 3), ((), {"x": 4, "y": 2}), (("y",), 5))
    ]
    changes, problems = decide(form(tree), asks)
    assert problems == ()
    assert changed_tree(form(tree).documents["c.yaml"], changes) == {key: {"x": 4, "y": 5} for key in tree}
    assert len(changes) == 2000
