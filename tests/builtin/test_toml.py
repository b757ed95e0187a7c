"""TOML: values and keys in place, whole tables by tomlkit, a place for every path."""

from __future__ import annotations

import math
import sys
from pathlib import Path, PurePosixPath

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confjob.builtin.toml import FORMAT, edit, parse
from confjob.errors import InputError, InvalidOverrides
from confjob.keypath import KeyPath
from confjob.model import Change, Document, Source
from confjob.testing import check_format
from confjob.tree import MISSING, delete, get, leaves, put, same, walk

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = PurePosixPath("launch.toml")

MANIFEST = '''# A job
title = "x"   # t
when = 1979-05-27 07:32:00

[jobs.train]  # job
command = ["python", 'a.py']  # c
env = { A = "1", b.c = 2 }
run.seed = 42
run.lr = 1e-3
text = """
a "q"
b"""
"quoted key" = true

[[jobs.train.files]]
path = "a"

[[jobs.train.files]]
path = "b"
arr = [
  1, # one
  2  # two
]

# about u
[u]
'''


def tree(text: str):
    return parse(text, FILE)[KeyPath()].value


def patch(text: str, *changes) -> str:
    document = Document(
        source=Source(input="launch.toml", path=FILE, root=Path("/")), nodes=parse(text, FILE)
    )
    paths = [(KeyPath.parse(path) if isinstance(path, str) else path, after) for path, after in changes]
    made = [Change(input="launch.toml", path=path, before=MISSING, after=after) for path, after in paths]
    return edit(document, text, made)


def test_places():
    """A value's place is its text, a table's its header, an implied table's the first that implies it."""
    nodes = parse(MANIFEST, FILE)
    spelled = {
        str(path): (node.where.line, MANIFEST[node.where.start : node.where.end])
        for path, node in nodes.items()
        if path
    }
    assert spelled["title"] == (2, '"x"')
    assert spelled["when"] == (3, "1979-05-27 07:32:00")
    assert spelled["jobs"] == spelled["jobs.train"] == (5, "[jobs.train]")
    assert spelled["jobs.train.command[1]"] == (6, "'a.py'")
    assert spelled["jobs.train.env.b.c"] == (7, "2")
    assert spelled["jobs.train.run"] == (8, "run.seed")
    assert spelled["jobs.train.run.lr"] == (9, "1e-3")
    assert spelled["jobs.train.text"] == (10, '"""\na "q"\nb"""')
    assert spelled["jobs.train.quoted key"] == (13, "true")
    assert spelled["jobs.train.files"] == spelled["jobs.train.files[0]"] == (15, "[[jobs.train.files]]")
    assert spelled["jobs.train.files[1].arr[1]"] == (22, "2")
    assert spelled["u"] == (26, "[u]")
    assert nodes[KeyPath.parse("jobs.train.files[1].arr[0]")].comment == "one"
    assert nodes[KeyPath.parse("jobs.train")].comment == "job"


def test_dates_are_text():
    """A date stays as spelled, and is written as a date again."""
    assert tree("a = 1979-05-27\nb = 07:32:00\n") == {"a": "1979-05-27", "b": "07:32:00"}
    assert patch("a = 1979-05-27\n", ("a", "2020-01-01")) == "a = 2020-01-01\n"
    assert patch("a = 1979-05-27\n", ("a", "soon")) == 'a = "soon"\n'


CASES = {
    "a comment stays": ('a = "x"   # t\n', [("a", "y")], 'a = "y"   # t\n'),
    "literal quotes stay": ("a = 'x'\n", [("a", "y")], "a = 'y'\n"),
    "unless they can't": ("a = 'x'\n", [("a", "it's")], 'a = "it\'s"\n'),
    "lines stay lines": ('a = """\nx"""\n', [("a", 'p "q"\nr')], 'a = """\np \\"q\\"\nr"""\n'),
    "numbers": ("a = 1e-3\nb = 0xff\n", [("a", 2e-5)], "a = 2.0e-05\nb = 0xff\n"),
    "infinity": ("a = 1.0\n", [("a", -math.inf)], "a = -inf\n"),
    "a mapping": ("a = 1\n", [("a", {"b": {"c": []}})], "a = { b = { c = [] } }\n"),
    "an element": ("a = [1,  2]  # c\n", [("a[0]", 3)], "a = [3,  2]  # c\n"),
    "a new element": ("a = [1, 2]\n", [("a[2]", 3)], "a = [1, 2, 3]\n"),
    "one line each": ("a = [\n  1, # x\n  2  # y\n]\n", [("a[2]", 3)], "a = [\n  1, # x\n  2,  # y\n  3\n]\n"),
    "a new key inline": ("a = { b = 1 } # c\n", [("a.c", 2)], "a = { b = 1, c = 2 } # c\n"),
    "a new key of the root": ("a = 1\n\n[t]\nb = 1\n", [("c", 2)], "a = 1\nc = 2\n\n[t]\nb = 1\n"),
    "the first of the root": ("# f\n\n# t\n[t]\nb = 1\n", [("c", 2)], "# f\n\nc = 2\n\n# t\n[t]\nb = 1\n"),
    "a new key of a table": ("[t]\n  a=1\n\n# u\n[u]\n", [("t.b", 2)], "[t]\n  a=1\n  b=2\n\n# u\n[u]\n"),
    "of an empty table": ("[t]  # c\n\n[u]\n", [("t.b", 2)], "[t]  # c\nb = 2\n\n[u]\n"),
    "of an element": ("[[t]]\na = 1\n[[t]]\na = 2\n", [("t[0].b", 2)], "[[t]]\na = 1\nb = 2\n[[t]]\na = 2\n"),
    "a dotted key": ("a.b = 1\nc = 2\n", [("a.d", 3)], "a.b = 1\na.d = 3\nc = 2\n"),
    "a key to quote": ("[t]\n", [(KeyPath(("t", "a b")), 1)], '[t]\n"a b" = 1\n'),
    "an empty file": ("", [("a", 1)], "a = 1\n"),
    "a line is deleted": ("a = 1 # c\nb = 2\n", [("a", MISSING)], "b = 2\n"),
    "all lines are deleted": ("[t]\na = 1\nb = [\n 1\n]\n\n[u]\n", [("t.a", MISSING), ("t.b", MISSING)], "[t]\n\n[u]\n"),
    "an element is deleted": ("a = [1, 2]\n", [("a[0]", MISSING)], "a = [2]\n"),
    "an inline key is deleted": ("a = { b = 1, c = 2 }\n", [("a.b", MISSING)], "a = { c = 2 }\n"),
    "a dotted key is deleted": ("a.b = 1\na.c = 2\n", [("a.b", MISSING)], "a.c = 2\n"),
    "a table is deleted": ("[t]\na = 1\n[u]\nb = 1\n", [("t", MISSING)], "[u]\nb = 1\n"),
    "a table of a list": ("[[t]]\na = 1\n[[t]]\na = 2\n", [("t[0]", MISSING)], "[[t]]\na = 2\n"),
    "a new table of a list": ("[[t]]\na = 1\n", [("t[1]", {"a": 2})], "[[t]]\na = 1\n[[t]]\na = 2\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_changes(case):
    """A change touches its own text only and looks like its neighbours."""
    text, changes, expected = CASES[case]
    assert patch(text, *changes) == expected


@pytest.mark.parametrize("text", [MANIFEST, *(case[0] for case in CASES.values())])
def test_the_laws_of_a_format(text):
    """The contract that plugin authors check their formats with."""
    check_format(FORMAT, text, file_name="launch.toml", new_key="added")


UNREADABLE = {
    "a = \n": "launch.toml:1:5: ",
    "a = 1\na = 2\n": "launch.toml:2:",
    "[a]\n[a]\n": "launch.toml:2:",
    "a = [1": "launch.toml:1:7: unclosed array",
    "a = yes\n": "launch.toml:1:5: ",
    "a = " + "[" * 3000: "launch.toml:1:1: values nest",
    "a = " + "[" * 250 + "]" * 250: "launch.toml:1:",
    ".".join("a" * 150) + " = 1\n": "launch.toml:1:1: a key of more than",
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text):
    """What can't be read is an error with file, line and column."""
    with pytest.raises(InputError) as error:
        parse(text, FILE)
    assert error.value.message.startswith(UNREADABLE[text])


def test_all_refusals_at_once():
    """TOML has no null; each one is reported with its place."""
    with pytest.raises(InvalidOverrides) as refused:
        patch("a = 1\nb = 2\n[t]\nc = 3\n", ("a", None), ("b", 3), ("t.c", [None]))
    assert [str(problem.path) for problem in refused.value.problems] == ["a", "t.c"]
    assert all("TOML has no null" in problem.message for problem in refused.value.problems)
    assert [problem.where.line for problem in refused.value.problems] == [1, 4]


scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=6)
    | st.sampled_from(["'", '"""', "'''", "a\nb", "\\", "1979-05-27", "#", "\x7f", "\r\n"])
)
keys = st.sampled_from(["a", "b-c", "d e", "f.g", "", "1", '"', "é"])
values = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3),
    max_leaves=6,
)
files = st.dictionaries(keys, values, max_size=5)


@given(files)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_file_has_places(value):
    """Whatever tomlkit writes is read with the value that the standard parser gives, and placed."""
    text = tomlkit.dumps(value)
    nodes = parse(text, FILE)
    assert same(nodes[KeyPath()].value, tomllib.loads(text))
    for path, _ in leaves(tomllib.loads(text)):
        if not path:
            continue
        where = nodes[path].where
        read = (
            tomllib.loads("k = " + text[where.start : where.end])
            if text[where.start : where.start + 1] != "["
            else {}
        )
        assert not read or same(read["k"], nodes[path].value)


@given(files, st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_change(value, data):
    """A change gives exactly the tree it means, or is refused: never another tree."""
    text = tomlkit.dumps(value)
    value = tree(text)
    path, below = data.draw(st.sampled_from(list(walk(value))))
    kind = data.draw(st.sampled_from(["set", "add", "delete"]))
    if kind == "add" and isinstance(below, (dict, list)):
        path = path.child(data.draw(keys) if isinstance(below, dict) else len(below))
    if not path:
        return
    after = MISSING if kind == "delete" and get(value, path) is not MISSING else data.draw(values)
    expected = delete(value, path) if after is MISSING else put(value, path, after)
    patched = patched_or_none(text, path, after)
    if patched is None:
        assert isinstance(below, (dict, list))
    else:
        assert same(tomllib.loads(patched), expected)


def patched_or_none(text, path, after) -> str | None:
    try:
        return patch(text, (path, after))
    except InvalidOverrides:
        return None
