"""One schema in every spelling: Pydantic, attrs, dataclass, JSON Schema, a signature.

What `show --json-schema` exports is the same for all of them up to titles and the names of
definitions, and so is every verdict.
"""

from __future__ import annotations

import json

import pytest

from confjob.errors import ConfjobError, InvalidOverrides
from confjob.pipeline import Request, make_plan, read_form
from confjob.project import Project
from confjob.schema import transform
from confjob.validation import Validator

OPTIM = {
    "type": "object",
    "properties": {
        "kind": {"$ref": "#/$defs/Kind"},
        "rate": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "step size"},
        "momentum": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}], "default": None},
    },
    "required": ["kind", "rate"],
    "additionalProperties": False,
}
SCHEMA = {
    "$defs": {
        "Kind": {"type": "string", "enum": ["sgd", "adam"]},
        "Optim": OPTIM,
        "Tree": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "below": {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "default": []},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    },
    "type": "object",
    "properties": {
        "student": {"$ref": "#/$defs/Optim"},
        "teacher": {"$ref": "#/$defs/Optim"},
        "tree": {"$ref": "#/$defs/Tree"},
        "steps": {"type": "integer", "minimum": 1, "exclusiveMaximum": 1000, "multipleOf": 5},
        "share": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "tags": {"type": "array", "items": {"type": "string", "minLength": 2}, "minItems": 1, "maxItems": 3},
        "release": {"type": "string", "pattern": r"^v\d+$"},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
        "only": {"type": "string", "const": "yes", "default": "yes"},
        "seed": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}], "default": 1},
        "batch-size": {"type": "integer", "exclusiveMinimum": 0, "description": "samples", "default": 8},
    },
    "required": ["student", "teacher", "tree", "steps", "share", "tags", "release"],
    "additionalProperties": False,
}
VALUES = {
    "student": {"kind": "sgd", "rate": 0.1, "momentum": None},
    "teacher": {"kind": "adam", "rate": 0.2, "momentum": 0.9},
    "tree": {"name": "root", "below": [{"name": "leaf", "below": []}]},
    "steps": 10,
    "share": 0.5,
    "tags": ["ab", "cd"],
    "release": "v1",
    "mode": "fast",
    "only": "yes",
    "seed": 1,
    "batch-size": 8,
}

TYPES = """
from enum import Enum
from typing import Annotated, List, Literal, Optional, Union

from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MinLen, MultipleOf


class Kind(str, Enum):
    SGD = "sgd"
    ADAM = "adam"


class Match:
    def __init__(self, pattern):
        self.pattern = pattern


Steps = Annotated[int, Interval(ge=1, lt=1000), MultipleOf(5)]
Share = Annotated[float, Ge(0), Lt(1)]
Tags = Annotated[List[Annotated[str, MinLen(2)]], Len(1, 3)]
Momentum = Annotated[Optional[float], Ge(0)]
"""
BODY = """
    student: Optim
    teacher: Optim
    tree: Tree
    steps: Steps
    share: Share
    tags: Tags
    release: {release}
    mode: Literal["fast", "slow"] = "fast"
    only: Literal["yes"] = "yes"
    seed: Union[int, str, None] = 1
"""
PYDANTIC = (
    """
from pydantic import BaseModel, ConfigDict, Field
from kinds import *


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Optim(Model):
    kind: Kind
    rate: float = Field(gt=0, le=1, description="step size")
    momentum: Optional[float] = Field(default=None, ge=0)


class Tree(Model):
    name: str = Field(min_length=1)
    below: List["Tree"] = []


class Config(Model):"""
    + BODY.format(release=r'Annotated[str, Field(pattern=r"^v\d+$")]')
    + f"""
    size: int = Field(default=8, gt=0, alias="batch-size", description="samples")


VALUES = {VALUES!r}
INSTANCE = Config.model_validate(VALUES)
"""
)
# A dataclass has no aliases, so its one field of another name is checked apart.
CLASSES = (
    """
from {module} import {names}
from kinds import *


{decorator}
class Optim:
    kind: Kind
    rate: Annotated[float, Gt(0), Le(1)] = {described}
    momentum: Momentum = None


{decorator}
class Tree:
    name: Annotated[str, MinLen(1)]
    below: List["Tree"] = {empty}


{decorator}
class Config:"""
    + BODY.format(release='Annotated[str, Match(r"^v\\d+$")]')
    + """
    size: Annotated[int, Gt(0)] = {aliased}
"""
)
DATACLASS = CLASSES.format(
    module="dataclasses",
    names="dataclass, field",
    decorator="@dataclass",
    described='field(metadata={"description": "step size"})',
    empty="field(default_factory=list)",
    aliased='field(default=8, metadata={"description": "samples"})',
)
ATTRS = CLASSES.format(
    module="attrs",
    names="define, field",
    decorator="@define",
    described='field(metadata={"description": "step size"})',
    empty="field(factory=list)",
    aliased='field(default=8, alias="batch_size", metadata={"description": "samples"})',
)
SIGNATURE = """
from pydantic import Field

from dataclass_schema import Optim, Tree
from kinds import *


def train(
    student: Optim = Optim(Kind.SGD, 0.1),
    teacher: Optim = Optim(Kind.ADAM, 0.2, 0.9),
    tree: Tree = Tree("root", [Tree("leaf")]),
    steps: Steps = 10,
    share: Share = 0.5,
    tags: Tags = ["ab", "cd"],
    release: Annotated[str, Match(r"^v\\d+$")] = "v1",
    mode: Literal["fast", "slow"] = "fast",
    only: Literal["yes"] = "yes",
    seed: Union[int, str, None] = 1,
    size: Annotated[int, Field(gt=0, description="samples")] = 8,
) -> None: ...
"""
#: Job -> what stands as its `schema`, and what the field that may have an alias is called.
JOBS = {
    "pydantic-class": ('"pydantic_schema.py:Config"', "batch-size"),
    "pydantic-instance": ('"pydantic_schema.py:INSTANCE"', "batch-size"),
    "dict": ('"dict_schema.py:SCHEMA"', "batch-size"),
    "file": ('"schema.json"', "batch-size"),
    "inline": (None, "batch-size"),
    "attrs": ('"attrs_schema.py:Config"', "batch_size"),
    "dataclass": ('"dataclass_schema.py:Config"', "size"),
    "signature": (None, "size"),
}


def _toml(value):
    if isinstance(value, dict):
        # TOML has no null; the default of `momentum` is only a note.
        kept = {key: below for key, below in value.items() if below is not None}
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(below)}" for key, below in kept.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _manifest():
    lines = []
    for job, (schema, _) in JOBS.items():
        if job == "signature":
            lines += [f"[jobs.{job}]", 'function = "signature:train"']
            continue
        lines += [f"[jobs.{job}]", 'command = ["python", "train.py"]', f"[jobs.{job}.run-config]"]
        lines += [] if job == "pydantic-instance" else [f'defaults = "defaults/{job}.json"']
        lines += [f"schema = {schema or _toml(SCHEMA)}"]
    return "\n".join(lines) + "\n"


def _files():
    values = {
        f"defaults/{job}.json": json.dumps(
            {name if key == "batch-size" else key: value for key, value in VALUES.items()}
        )
        for job, (_, name) in JOBS.items()
    }
    return {
        **values,
        "launch.toml": _manifest(),
        "kinds.py": TYPES,
        "pydantic_schema.py": PYDANTIC,
        "attrs_schema.py": ATTRS,
        "dataclass_schema.py": DATACLASS,
        "dict_schema.py": f"SCHEMA = {SCHEMA!r}\n",
        "schema.json": json.dumps(SCHEMA),
        "signature.py": SIGNATURE,
        "train.py": "",
    }


@pytest.fixture(scope="module")
def spelled(tmp_path_factory):
    """A project with one job per spelling."""
    import os

    root = tmp_path_factory.mktemp("spelled")
    for name, content in _files().items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)
    return Project.find(root, environ=dict(os.environ))


@pytest.fixture(scope="module")
def forms(spelled):
    return {job: read_form(spelled, Request(job=job)) for job in JOBS}


def _normal(schema, alias):
    """Return an exported schema without titles, references (but for recursion) and aliases."""
    definitions = schema.get("$defs", {})

    def inline(one, above=()):
        if isinstance(one, list):
            return [inline(each, above) for each in one]
        if not isinstance(one, dict):
            return one
        ref = one.get("$ref")
        if ref is not None and ref in above:
            return {"recursive": len(above) - above.index(ref)}
        beside = {
            "batch-size" if key == alias else key: inline(below, above)
            for key, below in one.items()
            if key not in ("$ref", "$defs")
        }
        if ref is None:
            return beside
        return {**inline(definitions[ref.removeprefix("#/$defs/")], (*above, ref)), **beside}

    return transform(inline(schema), _plain)


def _plain(schema):
    kept = {key: value for key, value in schema.items() if key not in ("title", "default")}
    if "required" in kept:
        kept["required"] = sorted(kept["required"])
    return kept


def _exported(form):
    from confjob.pipeline.export import json_schema_of

    return json_schema_of(form)


@pytest.mark.parametrize("job", JOBS)
def test_every_spelling_gives_the_same_json_schema(forms, job):
    alias = JOBS[job][1]
    found = _normal(_exported(forms[job]), alias)
    expected = _normal(_exported(forms["file"]), "batch-size")
    if job == "signature":
        # Its parameters have defaults, without which it would have no values to show.
        expected.pop("required")
        expected["properties"]["run-config"].pop("required")
    assert found == expected
    properties = found["properties"]["run-config"]["properties"]
    for twice in ("student", "teacher"):
        assert properties[twice]["properties"]["kind"]["enum"] == ["sgd", "adam"]
        assert properties[twice]["properties"]["rate"]["description"] == "step size"


@pytest.mark.parametrize("job", ["pydantic-class", "pydantic-instance", "attrs", "signature"])
def test_the_command_line_prints_it(project, job):
    project.write(_files())
    shown = project.confjob("show", job, "--json-schema")
    assert shown.stderr == "", "a sound schema and sound values warn of nothing"
    assert Validator(json.loads(shown.stdout)).is_valid(
        {"run-config": {JOBS[job][1] if key == "batch-size" else key: value for key, value in VALUES.items()}}
    )


def test_defaults_are_kept_where_a_schema_has_them(forms):
    """The signature's defaults are the values; a class says them in the schema as well."""
    for job in JOBS.keys() - {"signature"}:
        properties = _exported(forms[job])["properties"]["run-config"]["properties"]
        found = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
        assert found == {"mode": "fast", "only": "yes", "seed": 1, JOBS[job][1]: 8}, job


GOOD = [
    "student.kind=adam",
    "student.rate=1",
    "student.momentum=0",
    "student.momentum=null",
    "teacher.momentum=null",
    "teacher.momentum-",
    "teacher={kind: sgd, rate: 0.5}",
    "tree.name=x",
    "tree.below[0].name=x",
    "tree.below=[{name: a, below: [{name: b}]}]",
    "tree={name: t}",
    "steps=995",
    "share=0",
    "tags=[abc]",
    "tags[0]=zz",
    "release=v22",
    "mode=slow",
    "mode-",
    "seed=null",
    "seed=auto",
    "seed=7",
    "SIZE=1",
]
BAD = [
    "student.kind=rmsprop",
    "student.kind=null",
    "student.kind-",
    "student.rate=0",
    "student.rate=1.5",
    "student.rate=.nan",
    "student.momentum=-1",
    "student.nesterov=true",
    "+student.nesterov=true",
    "teacher.kind=3",
    "teacher={rate: 0.5}",
    "teacher={kind: sgd, rate: 0.5, extra: 1}",
    "teacher=sgd",
    "tree.name=",
    "tree.below[0].name=",
    "tree.below=[{name: a, below: [{name: ''}]}]",
    "tree.below=[{below: []}]",
    "tree={name: t, left: 1}",
    "steps=0",
    "steps=1000",
    "steps=12",
    "steps=10.5",
    "steps=true",
    "share=1",
    "share=-0.1",
    "tags=[]",
    "tags=[ab, cd, ef, gh]",
    "tags=[a]",
    "tags[0]=z",
    "release=1",
    "mode=medium",
    "mode=null",
    "only=no",
    "SIZE=0",
    "SIZE=1.5",
    "SIZE=null",
    "+unknown=1",
]


def _refusals(project, job, text):
    """Return the sentences with which a request is refused; none where it is met."""
    text = text.replace("SIZE", JOBS[job][1].replace("-", r"\-"))
    try:
        make_plan(project, Request(job=job, sets=(text,)))
    except InvalidOverrides as error:
        return sorted(problem.message.replace(JOBS[job][1], "SIZE") for problem in error.problems)
    return []


@pytest.mark.parametrize("job", JOBS)
def test_every_spelling_gives_the_same_verdicts(spelled, job):
    """Good values pass, bad ones are refused in the same words."""
    # A parameter that is taken away has its default again.
    good = [text for text in GOOD if (job, text) != ("signature", "mode-")]
    assert [text for text in good if _refusals(spelled, job, text)] == []
    words = {text: _refusals(spelled, job, text) for text in BAD}
    assert [text for text in BAD if not words[text]] == []
    if job != "file":
        assert words == {text: _refusals(spelled, "file", text) for text in BAD}


def test_only_a_pydantic_schema_imports_pydantic(project):
    """A module of that name in the project would be found first, so it tells whether anyone looks."""
    trap = "raise RuntimeError('somebody imports pydantic')\n"
    project.write({**_files(), "pydantic.py": trap})
    project.write(
        {"signature.py": SIGNATURE.replace("from pydantic import Field\n", "Field = lambda **_: None\n")}
    )
    there = Project.find(project.root, environ=project.environ)
    for job in JOBS.keys() - {"pydantic-class", "pydantic-instance"}:
        assert read_form(there, Request(job=job)).fields
    with pytest.raises(ConfjobError) as caught:
        read_form(there, Request(job="pydantic-class"))
    assert "somebody imports pydantic" in caught.value.problems[0].message


def test_the_callers_schema_stays_as_it_is(tmp_path):
    """A dict that the author hands over is read and never changed, by no verb."""
    from attrs import evolve

    from confjob.pipeline.export import json_schema_of

    (tmp_path / "launch.toml").write_text('[jobs.t]\ncommand = ["true"]\nrun-config.defaults = "d.json"\n')
    (tmp_path / "d.json").write_text(json.dumps(VALUES))
    form = read_form(Project.find(tmp_path, environ={}), Request(job="t"))
    given = json.loads(json.dumps(SCHEMA))
    typing = {**form.typing, "run-config": evolve(form.typing["run-config"], author=given)}
    form = evolve(form, typing=typing)
    form = evolve(form, fields=tuple(form.field(each.input, each.path) for each in form.fields))
    json_schema_of(form)
    for field in form.fields:
        Validator(field.schema).violations(field.value)
    assert given == SCHEMA


def test_required_defaults_and_optional_of_a_pydantic_model_warn_of_nothing(project):
    """W&B warns of its own documentation's example; a field without a default is no fault."""
    source = """
from typing import Literal, Optional, Union
from pydantic import BaseModel, Field

class Inner(BaseModel):
    must: int
    may: Optional[float] = None
    either: Union[int, Literal["auto"]] = "auto"

class Config(BaseModel):
    needed: str
    inner: Inner
    other: Optional[Inner] = None
    listed: list[Inner] = Field(default_factory=list)
"""
    # A default that a factory makes is not in Pydantic's schema: that is worth a note, no warning.
    table = '[jobs.t]\ncommand = ["true"]\nrun-config.defaults = { needed = "x", inner = { must = 1 } }\n'
    project.write({"launch.toml": table + 'run-config.schema = "s.py:Config"\n', "s.py": source})
    stderr = project.confjob("show", "t").stderr
    assert "warning" not in stderr
    assert [line.split()[0] for line in stderr.splitlines() if "listed" in line] == ["note:"]
    project.confjob("plan", "t", "--set", "inner.may=1", "--set", "inner.either=3")


def test_attrs_validators_are_rules(project):
    """What attrs itself would check when the object is made is checked before the job starts."""
    source = """
from typing import Optional
from attrs import define, field, validators as v

@define
class Config:
    rate: float = field(default=0.5, validator=[v.instance_of(float), v.gt(0), v.le(1)])
    data: str = field(default="a", validator=v.in_(["a", "b"]))
    code: str = field(default="x1", validator=v.matches_re(r"x\\d"))
    few: Optional[list] = field(default=None, validator=v.optional(v.max_len(2)))
"""
    project.write({"launch.toml": '[jobs.t]\ncommand = ["true"]\nrun-config.schema = "s.py:C"\n'})
    project.write({"s.py": source.replace("\\\\", "\\") + "\nC = Config()\n"})
    schema = project.json("show", "t", "--json-schema")["properties"]["run-config"]["properties"]
    assert schema["rate"] == {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.5}
    assert schema["data"]["enum"] == ["a", "b"]
    assert schema["code"]["pattern"] == r"^(?:x\d)$"
    assert schema["few"]["anyOf"] == [{"type": "array", "maxItems": 2}, {"type": "null"}]


def test_an_instance_gives_values_under_the_names_that_make_one(project):
    """Aliases are the keys of schema and values alike; a secret of Pydantic's is not read out."""
    source = """
from pydantic import BaseModel, Field, SecretStr

class Config(BaseModel):
    rate: float = Field(alias="learning-rate", gt=0)
    size: int = Field(default=2, validation_alias="batchSize")
    token: SecretStr = SecretStr("hunter2")

VALUE = Config.model_validate({"learning-rate": 0.1, "token": "swordfish"})
"""
    project.write({"launch.toml": '[jobs.t]\ncommand = ["true"]\nrun-config.schema = "s.py:VALUE"\n'})
    project.write({"s.py": source})
    shown = project.json("show", "t")
    assert {each["path"]: each["value"] for each in shown["inputs"]} == {"learning-rate": 0.1, "batchSize": 2}
    planned = project.confjob("plan", "t", "--set", "token=hush").stdout
    assert "(hidden)" in planned
    assert "hush" not in planned
    stored = [path.read_bytes() for path in (project.root / ".confjob").rglob("*") if path.is_file()]
    assert not any(b"swordfish" in content for content in stored)


def test_an_attrs_parameter_takes_the_names_that_make_one(project):
    """The job's function is called with the object whose `__init__` knows these keys."""
    source = """
from attrs import define, field

@define
class Optim:
    rate: float = field(default=0.5, alias="learning_rate")
    _decay: float = 0.1

def train(optim: Optim = Optim()) -> None:
    print(optim)
"""
    project.write({"launch.toml": '[jobs.t]\nfunction = "t:train"\n', "t.py": source})
    shown = project.json("show", "t")["inputs"]
    assert [each["path"] for each in shown] == ["optim.learning_rate", "optim.decay"]
    run = project.launch("t", "--set", "optim.learning_rate=1", "--set", "optim.decay=2")
    assert "Optim(rate=1.0, _decay=2.0)" in project.output(run["id"])
