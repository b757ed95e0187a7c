from pathlib import Path, PurePosixPath

from attrs import evolve

from confjob.form import Form, Typing
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Document, InputSpec, JobSpec, Node, Source
from confjob.schema import Navigator
from confjob.tree import MISSING, walk


def p(text):
    return KeyPath.parse(text)


def form(tree, typing=None, hidden=(), **spec):
    source = Source(input="c.yaml", path=PurePosixPath("c.yaml"), root=Path())
    document = Document(source=source, nodes={path: Node(value=value) for path, value in walk(tree)})
    declared = InputSpec(name="c", kind="file", path=PurePosixPath("c.yaml"), **spec)
    return Form(
        job=JobSpec(name="j", inputs=(declared,), command=("x",)),
        documents={"c.yaml": document},
        typing={"c.yaml": typing or Typing()},
        fields=(),
        hidden={"c.yaml": frozenset(map(p, hidden))},
    )


def test_types_come_from_the_author_then_the_framework_then_plugins_then_the_value():
    value = Node(value=3)
    author = {"properties": {"a": {"minimum": 0}}}
    framework = {"properties": {"a": {"type": ["integer", "string"]}, "b": {"type": "string"}}}
    hints = {p("a"): {"type": "number"}, p("c"): {"type": "boolean"}}

    def at(path, node, **known):
        typed = Typing(**known).at(p(path), node)
        return typed.schema, typed.by

    assert at("a", value) == ({"type": "integer"}, "value")
    assert at("a", value, hints=hints) == ({"type": "number"}, "plugin")
    assert at("b", None, framework=framework, hints=hints) == ({"type": "string"}, "framework")
    schema, typed_by = at("a", value, author=author, framework=framework)
    assert typed_by == "author"
    assert schema["minimum"] == 0
    assert schema["type"] == "integer"
    assert at("a", None) == ({}, "value")


def test_siblings_widen_the_type_of_a_value_and_say_so():
    kin = (form({"a": 0.5, "w": "auto"}).documents["c.yaml"], form({"a": None}).documents["c.yaml"])
    typing = Typing(siblings=kin)
    typed = typing.at(p("a"), Node(value=3))
    assert (typed.schema, typed.by) == ({"type": ["number", "null"]}, "siblings")
    assert "0.5" in typed.evidence.because
    assert typing.at(p("w"), Node(value=True)).schema == {"anyOf": [{"type": "boolean"}, {"enum": ["auto"]}]}
    assert typing.at(p("w"), None).schema == {"type": "string"}, "a key that only siblings have"
    assert typing.at(p("x"), Node(value=3)).by == "value"
    assert typing.at(p("x"), None).schema == {}


def test_how_a_list_s_elements_are_written_counts():
    document = form({"l": ["1e-5"]}).documents["c.yaml"]
    node = document.nodes[p("l")]
    assert Typing(document=document).at(p("l"), node).schema["items"] == {"type": "number"}
    quoted = {**document.nodes, p("l[0]"): Node(value="1e-5", style="'")}
    other = evolve(document, nodes=quoted)
    assert Typing(document=other).at(p("l"), node).schema["items"] == {"type": "string"}


def test_a_field_is_known_whether_or_not_it_is_there():
    known = form({"a": 1}, required=(p("b"), p("a")))
    assert (known.field("c.yaml", p("a")).value, known.field("c.yaml", p("a")).required) == (1, False)
    assert (known.field("c.yaml", p("b")).value, known.field("c.yaml", p("b")).required) == (MISSING, True)
    assert not known.field("c.yaml", p("x")).required


def test_filter_and_plugins_decide_together():
    known = form({}, hidden=["t.h"], filter=PathFilter("t", "t.x"))
    assert [
        text
        for text in ("t", "t.a", "t.x", "t.x.y", "t.h", "t.h.y", "u", "")
        if known.selects("c.yaml", p(text))
    ] == [
        "t",
        "t.a",
    ]
    assert not form({}, hidden=[""]).selects("c.yaml", p("a"))


def test_a_value_is_secret_below_and_around_a_secret():
    known = form({"k": {"token": "s", "n": 1}, "tags": ["a"]}, secrets=(p("k.token"), p("tags[0]")))
    secret = {
        text
        for text in ("", "k", "k.token", "k.n", "tags", "tags[0]")
        if known.field("c.yaml", p(text)).secret
    }
    assert secret == {"", "k", "k.token", "tags", "tags[0]"}
    assert known.calls_secret("c.yaml", p("k.token.new"))
    assert not known.calls_secret("c.yaml", p("k"))
    assert known.is_secret("c.yaml", p("k"), MISSING)


def test_a_schema_makes_secret_what_it_describes():
    author = {"properties": {"k": {"properties": {"t": {"type": "string", "format": "password"}}}, "a": {}}}
    known = form({"k": {"t": "s", "n": 1}, "a": 2}, Typing(author=author))
    assert [text for text in ("k", "k.t", "k.n", "a") if known.field("c.yaml", p(text)).secret] == [
        "k",
        "k.t",
    ]
    hints = Typing(hints={p("a"): {"writeOnly": True}})
    assert form({"a": 2}, hints).field("c.yaml", p("a")).secret


def test_only_the_run_config_and_files_are_listed():
    known = form({"a": 1})
    listed = known.field("c.yaml", p("a"))
    everything = Form(job=known.job, documents=known.documents, typing=known.typing, fields=(listed,))
    assert list(everything.listed()) == [listed]


def test_a_secret_element_may_be_named_with_a_dot():
    known = form({"keys": ["s", "t"], "n": {"0": 1}}, secrets=(p("keys.0"), p("n.0")))
    assert known.calls_secret("c.yaml", p("keys[0]"))
    assert not known.calls_secret("c.yaml", p("keys[1]"))
    assert known.calls_secret("c.yaml", KeyPath(("n", "0")))


def test_all_secrets_of_a_tree_are_those_declared_and_those_of_its_schemas():
    author = {"properties": {"d": {"additionalProperties": {"format": "secret"}}}}
    known = form({}, Typing(author=author), secrets=(p("k"),))
    assert known.secrets("c.yaml", {"d": {"x": "s"}, "e": 1}) == {p("k"), p("d.x")}


def test_many_paths_are_asked_of_a_schema_that_is_read_once(monkeypatch):
    """Linear in the size of the tree: no path makes the whole schema be prepared again."""
    made = []
    prepare = Navigator.__init__
    monkeypatch.setattr(
        Navigator, "__init__", lambda self, schema: (made.append(schema), prepare(self, schema))[1]
    )
    author = {"properties": {f"k{n}": {"properties": {"a": {"format": "secret"}}} for n in range(50)}}
    tree = {f"k{n}": {"a": "s", "b": n} for n in range(50)}
    known = form(tree, Typing(author=author, framework={"properties": {"k1": {}}}))
    secret = [path for path, _ in walk(tree) if known.field("c.yaml", path).secret]
    assert len(secret) == 1 + 2 * 50
    assert len(made) <= 2
