from pathlib import Path, PurePosixPath

from confjob.form import Form, Override, Typing
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Document, InputSpec, JobSpec, Node, Problem, Source, Span
from confjob.override.grammar import parse_set
from confjob.override.locate import Spot, locate
from confjob.tree import walk


def document(name, tree):
    nodes = {}
    for line, (path, value) in enumerate(walk(tree), start=1):
        span = Span(file=PurePosixPath(name), line=line, column=1, start=0, end=0)
        nodes[path] = Node(value=value, where=span)
    return Document(source=Source(input=name, path=None, root=Path()), nodes=nodes)


def form(trees, schemas=None, hidden=None, **specs):
    inputs = tuple(
        InputSpec(
            name=name.partition(".")[0],
            kind="file" if "." in name else name,
            path=PurePosixPath(name) if "." in name else None,
            **specs.get(name.partition(".")[0].replace("-", "_"), {}),
        )
        for name in trees
    )
    bare = Form(
        job=JobSpec(name="j", inputs=inputs, command=("x",)),
        documents={name: document(name, tree) for name, tree in trees.items()},
        typing={name: Typing(author=(schemas or {}).get(name)) for name in trees},
        fields=(),
        hidden=hidden or {},
    )
    leaves = [(name, path) for name, held in bare.documents.items() for path in held.nodes if path]
    fields = tuple(bare.field(name, path) for name, path in leaves if bare.selects(name, path))
    return Form(job=bare.job, documents=bare.documents, typing=bare.typing, fields=fields, hidden=bare.hidden)


def found(known, text):
    spot = locate(known, parse_set(text))
    return f"{spot.input}:{spot.path}" if isinstance(spot, Spot) else spot.code


TWO = form(
    {
        "run-config": {"lr": 1, "seed": 2},
        "c.yaml": {"lr": 3, "l": [{"a": 1}]},
        "env": {"seed": "x"},
        "resources": {},
    }
)


def test_an_unqualified_path_is_looked_up_in_the_run_config_and_the_files():
    assert found(TWO, "seed=1") == "run-config:seed"
    assert found(TWO, "l.0.a=1") == "c.yaml:l[0].a"
    assert found(TWO, "env:seed=1") == "env:seed"
    assert found(TWO, "c:lr=1") == found(TWO, "c.yaml:lr=1") == found(TWO, "./c.yaml:lr=1") == "c.yaml:lr"


def test_a_path_in_two_inputs_must_be_qualified():
    for text, hint in [
        ("lr=1", "--set c.yaml:lr=…"),
        ("lr-", "--set c.yaml:lr-"),
        ("+new=1", "--set +c.yaml:new=…"),
    ]:
        problem = locate(TWO, parse_set(text))
        assert problem.code == "ambiguous-path"
        assert "run-config:" in problem.message
        assert "c.yaml:" in problem.message
        assert hint in problem.hint
    problem = locate(TWO, parse_set("lr=1"))
    assert "run-config:lr (run-config:2)" in problem.message
    assert "c.yaml:lr (c.yaml:2)" in problem.message


def test_the_hint_of_an_ambiguous_path_can_be_typed():
    known = form({"run-config": {"a": 1}, "x:y=.yaml": {"a": 1}})
    hint = locate(known, parse_set("a=1")).hint.removeprefix("say which: --set ").replace("…", "1")
    assert found(known, hint) == "x:y=.yaml:a"


def test_adding_what_another_input_has_must_say_where():
    assert found(TWO, "+seed=1") == "ambiguous-path"
    assert found(TWO, "+c.yaml:seed=1") == "c.yaml:seed"


def test_an_input_that_excludes_a_path_does_not_make_it_ambiguous():
    known = form(
        {"run-config": {"lr": 1}, "c.yaml": {"lr": 3}}, run_config={"filter": PathFilter(exclude="lr")}
    )
    assert found(known, "lr=1") == "c.yaml:lr"
    assert found(known, "run-config:lr=1") == "not-an-input"


def test_what_is_excluded_not_included_or_hidden_says_so():
    where = Span(file=PurePosixPath("launch.toml"), line=7, column=1, start=0, end=0)
    known = form(
        {"c.yaml": {"t": {"x": 1, "h": 2, "p": {"k": 3}}, "u": 1}},
        hidden={"c.yaml": frozenset({KeyPath(("t", "h"))})},
        c={"filter": PathFilter("t", "t.p"), "filter_where": where},
    )
    for text, hint in [
        ("t.p.k=1", "excludes 't.p' (launch.toml:7)"),
        ("t.p={}", "excludes 't.p'"),
        ("u=1", "includes only t"),
        ("t.h=1", "a plugin hides it"),
    ]:
        problem = locate(known, parse_set(text))
        assert (problem.code, problem.where.file) == ("not-an-input", PurePosixPath("c.yaml"))
        assert hint in problem.hint
    assert found(known, "t={}") == "c.yaml:t"


def test_an_unknown_path_is_refused_with_the_nearest_names():
    problem = locate(TWO, parse_set("sed=1"))
    assert (problem.code, problem.hint) == ("unknown-path", "did you mean 'seed'?")
    assert str(problem.where) == "run-config:3:1"
    assert "+zzz=" in locate(TWO, parse_set("zzz=1")).hint
    assert "there is no input 'zzz' in c.yaml" in locate(TWO, parse_set("c:zzz=1")).message


def test_an_unknown_input_is_refused_with_the_known_ones():
    problem = locate(TWO, parse_set("d.yaml:lr=1"))
    assert (problem.code, problem.input) == ("unknown-input", "d.yaml")
    assert "'c.yaml'" in problem.hint
    assert found(TWO, "None:lr=1") == "unknown-input"


def test_a_path_that_a_schema_declares_or_that_must_be_set_is_known_though_absent():
    known = form(
        {"run-config": {"a": {}}},
        {
            "run-config": {
                "properties": {"a": {"properties": {"b": {}}}, "c": False},
                "patternProperties": {"^x": {"type": "string"}},
            }
        },
        run_config={"required": (KeyPath(("r",)),)},
    )
    assert [found(known, f"{text}=1") for text in ("a.b", "r", "xy", "c", "z")] == [
        "run-config:a.b",
        "run-config:r",
        "run-config:xy",
        "unknown-path",
        "unknown-path",
    ]


def test_a_key_can_be_added_below_mappings_nulls_and_what_is_missing_and_at_the_end_of_a_list():
    known = form({"c.yaml": {"m": {}, "n": None, "s": 5, "l": [1, 2]}})
    added = ["m.x", "n.x.y", "new.x", "l[2]", "l.2"]
    assert [found(known, f"+{text}=1") for text in added] == [
        "c.yaml:m.x",
        "c.yaml:n.x.y",
        "c.yaml:new.x",
        "c.yaml:l[2]",
        "c.yaml:l[2]",
    ]
    for text in ("s.x", "s.x.y", "l[3]", "l.x"):
        assert found(known, f"+{text}=1") == "unknown-path"


def test_a_list_at_the_root_can_be_reached_and_grown():
    known = form({"c.yaml": [{"a": 1}]})
    assert found(known, "[0].a=1") == "c.yaml:[0].a"
    assert found(known, "+[1]=1") == "c.yaml:[1]"
    assert found(known, "0.a=1") == "c.yaml:[0].a"


def test_a_job_without_inputs_says_so():
    problem = locate(form({"env": {}}), Override(path=KeyPath(("a",)), said="--set"))
    assert isinstance(problem, Problem)
    assert problem.hint == "the job has no inputs"
