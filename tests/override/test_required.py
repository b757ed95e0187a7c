"""A value that only marks a missing one (`???`) must be given before a job starts."""

from pathlib import Path, PurePosixPath

from attrs import evolve

from confjob.form import Form, Typing
from confjob.keypath import KeyPath
from confjob.model import Change, Document, InputSpec, JobSpec, Node, Source
from confjob.override import judge
from confjob.tree import MISSING, walk

TREE = {"a": {"n": "???", "m": 1}}
N = KeyPath(("a", "n"))


def form():
    path = PurePosixPath("c.yaml")
    source = Source(input="c.yaml", path=path, root=Path())
    nodes = {at: Node(value=value) for at, value in walk(TREE)}
    return Form(
        job=JobSpec(name="j", inputs=(InputSpec(name="c", kind="file", path=path),), command=("x",)),
        documents={"c.yaml": Document(source=source, nodes=nodes, required=frozenset({N}))},
        typing={"c.yaml": Typing()},
        fields=(),
    )


CHANGE = Change(input="c.yaml", path=N, before=MISSING, after=5)


def judged(*changes):
    return [(problem.severity, problem.code, problem.path) for problem in judge(form(), changes)]


def test_a_marked_value_is_a_required_field_without_a_value():
    field = form().field("c.yaml", N)
    assert field.required
    assert field.value is MISSING


def test_nothing_starts_while_it_is_missing():
    assert judged() == [("error", "required", N)]
    assert judged(evolve(CHANGE, path=KeyPath(("a", "m")))) == [("error", "required", N)]


def test_giving_it_a_value_is_enough_and_the_mark_is_no_value():
    assert judged(CHANGE) == []
    assert judged(evolve(CHANGE, after="???")) == [("error", "required", N)]
