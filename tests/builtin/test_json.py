"""JSON: edited at the offsets of its values, in the file's own layout."""

from __future__ import annotations

import json
import math
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.builtin.json import FORMAT, edit, parse
from confjob.errors import InputError, InvalidOverrides
from confjob.keypath import KeyPath
from confjob.model import Change, Document, Source
from confjob.testing import check_format
from confjob.tree import MISSING, delete, get, put, same, walk

FILE = PurePosixPath("config.json")


def tree(text: str):
    return parse(text, FILE)[KeyPath()].value


def patch(text: str, *changes) -> str:
    document = Document(
        source=Source(input="config.json", path=FILE, root=Path("/")), nodes=parse(text, FILE)
    )
    paths = [(KeyPath.parse(path) if isinstance(path, str) else path, after) for path, after in changes]
    made = [Change(input="config.json", path=path, before=MISSING, after=after) for path, after in paths]
    return edit(document, text, made)


CASES = {
    "a number": ('{"a": 1}\n', [("a", 2e-5)], '{"a": 2.0e-05}\n'),
    "text": ('{"a": "x"}', [("a", 'é"\n')], '{"a": "é\\"\\n"}'),
    "text in a file of escapes": ('{"a": "\\u00e9", "b": 1}', [("b", "ü")], '{"a": "\\u00e9", "b": "\\u00fc"}'),
    "a lone surrogate": ('{"a": 1}', [("a", "\ud800")], '{"a": "\\ud800"}'),
    "words": ('{"a": NaN, "b": 1}', [("b", -math.inf)], '{"a": NaN, "b": -Infinity}'),
    "what stands around stays": ('{ "a" :1 ,\n\n"b":[ 1,2 ]}', [("a", 2)], '{ "a" :2 ,\n\n"b":[ 1,2 ]}'),
    "other numbers stay": ('{"a": 1e-5, "b": 12345678901234567890}', [("c", 1)], '{"a": 1e-5, "b": 12345678901234567890, "c": 1}'),
    "a key on its line": ('{\n\t"a": 1\n}', [("b", True)], '{\n\t"a": 1,\n\t"b": true\n}'),
    "a compact key": ('{"a":1,"b":2}', [("c", None)], '{"a":1,"b":2,"c":null}'),
    "an element": ("[1, 2]", [("[2]", {"a": []})], '[1, 2, {"a": []}]'),
    "elements on lines": ('{\n  "a": [\n    1,\n\n    2\n  ]\n}\n', [("a[2]", 3)], '{\n  "a": [\n    1,\n\n    2,\n    3\n  ]\n}\n'),
    "missing parents": ('{"a": 1}', [("b.c.d", 2)], '{"a": 1, "b": {"c": {"d": 2}}}'),
    "below null": ('{"a": null}', [("a.b", 2)], '{"a": {"b": 2}}'),
    "the first is deleted": ('{\n  "a": 1,\n  "b": 2\n}', [("a", MISSING)], '{\n  "b": 2\n}'),
    "the last is deleted": ('{\n  "a": 1,\n  "b": 2\n}', [("b", MISSING)], '{\n  "a": 1\n}'),
    "all are deleted": ('{"a": {"b": 1}}', [("a.b", MISSING)], '{"a": {}}'),
    "all are replaced": ('{"a": {"b": 1}}', [("a", {"c": 1})], '{"a": {"c": 1}}'),
    "only what differs": ('{"a": {"b": 1e3, "c": 2}}', [("a", {"b": 1000.0, "c": 3})], '{"a": {"b": 1e3, "c": 3}}'),
    "a key with an escape": ('{"a\\u002eb": 1}', [(r"a\.b", 2)], '{"a\\u002eb": 2}'),
    "the whole": ("1", [("", [1])], "[1]"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_changes(case):
    """A change touches its own text only and looks like its neighbours."""
    text, changes, expected = CASES[case]
    assert patch(text, *changes) == expected


@pytest.mark.parametrize("text", [case[0] for case in CASES.values()])
def test_the_laws_of_a_format(text):
    """The contract that plugin authors check their formats with."""
    check_format(FORMAT, text, file_name="config.json", new_key="added")


UNREADABLE = {
    '{"a": BATCH_SIZE}': "config.json:1:7: expected a value, found 'BATCH_SIZE'",
    '{\n  "a": 1,\n}': "config.json:3:1: expected a key in double quotes, found '}'",
    '{"a": 1, "a": 2}': "config.json:1:10: the key 'a' stands in this object already, on line 1",
    "": "config.json:1:1: expected a value, found the end of the file",
    "[1 2]": "config.json:1:4: expected ',' or ']'",
    '["a\tb"]': "config.json:1:2: text without an end",
    '["\\x"]': "config.json:1:2: malformed text",
    "01": "config.json:1:2: '1' after the end",
    "[1,]": "config.json:1:4: expected a value",
    '{"a" 1}': "config.json:1:6: expected ':'",
    "// c\n1": "config.json:1:1: expected a value",
    "[" * 201: "config.json:1:201: values nest deeper",
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text):
    """What can't be read is an error with file, line and column."""
    with pytest.raises(InputError) as error:
        parse(text, FILE)
    assert error.value.message.startswith(UNREADABLE[text])


def test_all_refusals_at_once():
    """Every change that can't be made is reported with its place."""
    with pytest.raises(InvalidOverrides) as refused:
        patch('{"a": 1,\n"b": [1]}', ("a.x", 1), ("b[5]", 1), ("c", MISSING))
    assert [str(problem.path) for problem in refused.value.problems] == ["a.x", "b[5]", "c"]
    assert [problem.where.line for problem in refused.value.problems] == [1, 2, 1]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
trees = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=3), below, max_size=4),
)
layouts = st.sampled_from([None, 0, 2, "\t"]).flatmap(
    lambda indent: st.sampled_from([(indent, (",", ":")), (indent, (", ", ": ")), (indent, (",", " : "))])
)


@given(trees, layouts, st.booleans())
@settings(max_examples=150, deadline=None)
def test_reads_what_the_standard_module_reads(value, layout, ascii_only):
    """Any JSON text has the standard module's value, and every span spells its value."""
    text = json.dumps(value, indent=layout[0], separators=layout[1], ensure_ascii=ascii_only)
    for path, node in parse(text, FILE).items():
        assert same(node.value, get(json.loads(text), path))
        assert same(json.loads(text[node.where.start : node.where.end]), node.value)


@given(trees, layouts, st.data())
@settings(max_examples=200, deadline=None)
def test_any_changes(value, layout, data):
    """Sets, additions and deletions in one go give exactly the tree they mean."""
    text = json.dumps(value, indent=layout[0], separators=layout[1])
    expected, changes = value, []
    for _ in range(data.draw(st.integers(0, 4))):
        path, below = data.draw(st.sampled_from(list(walk(expected))))
        kind = data.draw(st.sampled_from(["set", "add", "delete"]))
        if kind == "add" and isinstance(below, (dict, list)):
            path = path.child(data.draw(st.text(max_size=3)) if isinstance(below, dict) else len(below))
        after = MISSING if kind == "delete" and path else data.draw(trees)
        expected = delete(expected, path) if after is MISSING else put(expected, path, after)
        changes.append((path, after))
    assert same(json.loads(patch(text, *changes)), expected)
