"""YAML: one change, one line, the same value to every reader; or a refusal that says why."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from confjob.builtin.yaml import FORMAT, edit, parse
from confjob.builtin.yaml.emit import Habits, flow_text
from confjob.errors import InputError, InvalidOverrides
from confjob.keypath import KeyPath
from confjob.model import Change, Document, Source
from confjob.testing import check_format
from confjob.textfile import TextFile
from confjob.tree import MISSING, delete, get, leaves, put, same, walk

FILE = PurePosixPath("config.yaml")


def document(text: str) -> Document:
    return Document(source=Source(input="config.yaml", path=FILE, root=Path("/")), nodes=parse(text, FILE))


def tree(text: str):
    return parse(text, FILE)[KeyPath()].value


def patch(text: str, *changes) -> str:
    """Apply (path text or KeyPath, new value or MISSING)."""
    paths = [(KeyPath.parse(path) if isinstance(path, str) else path, after) for path, after in changes]
    made = [Change(input="config.yaml", path=path, before=MISSING, after=after) for path, after in paths]
    return edit(document(text), text, made)


def refusal(text: str, *changes) -> str:
    with pytest.raises(InvalidOverrides) as refused:
        patch(text, *changes)
    problems = refused.value.problems
    assert all(problem.where and problem.code == "cannot-patch" and problem.hint for problem in problems)
    return "\n".join(f"{problem.path}: {problem.message}" for problem in problems)


# Setting

SET = {
    "a comment stays": ("a: 1  # one\n", "a", 2, "a: 2  # one\n"),
    "an empty value": ("a:\nb: 1\n", "a", 2, "a: 2\nb: 1\n"),
    "an empty value with a comment": ("a:  # none yet\n", "a", "x", "a: x  # none yet\n"),
    "an empty element": ("-\n- 1\n", "[0]", 2, "- 2\n- 1\n"),
    "no final newline": ("a: 1", "a", None, "a: null"),
    "single quotes stay": ("a: 'x'\n", "a", "no", "a: 'no'\n"),
    "double quotes stay": ('a: "00005"\n', "a", "00006", 'a: "00006"\n'),
    "quotes only for text": ('a: "x"\n', "a", 5, "a: 5\n"),
    "a word a reader takes for a boolean": ("a: x\n", "a", "off", 'a: "off"\n'),
    "a word like a number": ("a: x\nb: 'y'\n", "a", "1e5", "a: '1e5'\nb: 'y'\n"),
    "none is a word": ("a: x\n", "a", "none", "a: none\n"),
    "title case as in the file": ("a: True\nb: False\n", "b", True, "a: True\nb: True\n"),
    "lower case where the file has both": ("a: True\nb: false\n", "a", False, "a: false\nb: false\n"),
    "an exponent": ("lr: 2e-5\n", "lr", 3e-5, "lr: 3.0e-05\n"),
    "infinity": ("a: 1.0\n", "a", -math.inf, "a: -.inf\n"),
    "an interpolation": ("a: ${b}/c\n", "a", "${c}/d", "a: ${c}/d\n"),
    "in flow": ("a: {b: x, c: [1, 2]}\n", "a.b", "p, q", 'a: {b: "p, q", c: [1, 2]}\n'),
    "a key with a dot": ("a.b: 1\n", r"a\.b", 2, "a.b: 2\n"),
    "a key that is a boolean": ("on: 1\n", "on", 2, "on: 2\n"),
    "a key that is a number": ("1: x\n", KeyPath(("1",)), "z", "1: z\n"),
    "a quoted key": ("'a b': 1\n", "a b", 2, "'a b': 2\n"),
    "JSON in YAML": ('{"a":1}\n', "a", "x", '{"a":x}\n'),
    "a value on the next line": ("a:\n  5\n", "a", 6, "a:\n  6\n"),
    "text over several lines": ("a: x\n  y\nb: 1\n", "a", "z", "a: z\nb: 1\n"),
    "beyond the basic plane": ("a: 😀 # 😀\nb: 1 # é\n", "b", "ü", "a: 😀 # 😀\nb: ü # é\n"),
    "a block scalar to a line": ("a: |  # c\n  x\n  y\n\nb: 1\n", "a", "z", "a: z  # c\n\nb: 1\n"),
    "a block scalar to another": ("a: |\n    x\n    y\nb: 1\n", "a", "p\nq\n", "a: |\n    p\n    q\nb: 1\n"),
    "a folded one": ("a: >-\n  x\n  y\n", "a", "z w", "a: z w\n"),
    "a block to a scalar": ("a:  # c\n  b: 1\n  # d\n  e: 2  # f\ng: 3\n", "a", 5, "a: 5  # c\ng: 3\n"),
    "a list to a scalar": ("a:\n- 1\n- 2\nb: 3\n", "a", "x", "a: x\nb: 3\n"),
    "an element that is a mapping": ("- a: 1\n  b: 2\n- c\n", "[0]", "x", "- x\n- c\n"),
    "a scalar to a list": ("a: 1\n", "a", [1, "x: y", None], 'a: [1, "x: y", null]\n'),
    "a scalar to a mapping": ("a: 1\n", "a", {"b": {"c": []}}, "a: {b: {c: []}}\n"),
    "only what differs": (
        "a:\n  b: 1  # b\n  c: 2  # c\n",
        "a",
        {"b": 1, "c": 3},
        "a:\n  b: 1  # b\n  c: 3  # c\n",
    ),
    "elements that differ": ("a: [1,  2, 3]\n", "a", [1, 5], "a: [1,  5]\n"),
    "an alias": ("a: &x 1\nb: *x\n", "b", 2, "a: &x 1\nb: 2\n"),
    "an anchor nobody uses": ("a: &x 1\n", "a", 2, "a: &x 2\n"),
    "an anchor with nothing": ("a: &x\n", "a", 2, "a: &x 2\n"),
    "an anchored block": ("a: &x  # c\n  b: 1\nc: 2\n", "a", 5, "a: &x 5  # c\nc: 2\n"),
    "a second document": ("a: 1\n---\nb: 1\n", "[1].b", 2, "a: 1\n---\nb: 2\n"),
    "a whole document": ("--- 1\n--- 2\n", "[1]", 3, "--- 1\n--- 3\n"),
    "a directive": ("%YAML 1.1\n---\na: 1\n...\n", "a", 2, "%YAML 1.1\n---\na: 2\n...\n"),
    "inside a tagged mapping": ("a: !Model {b: 1}\n", "a.b", 2, "a: !Model {b: 2}\n"),
    "beside a complex key": ("? [a, b]\n: 1\nc: 2\n", "c", 3, "? [a, b]\n: 1\nc: 3\n"),
    "after an explicit key": ("? a\n: 1\n", "a", 3, "? a\n: 3\n"),
    "a pair in a list": ("a: [b: 1]\n", "a[0].b", 2, "a: [b: 2]\n"),
    "a key without a value": ("a: {b, c: 1}\n", "a.b", 2, "a: {b: 2, c: 1}\n"),
    "trailing white space": ("a: 1   \n", "a", 2, "a: 2   \n"),
    "a tab before a comment": ("a: 1\t# c\n", "a", 2, "a: 2\t# c\n"),
}


@pytest.mark.parametrize("case", SET)
def test_set(case):
    """A value is replaced where it stands, and what stands around it stays."""
    text, path, value, expected = SET[case]
    patched = patch(text, (path, value))
    if expected is not None:
        assert patched == expected
    assert same(get(tree(patched), KeyPath.parse(path) if isinstance(path, str) else path), value)


ADD = {
    "at the end": ("a: 1\n", "b", 2, "a: 1\nb: 2\n"),
    "no final newline": ("a: 1", "b", 2, "a: 1\nb: 2"),
    "below a comment": ("a: 1 # c\n# d\n", "b", 2, "a: 1 # c\nb: 2\n# d\n"),
    "in a block": ("a:\n    b: 1\nc: 2\n", "a.d", 3, "a:\n    b: 1\n    d: 3\nc: 2\n"),
    "a block in a block": ("a:\n    b: 1\n", "a.c.d", 3, "a:\n    b: 1\n    c:\n        d: 3\n"),
    "in flow": ("a: {b: 1}\n", "a.c", 2, "a: {b: 1, c: 2}\n"),
    "in flow with a trailing comma": ("a: [1, 2,]\n", "a[2]", 3, "a: [1, 2, 3,]\n"),
    "in empty flow": ("a: {}\n", "a.c", 2, "a: {c: 2}\n"),
    "below null": ("a:\nb: 1\n", "a.c", 2, "a: {c: 2}\nb: 1\n"),
    "one line each": ("a: [\n  1,  # x\n  2  # y\n]\n", "a[2]", 3, "a: [\n  1,  # x\n  2,  # y\n  3\n]\n"),
    "one line each, trailing comma": (
        "a: [\n  1,\n  2,  # y\n]\n",
        "a[2]",
        3,
        "a: [\n  1,\n  2,  # y\n  3,\n]\n",
    ),
    "an element": ("a:\n- 1\n- 2\nb: 1\n", "a[2]", 3, "a:\n- 1\n- 2\n- 3\nb: 1\n"),
    "an indented element": ("a:\n  - x: 1\n", "a[1]", {"x": 2, "z": 3}, "a:\n  - x: 1\n  - x: 2\n    z: 3\n"),
    "a key of an element": ("- a: 1\n- b\n", "[0].c", 2, "- a: 1\n  c: 2\n- b\n"),
    "quoted as its neighbours": ('"a": 1\n"b": 2\n', "c", 3, '"a": 1\n"b": 2\n"c": 3\n'),
    "a key that must be quoted": ("a: 1\n", "yes", 3, 'a: 1\n"yes": 3\n'),
    "over a merged key": ("a: &x {b: 1}\nc:\n  <<: *x\n", "c.b", 2, "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n"),
    "after a block that keeps its end": ("a: |+\n  x\n\n", "b", 1, "a: |+\n  x\n\nb: 1\n"),
    "an empty file": ("", "a", 1, "a: 1\n"),
    "only comments": ("# c\n", "a.b", 1, "# c\na:\n  b: 1\n"),
    "only comments, no final newline": ("# c", "a", 1, "# c\na: 1"),
    "before the end of a document": ("---\n...\n", "a", 1, "---\na: 1\n...\n"),
    "in the first document": ("a: 1\n---\nb: 1\n", "[0].c", 2, "a: 1\nc: 2\n---\nb: 1\n"),
    "to a pair in a list": ("a: [b: 1]\n", "a[0].c", 2, "a: [{b: 1, c: 2}]\n"),
}


@pytest.mark.parametrize("case", ADD)
def test_add(case):
    """A new key or element looks like its neighbours."""
    text, path, value, expected = ADD[case]
    assert patch(text, (path, value)) == expected


DELETE = {
    "a line": ("a: 1\nb: 2  # c\nc: 3\n", ["b"], "a: 1\nc: 3\n"),
    "the first": ("a: 1\nb: 2\n", ["a"], "b: 2\n"),
    "the last, no final newline": ("a: 1\nb: 2", ["b"], "a: 1"),
    "the only one": ("a:\n  b: 1\nc: 2\n", ["a.b"], "a: {}\nc: 2\n"),
    "all of a file": ("# c\na: 1\n", ["a"], "# c\n{}\n"),
    "a block": ("a:\n  b:\n    c: 1\n  # d\n\ne: 2\n", ["a"], "  # d\n\ne: 2\n"),
    "beside the dash": ("- a: 1\n  b: 2\n", ["[0].a"], "- b: 2\n"),
    "two beside the dash": ("- a: 1\n  b: 2\n  c: 3\n", ["[0].a", "[0].b"], "- c: 3\n"),
    "an element": ("a:\n- 1\n# c\n- 2\n- 3\n", ["a[1]"], "a:\n- 1\n# c\n- 3\n"),
    "the first element twice": ("[1, 2, 3]\n", ["[0]", "[0]"], "[3]\n"),
    "an empty element": ("-\n- 1\n", ["[0]"], "- 1\n"),
    "of nested lists": ("- - 1\n  - 2\n- 3\n", ["[0][0]"], "- - 2\n- 3\n"),
    "the last in flow": ("a: {b: 1, c: 2}\n", ["a.c"], "a: {b: 1}\n"),
    "the first in flow": ("a: {b: 1, c: 2}\n", ["a.b"], "a: {c: 2}\n"),
    "all in flow": ("a: [1, 2]\n", ["a[1]", "a[0]"], "a: []\n"),
    "a line in flow": ("a: [\n  1,  # x\n  2,  # y\n]\n", ["a[1]"], "a: [\n  1,  # y\n]\n"),
    "an alias": ("a: &x 1\nb: *x\n", ["b"], "a: &x 1\n"),
    "an explicit key": ("? a\n: 1\nb: 2\n", ["a"], "b: 2\n"),
    "a block scalar": ("a: |\n  x\n  y\nb: 1\n", ["a"], "b: 1\n"),
}


@pytest.mark.parametrize("case", DELETE)
def test_delete(case):
    """Whole lines go; what must stay for the rest to parse stays."""
    text, paths, expected = DELETE[case]
    assert patch(text, *((path, MISSING) for path in paths)) == expected


def test_many_changes_at_once():
    """Changes are made in order, each seeing what the one before it left."""
    text = "a: 1\nl:\n- 1\n- 2\nm:\n  x: 1  # x\n"
    changes = [
        ("l[0]", MISSING),
        ("l[1]", 3),
        ("l[0]", 9),
        ("b.c", 1),
        ("b.d", 2),
        ("a", 5),
        ("m.x", MISSING),
        ("m.y", 0),
    ]
    assert patch(text, *changes) == "a: 5\nl:\n- 9\n- 3\nm:\n  'y': 0\nb:\n  c: 1\n  d: 2\n".replace("'", '"')


def test_added_keys_keep_their_order():
    """Several keys added to one mapping come in the order given."""
    assert patch("a: 1\n", ("c", 1), ("b", 2)) == "a: 1\nc: 1\nb: 2\n"


def test_an_unchanged_value_is_not_respelled():
    """Setting what is there already alters nothing."""
    assert patch("a: 2e-5\nb: 0x10\n", ("a", 2e-5), ("b", 16)) == "a: 2e-5\nb: 0x10\n"


# Refusing

REFUSE = {
    "an anchored value": ("a: &x 1\nb: *x\n", "a", 2, "anchored as &x"),
    "in an anchored value": ("a: &x {b: 1}\nc: *x\n", "a.b", 2, "1 other place takes"),
    "to an anchored value": ("a: &x {b: 1}\nc: *x\nd: *x\n", "a.z", 2, "2 other places take"),
    "around an anchored value": ("a: {b: &x 1}\nc: *x\n", "a", 2, "anchored as &x"),
    "an anchored value is deleted": ("a: &x 1\nb: *x\n", "a", MISSING, "anchored as &x"),
    "through an alias": ("a: &x {b: 1}\nc: *x\n", "c.b", 2, "through an alias"),
    "through a merge": ("a: &x {b: {c: 1}}\nd:\n  <<: *x\n", "d.b.c", 2, "comes from another mapping"),
    "a merged key is deleted": ("a: &x {b: 1}\nd:\n  <<: *x\n", "d.b", MISSING, "comes from another mapping"),
    "a standard tag": ("a: !!float 1\n", "a", 2, "the tag !!float"),
    "a tag of one's own": ("a: !env X\n", "a", "Y", "the tag !env"),
    "in a set": ("a: !!set {b, c}\n", "a.d", None, "the tag !!set"),
    "a new document": ("a: 1\n---\nb: 1\n", "[2]", 2, "none added or removed"),
    "through a scalar": ("a: 1\n", "a.b", 2, "neither a mapping nor a list"),
    "past the end of a list": ("a: [1]\n", "a[3]", 2, "no element 3"),
    "an index in a mapping": ("a: {b: 1}\n", "a[0]", 2, "no element [0]"),
    "what is not there": ("a: 1\n", "b", MISSING, "nothing stands"),
    "text that no file can hold": ("a: 1\n", "a", "\ud800", "cannot be changed in place"),
}


@pytest.mark.parametrize("case", REFUSE)
def test_refuse(case):
    """What would damage the file, or reach another place, is refused with the reason."""
    text, path, value, why = REFUSE[case]
    assert why in refusal(text, (path, value))


def test_all_refusals_at_once():
    """Every change that can't be made is reported, each with its path and place."""
    said = refusal("a: &x 1\nb: *x\nc: !t 1\nd: 2\n", ("a", 2), ("c", 3), ("d", 4))
    assert [line.partition(":")[0] for line in said.splitlines()] == ["a", "c"]


# Reading

READ = [
    ("a: 2e-5\nb: 1e4\nc: 1.0e4\nd: -1e-3\n", {"a": 2e-5, "b": 1e4, "c": 1.0e4, "d": -1e-3}),
    (
        "a: '2e-5'\nb: yes\nc: 0777\nd: 1:30\ne: 0o7\n",
        {"a": "2e-5", "b": True, "c": 511, "d": 90, "e": "0o7"},
    ),
    ("a: 2024-01-01\nb: ~\nc: .nan\n", {"a": "2024-01-01", "b": None, "c": math.nan}),
    ("on: 1\n2: x\nnull: y\n1.5: z\n", {"on": 1, "2": "x", "null": "y", "1.5": "z"}),
    ("a: !env X\nb: !M {c: 1}\nd: !!int '3'\ne: !!str 1\n", {"a": "X", "b": {"c": 1}, "d": 3, "e": "1"}),
    (
        "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: *x\n",
        {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}, "e": {"b": 1, "c": 2}},
    ),
    (
        "a: &x {b: 1}\nc: &y {b: 2}\nd: {<<: [*x, *y], e: 3}\n",
        {"a": {"b": 1}, "c": {"b": 2}, "d": {"b": 1, "e": 3}},
    ),
    ("", {}),
    ("# c\n", {}),
    ("---\n", {}),
    ("null\n", None),
    ("- 1\n", [1]),
    ("a: 1\n---\n- 2\n---\n", [{"a": 1}, [2], None]),
    ("a: =\n", {"a": "="}),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_read(text, expected):
    """The tree is PyYAML's, with text keys, OmegaConf's numbers and dates as text."""
    assert same(tree(text), expected)


UNREADABLE = {
    "a: 1\nb: 2\na: 3\n": "config.yaml:3:1: the key 'a' stands in this mapping already, on line 1",
    "on: 1\nyes: 2\n": "config.yaml:2:1: the key 'yes' stands",
    "1: a\n'1': b\n": "config.yaml:2:1: the key '1' stands",
    "a: [\n": "config.yaml:2:1: ",
    "a: {b: c: d}\n": "config.yaml:1:9: ",
    "a: &x [*x]\n": "config.yaml:1:8: the alias *x stands inside",
    "a: *x\n": "config.yaml:1:4: ",
    "a: !!int x\n": "config.yaml:1:10: 'x' is not of type int",
    "a: b\n\tc: 1\n": "config.yaml:2:",
    "é: \x07\n": "config.yaml:1:4: the character U+0007",
    "a: 1\n b: 2\n": "config.yaml:2:3: ",
    "[" * 300 + "]" * 300: "config.yaml:1:201: values nest deeper than 200",
    "<<: 1\n": "config.yaml:1:5: '<<' takes",
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text):
    """What can't be read is an error with file, line and column."""
    with pytest.raises(InputError) as error:
        parse(text, FILE)
    assert error.value.message.startswith(UNREADABLE[text])


def test_alias_bombs_are_bounded():
    """Aliases of aliases multiply values without bound; reading stops counting early."""
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(InputError, match="aliases multiply"):
        parse(bomb, FILE)


def test_places_and_comments():
    """Every value has its own text's place, however it is written."""
    text = "a: 1  # one\nb:  # two\n  c: 'x'\n  d: &k [1, {e: 2}]  # three\nf: *k\ng: |  # four\n  t\nh:\n"
    nodes = parse(text, FILE)
    spelled = {str(path): text[node.where.start : node.where.end] for path, node in nodes.items()}
    assert spelled["b"] == "c: 'x'\n  d: &k [1, {e: 2}]"
    assert (spelled["a"], spelled["b.c"], spelled["b.d"], spelled["b.d[1].e"]) == (
        "1",
        "'x'",
        "[1, {e: 2}]",
        "2",
    )
    assert (spelled["f"], spelled["f[0]"], spelled["g"], spelled["h"]) == (
        "[1, {e: 2}]",
        "1",
        "|  # four\n  t",
        "",
    )
    comments = {str(path): node.comment for path, node in nodes.items() if node.comment}
    assert comments == {"a": "one", "b": "two", "b.d": "three", "f": "three", "g": "four"}
    assert [nodes[KeyPath.parse(p)].style for p in ("a", "b.c", "g")] == ["", "'", "|"]
    assert (nodes[KeyPath.parse("h")].where.line, nodes[KeyPath.parse("h")].where.column) == (8, 3)
    assert [str(path) for path in nodes][:4] == ["", "a", "b", "b.c"]


def test_both_parsers_agree(monkeypatch):
    """Without libyaml PyYAML's own parser gives the same items."""
    from confjob.builtin.yaml import syntax

    # PyYAML's own parser refuses a tab between a value and its comment.
    texts = [case[0] for case in (*SET.values(), *ADD.values(), *DELETE.values()) if "\t" not in case[0]]
    with_libyaml = [parse(text, FILE) for text in texts]
    monkeypatch.setattr(syntax, "_LOADER", yaml.SafeLoader)
    assert [parse(text, FILE) for text in texts] == with_libyaml


@pytest.mark.parametrize("text", [case[0] for case in (*SET.values(), *ADD.values(), *DELETE.values())])
def test_the_laws_of_a_format(text):
    """The contract that plugin authors check their formats with."""
    check_format(FORMAT, text, file_name="config.yaml", new_key="added")


# Any tree in any style

WORDS = [
    "yes", "No", "on", "off", "y", "~", "null", "true", "1e-4", "2e-5", "1.0e4", "0777", "0o7", "0x1F", "08", "1_000",
    "1:30", "2024-01-01", ".inf", "nan", "-", "- a", "a: b", "a:", "# x", "x #y", "x # y", "a,b", "[a", "{a}", "*a", "&a",
    "!a", "|", ">", "%a", "@a", "`a", "'", '"', "''", "a'b", 'a"b', "\\", "a\nb", "\n", "a\n", "\t", "\x07", "\u2028", "\x85",
    "😀", "é", " a", "a ", "", "=", "<<", "---", "...", "? a", "${x}", "a${x:y}", "???x", "none", "7b", "/a/b", "a/b-c_d.e", "http://a:1",
    "\ufeff", "+", ".5", "1.", "1e", "0b1", "-0", "NULL", "\r", "a\r\nb", "\x00", "\xa0", "1,5", "12e03", "\U0001f600\ufffe",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(WORDS)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
keys = st.sampled_from(["a", "b.c", "d e", "yes", "1", "é", "", "x_y", "<<"]) | st.text(
    "abc:#-[ ", max_size=4
)
trees = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=4),
    max_leaves=12,
)


def written(draw, value, indent: int = 0) -> str:
    """Return `value` as somebody may have written it: flow, block, quotes, comments, blank lines."""
    habits = Habits(quote=draw(st.sampled_from("'\"")))
    if not isinstance(value, (dict, list)) or not value or draw(st.integers(0, 3)) == 0:
        return (
            " " + flow_text(value, habits, flow=indent > 0) + draw(st.sampled_from(["", "  # c", " "])) + "\n"
        )
    pad = " " * indent
    lines = ["\n"] if indent else [""]
    step = draw(st.sampled_from([2, 4]))
    for key in value:
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["\n", f"{pad}# note: x\n", "# - a\n"])))
        if isinstance(value, dict):
            below = written(draw, value[key], indent + step)
            lines.append(pad + flow_text(key, habits, flow=False) + ":" + below)
        else:
            below = written(draw, key, indent + 2)
            below = (
                " " + below[indent + 3 :]
                if below.startswith("\n" + " " * (indent + 2)) and below[indent + 3 :][0] not in " #"
                else below
            )
            lines.append(pad + "-" + below)
    return "".join(lines)


@st.composite
def texts(draw):
    value = draw(
        st.dictionaries(keys, trees, min_size=1, max_size=4) | st.lists(trees, min_size=1, max_size=3)
    )
    text = draw(st.sampled_from(["", "# head\n", "---\n"])) + written(draw, value).lstrip(" ")
    return (text if draw(st.booleans()) else text.removesuffix("\n")), value


many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(texts())
@many
def test_any_text_reads_as_what_was_written(case):
    """The generator of the other laws writes what it means, and no change is no difference."""
    text, value = case
    assert same(tree(text), value)
    assert patch(text) == text


@given(texts(), st.data())
@many
def test_set_any_leaf(case, data):
    """A scalar set to a scalar alters its own lines only, and reads back as meant."""
    text, value = case
    path, _ = data.draw(st.sampled_from([leaf for leaf in leaves(value) if leaf[0]] or [(KeyPath(), None)]))
    if not path:
        return
    new = data.draw(scalars)
    patched = patch(text, (path, new))
    assert same(tree(patched), put(value, path, new))
    where = parse(text, FILE)[path].where
    old_lines, new_lines = text.split("\n"), patched.split("\n")
    last = where.line + text.count("\n", where.start, where.end)
    assert old_lines[: where.line - 1] == new_lines[: where.line - 1]
    assert old_lines[last:] == new_lines[len(new_lines) - len(old_lines) + last :]


@given(texts(), st.data())
@many
def test_any_changes(case, data):
    """Sets, additions and deletions in one go give exactly the tree they mean, or a refusal of some."""
    text, value = case
    expected, changes = value, []
    for _ in range(data.draw(st.integers(1, 4))):
        path, below = data.draw(st.sampled_from(list(walk(expected))))
        kind = data.draw(st.sampled_from(["set", "add", "delete"]))
        if kind == "add" and isinstance(below, dict):
            path = path.child(data.draw(keys))
        elif kind == "add" and isinstance(below, list):
            path = path.child(len(below))
        after = MISSING if kind == "delete" and path else data.draw(trees)
        if after is MISSING and get(expected, path) is MISSING:
            continue
        expected = delete(expected, path) if after is MISSING else put(expected, path, after)
        changes.append((path, after))
    patched = patch(text, *changes)
    assert same(tree(patched), expected)
    if text.startswith("# head\n"):
        assert patched.startswith("# head\n")


@given(texts(), st.data())
@settings(max_examples=50, deadline=None)
def test_line_endings_and_mark_survive(case, data):
    """The core's text file puts CRLF and byte-order mark back around an edit."""
    text, _ = case
    raw = TextFile("\ufeff" + text.replace("\r", "").replace("\n", "\r\n"))
    path, _ = data.draw(st.sampled_from(list(leaves(tree(raw.text)))))
    restored = raw.restore(patch(raw.text, (path, 5)))
    assert restored.startswith("\ufeff")
    assert restored.count("\n") == restored.count("\r\n")


@given(
    scalars,
    st.sampled_from(
        ["k: x\n", "k: 'x'\n", 'k: "x"\n', "k:\n", "k: [x]\n", "k: {a: x}\n", "k:\n- x\n", "k: |\n  x\n"]
    ),
)
@example("\n", "k: 'x'\n")
@settings(max_examples=250, deadline=None)
def test_readers_agree(value, text):
    """PyYAML, OmegaConf and (where it is installed) ruamel read the value that was set."""
    at = {"k: [x]\n": "k[0]", "k:\n- x\n": "k[0]", "k: {a: x}\n": "k.a"}.get(text, "k")
    patched = patch(text, (at, value))
    path = KeyPath.parse(at)
    assert same(get(yaml.safe_load(patched), path), value)
    if not (isinstance(value, str) and ("${" in value or value == "???")):
        assert same(get(OmegaConf.to_container(OmegaConf.create(patched)), path), value)
    ruamel = ruamel_reader()
    if ruamel is not None:
        assert same(get(ruamel.load(patched), path), value)


def ruamel_reader():
    try:
        from ruamel.yaml import YAML
    except ImportError:
        return None
    return YAML(typ="safe", pure=True)
