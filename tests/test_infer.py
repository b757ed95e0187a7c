from pathlib import Path, PurePosixPath

from confjob.form import Typing
from confjob.infer import infer
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Document, InputSpec, JobSpec, Node, Problem, Source
from confjob.tree import MISSING, walk


def document(name, tree):
    source = Source(input=name, path=None, root=Path())
    return Document(source=source, nodes={path: Node(value=value) for path, value in walk(tree)})


def test_the_form_has_what_must_be_set_first_then_what_is_visible_in_order():
    lr, epochs, given = KeyPath(("lr",)), KeyPath(("epochs",)), KeyPath(("given",))
    specs = (
        InputSpec(name="run-config", kind="run-config", required=(epochs, given)),
        InputSpec(name="c", kind="file", path=PurePosixPath("c.yaml")),
    )
    documents = {
        "run-config": document("run-config", {"lr": 0.1, "given": 2}),
        "c.yaml": document("c.yaml", {"a": "x"}),
    }
    warning = Problem(code="x", message="doubtful", severity="warning")
    form = infer(
        JobSpec(name="j", inputs=specs, command=("x",)),
        documents,
        {"run-config": (lr, given), "c.yaml": (KeyPath(("a",)),)},
        {"run-config": frozenset(), "c.yaml": frozenset()},
        {"run-config": Typing(author={"properties": {"epochs": {"type": "integer"}}}), "c.yaml": Typing()},
        (warning,),
    )
    found = [
        (field.input, str(field.path), field.schema.get("type"), field.required) for field in form.fields
    ]
    assert found == [
        ("run-config", "epochs", "integer", True),
        ("run-config", "lr", "number", False),
        ("run-config", "given", "integer", False),
        ("c.yaml", "a", "string", False),
    ]
    assert form.fields[0].value is MISSING
    assert [field.typed_by for field in form.fields] == ["author", "value", "value", "value"]
    assert form.warnings == (warning,)


def test_what_must_be_set_and_may_not_be_is_not_listed():
    path = KeyPath(("lr",))
    spec = InputSpec(
        name="run-config", kind="run-config", required=(path,), filter=PathFilter(exclude=["lr"])
    )
    form = infer(
        JobSpec(name="j", inputs=(spec,), command=("x",)),
        {"run-config": document("run-config", {})},
        {"run-config": ()},
        {"run-config": frozenset()},
        {"run-config": Typing()},
    )
    assert form.fields == ()
