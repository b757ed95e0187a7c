import json
from pathlib import PurePosixPath

import pytest
from attrs import evolve

from confjob.builtin.yaml import FORMAT as YAML
from confjob.deliver import RUN_CONFIG, check, deliver, diff, patched
from confjob.errors import InputError, InvalidOverrides
from confjob.form import Form, Typing
from confjob.keypath import KeyPath
from confjob.model import Change, Delivery, Document, Format, InputSpec, JobSpec, Node, Problem, Source
from confjob.override import changed_tree
from confjob.tree import walk

PATH = PurePosixPath("c.yaml")


@pytest.fixture
def form(tmp_path):
    """A function that makes the form of one YAML file, and of a run config."""

    def make(raw=b"a: 1 # one\nb: 2\n", run_config=None, source="c.yaml", **spec):
        (tmp_path / source).parent.mkdir(exist_ok=True)
        (tmp_path / source).write_bytes(raw)
        documents = {"c.yaml": YAML.load(Source(input="c.yaml", path=PurePosixPath(source), root=tmp_path))}
        inputs = [InputSpec(name="c", kind="file", path=PATH, source=PurePosixPath(source), **spec)]
        if run_config is not None:
            nodes = {path: Node(value=value) for path, value in walk(run_config)}
            place = Source(input="run-config", path=None, root=tmp_path)
            documents["run-config"] = Document(source=place, nodes=nodes)
            inputs.append(InputSpec(name="run-config", kind="run-config"))
        job = JobSpec(name="j", inputs=tuple(inputs), command=("x",))
        return Form(job=job, documents=documents, typing=dict.fromkeys(documents, Typing()), fields=())

    return make


def change(path, after, name="c.yaml", before=0):
    return Change(input=name, path=KeyPath.parse(path), before=before, after=after)


def made(known, *changes, kind=YAML, **options):
    trees = {name: changed_tree(document, changes) for name, document in known.documents.items()}
    return deliver(known, changes, {"c.yaml": kind}, trees, **options)


def lying(load=YAML.load, give=None):
    return Format(name="liar", load=load, deliver=give or YAML.deliver)


def writes(text):
    return lambda *_: Delivery(files={PATH: text})


def test_a_change_is_delivered_as_the_whole_new_text_and_read_again(form):
    delivered = made(form(), change("a", 5))
    assert delivered.problems == ()
    assert delivered.whole.files == {PATH: "a: 5 # one\nb: 2\n"}
    assert delivered.documents["c.yaml"].tree == {"a": 5, "b": 2}


def test_two_inputs_that_each_bring_a_command_are_refused(form, tmp_path):
    """The command line has room for one: nothing is lost without a word."""
    known = form()
    (tmp_path / "d.yaml").write_text("a: 1\n")
    second = YAML.load(Source(input="d.yaml", path=PurePosixPath("d.yaml"), root=tmp_path))
    inputs = (*known.job.inputs, InputSpec(name="d", kind="file", path=PurePosixPath("d.yaml")))
    both = evolve(
        known,
        job=evolve(known.job, inputs=inputs),
        documents={**known.documents, "d.yaml": second},
        typing={**known.typing, "d.yaml": Typing()},
    )

    def by_command(document, changes):
        return evolve(YAML.deliver(document, changes), command=("x", document.source.input))

    kind = lying(give=by_command)
    changes = [change("a", 5), change("a", 6, name="d.yaml")]
    trees = {name: changed_tree(document, changes) for name, document in both.documents.items()}
    (problem,) = deliver(both, changes, {"c.yaml": kind, "d.yaml": kind}, trees).problems
    assert "both c.yaml and d.yaml" in problem.message
    assert made(known, change("a", 5), kind=kind).problems == ()


def test_what_does_not_change_is_not_delivered(form):
    assert made(form()).deliveries == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 6\nb: 2\n", "read back differently"),
        ("a: 5\n", "read back differently"),
        ("a: 5.0\nb: 2\n", "read back differently"),
        ("a: '5'\nb: 2\n", "read back differently"),
        ("a: 1 # one\nb: 2\n", "read back differently"),
        ("a: [", "does not load"),
        ("", "read back differently"),
    ],
)
def test_a_format_that_writes_something_else_is_refused_by_name(form, text, why):
    delivered = made(form(), change("a", 5), kind=lying(give=writes(text)))
    (problem,) = delivered.problems
    assert problem.code == "cannot-patch"
    assert why in problem.message
    assert "'liar'" in problem.hint
    assert delivered.deliveries == {}
    assert delivered.documents["c.yaml"].tree == {"a": 1, "b": 2}


def test_a_format_that_writes_nothing_is_refused(form):
    assert made(form(), change("a", 5), kind=lying(give=lambda *_: Delivery())).problems


def test_for_selectors_alone_the_law_is_not_checked(form):
    delivered = made(form(), change("a", 5), kind=lying(give=writes("c: 3\n")), verify=False)
    assert delivered.problems == ()
    assert delivered.whole.files == {PATH: "c: 3\n"}


def test_all_refusals_of_all_inputs_come_together_and_the_others_are_delivered(form):
    problems = [Problem(code="cannot-patch", message=text) for text in ("one", "two")]

    def refuse(document, changes):
        raise InvalidOverrides.of(problems)

    delivered = made(
        form(run_config={"x": 1}), change("a", 5), change("x", 2, "run-config"), kind=lying(give=refuse)
    )
    assert [problem.message for problem in delivered.problems] == ["one", "two"]
    assert list(delivered.deliveries) == ["run-config"]


def test_the_whole_run_config_is_a_private_file(form):
    delivered = made(form(run_config={"x": {"y": None}, "é": 1}), change("x.y", 2.5, "run-config"))
    assert list(delivered.whole.private) == [RUN_CONFIG]
    assert json.loads(delivered.whole.private[RUN_CONFIG]) == {"x": {"y": 2.5}, "é": 1}
    assert delivered.whole.files == {}
    assert delivered.documents["run-config"].tree == {"x": {"y": 2.5}, "é": 1}


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", b"a: 1\r\nb: 2", b"a: 1\r\nb: 2\n# x\r\n"])
def test_bytes_are_put_back_as_they_were(form, raw):
    known = form(raw)
    delivered = made(known, change("a", 5))
    assert patched(known, delivered.deliveries) == {PATH: raw.replace(b"a: 1", b"a: 5")}


def test_a_picked_file_lands_where_the_job_opens_it_unless_the_command_names_it(form):
    known = form(source="configs/b.yaml")
    for changes, content in [((), b"a: 1 # one\nb: 2\n"), ((change("a", 5),), b"a: 5 # one\nb: 2\n")]:
        assert patched(known, made(known, *changes).deliveries) == {PATH: content}
    named = form(source="configs/b.yaml", by_command=True)
    assert made(named).deliveries == {}
    assert list(patched(named, made(named, change("a", 5)).deliveries)) == [PurePosixPath("configs/b.yaml")]


@pytest.mark.parametrize("name", ["../evil.yaml", "/etc/evil.yaml", "none.yaml"])
def test_a_format_can_not_write_outside_the_project(form, name):
    known = form()
    delivery = Delivery(files={PurePosixPath(name): "x"})
    with pytest.raises(InputError):
        patched(known, {"c.yaml": delivery})


def test_a_diff_is_against_the_file_as_it_stands(form):
    known = form(b"a: 1\nb: 2\nc: 3")
    shown = diff(known, made(known, change("b", 5)).deliveries)
    assert shown == {
        "c.yaml": "--- a/c.yaml\n+++ b/c.yaml\n@@ -1,3 +1,3 @@\n a: 1\n-b: 2\n+b: 5\n c: 3\n\\ No newline at end of file\n"
    }
    assert diff(known, {"c.yaml": Delivery(files={PATH: "a: 1\nb: 2\nc: 3"})}) == {}


def test_a_diff_has_one_line_for_a_line_whatever_characters_are_in_it(form):
    known = form("a: 1\nb: 'x\u2028y\x85z'\n".encode())
    shown = diff(known, {"c.yaml": Delivery(files={PATH: "a: 2\nb: 'x\u2028y\x85z'\n"})})["c.yaml"]
    assert shown.split("\n")[3:] == ["-a: 1", "+a: 2", " b: 'x\u2028y\x85z'", ""]


def test_ends_of_files_are_told_in_a_diff(form):
    known = form(b"a: 1")
    shown = diff(known, {"c.yaml": Delivery(files={PATH: "a: 1\n"})})["c.yaml"]
    assert shown.endswith("-a: 1\n\\ No newline at end of file\n+a: 1\n")
    assert "+a: 1\n" not in diff(known, {"c.yaml": Delivery(files={PATH: ""})})["c.yaml"]


def verdicts(seen):
    """Return a framework's check: a negative `a` or `b` is a fault; `seen` gets what it was asked."""

    def check(document, deliveries):
        seen.append(len(deliveries))
        trees = (YAML.load(document.source.applied(delivery)).tree for delivery in deliveries)
        return [
            [
                Problem(code="odd", message="is negative", path=KeyPath((key,)))
                for key, value in tree.items()
                if value < 0
            ]
            for tree in trees
        ]

    return check


def test_a_framework_s_verdict_refuses_only_what_the_changes_bring(form):
    seen = []
    kind = evolve(YAML, check=verdicts(seen))
    known = form(b"a: 1\nb: -2\n")
    found = [
        (each.severity, str(each.path))
        for each in check(known, made(known, change("a", -5)), {"c.yaml": kind})
    ]
    assert found == [("error", "a"), ("warning", "b")]
    assert seen == [2]
    assert list(check(known, made(known), {"c.yaml": kind})) == []
    assert seen == [2]
    assert list(check(known, made(known, change("a", -5)), {"c.yaml": YAML})) == []


def test_what_a_selector_brought_is_judged_against_the_file_as_it_stands(form):
    """The form once it is settled shows the selector's change already; the first form does not."""
    kind = evolve(YAML, check=verdicts([]))
    first = form(b"a: 1\nb: -2\n")
    source = first.documents["c.yaml"].source.applied(Delivery(files={PATH: "a: -1\nb: -2\n"}))
    settled = evolve(first, documents={"c.yaml": YAML.load(source)})
    found = [
        (each.severity, str(each.path))
        for each in check(first, made(settled, change("b", -3)), {"c.yaml": kind})
    ]
    assert found == [("error", "a"), ("warning", "b")]
