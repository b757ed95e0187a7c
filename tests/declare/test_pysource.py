"""Laws of reading Python as text."""

import ast
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from confjob.declare.pysource import PySource
from confjob.keypath import KeyPath
from confjob.tree import same, walk

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
TREES = st.recursive(
    SCALARS, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=12
)


def source_of(text):
    return PySource(path=PurePosixPath("a.py"), text=text, tree=ast.parse(text))


def read(text):
    source = source_of(text)
    return source.nodes(source.tree.body[-1].value)


@given(TREES, st.text("éx ", max_size=5))
def test_every_value_of_a_literal_is_read_where_it_is_written(tree, padding):
    text = f"# {padding}\nx = ({padding!r}, \n {tree!r})\n"
    nodes = read(text)
    assert same(nodes[KeyPath((1,))].value, tree)
    for path, value in walk(tree, KeyPath((1,))):
        node = nodes[path]
        assert same(node.value, value)
        assert same(ast.literal_eval(text[node.where.start : node.where.end]), value)
        before = text[: node.where.start]
        assert node.where.line == before.count("\n") + 1
        assert node.where.column == len(before) - before.rfind("\n")
    assert len(nodes) == 3 + sum(1 for _ in walk(tree)) - 1


def test_of_a_key_written_twice_the_last_counts():
    nodes = read("x = {'a': {'old': 1}, 'b': 2, 'a': 3}")
    assert nodes[KeyPath()].value == {"a": 3, "b": 2}
    assert set(map(str, nodes)) == {"", "a", "b"}


def test_what_a_literal_spreads_is_part_of_it():
    nodes = read("B = {'a': 1, 'b': 2}\nx = {**B, 'b': 3, **dict(c=4)}")
    assert nodes[KeyPath()].value == {"a": 1, "b": 3, "c": 4}


def test_names_lead_to_what_they_were_imported_from():
    source = source_of(
        "import a.b as c\nimport d.e\nfrom f.g import h as i\nfrom . import j\nfrom .k import l\nm = 1\n"
    )
    found = [
        source.origin(ast.parse(text, mode="eval").body)
        for text in ("c.x", "d.e.y", "i", "j", "l", "m", "int", "f()")
    ]
    assert found == ["a.b.x", "d.e.y", "f.g.h", ".j", ".k.l", "", "int", ""]
