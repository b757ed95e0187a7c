"""An author's schema is a table, a file, or an object in code."""

import sys
import textwrap
from pathlib import Path

import pytest

from confjob.declare.schemas import resolve
from confjob.errors import InputError
from confjob.keypath import KeyPath
from confjob.probe import asker


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")

    return write


@pytest.fixture
def get(tmp_path):
    ask = asker(Path(sys.executable), tmp_path, tmp_path / ".c")
    return lambda reference: resolve(tmp_path, reference, ask)


def test_a_table_is_the_schema_itself(get):
    assert get({"type": "object"}).schema == {"type": "object"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", '{"type": "object", "required": ["a"]}'),
        ("s.yaml", "type: object\nrequired: [a]\n"),
        ("sub/s.toml", 'type = "object"\nrequired = ["a"]\n'),
    ],
)
def test_a_file_is_read_by_its_suffix(get, write, name, text):
    write(name, text)
    found = get(name)
    assert found.schema == {"type": "object", "required": ["a"]}
    assert str(found.where) == f"{name}:1:1"
    assert found.values is None


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("s.json", '{\n "a": }', "s.json:2:7"),
        ("s.yaml", "a: [\n", "s.yaml:2:1"),
        ("s.toml", "a = 1\nb = ]\n", "s.toml:2:"),
        ("s.json", "[1]", "s.json: a JSON Schema must be a mapping"),
    ],
)
def test_a_file_that_is_no_schema_is_refused_with_the_place(get, write, name, text, place):
    write(name, text)
    with pytest.raises(InputError) as caught:
        get(name)
    assert caught.value.message.startswith(place)


def test_names_that_are_not_there_get_suggestions(get, write):
    write("schemas.py", "class Settings: ...\n")
    write("schema.json", "{}")
    for reference, near in (
        ("shema.json", "schema.json"),
        ("shemas.py:Settings", "schemas.py"),
        ("schemas.py:Setings", "Settings"),
    ):
        with pytest.raises(InputError) as caught:
            get(reference)
        assert near in caught.value.hint
    with pytest.raises(InputError, match="neither a file nor an object"):
        get("schema")
    with pytest.raises(InputError, match="names no object"):
        get("schemas.py:a-b")


def test_a_literal_in_code_is_read_without_asking(tmp_path, write):
    write("schemas.py", "import no_such_module\nS = {'type': 'object'}\n")
    found = resolve(tmp_path, "schemas.py:S", None)
    assert (found.schema, str(found.where)) == ({"type": "object"}, "schemas.py:2:1")


def test_dataclasses_and_attrs_classes_have_a_schema_and_their_instances_values(get, write):
    write(
        "schemas.py",
        """
        import dataclasses, enum
        from attrs import define, field, Factory

        class Kind(enum.Enum):
            A = "a"
            B = "b"

        @dataclasses.dataclass
        class D:
            n: int
            kind: Kind = Kind.A
            many: "list[D]" = dataclasses.field(default_factory=list)

        @define
        class A:
            lr: float = 0.1
            names: dict[str, int] = field(factory=dict)

        d = D(3, Kind.B)
        a = A()
    """.replace('"list[D]"', "list[int]"),
    )
    cls = get("schemas.py:D")
    assert cls.schema == {
        "type": "object",
        "properties": {
            "n": {"type": "integer"},
            "kind": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "many": {"type": "array", "items": {"type": "integer"}, "default": []},
        },
        "required": ["n"],
        "additionalProperties": False,
    }
    assert (cls.values, str(cls.where)) == (None, "schemas.py:10:1")
    assert get("schemas.py:d").values == {"n": 3, "kind": "b", "many": []}
    assert get("schemas.py:d").schema == cls.schema
    assert get("schemas:a").values == {"lr": 0.1, "names": {}}
    assert get("schemas:A").schema["properties"]["names"]["additionalProperties"] == {"type": "integer"}


def test_pydantic_classes_have_their_own_schema_and_instances_their_values(get, write):
    pytest.importorskip("pydantic")
    write(
        "src/pkg/schemas.py",
        """
        from __future__ import annotations
        from pydantic import BaseModel, Field

        class Outer(BaseModel):
            lr: float = Field(0.1, gt=0)
            inner: Inner = None

        class Inner(BaseModel):
            a: int = 1

        Outer.model_rebuild()
        settings = Outer(lr=0.5, inner=Inner(a=2))
    """,
    )
    for reference in ("pkg.schemas:Outer", "src/pkg/schemas.py:Outer"):
        found = get(reference)
        assert found.schema["properties"]["lr"]["exclusiveMinimum"] == 0
        assert found.schema["$defs"]["Inner"]["properties"]["a"]["type"] == "integer"
        assert found.values is None
    assert get("pkg.schemas:settings").values == {"lr": 0.5, "inner": {"a": 2}}


def test_an_object_of_an_installed_module_is_imported(get):
    with pytest.raises(InputError, match="neither a JSON Schema"):
        get("json.decoder:JSONDecoder")
    with pytest.raises(InputError, match="No module named 'no_such_package'") as caught:
        get("no_such_package.schemas:S")
    assert "lacks no_such_package" in caught.value.hint


def test_what_the_module_builds_up_in_statements_is_part_of_it(get, write):
    write(
        "schemas.py",
        """
        import os
        BASE = {"type": "object"}
        PROPERTIES = {}
        for name in ("a", "b"):
            PROPERTIES.setdefault(name, {"type": "integer"})
        S = dict(BASE, properties=PROPERTIES)
        S["title"] = "built"
        os.abort()
    """,
    )
    assert get("schemas.py:S").schema == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "title": "built",
    }


def test_an_answer_is_kept_while_the_projects_files_are_unchanged(get, write, tmp_path):
    write("data.json", '{"type": "object", "title": "one"}')
    write("helper.py", "open('ran', 'a').write('x')\nimport json\nS = json.load(open('data.json'))\n")
    write("schemas.py", "from helper import S\nT = dict(S)\n")
    assert [get("schemas.py:T").schema["title"] for _ in range(3)] == ["one"] * 3
    assert (tmp_path / "ran").read_text() == "x"
    write("data.json", '{"type": "object", "title": "two"}')
    assert get("schemas.py:T").schema["title"] == "two"
    assert (tmp_path / "ran").read_text() == "xx"


def test_nothing_of_the_users_code_reaches_this_process(get, write):
    write("schemas.py", "import sys\nsys.my_mark = 1\nS = dict(type='object', x=len(sys.argv))\n")
    get("schemas.py:S")
    assert "schemas" not in sys.modules
    assert not hasattr(sys, "my_mark")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("s.json", '{\n "properties": {\n  "lr": {"minimum": 0}}}', 3),
        ("s.yaml", "properties:\n  lr:\n    minimum: 0\n", 3),
        ("s.toml", "[properties]\nlr = { minimum = 0 }\n", 2),
    ],
)
def test_each_part_of_a_schema_file_has_its_place(get, write, name, text, line):
    write(name, text)
    where = get(name).places[KeyPath(("properties", "lr", "minimum"))]
    assert (str(where.file), where.line) == (name, line)
