"""A train function's signature and decorator become a job's run config."""

import subprocess
import sys
import textwrap
from pathlib import Path, PurePosixPath

import pytest

from confjob.declare.functions import read_function
from confjob.errors import InputError, ManifestError
from confjob.keypath import KeyPath, PathFilter
from confjob.probe import asker


def never(script, request):
    raise AssertionError(f"{script.name} was asked {request}")


@pytest.fixture
def write(tmp_path):
    def write(code, name="train.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(tmp_path, write):
    """Read a job from a file's text; without `asked` nothing may be asked of an interpreter."""

    def read(code, reference="train.py:train", *, asked=False, name="train.py"):
        if code is not None:
            write(code, name)
        return read_function(
            tmp_path, reference, asker(Path(sys.executable), tmp_path, tmp_path / ".c") if asked else never
        )

    return read


def values(job):
    return job.run_config.defaults[KeyPath()].value


def properties(job):
    return job.run_config.schema["properties"]


def test_a_signature_is_read_from_the_text_alone(read):
    job = read("""
        import no_such_module
        from typing import Literal, Optional, Union
        import typing as t

        def train(steps, lr: float = 0.1, n: int = -3, tag: str = "a", on: bool = True, sizes: list[int] = [1, 2],
                  opts: dict[str, float] = {"a": 1.5}, mode: Literal["x", "y"] = "x", maybe: Optional[int] = None,
                  either: int | str | None = 3, other: "t.Union[int, None]" = None, pair: tuple[int, str] = (1, "a"),
                  *, plain=2.5, late: float = None):
            '''Train a model.

            At length.'''
    """)
    assert values(job) == {
        "lr": 0.1,
        "n": -3,
        "tag": "a",
        "on": True,
        "sizes": [1, 2],
        "opts": {"a": 1.5},
        "mode": "x",
        "maybe": None,
        "either": 3,
        "other": None,
        "pair": [1, "a"],
        "plain": 2.5,
        "late": None,
    }
    null = {"type": "null"}
    assert properties(job) == {
        "steps": {},
        "lr": {"type": "number"},
        "n": {"type": "integer"},
        "tag": {"type": "string"},
        "on": {"type": "boolean"},
        "sizes": {"type": "array", "items": {"type": "integer"}},
        "opts": {"type": "object", "additionalProperties": {"type": "number"}},
        "mode": {"type": "string", "enum": ["x", "y"]},
        "maybe": {"anyOf": [{"type": "integer"}, null]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}, null]},
        "other": {"anyOf": [{"type": "integer"}, null]},
        "pair": {
            "type": "array",
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "minItems": 2,
            "maxItems": 2,
        },
        "plain": {},
        "late": {"anyOf": [{"type": "number"}, null]},
    }
    assert job.run_config.schema["additionalProperties"] is False
    assert job.run_config.required == (KeyPath(("steps",)),)
    assert (job.module, job.function, job.call, job.description) == (
        "train",
        "train",
        "parameters",
        "Train a model.",
    )


def test_every_default_has_its_exact_place_in_characters(read, tmp_path):
    job = read(
        """
        # größe
        def träin(ä="ü", lr: float = 1e-3,  # learning rate
                  sizes=[1, {"x": 'y'}]):
            pass
    """,
        "train.py:träin",
    )
    text = (tmp_path / "train.py").read_text(encoding="utf-8")
    nodes = job.run_config.defaults
    spelled = {str(path): text[node.where.start : node.where.end] for path, node in nodes.items() if path}
    assert spelled == {
        "ä": '"ü"',
        "lr": "1e-3",
        "sizes": "[1, {\"x\": 'y'}]",
        "sizes[0]": "1",
        "sizes[1]": "{\"x\": 'y'}",
        "sizes[1].x": "'y'",
    }
    lr = nodes[KeyPath(("lr",))]
    assert (str(lr.where), lr.comment, lr.style) == ("train.py:3:30", "learning rate", "")
    assert nodes[KeyPath.parse("sizes[1].x")].style == "'"
    assert text[job.where.start : job.where.end] == "träin"
    assert str(job.where) == "train.py:3:5"


def test_spans_are_right_in_a_file_with_crlf_and_a_byte_order_mark(read, tmp_path):
    (tmp_path / "train.py").write_bytes(b"\xef\xbb\xbfx = 1\r\n\r\ndef train(lr=0.5):\r\n    pass\r\n")
    node = read(None).run_config.defaults[KeyPath(("lr",))]
    assert (node.where.line, node.where.column, node.where.start) == (3, 14, 20)


def test_a_name_of_a_module_level_literal_is_followed_to_its_definition(read):
    job = read("""
        RATE = 0.1  # the usual
        def train(lr: float = RATE): ...
    """)
    node = job.run_config.defaults[KeyPath(("lr",))]
    assert (node.value, str(node.where), node.comment) == (0.1, "train.py:2:8", "the usual")


@pytest.mark.parametrize("change", ["RATE['a'] = 2", "RATE.update(a=2)", "if True:\n    RATE = {'a': 2}"])
def test_a_name_that_is_changed_later_is_not_believed(read, change):
    job = read(f"RATE = {{'a': 1}}\n{change}\ndef train(opts: dict = RATE, x=1): ...\n", asked=True)
    assert values(job)["opts"] == {"a": 2}


def test_the_decorators_arguments_are_read(read):
    job = read("""
        from confjob import job
        import confjob as cj

        EXCLUDE = ["data"]

        @cj.job("digits", description="Digits", include="lr", exclude=EXCLUDE, resources={"gpus": 1},
                env={"A": "b"}, defaults={"lr": 0.5, "opts": {"b": 2}})
        def train(lr: float = 0.1, opts={"a": 1}, data="d"): ...
    """)
    assert (job.name, job.description, job.resources, job.env) == (
        "digits",
        "Digits",
        {"gpus": 1},
        {"A": "b"},
    )
    assert job.run_config.filter == PathFilter(["lr"], ["data"])
    assert values(job) == {"lr": 0.5, "opts": {"a": 1, "b": 2}, "data": "d"}
    assert str(job.run_config.defaults[KeyPath(("lr",))].where) == "train.py:8:41"


def test_a_decorators_default_makes_a_required_parameter_optional(read):
    job = read("from confjob import job\n@job(defaults={'a': 1})\ndef train(a: int, b: int): ...\n")
    assert job.run_config.required == (KeyPath(("b",)),)


@pytest.mark.parametrize(
    "imported", ["from confjob import job as j", "from confjob.job.decorators import job as j"]
)
def test_the_decorator_is_known_by_where_it_comes_from(read, imported):
    assert read(f"{imported}\n@j(name='x')\ndef train(): ...").name == "x"
    assert read("from other import job as j\n@j(name='x')\ndef train(): ...").name is None


def test_all_faults_of_the_decorator_come_at_once_with_their_places(read):
    with pytest.raises(ManifestError) as caught:
        read("""
            from confjob import job
            @job(inclde=["lr"], exclude=["a\\\\b"],
                 resources=make(), env=3)
            def train(lr=1): ...
        """)
    told = [(str(problem.where), problem.message, problem.hint) for problem in caught.value.problems]
    assert [each[0] for each in told] == ["train.py:3:6", "train.py:3:29", "train.py:4:16", "train.py:4:28"]
    assert "'inclde'" in told[0][1]
    assert "'include'" in told[0][2]
    assert "backslash" in told[1][1]
    assert "`make()` can't be read without running" in told[2][1]
    assert all(problem.severity == "error" for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("signature", "call"),
    [
        ("config", "config"),
        ("config={'a': 1}", "config"),
        ("settings: dict", "config"),
        ("settings: 'Mapping[str, Any]' = None", "config"),
        ("config: int", "parameters"),
        ("config: dict, x=1", "parameters"),
        ("settings", "parameters"),
        ("**options", "parameters"),
        ("", "none"),
        ("*args", "none"),
    ],
)
def test_how_a_function_takes_its_run_config(read, signature, call):
    assert read(f"from typing import *\ndef train({signature}): ...").call == call


def test_a_config_functions_defaults_stand_in_the_decorator_or_the_parameter(read):
    given = read("from confjob import job\n@job(defaults={'t': {'lr': 0.1}})\ndef train(config: dict): ...")
    assert values(given) == {"t": {"lr": 0.1}}
    assert str(given.run_config.defaults[KeyPath.parse("t.lr")].where) == "train.py:2:28"
    assert given.run_config.schema is None
    own = read("def train(config: dict[str, int] = {'a': 1}): ...")
    assert values(own) == {"a": 1}
    assert own.run_config.schema == {"type": "object", "additionalProperties": {"type": "integer"}}
    file = read("from confjob import job\n@job(defaults='./d.yaml')\ndef train(config): ...")
    assert file.run_config.source == PurePosixPath("d.yaml")


def test_a_schema_may_be_given_to_the_decorator(read):
    job = read("from confjob import job\nS = {'type': 'object'}\n@job(schema=S)\ndef train(config): ...")
    assert job.run_config.schema == {"type": "object"}


def test_other_keys_are_allowed_where_the_function_takes_them(read):
    assert read("def train(a=1, **rest): ...").run_config.schema["additionalProperties"] is True


def test_what_the_text_cannot_say_is_asked_without_running_the_script(read, tmp_path):
    job = read(
        """
        from __future__ import annotations
        import enum
        from dataclasses import dataclass, field
        from pathlib import Path
        from typing import Annotated

        import no_such_module

        print("noise")
        Path("ran").touch()

        class Gt:
            def __init__(self, gt): self.gt = gt

        class Color(enum.Enum):
            RED = "r"
            BLUE = 2

        @dataclass
        class Opt:
            steps: int
            lr: float = 0.1
            names: list[str] = field(default_factory=lambda: ["a"])

        def double(x):
            return 2 * x

        @no_such_module.decorator
        def train(opt: Opt, lr: Annotated[float, Gt(0)] = double(0.5), color: Color = Color.RED,
                  where: Path = Path("data") / "x", other: Opt = Opt(1), device=object(), n: int = 1):
            no_such_module.run()
    """,
        asked=True,
    )
    assert values(job) == {
        "opt": {"lr": 0.1, "names": ["a"]},
        "lr": 1.0,
        "color": "r",
        "where": "data/x",
        "other": {"steps": 1, "lr": 0.1, "names": ["a"]},
        "n": 1,
    }
    assert properties(job)["lr"] == {"type": "number", "exclusiveMinimum": 0}
    assert properties(job)["color"] == {"enum": ["r", 2]}
    assert properties(job)["opt"]["properties"]["names"]["items"] == {"type": "string"}
    assert properties(job)["opt"]["additionalProperties"] is False
    assert "device" not in properties(job), "an object that JSON can't say is left to Python"
    assert job.run_config.required == (KeyPath.parse("opt.steps"),)
    assert str(job.run_config.defaults[KeyPath(("color",))].where) == "train.py:30:79"
    assert not (tmp_path / "ran").exists()
    assert not {"train", "no_such_module"} & set(sys.modules)
    assert not list(tmp_path.rglob("__pycache__"))


def test_models_of_one_name_in_two_parameters_keep_their_own_definitions(read, write):
    pytest.importorskip("pydantic")
    for name, kind in (("one", "int"), ("two", "str")):
        write(
            f"""
            from pydantic import BaseModel, Field
            class Inner(BaseModel):
                a: {kind}
            class Outer(BaseModel):
                inner: Inner
                other: Inner
        """,
            f"{name}.py",
        )
    job = read("import one, two\ndef train(x: one.Outer, y: two.Outer | None = None): ...", asked=True)
    schema = job.run_config.schema
    assert schema["$defs"]["Inner"]["properties"]["a"]["type"] == "integer"
    assert schema["$defs"]["Inner_2"]["properties"]["a"]["type"] == "string"
    assert schema["properties"]["x"]["properties"]["inner"] == {"$ref": "#/$defs/Inner"}
    assert schema["properties"]["y"]["anyOf"][0]["properties"]["inner"] == {"$ref": "#/$defs/Inner_2"}
    assert job.run_config.required == (KeyPath.parse("x.inner.a"), KeyPath.parse("x.other.a"))


def test_annotated_constraints_of_pydantic_and_annotated_types_are_kept(read):
    pytest.importorskip("pydantic")
    job = read(
        """
        from typing import Annotated, Optional
        from annotated_types import Ge, Interval, Len, MultipleOf
        from pydantic import BaseModel, Field
        class Model(BaseModel):
            depth: int = Field(3, ge=1)
        def train(a: Annotated[int, Interval(ge=1, lt=5)] = 1, b: Annotated[str, Len(1, 3)] = "x",
                  c: Annotated[int, MultipleOf(4)] = 4, d: Annotated[float, Field(gt=0, description="rate")] = 1.0,
                  e: Optional[Annotated[int, Ge(2)]] = None, model: Model = Model()): ...
    """,
        asked=True,
    )
    assert properties(job) == {
        "a": {"type": "integer", "minimum": 1, "exclusiveMaximum": 5},
        "b": {"type": "string", "minLength": 1, "maxLength": 3},
        "c": {"type": "integer", "multipleOf": 4},
        "d": {"type": "number", "exclusiveMinimum": 0, "description": "rate"},
        "e": {"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]},
        "model": {
            "type": "object",
            "title": "Model",
            "properties": {"depth": {"type": "integer", "default": 3, "minimum": 1, "title": "Depth"}},
        },
    }
    assert values(job)["model"] == {"depth": 3}


def test_asking_is_kept_by_the_content_of_the_projects_own_modules(read, write, tmp_path):
    write("import pathlib\nwith open('ran', 'a') as s: s.write('x')\nRATE = 1 / 2\n", "helper.py")
    code = "from helper import RATE\ndef train(lr: float = RATE): ...\n"
    assert values(read(code, asked=True)) == {"lr": 0.5}
    assert values(read(None, asked=True)) == {"lr": 0.5}
    assert (tmp_path / "ran").read_text() == "x"
    with (tmp_path / "helper.py").open("a") as stream:
        stream.write("RATE = 2 * RATE\n")
    assert values(read(None, asked=True)) == {"lr": 1.0}
    assert (tmp_path / "ran").read_text() == "xx"


def test_an_error_in_the_users_code_names_its_place(read):
    with pytest.raises(InputError, match=r"^train.py:2: ZeroDivisionError: division by zero"):
        read("\nRATE = 1 / 0\ndef train(lr: float = RATE): ...\n", asked=True)


def test_an_interpreter_without_confjob_can_be_asked(tmp_path, write):
    venv = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    write("import confjob, math\n@confjob.job(name='x')\ndef train(lr: float = math.pi): ...\n")
    job = read_function(tmp_path, "train:train", asker(venv / "bin" / "python", tmp_path, tmp_path / ".c"))
    assert job.name == "x"
    assert values(job)["lr"] == pytest.approx(3.14159, abs=1e-4)


@pytest.mark.parametrize(
    ("file", "reference", "module"),
    [
        ("train.py", "train:train", "train"),
        ("train.py", "./train.py:train", "train"),
        ("src/pkg/mod.py", "pkg.mod:train", "pkg.mod"),
        ("src/pkg/mod.py", "src/pkg/mod.py:train", "pkg.mod"),
        ("src/mod.py", "src/mod.py:train", "mod"),
        ("pkg/__init__.py", "pkg:train", "pkg"),
        ("scripts/train.py", "scripts/train.py:train", "train"),
        ("scripts/train.py", "scripts.train:train", "scripts.train"),
    ],
)
def test_where_a_reference_leads(read, file, reference, module):
    job = read("def train(a=1): ...", reference, name=file)
    assert (job.module, str(job.file)) == (module, file)


def test_a_file_in_a_package_is_imported_by_the_packages_name(read, write):
    write("", "tools/__init__.py")
    assert read("def train(): ...", "tools/train.py:train", name="tools/train.py").module == "tools.train"


@pytest.mark.parametrize("statement", ["from .impl import run as train", "from pkg.impl import run as train"])
def test_a_function_imported_from_another_module_is_found_there(read, write, statement):
    write(statement, "pkg/__init__.py")
    job = read("def run(lr=0.5): ...", "pkg:train", name="pkg/impl.py")
    assert (job.module, str(job.file), job.function) == ("pkg", "pkg/__init__.py", "train")
    assert str(job.run_config.defaults[KeyPath(("lr",))].where) == "pkg/impl.py:1:12"


def test_imports_in_a_circle_end(read, write):
    write("from b import train", "a.py")
    with pytest.raises(InputError, match="no function 'train'"):
        read("from a import train", "a.py:train", name="b.py")


def test_an_unknown_function_gets_a_suggestion(read):
    with pytest.raises(InputError, match=r"no function 'trian' \(functions: train\)") as caught:
        read("def train(): ...", "train:trian")
    assert "'train'" in caught.value.hint


def test_a_missing_module_names_where_it_was_looked_for(read):
    with pytest.raises(InputError, match=r"trian.py, trian/__init__.py, src/trian.py") as caught:
        read("def train(): ...", "trian:train")
    assert "'train.py'" in caught.value.hint
    with pytest.raises(InputError, match=r"trian.py: no such file"):
        read(None, "trian.py:train")
    with pytest.raises(ManifestError, match="names no function"):
        read(None, "train.py")


def test_a_file_outside_the_project_is_refused(read):
    with pytest.raises(InputError, match="outside the project"):
        read(None, "../train.py:train")


def test_a_file_that_is_not_python_is_refused_with_the_place(read):
    with pytest.raises(InputError, match=r"^train.py:2:\d+: "):
        read("x = 1\ndef train(:\n")


@pytest.mark.parametrize(
    "main",
    [
        "train()",
        "main()",
        "if True:\n    main()",
        "result = train(1)",
        "for lr in [1, 2]:\n    print(helper())",
        "import fire; fire.Fire(train)",
        "import sys; sys.exit(main())",
        "if __name__ == '__main__':\n    pass\nelse:\n    main()",
    ],
)
def test_a_script_that_cannot_be_imported_without_running_is_refused(read, main):
    code = f"def train(lr=1): ...\ndef main():\n    train()\ndef helper(): ...\n{main}\n"
    with pytest.raises(
        ManifestError, match=r"^train.py:\d+:\d+: .*runs when the module is imported"
    ) as caught:
        read(code)
    assert "__main__" in caught.value.hint


@pytest.mark.parametrize(
    "harmless",
    [
        "if __name__ == '__main__':\n    main()",
        "if '__main__' == __name__:\n    main()",
        "LOG = helper()",
        "import atexit; atexit.register(helper)",
        "print('hello')",
        "class Task:\n    run = staticmethod(train)",
        "@helper\ndef decorated(): ...",
    ],
)
def test_a_guarded_script_and_ordinary_set_up_are_fine(read, harmless):
    read(f"def train(lr=1): ...\ndef main():\n    train()\ndef helper(): ...\n{harmless}\n")


def test_files_that_the_module_declares_are_inputs_too(read):
    job = read("""
        from confjob import manage_config_file, manage_config
        PATH = manage_config_file("config.yaml", exclude=["a"])
        def train(): ...
    """)
    assert [str(spec.path) for spec in job.files] == ["config.yaml"]
    assert (job.call, values(job)) == ("none", {})


def test_a_function_without_parameters_has_the_run_config_of_manage_config(read):
    code = "import confjob\nconfjob.manage_config(defaults={{'a': 1}}, include=['a'])\ndef train({}): ...\n"
    assert values(read(code.format(""))) == {"a": 1}
    told = read(code.format("b=2"))
    assert values(told) == {"b": 2}
    assert "no effect" in told.run_config.warnings[0].message


def test_project_modules_called_like_the_probes_own_are_the_projects(read, write):
    write("RATE = 1 / 4", "kit.py")
    write("RATE = 1 / 8", "typed.py")
    job = read("import kit, typed\ndef train(a=kit.RATE, b=typed.RATE): ...", asked=True)
    assert values(job) == {"a": 0.25, "b": 0.125}


def test_an_annotation_for_type_checkers_only_leaves_its_parameter_untyped(read):
    job = read(
        """
        from __future__ import annotations
        import typing
        if typing.TYPE_CHECKING:
            from somewhere import Unknown
        def train(a: Unknown = None, b: set[int] = (1,)): ...
    """,
        asked=True,
    )
    assert properties(job) == {
        "a": {},
        "b": {"type": "array", "uniqueItems": True, "items": {"type": "integer"}},
    }


def test_a_default_that_json_cannot_say_is_left_to_python(read):
    assert values(read("def train(a=1e999, b=b'x', c=float('nan'), d=1): ...", asked=True)) == {"d": 1}
