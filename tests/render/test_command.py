from pathlib import Path, PurePosixPath

import pytest

from confjob.form import Form, Typing
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Delivery, Document, InputSpec, JobSpec, Node, Source
from confjob.render.command import FUNCTION, RUNNER, command
from confjob.tree import walk

TREE = {
    "seed": 42,
    "name": "",
    "text": "a b; $(c) {x} '",
    "none": None,
    "yes": True,
    "betas": [0.9, 0.999],
    "layers": [{"lr": 1}],
    "a.b": {"c": 1e-5},
    "key": "hunter2",
    "token": "hunter2",
}


def document(name, tree, path=None):
    source = Source(input=name, path=path, root=Path())
    return Document(source=source, nodes={at: Node(value=value) for at, value in walk(tree)})


def form(argv=("x",), tree=None, **job):
    path = PurePosixPath("conf/c.yaml")
    secrets = (KeyPath(("key",)), KeyPath(("token",)))
    inputs = (
        # A secret is secret although the filter hides it.
        InputSpec(name="run-config", kind="run-config", secrets=secrets, filter=PathFilter(exclude="key")),
        InputSpec(name="config", kind="file", path=path, **job.pop("file", {})),
        InputSpec(name="resources", kind="resources"),
        InputSpec(name="env", kind="env"),
    )
    documents = {
        "run-config": document("run-config", TREE if tree is None else tree),
        "conf/c.yaml": document("conf/c.yaml", {"lr": 0.1}, path),
        "resources": document("resources", {"gpus": 2}),
        "env": document("env", {"HF_TOKEN": "hunter2"}),
    }
    return Form(
        job=JobSpec(name="j", inputs=inputs, command=argv and tuple(argv), **job),
        documents=documents,
        typing=dict.fromkeys(documents, Typing()),
        fields=(),
    )


def filled(*argv, extra=(), delivery=Delivery(), **options):
    known = form(argv, **options)
    words, problems = command(known, known.documents, delivery, extra)
    assert problems == ()
    return list(words)


def refused(*argv, **options):
    known = form(argv, **options)
    words, problems = command(known, known.documents, Delivery(), ())
    assert problems
    assert "hunter2" not in str((words, problems))
    return [f"{problem.message} {problem.hint}" for problem in problems]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("{config}", "conf/c.yaml"),
        ("{conf/c.yaml}", "conf/c.yaml"),
        ("--c={config}", "--c=conf/c.yaml"),
        ("{config:lr}", "0.1"),
        ("{run-config:seed}", "42"),
        ("{run-config:yes}{run-config:none}", "truenull"),
        ("<{run-config:name}>", "<>"),
        ("{run-config:text}", "a b; $(c) {x} '"),
        ("{run-config:betas}", "[0.9, 0.999]"),
        ("{run-config:betas[1]}", "0.999"),
        ("{run-config:betas.1}", "0.999"),
        ("{run-config:layers[0].lr}", "1"),
        (r"{run-config:a\.b.c}", "1e-05"),
        ("{resources:gpus}", "2"),
    ],
)
def test_placeholders_stand_for_files_and_values(word, text):
    assert filled(word) == [text]


@pytest.mark.parametrize(
    "word",
    [
        '{"a": {"b": {"c": 1}}}',
        "{}",
        "{{}}",
        "}}{{",
        "{ config }",
        "{0}",
        "{1:2}",
        "${}",
        "{{ jinja }}",
        "[{{1}}]",
        "{a b}",
        "{",
    ],
)
def test_braces_around_anything_else_stay(word):
    assert filled(word) == [word]


def test_a_doubled_placeholder_is_literal():
    assert filled("{{config}}", "{{run-config:seed}}x", "{{nothing}}") == [
        "{config}",
        "{run-config:seed}x",
        "{nothing}",
    ]
    assert filled("${{HOME}}") == ["${HOME}"]


def test_a_picked_file_is_named_by_its_own_path():
    assert filled("{config}", file={"source": PurePosixPath("conf/d.yaml")}) == ["conf/d.yaml"]


def test_what_can_not_be_filled_is_told_all_at_once():
    told = refused("{confg}", "{run-config}", "{run-config:sed}", "{run-config:a[}", "{config:}x")
    assert len(told) == 4
    assert "did you mean 'config' or" in told[0]
    assert "write {run-config:path}" in told[1]
    assert "did you mean 'seed'?" in told[2]
    assert "column 2" in told[3]


def test_the_hint_for_a_literal_brace_is_right():
    (told,) = refused("{zzzzzz}")
    assert "write {{zzzzzz}}" in told
    assert filled("{{zzzzzz}}") == ["{zzzzzz}"]


@pytest.mark.parametrize(
    "word",
    [
        "{run-config:key}",
        "{run-config:token}",
        "{run-config:}",
        "a{env:HF_TOKEN}",
        "{run-config:key.x}",
        "{env:}",
    ],
)
def test_no_secret_and_no_environment_value_stands_in_a_command(word):
    refused(word)


def test_a_function_is_called_by_the_runner():
    assert filled(extra=("--x",)) == ["--x"]
    known = form(None)
    words, _ = command(known, known.documents, Delivery(), ("--x",))
    assert words == ("python", RUNNER, FUNCTION, "--x")


def test_a_delivered_command_replaces_the_declared_one_and_extra_arguments_come_last():
    delivery = Delivery(command=("tune", "{config}"))
    assert filled("x", delivery=delivery, extra=("{config}", "-- a")) == [
        "tune",
        "conf/c.yaml",
        "{config}",
        "-- a",
    ]


FLAT = {
    "lr": 0.1,
    "trainer": {"model": "a b", "x.y": 1},
    "off": None,
    "on": False,
    "tags": ["a", 1],
    "e": {},
    "g": [[1], 2],
}


@pytest.mark.parametrize(
    ("style", "flags"),
    [
        ("space", "--lr|0.1|--trainer.model|a b|--trainer.x.y|1|--on|false|--tags|a|1|--g|[[1], 2]"),
        ("equals", '--lr=0.1|--trainer.model=a b|--trainer.x.y=1|--on=false|--tags=["a", 1]|--g=[[1], 2]'),
        ("bare", 'lr=0.1|trainer.model=a b|trainer.x.y=1|on=false|tags=["a", 1]|g=[[1], 2]'),
    ],
)
def test_the_run_config_as_flags(style, flags):
    assert filled("x", tree=FLAT, deliver="flags", flag_style=style, extra=("-v",)) == [
        "x",
        *flags.split("|"),
        "-v",
    ]


def test_a_secret_is_no_flag():
    told = refused("x", deliver="flags")
    assert len(told) == 2
    assert "'key' is secret" in told[0]
    assert "load_config()" in told[0]


@pytest.mark.parametrize("name", ["my config", ".hidden/c.yaml", "a+b.yaml", "1.yaml", "é ü", "c[0].yaml"])
def test_a_file_is_named_by_its_name_whatever_characters_it_has(name):
    path = PurePosixPath("c.yaml")
    job = JobSpec(
        name="j", inputs=(InputSpec(name=name, kind="file", path=path),), command=(f"-c{{{name}}}",)
    )
    documents = {"c.yaml": document("c.yaml", {"lr": 1}, path)}
    known = Form(job=job, documents=documents, typing={"c.yaml": Typing()}, fields=())
    assert command(known, documents, Delivery(), ()) == (("-cc.yaml",), ())
    literal = Delivery(command=(f"{{{{{name}}}}}", f"{{{name}:lr}}"))
    assert command(known, documents, literal, ()) == ((f"{{{name}}}", "1"), ())


def test_a_text_that_looks_like_a_flag_is_written_beside_its_own():
    tree = {"a": "-x", "b": -1, "c": "--"}
    assert filled("x", tree=tree, deliver="flags") == ["x", "--a=-x", "--b", "-1", "--c=--"]


def test_a_null_that_was_something_can_not_be_a_flag():
    """Left out, the job would take its own default; a null that was one already goes unsaid."""
    known = form(("x",), tree={"a": 1, "n": None}, deliver="flags")
    after = {**known.documents, "run-config": document("run-config", {"a": None, "n": None, "new": None})}
    words, (problem,) = command(known, after, Delivery(), ())
    assert words == ("x",)
    assert "'a' can't be null" in problem.message


@pytest.mark.parametrize("extra", [(), ("y\0z",)])
def test_a_nul_can_not_stand_in_a_command(extra):
    known = form(("x", "{run-config:a}"), tree={"a": "x" if extra else "x\0y"})
    _, (problem,) = command(known, known.documents, Delivery(), extra)
    assert "NUL" in problem.message
