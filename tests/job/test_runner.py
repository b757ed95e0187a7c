"""The runner calls one function of a module, as its annotations ask, and nothing else of it."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

RUNNER = Path(__file__).parents[2] / "confjob" / "job" / "runner.py"


@pytest.fixture
def call(tmp_path):
    """Run a function of a module's text with a run config; gives the finished process."""

    def call(
        code,
        config=None,
        *,
        file="train.py",
        module="train",
        how="parameters",
        argv=(),
        python=sys.executable,
    ):
        workspace, run_dir = tmp_path / "work", tmp_path / "run"
        path = workspace / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        (run_dir / "private").mkdir(parents=True, exist_ok=True)
        (run_dir / "private" / "run-config.json").write_text(json.dumps(config or {}))
        request = {"version": 1, "module": module, "file": file, "function": "train", "call": how}
        (run_dir / "request.json").write_text(json.dumps(request))
        return subprocess.run(
            [python, RUNNER, run_dir / "request.json", *argv],
            cwd=workspace,
            env={**os.environ, "CONFJOB_RUN_DIR": str(run_dir)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return call


def out(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_parameters_come_by_name_and_missing_ones_keep_their_defaults(call):
    assert out(call("def train(a, b=2, *, c=3):\n    print(a, b, c)", {"c": 5, "a": 1})) == "1 2 5"


def test_positional_only_parameters_and_keywords_are_served(call):
    assert out(call("def train(a, /, **rest):\n    print(a, rest)", {"x": 5, "a": 1})) == "1 {'x': 5}"


def test_the_main_part_is_not_run_and_the_module_has_its_own_name(call):
    code = """
        def train():
            print(__name__, train.__module__)
        if __name__ == "__main__":
            print("main part")
    """
    assert out(call(code, how="none")) == "train train"


@pytest.mark.parametrize("signature", ["config", "config: dict", "config={'a': 0}", "*, config"])
def test_a_config_function_gets_the_whole_mapping(call, signature):
    assert out(call(f"def train({signature}):\n    print(config)", {"a": {"b": 1}}, how="config")) == str(
        {"a": {"b": 1}}
    )


def test_values_become_what_the_annotations_ask(call):
    code = """
        from __future__ import annotations
        import datetime, enum
        from dataclasses import dataclass, field
        from pathlib import Path
        from typing import *

        class Color(enum.Enum):
            RED = 1
            BLUE = "b"

        @dataclass
        class Inner:
            color: Color = Color.RED

        @dataclass
        class Opt:
            lr: float
            inner: Inner = field(default_factory=Inner)
            sizes: Tuple[int, ...] = ()

        def train(a: float, b: Path, c: Color, d: Color, e: Tuple[Path, int], f: Set[str], g: Optional[Color],
                  h: Optional[Path], i: Opt, j: List[Inner], k: Dict[str, Path], l: Literal["x", 2],
                  m: datetime.date, n: Union[int, str], o: Any):
            for value in (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o):
                print(repr(value))
    """
    config = {
        "a": 1,
        "b": "data",
        "c": 1,
        "d": "BLUE",
        "e": ["p", 2],
        "f": ["s"],
        "g": None,
        "h": "q",
        "i": {"lr": 1, "inner": {"color": "b"}, "sizes": [1, 2]},
        "j": [{"color": 1}],
        "k": {"z": "w"},
        "l": 2,
        "m": "2026-01-02",
        "n": "7",
        "o": {"any": [1]},
    }
    assert out(call(code, config)).splitlines() == [
        "1.0",
        "PosixPath('data')",
        "<Color.RED: 1>",
        "<Color.BLUE: 'b'>",
        "(PosixPath('p'), 2)",
        "{'s'}",
        "None",
        "PosixPath('q')",
        "Opt(lr=1.0, inner=Inner(color=<Color.BLUE: 'b'>), sizes=(1, 2))",
        "[Inner(color=<Color.RED: 1>)]",
        "{'z': PosixPath('w')}",
        "2",
        "datetime.date(2026, 1, 2)",
        "'7'",
        "{'any': [1]}",
    ]


def test_attrs_and_pydantic_objects_are_built(call):
    code = """
        from attrs import define, field
        from pydantic import BaseModel

        @define
        class A:
            _hidden: int = 1
            names: list[str] = field(factory=list)

        class P(BaseModel):
            depth: int = 3

        def train(a: A, p: P | None):
            print(a, repr(p))
    """
    config = {"a": {"_hidden": 2, "names": ["n"]}, "p": {"depth": 4}}
    assert out(call(code, config)) == "A(_hidden=2, names=['n']) P(depth=4)"


def test_what_json_cannot_say_of_a_default_object_stays(call):
    code = """
        from dataclasses import dataclass

        @dataclass
        class Opt:
            make: object
            lr: float = 0.1

        def train(opt: Opt = Opt(make=print)):
            opt.make(opt.lr)
    """
    assert out(call(code, {"opt": {"lr": 0.5}})) == "0.5"


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        ("Color", "green", "ValueError: x: 'green' is none of 'r'"),
        ("typing.Literal['a']", "b", "ValueError: x: 'b' is none of 'a'"),
        ("Opt", {"lrr": 1}, "TypeError: x: Opt has no field 'lrr'"),
    ],
)
def test_a_value_that_does_not_fit_is_named(call, annotation, value, said):
    code = f"""
        import dataclasses, enum, typing
        class Color(enum.Enum):
            RED = "r"
        @dataclasses.dataclass
        class Opt:
            lr: float = 1
        def train(x: {annotation}):
            print("not reached")
    """
    done = call(code, {"x": value})
    assert done.returncode == 1
    assert said in done.stderr


def test_annotations_that_exist_for_type_checkers_only_do_not_hinder(call):
    assert out(call("def train(a: 'Unknown', b: int = 1):\n    print(a, b)", {"a": 5})) == "5 1"


def test_exceptions_and_exit_codes_go_through(call):
    done = call("def train():\n    raise RuntimeError('boom')", how="none")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("RuntimeError: boom")
    assert 'train.py", line 2, in train' in done.stderr
    assert call("import sys\ndef train():\n    sys.exit(7)", how="none").returncode == 7


def test_the_workspace_comes_before_what_is_installed_and_the_runner_is_not_in_the_way(call, tmp_path):
    (tmp_path / "work" / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "work" / "src" / "pkg" / "__init__.py").touch()
    (tmp_path / "work" / "src" / "helper.py").write_text("x = 'src'")
    (tmp_path / "work" / "attrs.py").write_text("x = 'workspace'")
    code = """
        import sys, attrs, helper
        from . import other
        def train():
            print(attrs.x, helper.x, other.x, __package__)
            print([entry for entry in sys.path if entry.endswith("job")])
    """
    (tmp_path / "work" / "src" / "pkg" / "other.py").write_text("x = 'pkg'")
    done = call(code, how="none", file="src/pkg/mod.py", module="pkg.mod")
    assert out(done).splitlines() == ["workspace src pkg pkg", "[]"]


def test_arguments_after_the_request_are_the_jobs(call):
    done = call("import sys\ndef train():\n    print(sys.argv)", how="none", argv=["--x", "1"])
    assert out(done).endswith("/work/train.py', '--x', '1']")


def test_reading_the_run_config_leaves_a_mark(call, tmp_path):
    call("def train(a=1): pass", {"a": 2})
    assert (tmp_path / "run" / "reads" / "run-config").exists()


def test_spawned_children_find_the_function_and_do_not_run_it_again(call):
    code = """
        import multiprocessing
        def double(x):
            return 2 * x
        def train(n: int):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(double, range(n)))
    """
    assert out(call(code, {"n": 3})) == "[0, 2, 4]"


def test_a_coroutine_function_is_awaited(call):
    assert out(call("async def train(a):\n    print('ran', a)", {"a": 1})) == "ran 1"


def test_no_bytecode_is_written_for_the_runner_itself(call):
    before = set(RUNNER.parent.glob("__pycache__/runner*"))
    call("def train(): pass", how="none")
    assert set(RUNNER.parent.glob("__pycache__/runner*")) == before
