"""A toy format whose tree depends on values: `db` picks what `host` or `path` there is."""

import json
from pathlib import PurePosixPath

import pytest

from confjob.keypath import KeyPath
from confjob.load import load
from confjob.model import Delivery, Document, Format, InputSpec, JobSpec, Node
from confjob.override import parse_set
from confjob.pipeline.reading import typed
from confjob.pipeline.settling import settle
from confjob.project import Project
from confjob.tree import MISSING, delete, put, walk

PATH = PurePosixPath("c.toy")
PARTS = {
    "sqlite": {"path": "x.db"},
    "mysql": {"host": "h", "engine": "inno"},
    "inno": {"pages": 4},
    "isam": {"lock": "y"},
}


def compose(chosen):
    """Return the whole tree: what the file says over the defaults of what it picks."""
    tree = {"db": "sqlite", **chosen}
    defaults = PARTS.get(tree["db"], {})
    engine = {**defaults, **tree}.get("engine")
    return {**PARTS.get(engine, {}), **defaults, **tree}


def toy(change=lambda tree: tree, selectors=("db", "engine")):
    """Return the format; `change` is what it does wrong."""

    def document(source):
        nodes = {
            path: Node(value=value) for path, value in walk(change(compose(json.loads(source.text(PATH)))))
        }
        found = frozenset(KeyPath.parse(path) for path in selectors) & nodes.keys()
        return Document(source=source, nodes=nodes, selectors=found)

    def deliver(there, changes):
        tree = json.loads(there.source.text(PATH))
        for each in changes:
            gone = each.after is MISSING
            tree = _without(tree, each.path) if gone else put(tree, each.path, each.after)
        return Delivery(files={PATH: json.dumps(tree)})

    return Format(name="toy", load=document, deliver=deliver, suffixes=(".toy",))


def _without(tree, path):
    return delete(tree, path) if path[0] in tree else tree


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """A function that settles `--set` arguments on the toy format."""

    def run(*texts, chosen=None, kind=None, **spec):
        (tmp_path / "c.toy").write_text(json.dumps(chosen or {}))
        project = Project.find(tmp_path, environ={})
        kind = kind or toy()
        monkeypatch.setattr(project.registry, "format_for", lambda _: kind)
        declared = InputSpec(name="c", kind="file", path=PATH, **spec)
        job = JobSpec(name="j", inputs=(declared,), command=("x",))
        form = typed(project, job, load(project, job, None))
        return settle(project, form, [parse_set(text) for text in texts])

    return run


def told(found):
    return [(str(each.path), each.before, each.after) for each in found.changes], [
        problem.code for problem in found.problems
    ]


def test_without_a_changed_selector_nothing_is_loaded_again(settled):
    found = settled("path=y.db")
    assert told(found) == ([("path", "x.db", "y.db")], [])
    assert (found.applied, len(found.pending)) == ((), 1)


def test_what_a_changed_selector_brings_can_be_set_in_the_same_request(settled):
    for texts in (["db=mysql", "host=q"], ["host=q", "db=mysql"]):
        found = settled(*texts)
        assert told(found) == ([("db", "sqlite", "mysql"), ("host", "h", "q")], [])
        assert [str(each.path) for each in found.applied] == ["db"]
        assert found.trees()["c.toy"] == {"db": "mysql", "host": "q", "engine": "inno", "pages": 4}


def test_a_selector_may_bring_another_selector(settled):
    found = settled("lock=n", "engine=isam", "db=mysql")
    assert told(found) == ([("db", "sqlite", "mysql"), ("engine", "inno", "isam"), ("lock", "y", "n")], [])
    assert found.trees()["c.toy"] == {"db": "mysql", "host": "h", "engine": "isam", "lock": "n"}


def test_what_a_changed_selector_takes_away_is_unknown(settled):
    assert told(settled("db=mysql", "path=y"))[1] == ["unknown-path"]


def test_a_selector_set_to_what_it_is_changes_nothing(settled):
    assert told(settled("db=sqlite")) == ([], [])


def test_a_selector_that_is_added_is_not_added_twice(settled):
    found = settled(
        "+c:extra=1", "+c:engine=isam", chosen={"db": "sqlite"}, kind=toy(selectors=("db", "engine", "extra"))
    )
    assert found.problems == ()
    assert found.trees()["c.toy"]["engine"] == "isam"
    assert found.trees()["c.toy"]["extra"] == 1


def test_a_selector_that_is_deleted_is_not_deleted_twice(settled):
    gone = settled("engine-", chosen={"engine": "isam"})
    assert gone.problems == ()
    assert "engine" not in gone.trees()["c.toy"]


def test_a_selector_that_comes_back_when_it_is_deleted_stays_pending_for_the_law_to_refuse(settled):
    found = settled("db-", chosen={"db": "mysql"})
    assert [str(each.path) for each in found.pending] == ["db"]


def test_a_change_around_a_selector_counts(settled):
    def nested(tree):
        inner = tree.get("m", {"kind": "a"})
        return {**tree, "m": {**inner, "size": inner.get("size", 1)}} | (
            {"only_b": 1} if inner["kind"] == "b" else {}
        )

    found = settled(
        "m={kind: b, size: 1}",
        "only_b=2",
        chosen={"m": {"kind": "a", "size": 1}},
        kind=toy(nested, ("m.kind",)),
    )
    assert found.problems == ()
    assert found.trees()["c.toy"]["only_b"] == 2


@pytest.mark.parametrize(
    "kind", [toy(lambda tree: {**tree, "db": "sqlite"}), toy(lambda tree: {**tree, "db": tree["db"] + "x"})]
)
def test_a_format_that_never_settles_ends_with_the_change_pending(settled, kind):
    found = settled("db=mysql", kind=kind)
    assert [str(each.path) for each in found.pending] == ["db"]
