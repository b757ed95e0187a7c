"""Real config files: every value can be set, with that line changed and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

import pytest
import yaml
from omegaconf import OmegaConf

from confjob.builtin import json as json_format
from confjob.builtin import yaml as yaml_format
from confjob.errors import InputError
from confjob.keypath import KeyPath
from confjob.model import Change, Document, Source
from confjob.tree import MISSING, delete, get, leaves, put, same, walk

FORMATS = {".yaml": yaml_format, ".yml": yaml_format, ".json": json_format}
CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
FILES = sorted(path.relative_to(CORPUS) for path in CORPUS.rglob("*") if path.suffix in FORMATS)
FOLDERS = sorted({path.parts[0] for path in FILES}) or ["none"]

# The whole corpus takes a minute and a half on an idle core, so by default every third leaf
# of every file is set (another third in the next file), and every fourth file gets keys
# added and deleted; with this variable everything is.
WHOLE = bool(os.environ.get("CONFJOB_WHOLE_CORPUS"))
STEP = 1 if WHOLE else 4

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus of real config files is not beside the project")


def load(path: Path) -> Document | None:
    """Return the document, or None for the templates that are no JSON."""
    source = Source(input=str(path), path=PurePosixPath(path), root=CORPUS.resolve())
    if path.suffix == ".json" and "TEMPLATE" in path.name:
        with pytest.raises(InputError):
            FORMATS[path.suffix].FORMAT.load(source)
        return None
    return FORMATS[path.suffix].FORMAT.load(source)


def documents(folder: str, step: int = 1) -> list[tuple[Path, Document]]:
    found = [path for path in FILES if path.parts[0] == folder][::step]
    return [(path, document) for path in found if (document := load(path)) is not None]


def change(document: Document, path: KeyPath, after) -> tuple[str, str, str]:
    """Return text before, text after, and the bytes that the core would write."""
    source = document.source
    before = get(document.tree, path)
    made = Change(input=source.input, path=path, before=before, after=after)
    delivery = FORMATS[source.path.suffix].FORMAT.deliver(document, [made])
    text = delivery.files[source.path]
    raw = source.on_disk(source.path)
    return raw.raw, raw.restore(text), text


def other(value):
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 2e-05 if value != 2e-05 else 3e-05
    return "no" if isinstance(value, str) else 5


def outside(old: str, new: str, first: int, last: int) -> bool:
    """Whether all lines but those from `first` to `last` are the same, endings included."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    tail = len(before) - last
    return before[: first - 1] == after[: first - 1] and before[last:] == after[len(after) - tail :]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_change_no_difference(folder):
    """Every file of the corpus comes back byte for byte."""
    for path, document in documents(folder):
        delivery = FORMATS[path.suffix].FORMAT.deliver(document, [])
        raw = document.source.on_disk(document.source.path)
        assert raw.restore(delivery.files[document.source.path]) == raw.raw


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_tree_is_what_the_readers_read(folder):
    """YAML as OmegaConf reads it, which is PyYAML's reading but for numbers like 2e-5; JSON as json."""
    for path, document in documents(folder):
        text = (CORPUS / path).read_text(encoding="utf-8")
        if path.suffix == ".json":
            assert same(document.tree, json.loads(text))
        elif text.strip() and document.tree:
            tree = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
            assert same(document.tree, tree), path


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_leaf_can_be_set(folder):
    """Exactly its lines change, and PyYAML (or json) reads the value that was meant."""
    for number, (path, document) in enumerate(documents(folder)):
        every = list(leaves(document.tree)) if document.tree else []
        for at, value in every if WHOLE else every[number % 3 :: 3]:
            old, new, text = change(document, at, other(value))
            where = document.nodes[at].where
            last = where.line + old.replace("\r\n", "\n").count("\n", where.start, where.end)
            assert outside(old, new, where.line, last), (path, at)
            assert new.count("\n") <= old.count("\n")
            read = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)
            assert same(get(read, at), other(value)), (path, at)


@pytest.mark.parametrize("folder", FOLDERS)
def test_omegaconf_reads_what_was_set(folder):
    """One leaf of each file, all readers' values compared whole."""
    for number, (path, document) in enumerate(documents(folder)):
        every = list(leaves(document.tree))
        if path.suffix == ".json" or not every or every[0][0] == ():
            continue
        at, value = every[number % len(every)]
        _, _, text = change(document, at, other(value))
        tree = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
        assert same(tree, put(document.tree, at, other(value))), (path, at)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_mapping_takes_a_key(folder):
    """All old lines stay, in order; the format itself proves the value."""
    for path, document in documents(folder, STEP):
        for at, value in walk(document.tree):
            if isinstance(value, dict):
                old, new, _ = change(document, at.child("added.key"), "yes")
                if "\n" in old.strip() and value and document.nodes[at].where.line > 0:
                    assert len(new.splitlines()) - len(old.splitlines()) in (0, 1), (path, at)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_leaf_can_be_deleted(folder):
    """Nothing else changes in meaning; comments stay but for those on the line."""
    for _, document in documents(folder, STEP):
        for at, _ in leaves(document.tree):
            if at:
                old, new, text = change(document, at, MISSING)
                assert len(new) < len(old) + 3
                parsed = FORMATS[document.source.path.suffix].parse(text, document.source.path)
                assert same(parsed[KeyPath()].value, delete(document.tree, at))
