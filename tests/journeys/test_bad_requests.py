"""Planted bad requests: each is refused with its path, its place and its rule, and leaves no trace."""

from __future__ import annotations

import json

import pytest

from confjob.__main__ import run

RULES = {
    "$defs": {"Stage": {"properties": {"name": {"pattern": "^[a-z]+$"}, "steps": {"minimum": 1}}}},
    "properties": {
        "lr": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "epochs": {"type": "integer", "minimum": 1, "exclusiveMaximum": 1000, "multipleOf": 5},
        "dataset": {"enum": ["cifar10", "cifar100", "imagenet"]},
        "name": {"type": "string", "pattern": "^[a-z-]+$", "minLength": 3, "maxLength": 8},
        "layers": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
        "tags": {"type": "array", "uniqueItems": True},
        "version": {"const": 2},
        "precision": {"anyOf": [{"enum": ["bf16", "fp32"]}, {"type": "integer", "minimum": 8}]},
        "scale": {"oneOf": [{"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 3}]},
        "share": {"allOf": [{"type": "number"}, {"minimum": 0}, {"maximum": 1}]},
        "stages": {"type": "array", "items": {"$ref": "#/$defs/Stage"}},
        "optim": {
            "type": "object",
            "properties": {"kind": {"type": "string"}, "momentum": {"type": "number"}},
            "required": ["kind"],
            "additionalProperties": False,
        },
        "warmup": {"type": "integer"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "dependentRequired": {"warmup": ["schedule"]},
    "if": {"properties": {"dataset": {"const": "imagenet"}}},
    "then": {"properties": {"epochs": {"minimum": 50}}},
    "not": {"required": ["debug"]},
}
CONFIG = """\
lr: 0.1
epochs: 10
dataset: cifar10
name: base
layers: [1, 2]
tags: [a, b]
version: 2
precision: bf16
scale: 1
share: 0.5
stages:
  - name: warm
    steps: 5
  - name: cool
    steps: 10
optim:
  kind: sgd
  momentum: 0.9
env: {A: "1"}
trainer:
  private: {key: 1}
  depth: 3
free: 7
word: "on"
"""
MANIFEST = """\
[jobs.train]
command = ["python", "train.py"]

[jobs.train.run-config]
defaults = { seed = 1, model = { act = "relu" } }
include = ["seed", "model"]

[jobs.train.run-config.schema.properties]
seed = { minimum = 0 }
model = { properties = { act = { enum = ["relu", "gelu"] } } }

[[jobs.train.files]]
path = "config.yaml"
exclude = ["trainer.private"]
schema = "rules.json"

[jobs.malformed]
command = ["true"]
files = [{ path = "config.yaml", schema = "malformed.json" }]

[jobs.not-there]
command = ["true"]
files = [{ path = "confg.yaml", schema = "rules.json" }]

[jobs.no-schema]
command = ["true"]
files = [{ path = "config.yaml", schema = "rulez.json" }]

[jobs.broken-json]
command = ["true"]
files = [{ path = "config.yaml", schema = "broken.json" }]

[jobs.function]
function = "train:train"
"""
FILES = {
    "launch.toml": MANIFEST,
    "config.yaml": CONFIG,
    "rules.json": json.dumps(RULES, indent=2),
    "malformed.json": '{"properties": {"lr": {"type": "float", "minimum": "zero"}}}',
    "broken.json": '{\n  "properties": {,}\n}',
    "train.py": "def train(rounds: int, size: int = 3): ...\n",
}


@pytest.fixture
def refused(tmp_path, capsys):
    """A function: run `launch` with these arguments, and return what `--json` says of the refusal."""
    root = tmp_path / "project"
    root.mkdir()

    def of(job, *arguments, files=()):
        for name, content in {**FILES, **dict(files)}.items():
            (root / name).write_text(content)
        before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
        code = run(["-C", str(root), "launch", job, "--json", *arguments])
        answer = capsys.readouterr()
        assert code == 1, answer
        assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
        return json.loads(answer.out)

    return of


#: --set argument: code, path, place, the rule in words, and what the hint names.
RULE = "rules.json"
TABLE = [
    ("lr=0", "exclusiveMinimum", "lr", "config.yaml:1:5", "must be greater than 0", RULE),
    ("lr=2", "maximum", "lr", "config.yaml:1:5", "must be at most 1", RULE),
    ("lr=abc", "type", "lr", "config.yaml:1:5", "must be a float, not the text 'abc'", RULE),
    ("lr=null", "type", "lr", "config.yaml:1:5", "must be a float, not null", RULE),
    ("lr=.nan", "maximum", "lr", "config.yaml:1:5", "must be at most 1, not nan", RULE),
    ("lr=.inf", "maximum", "lr", "config.yaml:1:5", "must be at most 1, not inf", RULE),
    ("epochs=0", "minimum", "epochs", "config.yaml:2:9", "must be at least 1", RULE),
    ("epochs=1000", "exclusiveMaximum", "epochs", "config.yaml:2:9", "must be less than 1000", RULE),
    ("epochs=12", "multipleOf", "epochs", "config.yaml:2:9", "must be a multiple of 5", RULE),
    ("epochs=true", "type", "epochs", "config.yaml:2:9", "must be an int, not true", RULE),
    (
        "dataset=cifar11",
        "enum",
        "dataset",
        "config.yaml:3:10",
        "must be one of cifar10, cifar100",
        "'cifar10'",
    ),
    ("name=Base!", "pattern", "name", "config.yaml:4:7", "must match ^[a-z-]+$", RULE),
    ("name=ab", "minLength", "name", "config.yaml:4:7", "must have at least 3 characters", RULE),
    ("name=far-too-long", "maxLength", "name", "config.yaml:4:7", "must have at most 8 characters", RULE),
    ("layers=[1, x]", "type", "layers[1]", "config.yaml:5:13", "must be an int, not the text 'x'", RULE),
    ("layers[0]=x", "type", "layers[0]", "config.yaml:5:10", "must be an int, not the text 'x'", RULE),
    ("layers=[]", "minItems", "layers", "config.yaml:5:9", "must have at least 1 item", RULE),
    ("layers=[1,2,3,4]", "maxItems", "layers", "config.yaml:5:9", "must have at most 3 items", RULE),
    ("layers[5]=1", "unknown-path", "layers[5]", "config.yaml:5:9", "no input 'layers[5]'", "layers"),
    ("+layers[7]=1", "unknown-path", "layers[7]", "config.yaml:5:9", "no input 'layers[7]'", "layers"),
    ("tags=[a, a]", "uniqueItems", "tags", "config.yaml:6:7", "must hold no item twice", RULE),
    ("version=3", "const", "version", "config.yaml:7:10", "must be 2, not the int 3", RULE),
    ("precision=fp16", "anyOf", "precision", "config.yaml:8:12", "must be int, bf16 or fp32", "'bf16'"),
    ("precision=4", "minimum", "precision", "config.yaml:8:12", "must be at least 8", RULE),
    ("scale=4", "oneOf", "scale", "config.yaml:9:8", "fits several alternatives", RULE),
    ("share=1.5", "maximum", "share", "config.yaml:10:8", "must be at most 1", RULE),
    ("stages[1].name=COOL", "pattern", "stages[1].name", "config.yaml:14:11", "must match ^[a-z]+$", RULE),
    ("stages[0].steps=0", "minimum", "stages[0].steps", "config.yaml:13:12", "must be at least 1", RULE),
    ("stages=[{name: X}]", "pattern", "stages[0].name", "config.yaml:12:11", "must match ^[a-z]+$", RULE),
    (
        "stages[0].stepz=1",
        "unknown-path",
        "stages[0].stepz",
        "config.yaml:13:12",
        "no input",
        "'stages[0].steps'",
    ),
    ("optim.kind-", "required", "optim.kind", "config.yaml:17:9", "missing key 'kind'", RULE),
    ("optim={momentum: 0.5}", "required", "optim.kind", "config.yaml:17:9", "missing key 'kind'", RULE),
    (
        "optim.nesterov=true",
        "unknown-path",
        "optim.nesterov",
        "config.yaml:17:3",
        "no input",
        "kind, momentum",
    ),
    (
        "+optim.momentun=1",
        "additionalProperties",
        "optim.momentun",
        "config.yaml:17:3",
        "unknown key",
        "'momentum'",
    ),
    ("env={B: [1]}", "type", "env.B", "config.yaml:19:6", "must be a str, not a list", RULE),
    ("warmup=10", "required", "schedule", "config.yaml:1:1", "missing key 'schedule'", RULE),
    ("dataset=imagenet", "minimum", "epochs", "config.yaml:2:9", "must be at least 50", RULE),
    ("+debug=true", "not", "", "config.yaml:1:1", "is a value that the schema rules out", RULE),
    ("lrr=0.5", "unknown-path", "lrr", "config.yaml:1:5", "there is no input 'lrr'", "'lr'"),
    ("lr.deep=1", "unknown-path", "lr.deep", "config.yaml:1:5", "no input 'lr.deep'", "single value"),
    ("+lr.deep=1", "unknown-path", "lr.deep", "config.yaml:1:5", "no input 'lr.deep'", "single value"),
    ("+lr=0.5", "already-there", "lr", "config.yaml:1:5", "'lr' is already there", "without the plus"),
    (
        "config.yaml:gone-",
        "unknown-path",
        "gone",
        "config.yaml:1:1",
        "there is no input 'gone'",
        "confjob show",
    ),
    (
        "trainer.private.key=2",
        "not-an-input",
        "trainer.private.key",
        "config.yaml:21:18",
        "may not be changed",
        "launch.toml:12",
    ),
    (
        "trainer={depth: 4}",
        "not-an-input",
        "trainer.private.key",
        "config.yaml:21:18",
        "can't be replaced whole",
        "one by one",
    ),
    ("trainer-", "not-an-input", "trainer.private.key", "config.yaml:21:18", "can't be deleted", ""),
    ("lr=[1", "unreadable-value", "lr", "config.yaml:1:5", "a bracket or quote is not closed", "quote"),
    ("free=seven", "type", "free", "config.yaml:23:7", "must be an int, not the text 'seven'", "inferred"),
    ("free=null", "type", "free", "config.yaml:23:7", "must be an int, not null", "--set-any"),
    ("run-config:seed=-1", "minimum", "seed", "launch.toml:5:21", "must be at least 0", "launch.toml:9"),
    ("model.act=rely", "enum", "model.act", "launch.toml:5:40", "must be one of relu, gelu", "'relu'"),
    ("confg.yaml:lr=1", "unknown-input", "lr", "", "no input is called 'confg.yaml'", "'config.yaml'"),
    ("resources:gpus=-1", "minimum", "gpus", "", "must be at least 0", ""),
    ("lr", "syntax", "", "", "write path=value", ""),
    ("=1", "syntax", "", "", "the path is empty", ""),
    (r"l\r=1", "syntax", "", "", r"l\r", ""),
]


@pytest.mark.parametrize(("text", "expected"), [(row[0], row[1:]) for row in TABLE])
def test_a_bad_request_is_told_with_path_place_and_rule(refused, text, expected):
    code, path, where, rule, hint = expected
    (problem,) = refused("train", "--set", text)["problems"]
    assert (problem["code"], problem["path"], problem["where"]) == (code, path, where), problem
    assert rule in problem["message"]
    assert hint in problem["hint"]
    if hint == RULE:
        # The hint's line of the schema is the one that has the keyword.
        line = int(problem["hint"].rpartition(":")[2])
        keywords = {"required": ('"required"', '"dependentRequired"')}.get(code, (f'"{code}"',))
        assert any(word in FILES["rules.json"].splitlines()[line - 1] for word in keywords), problem
    if text == "dataset=imagenet":
        assert "50" in FILES["rules.json"].splitlines()[line - 1], (
            "the rule of `then`, not the property's own"
        )
    named = {"launch.toml": "run-config", "config.yaml": "config.yaml"}.get(where.partition(":")[0])
    assert named is None or problem["input"] in (named, ""), problem


def test_all_of_them_come_at_once(refused):
    """A request with a fault per value is refused once, with every fault."""
    texts = ["lr=0", "epochs=12", "dataset=cifar11", "name=ab", "stages[1].name=X", "model.act=rely", "lrr=1"]
    problems = refused("train", *(word for text in texts for word in ("--set", text)))["problems"]
    paths = ["lr", "epochs", "dataset", "name", "stages[1].name", "model.act", "lrr"]
    assert sorted(problem["path"] for problem in problems) == sorted(paths)


#: The text of a file of overrides, and what is said of it: code, path, place of the value, words.
INPUTS = [
    ('{"config.yaml": {"lr": 0, "epochs": 12}}', ["exclusiveMinimum", "multipleOf"], "o.json:1"),
    ('{"config.yaml:lr": 2}', ["maximum"], "o.json:1"),
    ('{"config.yaml": {\n"stages": [{"name": "X"}]}}', ["pattern"], "o.json:2"),
    ('{"config.yaml": {\n "lrr": 1}}', ["unknown-path"], "o.json:2"),
    ('{"config.yml": {"lr": 1}}', ["unknown-path"], "o.json:1"),
    ("[1, 2]", [None], "must be a mapping"),
    ('{"config.yaml": {"lr": }}', [None], "o.json:1"),
    ('{"a=b": 1}', [None], "o.json:1"),
    ('{"overrides": {"files": 3}}', [None], "'files' must be a mapping"),
    ('{"overrides": {"entry": 3, "run_config": {}}}', [None], "no input of a job"),
]


@pytest.mark.parametrize(("text", "codes", "said"), INPUTS)
def test_a_bad_file_of_overrides_names_its_line(refused, tmp_path, text, codes, said):
    (tmp_path / "o.json").write_text(text)
    answer = refused("train", "--inputs", str(tmp_path / "o.json"))
    problems = answer["problems"]
    if codes != [None]:
        assert [problem["code"] for problem in problems] == codes, answer
    assert all(said in problem["message"] for problem in problems), answer
    assert (tmp_path / "o.json").read_text() == text


@pytest.mark.parametrize(
    ("job", "code", "said", "where"),
    [
        (
            "malformed",
            "manifest",
            "malformed.json, at 'properties.lr.type': unknown type 'float'",
            "launch.toml:19:43",
        ),
        ("not-there", "", "confg.yaml", ""),
        ("no-schema", "manifest", "rulez.json", "launch.toml:27:43"),
        ("broken-json", "manifest", "broken.json:2:18", "launch.toml:31:43"),
        ("function", "required", "'rounds' has no default and must be set", "train.py:1"),
        ("trian", "", "'trian'", ""),
    ],
)
def test_what_is_declared_wrongly_is_refused_before_anything(refused, job, code, said, where):
    """A malformed schema, a schema of a missing file, a parameter that nobody gives."""
    problems = refused(job)["problems"]
    assert [each for each in problems if said in each["message"] and code == each.get("code", code)], problems
    assert [each["where"] for each in problems if each["where"].startswith(where)], problems
