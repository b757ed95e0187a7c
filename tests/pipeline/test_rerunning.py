"""The law of running again: the changes of a run, asked for once more, make the same document."""

import json
from pathlib import Path, PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.form import Form, Override, Typing
from confjob.model import Document, InputSpec, JobSpec, Node, Source
from confjob.override import changed_tree, decide
from confjob.pipeline.rerunning import requests_of
from confjob.render import change_record
from confjob.tree import same, walk

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
KEYS = st.sampled_from(["a", "b", "c", "a.b", "x y"])
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
        max_leaves=6,
    ),
    min_size=1,
    max_size=4,
)


def form_of(tree):
    nodes = {path: Node(value=value) for path, value in walk(tree)}
    spec = InputSpec(name="c.yaml", kind="file", path=PurePosixPath("c.yaml"))
    source = Source(input="c.yaml", path=spec.path, root=Path())
    return Form(
        job=JobSpec(name="j", inputs=(spec,), command=("x",)),
        documents={"c.yaml": Document(source=source, nodes=nodes)},
        typing={"c.yaml": Typing()},
        fields=(),
        hidden={},
    )


@st.composite
def requests(draw, tree):
    path = draw(st.sampled_from([path for path, _ in walk(tree) if path]))
    operation = draw(st.sampled_from(["set", "delete", "add"]))
    if operation == "add":
        path = path.parent.child(draw(KEYS))
    return Override(
        input="c.yaml", path=path, operation=operation, value=draw(SCALARS), any_type=True, said="--set"
    )


@given(st.data())
@settings(max_examples=300)
def test_a_replay_makes_the_same_document(data):
    tree = data.draw(TREES)
    form = form_of(tree)
    changes, _ = decide(form, data.draw(st.lists(requests(tree), max_size=4)))
    record = json.loads(json.dumps({"changes": [change_record(change) for change in changes]}))
    again, problems = decide(form, requests_of(record))
    assert problems == ()
    document = form.documents["c.yaml"]
    assert same(changed_tree(document, again), changed_tree(document, changes))
