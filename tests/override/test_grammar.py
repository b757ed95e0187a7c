from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.errors import InputError
from confjob.keypath import KeyPath, PathSyntaxError
from confjob.model import Document, InputSpec, JobSpec, Node, Source, Span
from confjob.override import from_document, parse_set
from confjob.tree import walk

PARTS = st.text(alphabet=st.sampled_from("ab.\\[]*=:+- ü"), max_size=4) | st.integers(0, 9)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map(KeyPath)

JOB = JobSpec(
    name="j",
    command=("x",),
    inputs=(
        InputSpec(name="run-config", kind="run-config"),
        InputSpec(name="config", kind="file", path=PurePosixPath("conf/c.yaml")),
        InputSpec(name="env", kind="env"),
    ),
)


@given(PATHS, st.text())
def test_every_path_can_be_set_to_every_text(path, text):
    read = parse_set(f"{path}={text}")
    assert (read.path, read.text, read.operation, read.input) == (path, text, "set", None)


@given(PATHS)
def test_every_path_can_be_added_and_deleted_in_any_input(path):
    added = parse_set(f"+c.yaml:{path}=1")
    assert (added.path, added.operation, added.input) == (path, "add", "c.yaml")
    inside = parse_set(f"c.yaml:+{path}=1")
    assert (inside.path, inside.operation, inside.input) == (path, "add", "c.yaml")
    deleted = parse_set(f"c.yaml:{path}-")
    assert (deleted.path, deleted.operation, deleted.input) == (path, "delete", "c.yaml")
    assert parse_set(f"{path}-").path == path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=1", (None, "a.b", "set", "1")),
        ("a=b=c:d", (None, "a", "set", "b=c:d")),
        ("config.yaml:a=x:y", ("config.yaml", "a", "set", "x:y")),
        (r"c\:d:a=1", ("c:d", "a", "set", "1")),
        (r"a\=b=1", (None, r"a\=b", "set", "1")),
        ("a-=1", (None, r"a\-", "set", "1")),
        ("a=", (None, "a", "set", "")),
        ("a=-", (None, "a", "set", "-")),
        (r"a\\-", (None, r"a\\", "delete", None)),
        (r"a\--", (None, r"a\-", "delete", None)),
        ("a--", (None, r"a\-", "delete", None)),
        (r"\+a=1", (None, r"\+a", "set", "1")),
        ("++a=1", (None, r"\+a", "add", "1")),
        ("env:HOME=/x", ("env", "HOME", "set", "/x")),
    ],
)
def test_the_grammar(text, expected):
    read = parse_set(text)
    assert (read.input, str(read.path), read.operation, read.text) == expected


@pytest.mark.parametrize(
    "text", ["", "a", r"a\-", "=1", "+=1", "-", ":=1", "c:=1", "c:-", r"a\x=1", "a[=1", "*=1", "a.*=1"]
)
def test_what_is_no_request_is_refused(text):
    with pytest.raises(PathSyntaxError):
        parse_set(text)


def test_where_it_was_said_and_whether_any_type_goes_are_kept():
    read = parse_set("a=1", "--set-any", any_type=True)
    assert (read.said, read.any_type) == ("--set-any", True)


def read(tree, job=JOB):
    nodes = {}
    for line, (path, value) in enumerate(walk(tree), start=1):
        span = Span(file=PurePosixPath("o.yaml"), line=line, column=1, start=0, end=0)
        nodes[path] = Node(value=value, where=span)
    document = Document(source=Source(input="o.yaml", path=None, root=Path()), nodes=nodes)
    return list(from_document(job, document, "o.yaml"))


def seen(tree, job=JOB):
    return [(each.input, str(each.path), each.operation, each.value) for each in read(tree, job)]


def test_overrides_by_path_merge_mappings_and_replace_lists():
    assert seen({"a.b": 1, "conf/c.yaml:x": {"y": 2, "z": {"w": [1, {"v": 2}]}}}) == [
        (None, "a.b", "set", 1),
        ("conf/c.yaml", "x.y", "set", 2),
        ("conf/c.yaml", "x.z.w", "set", [1, {"v": 2}]),
    ]


def test_overrides_by_input_take_keys_literally():
    assert seen(
        {"config": {"a.b": {"c": 1}, "k-": 2, "=": 3, "e": {}}, "run-config": {}, "env": {"N": "1"}}
    ) == [
        ("conf/c.yaml", r"a\.b.c", "set", 1),
        ("conf/c.yaml", r"k\-", "set", 2),
        ("conf/c.yaml", r"\=", "set", 3),
        ("conf/c.yaml", "e", "set", {}),
        ("env", "N", "set", "1"),
    ]


def test_keys_add_and_delete_as_set_does():
    assert seen({"+a.b": {"c": 1}, "x-": None, r"k\-": 1, r"\+p": 2, "c:q-": None}) == [
        (None, "a.b", "add", {"c": 1}),
        (None, "x", "delete", None),
        (None, r"k\-", "set", 1),
        (None, r"\+p", "set", 2),
        ("c", "q", "delete", None),
    ]


def test_each_override_tells_its_line():
    assert [each.said for each in read({"a": {"b": 1, "c": 2}, "d": 3})] == [
        "o.yaml:3",
        "o.yaml:4",
        "o.yaml:5",
    ]


@pytest.mark.parametrize("wrapped", [True, False])
def test_wandb_s_layout_is_read_with_or_without_its_wrapper(wrapped):
    inner = {"run_config": {"a": {"b": 1}}, "files": {"conf/c.yaml": {"x.y": 2}}}
    assert seen({"overrides": inner} if wrapped else inner) == [
        ("run-config", "a.b", "set", 1),
        ("conf/c.yaml", r"x\.y", "set", 2),
    ]


def test_what_stands_beside_wandb_s_layout_is_not_dropped():
    assert seen({"run_config": {"a": 1}, "b": 2, "files": {}}) == [
        ("run-config", "a", "set", 1),
        (None, "b", "set", 2),
    ]


@pytest.mark.parametrize("part", [{"dockerfile": "D"}, {"artifacts": {"a": "b"}}])
def test_what_wandb_s_layout_asks_for_beyond_inputs_and_command_is_refused(part):
    with pytest.raises(InputError, match=f"overrides.{next(iter(part))}"):
        read({"overrides": {"run_config": {"a": 1}, **part}})
    assert seen({"overrides": {"run_config": {"a": 1}, "args": ["--x"], "dockerfile": None}}) == [
        ("run-config", "a", "set", 1)
    ]


def test_keys_that_only_look_like_wandb_s_are_paths():
    assert seen({"files": ["a"], "run_config": 3}) == [
        (None, "files", "set", ["a"]),
        (None, "run_config", "set", 3),
    ]
    assert seen({"overrides": {"lr": 1}}) == [(None, "overrides.lr", "set", 1)]
    own = JobSpec(
        name="j", command=("x",), inputs=(InputSpec(name="files", kind="file", path=PurePosixPath("f.yaml")),)
    )
    assert seen({"files": {"a": 1}}, own) == [("f.yaml", "a", "set", 1)]


@pytest.mark.parametrize(
    "tree", [[1], 5, None, {"a=b": 1}, {r"a\x": 1}, {"": 1}, {"overrides": {"files": [1], "run_config": {}}}]
)
def test_a_file_that_asks_for_nothing_sensible_is_refused(tree):
    with pytest.raises(InputError, match=r"o\.yaml"):
        read(tree)


def test_an_empty_file_asks_for_nothing():
    assert read({}) == []


@pytest.mark.parametrize("text", ["+a-", "c:+a-", "+c:a.b-"])
def test_a_key_is_not_added_and_deleted_at_once(text):
    with pytest.raises(PathSyntaxError, match="a plus adds and a final minus deletes"):
        parse_set(text)
    with pytest.raises(InputError, match="a plus adds"):
        read({text: None})


def test_an_absent_part_of_wandb_s_layout_asks_for_nothing():
    assert seen({"overrides": {"run_config": None, "files": {"conf/c.yaml": None}}}) == []
    assert seen({"overrides": {"run_config": {}, "files": None}}) == []
