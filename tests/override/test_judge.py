from pathlib import Path, PurePosixPath

from confjob.form import Form, Typing
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Change, Document, InputSpec, JobSpec, Node, Source, Span
from confjob.override import judge
from confjob.tree import MISSING, get, walk


def form(tree, schema=None, framework=None, **spec):
    source = Source(input="c.yaml", path=PurePosixPath("c.yaml"), root=Path())
    where = Span(file=PurePosixPath("c.yaml"), line=1, column=1, start=0, end=0)
    document = Document(source=source, nodes={at: Node(value=value, where=where) for at, value in walk(tree)})
    declared = InputSpec(name="c", kind="file", path=PurePosixPath("c.yaml"), **spec)
    return Form(
        job=JobSpec(name="j", inputs=(declared,), command=("x",)),
        documents={"c.yaml": document},
        typing={"c.yaml": Typing(author=schema, framework=framework)},
        fields=(),
    )


def judged(known, **changes):
    made = tuple(
        Change(
            input="c.yaml",
            path=KeyPath.parse(path),
            before=get(known.documents["c.yaml"].tree, KeyPath.parse(path)),
            after=after,
        )
        for path, after in changes.items()
    )
    return [(problem.severity, problem.code, str(problem.path)) for problem in judge(known, made)]


BOUNDS = {"properties": {"a": {"minimum": 0}, "b": {"minimum": 0}}, "required": ["a"]}


def test_only_new_problems_refuse_and_older_ones_warn():
    known = form({"a": 1, "b": -1}, BOUNDS)
    assert judged(known) == [("warning", "minimum", "b")]
    assert judged(known, a=-1) == [("error", "minimum", "a"), ("warning", "minimum", "b")]
    assert judged(known, b=1) == []
    assert judged(known, a=MISSING) == [("error", "required", "a"), ("warning", "minimum", "b")]


def test_a_rule_between_values_is_checked_on_what_results():
    schema = {"dependentRequired": {"a": ["b"]}, "properties": {"a": {}, "b": {}}}
    assert judged(form({"b": 1}, schema), a=1) == []
    assert [severity for severity, *_ in judged(form({}, schema), a=1)] == ["error"]
    assert judged(form({}, schema), a=1, b=2) == []


def test_both_the_author_s_and_the_framework_s_schema_count():
    known = form({"a": 1}, {"properties": {"a": {"maximum": 5}}}, {"properties": {"a": {"multipleOf": 2}}})
    assert judged(known, a=7) == [("error", "maximum", "a"), ("warning", "multipleOf", "a")]
    assert judged(known, a=2) == []


def test_an_old_fault_tells_that_it_is_old_and_where():
    known = form({"b": -1}, BOUNDS | {"required": []}, schema_where="s.py:S")
    (problem,) = judge(known, ())
    assert problem.message == "already breaks its schema: must be at least 0"
    assert problem.hint == "the rule stands in s.py:S"
    assert str(problem.where) == "c.yaml:1:1"


def test_what_has_no_default_must_be_set():
    lr, deep = KeyPath(("lr",)), KeyPath(("t", "x"))
    schema = {"required": ["lr", "t"], "properties": {"t": {"required": ["x"]}}}
    known = form({}, schema, required=(lr, deep))
    assert ("error", "required", "lr") in judged(known)
    assert [path for _, _, path in judged(known)].count("lr") == 1
    (problem, *_) = [each for each in judge(known, ()) if each.path == lr]
    assert problem.hint == "--set lr=…"
    assert judged(known, lr=1, t={"x": 2}) == []
    assert judged(known, **{"lr": 1, "t.x": 2}) == []


def test_a_job_with_parameters_that_must_be_set_still_misses_other_keys():
    schema = {"required": ["lr"], "properties": {"t": {"required": ["x"]}}}
    known = form({"t": {"x": 1}}, schema, required=(KeyPath(("lr",)),))
    assert judged(known, **{"lr": 1, "t.x": MISSING}) == [("error", "required", "t.x")]


def test_an_unknown_word_is_met_with_a_suggestion():
    known = form({"d": "mnist"}, {"properties": {"d": {"enum": ["cifar10", "mnist"]}}})
    (problem,) = judge(
        known, (Change(input="c.yaml", path=KeyPath(("d",)), before="mnist", after="cifar11"),)
    )
    assert problem.hint == "did you mean 'cifar10'?"


def test_a_secret_is_in_no_problem():
    known = form({"k": 1}, {"properties": {"k": {"type": "integer"}}}, secrets=(KeyPath(("k",)),))
    (problem,) = judge(known, (Change(input="c.yaml", path=KeyPath(("k",)), before=1, after="hunter2"),))
    assert "hunter2" not in str(problem)


def test_what_a_schema_calls_secret_is_in_no_problem_of_another_schema():
    author = {"properties": {"k": {"format": "secret"}, "d": {"properties": {"t": {"writeOnly": True}}}}}
    framework = {
        "properties": {
            "k": {"type": "integer"},
            "d": {"properties": {"t": {"type": "integer"}}, "additionalProperties": {"type": "integer"}},
        }
    }
    known = form({"k": 1, "d": {"t": 1}}, author, framework)
    made = (
        Change(input="c.yaml", path=KeyPath(("k",)), before=1, after="hunter2"),
        Change(input="c.yaml", path=KeyPath(("d",)), before={"t": 1}, after={"t": "hunter2"}),
    )
    problems = list(judge(known, made))
    assert {str(problem.path) for problem in problems} == {"k", "d.t"}
    assert "hunter2" not in str(problems)


def test_what_a_changed_selector_brought_is_no_older_problem():
    """The form shows the selector as changed already; what was there before it tells what is old."""
    schema = {"properties": {"b": {"minimum": 0}, "c": {"minimum": 0}}}
    before = form({"kind": "x", "c": -1}, schema)
    after = form({"kind": "y", "b": -1, "c": -1}, schema)
    found = [(each.severity, str(each.path)) for each in judge(after, (), before)]
    assert found == [("error", "b"), ("warning", "c")]


def test_what_must_be_set_and_may_not_be_is_told_with_another_hint():
    known = form({}, required=(KeyPath(("lr",)),), filter=PathFilter(exclude="lr"))
    (problem,) = judge(known, ())
    assert "filter hides it" in problem.hint
