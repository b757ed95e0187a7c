"""Every row of docs/reference/wandb.md, tested: our column on confjob, theirs on the real wandb.

`CONFJOB_PYTHON_WANDB` names an interpreter with wandb 0.31, jsonschema and pydantic; the
rows that the page marks with a dagger need W&B's server, and only our side of them is tested.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from confjob_wandb.schemas import json_schema

from confjob.deliver import patched
from confjob.errors import ConfjobError, InvalidOverrides
from confjob.form import Form, Plan
from confjob.job import runtime
from confjob.keypath import PathFilter, PathSyntaxError
from confjob.pipeline import Request, make_plan, read_form
from confjob.pipeline.export import json_schema_of
from confjob.pipeline.preview import preview
from confjob.project import Project
from confjob.tree import same

_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "wandb.md"
_PROBE = Path(__file__).with_name("table_probe.py")
_DAGGER = "†"

Files = Mapping[str, str]


# --- a small project, written from text ------------------------------------------------


class Folder:
    """A place for the small projects of one row."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp_path = tmp_path
        self.monkeypatch = monkeypatch
        self.made = 0

    def project(self, files: Files, links: Mapping[str, str] | None = None) -> Project:
        self.made += 1
        root = self.tmp_path / f"project{self.made}"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name, target in (links or {}).items():
            (root / name).symlink_to(target)
        # The interpreter that runs the tests has pydantic, which some schemas are made with.
        return Project.find(root, environ={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"})

    def form(self, files: Files, **options: Any) -> Form:
        return read_form(self.project(files, **options), Request(job="train"))

    def plan(self, files: Files, asked: Any) -> Plan:
        return plan(self.project(files), asked)


def plan(project: Project, asked: Any) -> Plan:
    """Plan with `--set` arguments (a tuple), or with a file of overrides (its text or content)."""
    if isinstance(asked, tuple):
        return make_plan(project, Request(job="train", sets=asked))
    path = project.root.with_suffix(".json")
    path.write_text(asked if isinstance(asked, str) else json.dumps(asked))
    return make_plan(project, Request(job="train", inputs=(path,)))


_JOB = '[jobs.train]\ncommand = ["python", "train.py"]\n'


def file(text: str, extra: str = "", path: str = "c.yaml", **more: str) -> Files:
    """Return a project whose job has one config file."""
    manifest = f'{_JOB}[[jobs.train.files]]\npath = "{path}"\n{extra}'
    return {"launch.toml": manifest, "train.py": "", path: text, **more}


def run_config(defaults: str, extra: str = "", **more: str) -> Files:
    """Return a project whose job has a run config."""
    manifest = f"{_JOB}[jobs.train.run-config]\ndefaults = {defaults}\n{extra}"
    return {"launch.toml": manifest, "train.py": "", **more}


def script(code: str, more: Files | None = None) -> Files:
    """Return a project whose script says what its inputs are."""
    text = f"from confjob import manage_config, manage_config_file\n{code}\n"
    return {"launch.toml": _JOB, "train.py": text, **(more or {})}


def with_schema(schema: Any, text: str) -> Files:
    """Return a project whose job has one config file with a JSON Schema."""
    return {**file(text, 'schema = "s.json"'), "s.json": json.dumps(schema)}


def of(**properties: Any) -> dict[str, Any]:
    """Return an object schema."""
    return {"type": "object", "properties": properties}


def in_file(values: Any, name: str = "c.yaml") -> dict[str, Any]:
    """Return W&B's JSON that overrides a file."""
    return {"overrides": {"files": {name: values}}}


def in_config(values: Any) -> dict[str, Any]:
    """Return W&B's JSON that overrides the run config."""
    return {"overrides": {"run_config": values}}


# --- what our column can say -----------------------------------------------------------

Check = Callable[[Folder], None]


def parses(text: str, *parts: Any) -> Check:
    def check(_: Folder) -> None:
        assert list(map(str, PathFilter([text]).include[0])) == list(map(str, parts))

    return check


def misparses(text: str, message: str) -> Check:
    def check(_: Folder) -> None:
        with pytest.raises(PathSyntaxError, match=re.escape(message)):
            PathFilter([text])

    return check


def shows(files: Files, values: Mapping[str, Any], *, warns: str | None = None, **options: Any) -> Check:
    """The form has exactly these values; `warns` is part of a warning, or "" for no warning."""

    def check(at: Folder) -> None:
        form = at.form(files, **options)
        assert {str(field.path): field.value for field in form.listed()} == values
        told = [warning.message for warning in form.warnings]
        assert warns != "" or told == []
        assert not warns or any(warns in message for message in told), told

    return check


def typed(files: Files, schemas: Mapping[str, Any], *, warns: str | None = None) -> Check:
    """These fields have these schemas."""

    def check(at: Folder) -> None:
        form = at.form(files)
        found = {str(field.path): field.schema for field in form.listed()}
        assert {path: found[path] for path in schemas} == schemas
        told = [warning.message for warning in form.warnings]
        assert warns != "" or told == []
        assert not warns or any(warns in message for message in told), told

    return check


def becomes(files: Files, asked: Any, tree: Any) -> Check:
    """A plan with `asked` changes the job's only input to `tree`."""

    def check(at: Folder) -> None:
        made = at.plan(files, asked)
        (name,) = (each for each in made.documents if each == "run-config" or "." in each)
        assert same(made.documents[name].tree, tree), made.documents[name].tree

    return check


def writes(files: Files, asked: Any, text: str, path: str = "c.yaml") -> Check:
    """A plan with `asked` gives the job exactly this text; the project's own file stays."""

    def check(at: Folder) -> None:
        project = at.project(files)
        before = {each: each.read_bytes() for each in project.root.rglob("*") if each.is_file()}
        made = plan(project, asked)
        delivered = {str(name): given for name, given in patched(made.form, made.deliveries).items()}
        assert delivered.get(path, files[path].encode()).decode() == text
        assert {each: each.read_bytes() for each in before} == before

    return check


def refuses(files: Files, asked: Any, *messages: str) -> Check:
    """Such a plan is refused, with each of these among the reasons and hints."""

    def check(at: Folder) -> None:
        with pytest.raises(InvalidOverrides) as refused:
            at.plan(files, asked)
        told = " | ".join(f"{each.path}: {each.message} ({each.hint})" for each in refused.value.problems)
        assert [message for message in messages if message not in told] == [], told

    return check


def unreadable(files: Files, message: str, **options: Any) -> Check:
    """The job is refused before anything is asked of it."""

    def check(at: Folder) -> None:
        with pytest.raises(ConfjobError) as refused:
            at.form(files, **options)
        problems = [problem.message for problem in getattr(refused.value, "problems", ())]
        assert message in " | ".join([refused.value.message, refused.value.hint, *problems])

    return check


def loads(given: Any, config: Any) -> Check:
    """`load_config()` of a launched run whose run config is `given` returns `config`."""

    def check(at: Folder) -> None:
        at.project(
            {"config-defaults.yaml": "leak: {value: 1}\n", "run/private/run-config.json": json.dumps(given)}
        )
        at.monkeypatch.chdir(at.tmp_path / f"project{at.made}")
        at.monkeypatch.setenv("CONFJOB_RUN_DIR", "run")
        assert runtime.load_config() == config

    return check


def forget(at: Folder) -> None:
    """Let this process have made no `manage_config` call, for the length of a test."""
    nothing = {name: [] if isinstance(value, list) else None for name, value in runtime._managed.items()}
    at.monkeypatch.setattr(runtime, "_managed", nothing)


def loads_by_hand(code: Callable[[], None], config: Any) -> Check:
    """`load_config()` outside a launched run returns `config`."""

    def check(at: Folder) -> None:
        forget(at)
        at.monkeypatch.delenv("CONFJOB_RUN_DIR", raising=False)
        at.monkeypatch.chdir(at.tmp_path)
        code()
        assert runtime.load_config() == config

    return check


# --- our column ------------------------------------------------------------------------

_TREE = "trainer: {lr: 0.1, private: {key: x}}\ntrain: 1\n"
_ALL = {"trainer.lr": 0.1, "trainer.private.key": "x", "train": 1}
_LISTS = "sizes: [1, 2]\nlayers:\n- {width: 4}\n- {width: 8}\n"
_AB = "a: 1\nb: 2\n"
_TWO = {"c.yaml": _AB}


def _one_prefix(_: Folder) -> None:
    assert list(map(str, PathFilter("ab").include)) == ["ab"]


def _keys_set_later(at: Folder) -> None:
    code = 'config = {"a": 1}\nmanage_config({"a": 1})\nconfig["b"] = 2'
    shows(script(code), {"a": 1})(at)


def _read_when_asked(at: Folder) -> None:
    project = at.project(file("a: 1\n"))
    (project.root / "c.yaml").write_text("a: 2\n")
    assert [field.value for field in read_form(project, Request(job="train")).listed()] == [2]


FILTERS: dict[str, Check | list[Check]] = {
    "F1": parses("a.b", "a", "b"),
    "F2": parses(r"a\.b", "a.b"),
    "F3": parses("a..b", "a", "", "b"),
    "F4": parses(".a", "", "a"),
    "F5": parses("a.", "a"),
    "F6": parses(""),
    "F7": parses(".", ""),
    "F8": misparses(r"a\b", "column 2: a backslash before 'b' means nothing"),
    "F9": parses(r"a\\.b", "a\\", "b"),
    "F10": misparses("a\\", "column 2: a backslash at the end"),
    "F11": [
        _one_prefix,
        shows(file("ab: 1\na: 2\n", 'include = "ab"'), {"ab": 1}),
        shows(script('manage_config({"ab": 1, "a": 2}, include="ab")'), {"ab": 1}),
    ],
    "F12": [
        shows(file(_TREE, 'include = ["*.lr"]'), {"trainer.lr": 0.1}),
        shows(file('"*": 1\na: 2\n', r"include = ['\*']"), {r"\*": 1}),
    ],
    "F13": [
        shows(file(_LISTS, 'include = ["layers[1]"]'), {"layers[1].width": 8}),
        shows(file(_LISTS, 'include = ["layers.1"]'), {"layers[1].width": 8}),
    ],
    "F14": [
        shows(file(_LISTS), {"sizes": [1, 2], "layers[0].width": 4, "layers[1].width": 8}),
        becomes(file("sizes: [1, 2]\n"), ("sizes[1]=5",), {"sizes": [1, 5]}),
    ],
    "F15": shows(file("a: {}\nb: 1\n"), {"a": {}, "b": 1}),
    "F16": shows(file(_TREE, 'exclude = ["trainer.private"]'), {"trainer.lr": 0.1, "train": 1}),
    "F17": shows(file(_TREE, 'include = ["train"]'), {"train": 1}),
    "F18": shows(file(_TREE, 'include = ["trainer.private"]\nexclude = ["trainer"]'), {}),
    "F19": [shows(file(_TREE), _ALL), shows(file(_TREE, "include = []"), _ALL)],
    "F20": shows(file(_TREE, 'include = ["trianer"]'), {}, warns="'trianer' matches nothing in c.yaml"),
    "F21": shows(file(_TREE, 'include = [""]'), _ALL),
    "F22": shows(file(_TREE, 'exclude = [""]'), {}),
    "F23": shows(file(_TREE, 'include = ["train.x"]'), {}, warns="'train.x' matches nothing"),
    "F24": [
        shows(file("m:\n  1: x\n  2: y\n", 'exclude = ["m.2"]'), {"m.1": "x"}),
        becomes(file("m:\n  1: x\n"), ("m.1=z",), {"m": {"1": "z"}}),
    ],
    "F25": shows(
        script(
            'manage_config({"a": 1, "b": 2, "c": 3}, include=["a"])\n'
            'manage_config(include=["b", "c"], exclude=["b"])'
        ),
        {"a": 1, "c": 3},
    ),
    "F26": [
        typed(
            script(
                f'manage_config({{"a": 1}}, schema={of(a={"minimum": 5})})\nmanage_config(schema={of(a={"minimum": 0})})'
            ),
            {"a": {"type": "integer", "minimum": 0}},
        ),
        typed(
            script(f'manage_config({{"a": 1}}, schema={of(a={"minimum": 0})})\nmanage_config()'),
            {"a": {"type": "integer", "minimum": 0}},
        ),
    ],
    "F27": shows(
        script(
            'manage_config_file("c.yaml", include=["a"])\nmanage_config_file("c.yaml", include=["b"])', _TWO
        ),
        {"b": 2},
    ),
    "F28": _keys_set_later,
    "F29": _read_when_asked,
    "F30": [
        refuses(file(_AB, 'include = ["a"]'), ("b=3",), "'b' may not be changed", "includes only a"),
        refuses(file(_AB, 'exclude = ["b"]'), in_file({"b": 3}), "'b' may not be changed", "excludes 'b'"),
    ],
}


def _exported(at: Folder) -> None:
    form = at.form(file("a: 1\nb: {c: x}\n"))
    exported = json_schema_of(form)["properties"]["c.yaml"]
    assert exported["properties"]["a"]["type"] == "integer"
    assert exported["properties"]["b"]["properties"]["c"]["type"] == "string"


TYPES: dict[str, Check | list[Check]] = {
    "T1": [
        typed(file("v: true\n"), {"v": {"type": "boolean"}}),
        refuses(file("v: true\n"), ("v=1",), "must be a bool"),
    ],
    "T2": [
        typed(file("v: 3\n"), {"v": {"type": "integer"}}),
        refuses(file("v: 3\n"), ("v=2.5",), "must be an int"),
    ],
    "T3": [
        typed(file("v: 0.5\n"), {"v": {"type": "number"}}),
        becomes(file("v: 0.5\n"), ("v=3",), {"v": 3.0}),
    ],
    "T4": [
        typed(file("v: hi\n"), {"v": {"type": "string"}}),
        becomes(file("v: hi\n"), ("v=1.10",), {"v": "1.10"}),
    ],
    "T5": [typed(file("v: null\n"), {"v": {}}), becomes(file("v: null\n"), ("v=x",), {"v": "x"})],
    "T6": typed(file("v: {a: 1, b: {c: x}}\n"), {"v.a": {"type": "integer"}, "v.b.c": {"type": "string"}}),
    "T7": typed(file("v: {_wandb: {a: 1}}\n"), {"v._wandb.a": {"type": "integer"}}),
    "T8": [
        typed(file("v: [1, 2]\n"), {"v": {"type": "array", "items": {"type": "integer"}}}),
        refuses(file("v: [1, 2]\n"), ("v=[1, x]",), "v[1]: must be an int"),
    ],
    "T9": [
        typed(file("v: []\n"), {"v": {"type": "array"}}),
        becomes(file("v: []\n"), ("v=[1, x]",), {"v": [1, "x"]}),
    ],
    "T10": typed(
        file("v: [{a: 1}, {b: x}]\n"), {"v[0].a": {"type": "integer"}, "v[1].b": {"type": "string"}}
    ),
    "T11": typed(file("v: [1, a]\n"), {"v": {"type": "array", "items": {"type": ["integer", "string"]}}}),
    "T12": typed(file("v: [1, a]\n"), {"v": {"type": "array", "items": {"type": ["integer", "string"]}}}),
    "T13": [
        typed(file("v: 2024-01-01\n"), {"v": {"type": "string"}}),
        writes(file("v: 2024-01-01\n"), ("v=2025-02-03",), 'v: "2025-02-03"\n'),
    ],
    "T14": typed(file("v: yes\n"), {"v": {"type": "boolean"}}),
    "T15": [
        typed(
            file("v: 1e-4\n"), {"v": {"type": "number"}}, warns="'1e-4' is a number to OmegaConf and YAML 1.2"
        ),
        writes(file("v: 1e-4\n"), ("v=2e-5",), "v: 2.0e-05\n"),
    ],
    "T16": unreadable(file("a: [\n"), "c.yaml:2:1"),
    "T17": [
        shows(script(""), {}),
        shows(script("import wandb\nwandb.init(config={'a': 1})"), {"a": 1}, warns=""),
    ],
    "T18": _exported,
    "T19": [
        shows(script('config = {"x": 1}\nmanage_config_file("c.yaml")', _TWO), {"a": 1, "b": 2}),
        shows(
            script('manage_config({"x": 1})\nmanage_config_file("c.yaml")', _TWO), {"x": 1, "a": 1, "b": 2}
        ),
    ],
    "T20": becomes(script('manage_config({"a": 1})'), ("a=2",), {"a": 2}),
    "T21": becomes(script('manage_config({"a": 1, "b": "x"})'), ("a=2",), {"a": 2, "b": "x"}),
    "T22": [
        becomes(file("v: 0.5\n"), in_file({"v": 3}), {"v": 3.0}),
        refuses(file("v: 3\n"), in_file({"v": 0.5}), "must be an int, not the float 0.5"),
    ],
}


_KEEP = '# why\nb: yes   # keep\na: "64"\nl: [1, 2]\nx: &x {k: 1}\ny: *x\n'
_MAP = "s: 3\nm: {k: 1, j: 2}\nl: [1, 2]\n"
_AS = {"s": 3, "m": {"k": 1, "j": 2}, "l": [1, 2]}


def _absolute(at: Folder) -> None:
    outside = at.project({"c.yaml": "a: 1\n"}).root / "c.yaml"
    unreadable(script(f"manage_config_file({str(outside)!r})"), "an absolute path")(at)


def _link(at: Folder) -> None:
    outside = at.project({"c.yaml": "a: 1\n"}).root / "c.yaml"
    link = {"c.yaml": str(outside)}
    unreadable(
        script('manage_config_file("c.yaml")'), "lies outside the project through a symlink", links=link
    )(at)
    inside = script('manage_config_file("c.yaml")', {"real.yaml": "a: 1\n"})
    shows(inside, {"a": 1}, links={"c.yaml": "real.yaml"})(at)


def _from_below(at: Folder) -> None:
    root = at.project({**file("a: 1\n"), "sub/x": ""}).root
    project = Project.find(root / "sub", environ={"PATH": os.environ["PATH"]})
    assert [field.value for field in read_form(project, Request(job="train")).listed()] == [1]


def _each_time(at: Folder) -> None:
    project = at.project(file("a: 1\n"))
    for value in (2, 3):
        assert plan(project, in_file({"a": value})).documents["c.yaml"].tree == {"a": value}


def _both_sides(at: Folder) -> None:
    made = at.plan(file("a: 1\n"), ("a=2",))
    assert [(change.before, change.after) for change in made.changes] == [(1, 2)]


def _same_file(at: Folder) -> None:
    for declared, named in (("c.yaml", "./c.yaml"), ("./c.yaml", "c.yaml")):
        files = script(f"manage_config_file({declared!r})", {"c.yaml": "a: 1\n"})
        becomes(files, in_file({"a": 2}, named), {"a": 2})(at)


FILES: dict[str, Check | list[Check]] = {
    "C1": _absolute,
    "C2": unreadable(script('manage_config_file("../c.yaml")'), "lies outside the project"),
    "C3": shows(script('manage_config_file("foo..bar.yaml")', {"foo..bar.yaml": "a: 1\n"}), {"a": 1}),
    "C4": shows(
        script(
            'manage_config_file("sub/../c.yaml")\nmanage_config_file("c.yaml")',
            {"c.yaml": "a: 1\n", "sub/x": ""},
        ),
        {"a": 1},
    ),
    "C5": unreadable(script('manage_config_file("c.yaml")'), "c.yaml: no such file"),
    "C6": [
        unreadable(script('manage_config_file("C.YAML")', {"C.YAML": "a: 1\n"}), "no format has this suffix"),
        shows(file("a: 1\n", 'format = "yaml"', path="C.YAML"), {"a": 1}),
    ],
    "C7": shows(script('manage_config_file("c.toml")', {"c.toml": "a = 1\n"}), {"a": 1}),
    "C8": shows(script('manage_config_file("./c.yaml")', {"c.yaml": "a: 1\n"}), {"a": 1}),
    "C9": unreadable(script('manage_config_file("d.yaml")', {"d.yaml/x": ""}), "d.yaml: is not a file"),
    "C10": [
        shows(script('manage_config_file("c.yaml")', {"c.yaml": ""}), {}),
        becomes(file(""), ("+a=1",), {"a": 1}),
    ],
    "C11": shows(script('manage_config_file("c.yaml")', {"c.yaml": "- a: 1\n"}), {"[0].a": 1}),
    "C12": unreadable(script('manage_config_file("c.yaml")', {"c.yaml": "a: [\n"}), "c.yaml:2:1"),
    "C13": _link,
    "C14": _from_below,
    "C15": becomes(file(_AB), in_file({"a": 5}), {"a": 5, "b": 2}),
    "C16": becomes(file("a: x\n"), in_file({"a": "y" * 100_000}), {"a": "y" * 100_000}),
    "C17": refuses(file(_AB), '{"overrides": {nope', ":1:16: expected a key"),
    "C18": refuses(file(_AB), "[1]", "must be a mapping"),
    "C19": _each_time,
    "C20": _same_file,
    "C21": refuses(
        file(_AB), in_file({"a": 5}, "d.yaml"), "no input is called 'd.yaml'", "did you mean 'c.yaml'?"
    ),
    "C22": writes(file("a: 1\n"), ("a=2",), "a: 2\n"),
    "C23": becomes(file(_MAP), in_file({"m": {"k": 5}}), {**_AS, "m": {"k": 5, "j": 2}}),
    "C24": [
        becomes(file(_MAP), in_file({"l": [3]}), {**_AS, "l": [3]}),
        becomes(file(_MAP), ("l[0]=9",), {**_AS, "l": [9, 2]}),
    ],
    "C25": [
        refuses(file(_MAP), in_file({"s": None}), "s: must be an int, not null"),
        becomes(
            with_schema(of(s={"type": ["integer", "null"]}), _MAP), in_file({"s": None}), {**_AS, "s": None}
        ),
    ],
    "C26": [
        becomes(file(_MAP), ("m={}",), {**_AS, "m": {}}),
        becomes(file(_MAP), in_file({"m": {}}), _AS),
        refuses(file(_MAP, 'exclude = ["m.j"]'), ("m={}",), "m"),
    ],
    "C27": refuses(file(_MAP), in_file({"s": {"z": 1}}), "there is no input 's.z'"),
    "C28": refuses(file(_MAP), in_file([1]), "must be a dict, not a list"),
    "C29": refuses(file(_MAP), in_file({"m": 7}), "m: must be a dict, not the int 7"),
    "C30": [
        becomes(file(""), ("+a=1",), {"a": 1}),
        refuses(file(""), in_file({"a": 1}), "there is no input 'a'"),
    ],
    "C31": [
        refuses(file("- {a: 1}\n"), in_file({"a": 2}), "there is no input 'a'", "did you mean '[0].a'?"),
        becomes(file("- {a: 1}\n"), ("[0].a=2",), [{"a": 2}]),
    ],
    "C32": [
        becomes(file("a.b: 1\na: {b: 2}\n"), in_file({"a.b": 3}), {"a.b": 3, "a": {"b": 2}}),
        refuses(file(_MAP), in_file({"m.k": 9}), r"there is no input 'm\.k'", "did you mean 'm.k'?"),
    ],
    "C33": [
        refuses(file(_AB), in_file({"new": 1}), "there is no input 'new'", "adds a new key"),
        becomes(file(_AB), ("+new=1",), {"a": 1, "b": 2, "new": 1}),
    ],
    "C34": refuses(file(_AB), in_file({"a": "text"}), "a: must be an int, not the text 'text'"),
    "C35": writes(
        file('{"b":1,\n   "a": [1,2]}\n', path="c.json"), ("b=2",), '{"b":2,\n   "a": [1,2]}\n', "c.json"
    ),
    "C36": writes(file(_KEEP), ("l=[3]",), _KEEP.replace("[1, 2]", "[3]")),
    "C37": writes(file(_KEEP), ("l=[3]",), _KEEP.replace("[1, 2]", "[3]")),
    "C38": _both_sides,
    "C39": writes(file(_KEEP), (), _KEEP),
    "C40": writes(file(_KEEP), in_file(None), _KEEP),
}


_MODELS = '''
from enum import Enum
from typing import Dict, List, Literal, Optional, Union

from pydantic import BaseModel, Field


class Dataset(str, Enum):
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"


class Size(int, Enum):
    SMALL = 1
    LARGE = 2


class Trainer(BaseModel):
    learning_rate: float = Field(description="step size")
    batch_size: int = Field(description="samples per step")
    dataset: Dataset = Field(title="Dataset", description="which data")


class Page(BaseModel):
    """Nested as in W&B's own documentation."""
    trainer: Trainer


PAGE = Page(trainer=Trainer(learning_rate=0.01, batch_size=32, dataset="cifar10"))


class Plain(BaseModel):
    lr: float = 0.5


PLAIN = Plain(lr=0.25)


class Default(BaseModel):
    v: int = 3


class Maybe(BaseModel):
    v: Optional[int] = None


class Ints(BaseModel):
    v: List[int] = Field(default_factory=lambda: [1])


class Mapped(BaseModel):
    v: Dict[str, int] = Field(default_factory=lambda: {"k": 1})


class Either(BaseModel):
    v: Union[int, str] = 1


class Constants(BaseModel):
    v: Literal["x", True, None] = "x"


class Choices(BaseModel):
    many: List[Dataset]
    size: Size
    flag: bool
    one_of: Literal["a", "b"]


class One(BaseModel):
    v: Literal["x"] = "x"


class Node(BaseModel):
    value: int = 1
    next: Optional["Node"] = None
'''


def model(name: str, defaults: str = "None") -> Files:
    """Return a project whose script gives a Pydantic class or instance as the schema."""
    code = f"import models\nmanage_config({defaults}, schema=models.{name})"
    return script(code, {"models.py": _MODELS})


_SELECT = {
    "type": "array",
    "uniqueItems": True,
    "minItems": 1,
    "maxItems": 2,
    "items": {"type": "string", "enum": ["x", "y", "z"]},
}
_SHARED = {
    "$defs": {"E": {"type": "string", "enum": ["x", "y"]}, "M": of(e={"$ref": "#/$defs/E"})},
    **of(a={"$ref": "#/$defs/M"}, b={"$ref": "#/$defs/M"}),
}
_DEFS = {"$defs": {"E": {"type": "string", "enum": ["x", "y"]}}, **of(v={"$ref": "#/$defs/E"})}
_SECRET = {"type": "string", "format": "secret"}
_OLD_DEFS = {
    "definitions": {"E": {"type": "string", "enum": ["x", "y"]}},
    **of(v={"$ref": "#/definitions/E"}),
}
_LOST = {"$defs": {"E": {"type": "string", "enum": ["x", "y"]}}, **of(v={"$ref": "#/$defs/X"})}


def enforces(schema: Any, text: str, asked: str, message: str) -> Check:
    """The schema is accepted without a word, and refuses one value."""

    def check(at: Folder) -> None:
        assert [warning.message for warning in at.form(with_schema(schema, text)).warnings] == []
        refuses(with_schema(schema, text), (asked,), message)(at)

    return check


def _unmutated(at: Folder) -> None:
    given = json.loads(json.dumps(_SHARED))
    forget(at)
    for _ in range(2):
        runtime.manage_config({"a": {"e": "x"}}, schema=given)
        runtime.load_config()
    assert given == _SHARED
    twice = f'S = {_SHARED}\nmanage_config({{"a": {{"e": "x"}}}}, schema=S)\nmanage_config_file("c.yaml", schema=S)'
    files = script(twice, {"c.yaml": "b: {e: x}\n"})
    refuses(
        files, ("run-config:a.e=q", "c.yaml:b.e=q"), "a.e: must be one of x, y", "b.e: must be one of x, y"
    )(at)


def _all_at_once(at: Folder) -> None:
    schema = of(a={"exclusiveMinimum": 0}, b={"enum": ["x", "y"]})
    asked = in_file({"a": -1, "b": "z"})
    refuses(
        with_schema(schema, "a: 1\nb: x\n"), asked, "a: must be greater than 0", "b: must be one of x, y"
    )(at)


def _secret(at: Folder) -> None:
    project = at.project(with_schema(of(v=_SECRET), "v: hush1\n"))
    made = plan(project, ("v=hush2",))
    assert same(made.documents["c.yaml"].tree, {"v": "hush2"})
    assert "hush" not in repr(preview(project, made))


SCHEMAS: dict[str, Check | list[Check]] = {
    "S1": typed(
        model("Plain", "{'lr': 0.5}"), {"lr": {"type": "number", "title": "Lr", "default": 0.5}}, warns=""
    ),
    "S2": shows(model("PLAIN"), {"lr": 0.25}, warns=""),
    "S3": [
        unreadable(script("class X: pass\nmanage_config({'a': 1}, schema=X)"), "neither a JSON Schema"),
        unreadable(script("manage_config({'a': 1}, schema=[1])"), "schema must be a JSON Schema"),
    ],
    "S4": typed(script("manage_config({'a': 1}, schema={})"), {"a": {"type": "integer"}}, warns=""),
    "S5": enforces(_DEFS, "v: x\n", "v=z", "must be one of x, y"),
    "S6": enforces(
        of(v={"allOf": [{"type": "string", "enum": ["x", "y"]}]}), "v: x\n", "v=z", "must be one of x, y"
    ),
    "S7": unreadable(
        with_schema(of(v={"type": "int"}), "v: 1\n"),
        "s.json, at 'properties.v.type': unknown type 'int' (did you mean 'integer'?)",
    ),
    "S8": typed(
        with_schema(
            of(v={"type": "integer", "title": "T", "description": "D", "label": "L", "placeholder": "P"}),
            "v: 1\n",
        ),
        {"v": {"type": "integer", "title": "T", "description": "D", "label": "L", "placeholder": "P"}},
        warns="",
    ),
    "S9": [
        enforces(of(v={"type": "integer", "minimum": 1}), "v: 3\n", "v=0", "must be at least 1"),
        enforces(of(v={"type": "integer", "exclusiveMaximum": 9}), "v: 3\n", "v=9", "must be less than 9"),
        enforces(
            of(v={"type": "number", "exclusiveMinimum": 0.5}),
            "v: 0.75\n",
            "v=0.5",
            "must be greater than 0.5",
        ),
    ],
    "S10": enforces(of(v={"type": "integer", "minimum": 0.5}), "v: 3\n", "v=0", "must be at least 0.5"),
    "S11": enforces(of(v=_SELECT), "v: [x]\n", "v=[x, x]", "must hold no item twice"),
    "S12": enforces(
        of(v={"type": "array", "items": {"type": "integer"}}), "v: [1]\n", "v=[x]", "v[0]: must be an int"
    ),
    "S13": [
        unreadable(
            with_schema(of(v={"type": "integer", "required": True}), "v: 1\n"), "must be a list, not true"
        ),
        enforces(json_schema(of(v={"type": "integer", "required": True})), "v: 1\n", "v-", "missing key 'v'"),
    ],
    "S14": enforces({**of(v={"type": "integer"}), "required": ["v"]}, "v: 1\n", "v-", "missing key 'v'"),
    "S15": enforces(of(v={"type": "integer", "default": 3}), "v: 1\n", "v=x", "must be an int"),
    "S16": [
        enforces(
            of(v={"anyOf": [{"type": "integer"}, {"type": "null"}]}), "v: 1\n", "v=x", "must be int or null"
        ),
        enforces(of(v={"oneOf": [{"const": 1}, {"const": 2}]}), "v: 1\n", "v=3", "must be one of 1, 2"),
    ],
    "S17": [
        enforces(of(v={"const": 1}), "v: 1\n", "v=2", "must be 1"),
        enforces(of(v={"type": "string", "pattern": "^h"}), "v: hi\n", "v=x", "must match ^h"),
        enforces(
            of(v={"type": "string", "minLength": 2}), "v: hi\n", "v=x", "must have at least 2 characters"
        ),
        enforces(of(v={"type": "integer", "multipleOf": 2}), "v: 2\n", "v=3", "multiple of 2"),
    ],
    "S18": enforces({**of(v={"type": "integer"}), "additionalProperties": False}, "v: 1\n", "+w=1", "w: "),
    "S19": [
        enforces(of(v={"type": ["integer", "null"]}), "v: 1\n", "v=x", "must be int or null"),
        enforces(of(v={"enum": [1, True, None]}), "v: 1\n", "v=x", "must be one of 1, true, null"),
    ],
    "S20": typed(
        with_schema(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **of(v={"type": "integer", "x-a": 1}),
            },
            "v: 1\n",
        ),
        {"v": {"type": "integer", "x-a": 1}},
        warns="",
    ),
    "S21": [
        shows(
            model("PAGE"),
            {"trainer.learning_rate": 0.01, "trainer.batch_size": 32, "trainer.dataset": "cifar10"},
            warns="",
        ),
        refuses(model("PAGE"), ("trainer.dataset=cifar11",), "must be one of cifar10, cifar100"),
    ],
    "S22": refuses(model("Default", "{'v': 1}"), ("v=x",), "must be an int"),
    "S23": [
        shows(model("Maybe", "{'v': 1}"), {"v": 1}, warns=""),
        refuses(model("Maybe", "{'v': 1}"), ("v=x",), "must be int or null"),
    ],
    "S24": [
        refuses(model("Ints", "{'v': [1]}"), ("v=[x]",), "v[0]: must be an int"),
        refuses(model("Mapped", "{'v': {'k': 1}}"), ("v.k=x",), "v.k: must be an int"),
        refuses(model("Either", "{'v': 1}"), in_config({"v": [1]}), "v: must be int or str"),
        refuses(model("One", "{'v': 'x'}"), ("v=y",), "v: must be x"),
        refuses(model("Constants", "{'v': 'x'}"), ("v=y",), "v: must be"),
    ],
    "S25": refuses(
        model("Choices", "{'many': ['cifar10'], 'size': 1, 'flag': True, 'one_of': 'a'}"),
        ("many=[x]", "size=3", "flag=7", "one_of=c"),
        "many[0]: must be one of cifar10, cifar100",
        "size: must be one of 1, 2",
        "flag: must be a bool",
        "one_of: must be one of a, b",
    ),
    "S26": _unmutated,
    "S27": refuses(
        with_schema(_SHARED, "a: {e: x}\nb: {e: x}\n"),
        ("a.e=q", "b.e=q"),
        "a.e: must be one of",
        "b.e: must be one of",
    ),
    "S28": unreadable(with_schema(_LOST, "v: x\n"), "'#/$defs/X' points at nothing in the schema"),
    "S29": enforces(_OLD_DEFS, "v: x\n", "v=z", "must be one of x, y"),
    "S30": refuses(
        model("Node", "{'value': 1, 'next': {'value': 2, 'next': {'value': 3}}}"),
        ("next.next.value=x",),
        "next.next.value: must be",
    ),
    "S31": _all_at_once,
    "S32": typed(
        script("manage_config({'a': 1}, schema={'type': 'object'})"), {"a": {"type": "integer"}}, warns=""
    ),
    "S33": enforces(of(v={"minimum": 0}), "v: 1\n", "v=x", "must be an int"),
    "S34": typed(with_schema(of(v={"minimum": 0}), "v: 1\n"), {"v": {"type": "integer", "minimum": 0}}),
    "S35": _secret,
    "S36": shows(
        script("manage_config({'a': 1}, input_schema={})"), {"a": 1}, warns="no argument 'input_schema'"
    ),
}


def _declares() -> None:
    runtime.manage_config({"seed": 1})


def _fresh(at: Folder) -> None:
    loads({"a": 1}, {"a": 1})(at)
    first = runtime.load_config()
    first["a"] = 5
    assert runtime.load_config() == {"a": 1}


LOADING: dict[str, Check | list[Check]] = {
    "L1": loads({"a": 1}, {"a": 1}),
    "L2": loads({"a": "x" * 100_000}, {"a": "x" * 100_000}),
    "L3": loads_by_hand(_declares, {"seed": 1}),
    "L4": refuses(run_config("{ a = 1 }"), '{"overrides": {nope', ":1:16: expected a key"),
    "L5": loads({"a": 1}, {"a": 1}),
    "L6": becomes(run_config("{ a = 1, b = 2 }"), in_config({"a": 5}), {"a": 5, "b": 2}),
    "L7": loads({"a": 1}, {"a": 1}),
    "L8": loads({"leak": 2}, {"leak": 2}),
    "L9": _fresh,
    "L10": [
        becomes(run_config('{ "--a-" = 1 }'), in_config({"--a-": 3}), {"--a-": 3}),
        loads({"--a-": 1}, {"--a-": 1}),
    ],
    "L11": refuses(run_config("{ a = 1 }"), '{"overrides": {"run_config": nope}}', ":1:30"),
    "L12": refuses(run_config("{ a = 1 }"), in_config([1]), "must be a dict"),
}

OURS = {**FILTERS, **TYPES, **FILES, **SCHEMAS, **LOADING}


# --- their column ----------------------------------------------------------------------

# Case and outcome by row, or a list of them. An outcome names what is compared: `value`,
# `error` with part of its message in `says`, `never_ends`, the files `after`, the `copies`
# that are put aside, `names` in the folder, and in `warns` parts of the one warning; where
# it is not named there must be none.
Case = tuple[dict[str, Any], dict[str, Any]]


def splits(*paths: str, to: list[list[str]]) -> Case:
    return {"do": "split", "paths": list(paths)}, {"value": to}


def never_splits(path: str) -> Case:
    return {"do": "split", "paths": [path], "limit": 2}, {"never_ends": True}


def declares(*calls: dict[str, Any], told: list[dict[str, Any]]) -> Case:
    """`manage_wandb_config` calls, and what the next run is told of them."""
    return {"do": "config", "calls": calls}, {"value": [{"run_config": True, **each} for each in told]}


def manages(path: str, outcome: dict[str, Any], **case: Any) -> Case:
    """A `manage_config_file` call; `overrides` are the file overrides of the environment."""
    overrides = case.pop("overrides", None)
    env = {} if overrides is None else {"WANDB_LAUNCH_FILE_OVERRIDES": json.dumps(overrides)}
    return {"do": "file", "calls": [{"path": path}], "env": env, **case}, outcome


def overrides(text: str, asked: Any, after: str, path: str = "c.yaml") -> Case:
    """What the override of a file makes of its text."""
    return manages(path, {"after": {path: after}}, files={path: text}, overrides={path: asked})


def crashes(text: str, asked: Any, error: str, says: str) -> Case:
    """An override of a file that ends the job; the file stays as it was."""
    outcome = {"error": error, "says": says, "after": {"c.yaml": text}}
    return manages("c.yaml", outcome, files={"c.yaml": text}, overrides={"c.yaml": asked})


def refused(path: str, says: str, **case: Any) -> Case:
    return manages(path, {"error": "LaunchError", "says": says}, **case)


def warns(schema: Any, *messages: str, **outcome: Any) -> Case:
    """A schema that is sent with a warning; a text names an object in models.py."""
    return {"do": "schema", "schema": schema, "files": {"models.py": _MODELS}}, {"warns": messages, **outcome}


def quiet(schema: Any, **outcome: Any) -> Case:
    """A schema that is sent without a warning."""
    return {"do": "schema", "schema": schema, "files": {"models.py": _MODELS}}, outcome


def loaded(env: dict[str, str], outcome: dict[str, Any], **case: Any) -> Case:
    return {"do": "load", "env": env, **case}, outcome


def _unexpected(*keys: str) -> str:
    return f"({', '.join(map(repr, keys))} {'was' if len(keys) == 1 else 'were'} unexpected)"


_A = {"a.yaml": "v: 1\n", "b.yaml": "v: 1\n"}
_BROKEN = {"error": "LaunchError", "says": "Invalid JSON in WANDB_LAUNCH_FILE_OVERRIDES"}
_DEFAULTS = {"config-defaults.yaml": "a:\n  value: 2\nz:\n  value: 3\n"}

THEIRS: dict[str, Case | list[Case]] = {
    "F1": splits("a.b", to=[["a", "b"]]),
    "F2": splits(r"a\.b", to=[["a.b"]]),
    "F3": splits("a..b", to=[["a", "", "b"]]),
    "F4": splits(".a", to=[["", "a"]]),
    "F5": splits("a.", to=[["a"]]),
    "F6": splits("", to=[[]]),
    "F7": splits(".", to=[[""]]),
    "F8": never_splits(r"a\b"),
    "F9": never_splits(r"a\\.b"),
    "F10": ({"do": "split", "paths": ["a\\"]}, {"error": "LaunchError", "says": "trailing"}),
    "F11": declares({"include": "ab"}, told=[{"include_paths": [["a"], ["b"]]}]),
    "F12": splits("*.lr", to=[["*", "lr"]]),
    "F13": splits("layers[1]", to=[["layers[1]"]]),
    "F29": manages(
        "c.yaml",
        {"after": {"c.yaml": "a: 2\n"}, "copies": {"c.yaml": "a: 1\n"}},
        files={"c.yaml": "a: 1\n"},
        write="a: 2\n",
    ),
    "F30": manages(
        "c.yaml",
        {"after": {"c.yaml": "a: 1\nb: 3\n"}},
        files={"c.yaml": _AB},
        overrides={"c.yaml": {"b": 3}},
        calls=[{"path": "c.yaml", "include": ["a"]}],
    ),
    "T12": (
        {"do": "type_of", "value": [1, "a"]},
        {"value": {"wb_type": "list", "params": {"element_type": {"wb_type": "invalid"}, "length": 2}}},
    ),
    "T13": overrides("v: 2024-01-01\n", {"v": "2025-02-03"}, "v: '2025-02-03'\n"),
    "T14": ({"do": "read", "path": "c.yaml", "files": {"c.yaml": "v: yes\n"}}, {"value": {"v": True}}),
    "T15": ({"do": "read", "path": "c.yaml", "files": {"c.yaml": "v: 1e-4\n"}}, {"value": {"v": "1e-4"}}),
    "T20": ({"do": "assign", "known": {}, "values": [{"a": 1}, {}]}, {"value": ["refused", "accepted"]}),
    "T21": (
        {"do": "assign", "known": {"a": 1, "b": "x"}, "values": [{"a": 2}, {"a": 2, "b": "x"}]},
        {"value": ["refused", "accepted"]},
    ),
    "T22": (
        {"do": "assign", "known": {"v": 3}, "values": [{"v": 0.5}, {"v": "x"}]},
        {"value": ["accepted", "refused"]},
    ),
    "C1": refused("/c.yaml", "Please provide a relative path"),
    "C2": refused("../c.yaml", "without any upward path traversal"),
    "C3": refused("foo..bar.yaml", "without any upward path traversal", files={"foo..bar.yaml": "a: 1\n"}),
    "C4": refused(
        "sub/../c.yaml", "without any upward path traversal", files={"c.yaml": "a: 1\n", "sub/x": ""}
    ),
    "C5": refused("c.yaml", "File does not exist"),
    "C6": refused("C.YAML", "Only JSON and YAML", files={"C.YAML": "a: 1\n"}),
    "C7": refused("c.toml", "Only JSON and YAML", files={"c.toml": "a = 1\n"}),
    "C8": manages("./c.yaml", {"value": [{"file_path": "./c.yaml"}]}, files={"c.yaml": "a: 1\n"}),
    "C9": manages("d.yaml", {"error": "IsADirectoryError"}, folders=["d.yaml"]),
    "C10": manages("c.yaml", {"value": [{"file_path": "c.yaml"}]}, files={"c.yaml": ""}),
    "C11": manages("c.yaml", {"value": [{"file_path": "c.yaml"}]}, files={"c.yaml": "- a: 1\n"}),
    "C12": manages("c.yaml", {"value": [{"file_path": "c.yaml"}]}, files={"c.yaml": "a: [\n"}),
    "C13": manages(
        "c.yaml",
        {"after": {"../outside.yaml": "a: 2\n"}},
        files={"../outside.yaml": "a: 1\n"},
        links={"c.yaml": "../outside.yaml"},
        overrides={"c.yaml": {"a": 2}},
    ),
    "C14": manages(
        "c.yaml",
        {"error": "LaunchError", "says": "File does not exist"},
        files={"c.yaml": "a: 1\n", "sub/x": ""},
        cwd="sub",
    ),
    "C15": overrides(_AB, {"a": 5}, "a: 5\nb: 2\n"),
    "C16": manages(
        "c.yaml",
        {"after": {"c.yaml": "a: 5\nb: 2\n"}},
        files={"c.yaml": _AB},
        env={"WANDB_LAUNCH_FILE_OVERRIDES_0": '{"c.yaml": {"a"', "WANDB_LAUNCH_FILE_OVERRIDES_1": ": 5}}"},
    ),
    "C17": manages("c.yaml", _BROKEN, files={"c.yaml": _AB}, env={"WANDB_LAUNCH_FILE_OVERRIDES": "{nope"}),
    "C18": manages("c.yaml", _BROKEN, files={"c.yaml": _AB}, env={"WANDB_LAUNCH_FILE_OVERRIDES": "[1]"}),
    "C19": manages(
        "a.yaml",
        {"after": {"a.yaml": "v: 2\n", "b.yaml": "v: 1\n"}},
        files=_A,
        calls=[{"path": "a.yaml"}, {"path": "b.yaml"}],
        overrides={"a.yaml": {"v": 2}},
        env_later={"WANDB_LAUNCH_FILE_OVERRIDES": '{"b.yaml": {"v": 2}}'},
    ),
    "C20": manages(
        "./c.yaml", {"after": {"c.yaml": _AB}}, files={"c.yaml": _AB}, overrides={"c.yaml": {"a": 5}}
    ),
    "C21": manages(
        "c.yaml", {"after": {"c.yaml": _AB}}, files={"c.yaml": _AB}, overrides={"d.yaml": {"a": 5}}
    ),
    "C22": manages(
        "c.yaml",
        {"after": {"c.yaml": "a: 2\n"}, "names": ["c.yaml"]},
        files={"c.yaml": "a: 1\n"},
        overrides={"c.yaml": {"a": 2}},
    ),
    "C23": overrides("m: {k: 1, j: 2}\n", {"m": {"k": 5}}, "m:\n  j: 2\n  k: 5\n"),
    "C24": overrides("l: [1, 2]\n", {"l": [3]}, "l:\n- 3\n"),
    "C25": overrides("s: 3\n", {"s": None}, "s: null\n"),
    "C26": overrides("m: {k: 1}\n", {"m": {}}, "m:\n  k: 1\n"),
    "C27": crashes("s: 3\n", {"s": {"z": 1}}, "TypeError", "'int' object does not support item assignment"),
    "C28": crashes("s: 3\n", [1], "AttributeError", "'list' object has no attribute 'items'"),
    "C29": overrides("m: {k: 1}\n", {"m": 7}, "m: 7\n"),
    "C30": crashes("", {"a": 1}, "TypeError", "'NoneType' object does not support item assignment"),
    "C31": crashes("- {a: 1}\n", {"a": 2}, "TypeError", "list indices must be integers"),
    "C32": overrides("m: {k: 1}\n", {"m.k": 9}, "m:\n  k: 1\nm.k: 9\n"),
    "C33": overrides("a: 1\n", {"new": 1}, "a: 1\nnew: 1\n"),
    "C34": overrides("a: 1\n", {"a": "text"}, "a: text\n"),
    "C35": overrides(
        '{"b":1,\n   "a": [1,2]}\n', {"b": 2}, '{\n  "b": 2,\n  "a": [\n    1,\n    2\n  ]\n}', "c.json"
    ),
    "C36": overrides(
        "# why\nb: 1   # keep\na: &x {k: 1}\nc: *x\n", {"b": 2}, "a: &id001\n  k: 1\nb: 2\nc: *id001\n"
    ),
    "C37": overrides('b: yes\na: "64"\nl: [1]\n', {"l": [3]}, "a: '64'\nb: true\nl:\n- 3\n"),
    "C38": manages(
        "c.yaml", {"copies": {"c.yaml": "a: 2\n"}}, files={"c.yaml": "a: 1\n"}, overrides={"c.yaml": {"a": 2}}
    ),
    "C39": manages("c.yaml", {"after": {"c.yaml": _KEEP}}, files={"c.yaml": _KEEP}, overrides={}),
    "C40": manages(
        "c.yaml", {"after": {"c.yaml": _KEEP}}, files={"c.yaml": _KEEP}, overrides={"c.yaml": None}
    ),
    "S1": warns(
        "models:Plain",
        _unexpected("default"),
        value={
            "title": "Plain",
            "type": "object",
            "properties": {"lr": {"default": 0.5, "title": "Lr", "type": "number"}},
        },
    ),
    "S2": warns(
        "models:PLAIN",
        _unexpected("default"),
        value={
            "title": "Plain",
            "type": "object",
            "properties": {"lr": {"default": 0.5, "title": "Lr", "type": "number"}},
        },
    ),
    "S3": (
        {"do": "schema", "schema": [1]},
        {"error": "LaunchError", "says": "schema must be a dict, Pydantic model"},
    ),
    "S4": declares({"schema": {}}, told=[{}]),
    "S5": quiet(_DEFS, value=of(v={"type": "string", "enum": ["x", "y"]})),
    "S6": quiet(
        of(v={"allOf": [{"type": "string", "enum": ["x", "y"]}]}),
        value=of(v={"type": "string", "enum": ["x", "y"]}),
    ),
    "S7": warns(of(v={"type": "int"}), "'int' is not one of", value=of(v={"type": "int"})),
    "S8": quiet(
        of(v={"type": "integer", "title": "T", "description": "D", "label": "L", "placeholder": "P"})
    ),
    "S9": [
        quiet(
            of(
                v={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 9,
                    "exclusiveMinimum": 0,
                    "exclusiveMaximum": 10,
                }
            )
        ),
        quiet(
            of(
                v={
                    "type": "number",
                    "minimum": 0.5,
                    "maximum": 9,
                    "exclusiveMinimum": 0,
                    "exclusiveMaximum": 10,
                }
            )
        ),
    ],
    "S10": warns(of(v={"type": "integer", "minimum": 0.5}), "0.5 is not of type 'integer'"),
    "S11": quiet(of(v=_SELECT)),
    "S12": warns(of(v={"type": "array", "items": {"type": "integer"}}), "'enum' is a required property"),
    "S13": quiet(of(v={"type": "integer", "required": True})),
    "S14": warns({**of(v={"type": "integer"}), "required": ["v"]}, "['v'] is not of type 'boolean'"),
    "S15": warns(of(v={"type": "integer", "default": 3}), _unexpected("default")),
    "S16": [
        warns(of(v={"anyOf": [{"type": "integer"}, {"type": "null"}]}), _unexpected("anyOf")),
        warns(of(v={"oneOf": [{"const": 1}, {"const": 2}]}), _unexpected("oneOf")),
    ],
    "S17": [
        warns(of(v={"type": "integer", "const": 1}), _unexpected("const")),
        warns(of(v={"type": "string", "pattern": "^h"}), _unexpected("pattern")),
        warns(of(v={"type": "string", "minLength": 2}), _unexpected("minLength")),
        warns(of(v={"type": "integer", "multipleOf": 2}), _unexpected("multipleOf")),
    ],
    "S18": warns(
        {**of(v={"type": "integer"}), "additionalProperties": False}, _unexpected("additionalProperties")
    ),
    "S19": [
        warns(of(v={"type": ["integer", "null"]}), "['integer', 'null'] is not of type 'string'"),
        warns(of(v={"enum": [1, True, None]}), "True is not of type", "None is not of type"),
    ],
    "S20": warns(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **of(v={"type": "integer", "x-a": 1})},
        _unexpected("$schema"),
        _unexpected("x-a"),
    ),
    "S21": [
        warns(
            each,
            "['trainer'] is not of type 'boolean'",
            "['learning_rate', 'batch_size', 'dataset'] is not of type 'boolean'",
            faults=2,
        )
        for each in ("models:Page", "models:PAGE")
    ],
    "S22": warns("models:Default", _unexpected("default")),
    "S23": warns("models:Maybe", _unexpected("anyOf", "default"), "'items' is a required property", faults=2),
    "S24": [
        warns("models:Ints", "'enum' is a required property"),
        warns("models:Mapped", _unexpected("additionalProperties")),
        warns("models:Either", _unexpected("anyOf", "default")),
        warns("models:One", _unexpected("const", "default")),
        warns("models:Constants", "True is not of type", "None is not of type"),
    ],
    "S25": warns("models:Choices", "is not of type 'boolean'", faults=1),
    "S26": (
        {"do": "schema", "schema": _DEFS, "twice": True},
        {"value": of(v={}), "warns": ["'items' is a required property"]},
    ),
    "S27": warns(
        _SHARED,
        "'items' is a required property",
        value=of(a=of(e={"type": "string", "enum": ["x", "y"]}), b=of(e={})),
    ),
    "S28": ({"do": "schema", "schema": _LOST}, {"error": "KeyError", "says": "'X'"}),
    "S29": warns(_OLD_DEFS, _unexpected("definitions")),
    "S30": warns("models:Node", "unexpected"),
    "S31": (
        {"do": "config", "calls": [{"schema": of(a={"type": "integer", "minimum": 5}), "include": ["b"]}]},
        {
            "value": [
                {
                    "run_config": True,
                    "include_paths": [["b"]],
                    "input_schema": of(a={"type": "integer", "minimum": 5}),
                }
            ]
        },
    ),
    "S32": (
        {"do": "without_jsonschema", "schema": {"type": "object"}},
        {"error": "Error", "says": "requires the jsonschema package"},
    ),
    "S33": warns(of(v={"minimum": 0}), "'items' is a required property"),
    "S35": quiet(of(v=_SECRET)),
    "S36": (
        {"do": "config", "calls": [{"input_schema": {}}]},
        {"error": "TypeError", "says": "input_schema"},
    ),
    "L1": loaded({"WANDB_CONFIG": '{"a": 1}'}, {"value": {"a": 1}}),
    "L2": loaded({"WANDB_CONFIG_0": '{"a"', "WANDB_CONFIG_1": ": 1}"}, {"value": {"a": 1}}),
    "L3": loaded({}, {"error": "LaunchError", "says": "No WANDB_CONFIG or WANDB_CONFIG_[0-9]+"}),
    "L4": loaded({"WANDB_CONFIG": "{nope"}, {"error": "LaunchError", "says": "Failed to parse WANDB_CONFIG"}),
    "L5": loaded(
        {"WANDB_LAUNCH_CONFIG_PATH": "spec.json"},
        {"error": "LaunchError", "says": "No WANDB_CONFIG"},
        files={"spec.json": json.dumps(in_config({"a": 1}))},
    ),
    "L6": loaded({"WANDB_CONFIG": '{"a": 5}'}, {"value": {"a": 5}}),
    "L7": loaded({"WANDB_CONFIG": '{"b": 1}'}, {"value": {"a": 2, "z": 3, "b": 1}}, files=_DEFAULTS),
    "L8": loaded(
        {"WANDB_CONFIG": '{"a": 1}'}, {"error": "ConfigError", "says": "from 2 to 1"}, files=_DEFAULTS
    ),
    "L9": loaded(
        {"WANDB_CONFIG": '{"a": 1}'}, {"error": "ConfigError", "says": "from 1 to 5"}, then={"a": 5}
    ),
    "L10": loaded({"WANDB_CONFIG": '{"--a-": 1}'}, {"value": {"a": 1}}),
    "L11": (
        {"do": "init", "config": {"a": 1}, "env": {"WANDB_LAUNCH": "true", "WANDB_CONFIG": "{nope"}},
        {"value": {"a": 1}, "warns": ["Malformed WANDB_CONFIG, using original config"]},
    ),
    "L12": (
        {"do": "init", "config": {"a": 1}, "env": {"WANDB_LAUNCH": "true", "WANDB_CONFIG": "[1]"}},
        {"error": "AttributeError", "says": "'list' object has no attribute 'items'"},
    ),
}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_CASES = {
    f"{row}-{number}": case for row, cases in THEIRS.items() for number, case in enumerate(_listed(cases))
}


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each case on the real package."""
    named = os.environ.get("CONFJOB_PYTHON_WANDB")
    if not named:
        reason = "CONFJOB_PYTHON_WANDB names no interpreter with wandb; engine.sh makes one"
        if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("wandb")
    (folder / "request").write_text(json.dumps({name: case for name, (case, _) in _CASES.items()}))
    argv = [named, "-B", str(_PROBE), str(folder / "request"), str(folder / "answer")]
    done = subprocess.run(
        argv, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads((folder / "answer").read_text())
    assert answer["version"].startswith("0.31."), "the page is about wandb 0.31"
    return answer["cases"]


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which wandb is offline and writes below `folder` only."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("WANDB_", "CONFJOB_", "PYTHON"))
    }
    homes = {
        name: str(folder / name)
        for name in ("HOME", "TMPDIR", "WANDB_DIR", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR")
    }
    for home in homes.values():
        Path(home).mkdir()
    return {**kept, **homes, "WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch)


@pytest.mark.parametrize("row", OURS)
def test_confjob_does_what_its_column_says(row, folder):
    for check in _listed(OURS[row]):
        check(folder)


@pytest.mark.parametrize("name", _CASES)
def test_wandb_does_what_its_column_says(name, answers):
    outcome, expected = dict(answers[name]), dict(_CASES[name][1])
    messages = expected.pop("warns", None)
    told = outcome.get("warnings", [])
    assert (told == []) if messages is None else all(message in "\n".join(told) for message in messages), told
    assert len(told) == (0 if messages is None else 1)
    faults = "".join(told).count("<ValidationError")
    assert expected.pop("faults", faults) == faults
    assert expected.pop("says", "") in outcome.get("message", "")
    assert "error" in expected or "error" not in outcome, outcome
    assert {key: outcome.get(key) for key in expected} == expected


def _rows() -> dict[str, list[str]]:
    """Return the cells of every row of the page, by id."""
    lines = _PAGE.read_text(encoding="utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if re.match(r"\| [A-Z]\d+ \|", line)
    ]
    assert len({row[0] for row in cells}) == len(cells), "an id twice"
    return {row[0]: row for row in cells}


def test_every_row_is_tested_and_every_test_has_a_row():
    assert list(_rows()) == list(OURS)
    assert set(THEIRS) <= set(OURS)


def test_a_row_that_is_not_tested_on_wandb_has_a_dagger():
    daggers = {row for row, cells in _rows().items() if _DAGGER in cells[2]}
    assert set(OURS) - set(THEIRS) <= daggers
    # Of these the core has one half, and the job's side, which is tested, the other.
    assert daggers & set(THEIRS) == {"T13", "T14", "T15"}


def test_every_row_has_four_cells():
    assert [row for row, cells in _rows().items() if len(cells) != 4 or not all(cells)] == []
