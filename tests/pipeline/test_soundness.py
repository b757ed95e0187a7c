from pathlib import Path, PurePosixPath

import pytest

from confjob.keypath import KeyPath
from confjob.model import Delivery, Document, Format, Node, Source
from confjob.pipeline import Request, make_plan, read_form
from confjob.pipeline.soundness import sound, sound_hints
from confjob.project import Project

DOCUMENT = Document(
    source=Source(input="c.toy", path=PurePosixPath("c.toy"), root=Path()), nodes={KeyPath(): Node(value={})}
)
MALFORMED = [
    {"type": "float"},
    {"properties": 5},
    {"$ref": "#/nope"},
    {"properties": {"a": {"pattern": "["}}},
    [],
    "x",
    5,
]


def toy(schema):
    return Format(name="toy", load=lambda _: DOCUMENT, deliver=lambda *_: Delivery(), schema=lambda _: schema)


@pytest.mark.parametrize("schema", MALFORMED)
def test_a_format_s_malformed_schema_is_left_out_with_a_warning(schema):
    doubts = []
    assert sound("c.toy", toy(schema), DOCUMENT, doubts) is None
    (doubt,) = doubts
    assert (doubt.severity, doubt.input) == ("warning", "c.toy")
    assert "'toy' is malformed and is ignored" in doubt.message


@pytest.mark.parametrize("schema", [None, {}, {"type": "object", "x-vendor": 1, "format": "odd"}])
def test_a_sound_one_is_kept(schema):
    doubts = []
    assert sound("c.toy", toy(schema), DOCUMENT, doubts) == schema
    assert doubts == []


def test_only_the_malformed_hints_are_left_out():
    good = {
        KeyPath(("a",)): {"type": "integer"},
        KeyPath(("b", 0)): {"$ref": "#/$defs/x", "$defs": {"x": {}}},
    }
    doubts = []
    assert sound_hints("c", {**good, KeyPath(("c",)): {"type": "float"}}, doubts) == good
    assert [(doubt.input, str(doubt.path), doubt.severity) for doubt in doubts] == [("c", "c", "warning")]
    doubts.clear()
    assert sound_hints("c", good, doubts) == good
    assert doubts == []


def test_a_job_with_such_a_format_is_still_shown_and_changed(project):
    """The plugin's fault is told, types are inferred, and nothing crashes."""
    project.write(
        {
            "launch.toml": '[jobs.t]\ncommand = ["python", "t.py"]\n[[jobs.t.files]]\npath = "c.toy"\n',
            "t.py": "",
            "c.toy": '{"a": 1}',
            "confjob_plugins.py": (
                "from attrs import evolve\nfrom confjob.builtin.json import FORMAT\n"
                "from confjob.plugin import hookimpl\n"
                "@hookimpl\ndef confjob_formats():\n"
                "    return [evolve(FORMAT, name='toy', suffixes=('.toy',), schema=lambda d: {'type': 'float'})]\n"
            ),
        }
    )
    there = Project.find(project.root, environ=project.environ)
    form = read_form(there, Request(job="t"))
    assert [(str(field.path), field.typed_by) for field in form.fields] == [("a", "value")]
    assert any(warning.code == "malformed-schema" for warning in form.warnings)
    plan = make_plan(there, Request(job="t", sets=("a=2",)))
    assert [change.after for change in plan.changes] == [2]
