"""Our YAML editing beside an independent lossless editor (yaml-edit): same edits, same documents.

The other editor makes other choices of spelling, so texts are compared as PyYAML reads
them, and by which lines changed.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from confjob.builtin.yaml import FORMAT
from confjob.model import Change, Source
from confjob.tree import MISSING, get, leaves

yaml_edit = pytest.importorskip("yaml_edit", reason="yaml-edit is not installed (it is in the test extra)")

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
FILES = sorted(CORPUS.rglob("*.yaml"))[::9]

TEXT = """\
# head
lr: 0.01   # step
model:
    depth: 3
    name: 'resnet'
    sizes: [1, 2, 3]
data:
- path: a.csv
  weight: 1
- path: b.csv   # second
  weight: 2
empty:
note: |
  two
  lines
last: "end"
"""


def ours(root: Path, name: str, path, value) -> str:
    source = Source(input=name, path=PurePosixPath(name), root=root)
    document = FORMAT.load(source)
    before = get(document.tree, path)
    change = Change(input=name, path=path, before=before, after=value)
    return FORMAT.deliver(document, [change]).files[PurePosixPath(name)]


def theirs(text: str, path, value) -> str:
    document = yaml_edit.Document.parse(text)
    node = document
    for part in path[:-1]:
        node = node[part]
        node = node.as_mapping() if node.is_mapping() else node.as_sequence()
    node[path[-1]] = value
    return str(document)


def changed_lines(old: str, new: str) -> set[int]:
    """Return the numbers of old lines that are not in the new text."""
    blocks = SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False).get_matching_blocks()
    kept = {block.a + offset for block in blocks for offset in range(block.size)}
    return set(range(len(old.splitlines()))) - kept


def both_agree(root: Path, name: str, text: str, path, value) -> None:
    mine, other = ours(root, name, path, value), theirs(text, path, value)
    try:
        yaml.safe_load(other)
    except yaml.YAMLError:
        return  # it leaves a plain `=` bare, which PyYAML can't construct
    assert yaml.safe_load(mine) == yaml.safe_load(other), (path, value)
    assert changed_lines(text, mine) == changed_lines(text, other), (path, value)


VALUES = st.one_of(
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.text(
        st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x85\xa0"), max_size=8
    ),
)


@given(st.sampled_from([path for path, value in leaves(yaml.safe_load(TEXT)) if path[-1] != "note"]), VALUES)
def test_one_leaf_of_every_construct(tmp_path_factory, path, value):
    """Plain, quoted, flow, list items, empty: both set the same leaf, in the same lines."""
    root = tmp_path_factory.mktemp("edit")
    (root / "c.yaml").write_text(TEXT)
    both_agree(root, "c.yaml", TEXT, path, value)


@pytest.mark.skipif(not FILES, reason="the corpus of real config files is not beside the project")
def test_real_files():
    """Every ninth file of the corpus: a leaf in five is set to a word by both."""
    compared = 0
    for file in FILES:
        name = str(file.relative_to(CORPUS))
        source = Source(input=name, path=PurePosixPath(name), root=CORPUS.resolve())
        text = source.text(PurePosixPath(name))
        tree = FORMAT.load(source).tree
        try:
            yaml_edit.Document.parse(text)
        except ValueError:
            continue  # comments alone, several documents: it reads fewer files than we do
        for path, value in list(leaves(tree))[::5]:
            if isinstance(value, (dict, list)) or value is MISSING or "." in str(path[-1]):
                continue
            both_agree(CORPUS.resolve(), name, text, path, "word")
            compared += 1
    assert compared > 200
