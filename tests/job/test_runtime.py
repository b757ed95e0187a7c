"""What a job asks at run time, launched and by hand; each in a process of its own."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """Run a script's text in a project folder; gives its standard output."""

    def run(code, *, run_dir=None, script="job.py", check=True):
        path = tmp_path / script
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from confjob.job.runtime import *\n" + textwrap.dedent(code), encoding="utf-8")
        environ = {**os.environ, "PYTHONPATH": str(REPO)}
        environ.pop("CONFJOB_RUN_DIR", None)
        if run_dir is not None:
            environ["CONFJOB_RUN_DIR"] = str(run_dir)
        done = subprocess.run(
            [sys.executable, "-B", path],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()
        return done

    return run


@pytest.fixture
def launched(tmp_path):
    """Make a run folder with a run config."""
    folder = tmp_path / "run folder"
    (folder / "private").mkdir(parents=True)
    (folder / "private" / "run-config.json").write_text(json.dumps({"seed": 7, "trainer": {"lr": 0.5}}))
    return folder


def test_a_launched_run_gets_the_run_folders_config_whatever_the_code_declares(run, launched):
    assert run('manage_config(defaults={"seed": 1}); print(load_config())', run_dir=launched) == str(
        {"seed": 7, "trainer": {"lr": 0.5}}
    )


def test_a_launched_run_leaves_a_mark_of_what_was_read(run, launched):
    run('manage_config(defaults={"seed": 1})', run_dir=launched)
    assert not (launched / "reads").exists()
    run('load_config(); manage_config_file("./configs/a.yaml")', run_dir=launched)
    assert {path.name for path in (launched / "reads").iterdir()} == {"run-config", "configs%2Fa.yaml"}


def test_a_mark_that_cannot_be_written_does_not_fail_the_job(run, launched):
    (launched / "reads").write_text("a file where the folder should be")
    assert run('print(load_config()["seed"], manage_config_file("a"))', run_dir=launched) == "7 a"


def test_by_hand_the_declared_defaults_count_merged_in_order(run):
    code = """
        manage_config(defaults={"a": {"x": 1, "y": 2}, "b": [1]}, include="a")
        manage_config(exclude=["b"])
        manage_config(defaults={"a": {"y": 3}})
        print(load_config())
    """
    assert run(code) == "{'a': {'x': 1, 'y': 3}, 'b': [1]}"


def test_every_call_gives_a_fresh_copy(run):
    code = """
        given = {"a": {"x": 1}}
        manage_config(defaults=given)
        load_config()["a"]["x"] = 2
        print(load_config(), given)
    """
    assert run(code) == "{'a': {'x': 1}} {'a': {'x': 1}}"


def test_by_hand_an_instances_values_lie_under_the_defaults(run):
    code = """
        import dataclasses, enum, pathlib

        class Kind(enum.Enum):
            A = "a"

        @dataclasses.dataclass
        class Inner:
            kind: Kind = Kind.A
            where: pathlib.Path = pathlib.Path("data")

        @dataclasses.dataclass
        class Settings:
            lr: float = 0.1
            sizes: tuple = (1, 2)
            inner: Inner = dataclasses.field(default_factory=Inner)

        manage_config(defaults={"lr": 0.2}, schema=Settings())
        print(load_config())
    """
    assert run(code) == "{'lr': 0.2, 'sizes': [1, 2], 'inner': {'kind': 'a', 'where': 'data'}}"


def test_by_hand_a_pydantic_instance_gives_its_values_and_a_class_none(run):
    pytest.importorskip("pydantic")
    code = """
        from pydantic import BaseModel

        class Settings(BaseModel):
            lr: float = 0.1

        manage_config(schema=Settings)
        print(load_config())
        manage_config(schema=Settings(lr=0.3))
        print(load_config())
    """
    assert run(code) == "{}\n{'lr': 0.3}"


def test_by_hand_defaults_may_be_a_file(run, tmp_path):
    (tmp_path / "d.json").write_text('{"a": 1}')
    (tmp_path / "d.toml").write_text("b = 2\n")
    code = 'manage_config(defaults="d.json"); manage_config(defaults="d.toml"); print(load_config())'
    assert run(code) == "{'a': 1, 'b': 2}"


@pytest.mark.parametrize(
    ("job", "script"),
    [
        ('command = ["python", "train.py"]', "train.py"),
        ('command = ["python", "-m", "pkg.train"]', "src/pkg/train.py"),
        ('function = "train:main"', "train.py"),
        ('function = "sub/train.py:main"', "sub/train.py"),
        ('function = "pkg:main"', "src/pkg/__init__.py"),
    ],
)
def test_by_hand_the_nearest_manifest_has_the_defaults_of_the_job_that_runs_the_script(
    run, tmp_path, job, script
):
    (tmp_path / "launch.toml").write_text(
        f"[jobs.a]\n{job}\nrun-config.defaults = {{ seed = 3 }}\n"
        '[jobs.b]\ncommand = ["python", "other.py"]\nrun-config.defaults = { seed = 4 }\n'
    )
    assert run("print(load_config())", script=script) == "{'seed': 3}"
    assert run("print(load_config())", script="third.py") == "{}"


def test_by_hand_two_jobs_with_other_defaults_are_an_error_that_names_them(run, tmp_path):
    job = 'command = ["python", "job.py"]\nrun-config.defaults = { seed = %d }\n'
    (tmp_path / "launch.toml").write_text("[jobs.a]\n" + job % 1 + "[jobs.b]\n" + job % 2)
    done = run("load_config()", check=False)
    assert done.returncode == 1
    assert "the jobs a, b run this script with different defaults" in done.stderr


def test_managed_files_keep_their_path(run):
    assert run('print(repr(manage_config_file("a/b.yaml", include="x", exclude=["y"])))').endswith(
        "('a/b.yaml')"
    )


def test_calls_may_come_before_or_after_loading_and_several_times(run, launched):
    code = """
        first = load_config()
        manage_config_file("c.yaml")
        manage_config({"a": 1})
        manage_config_file("c.yaml", include=["x"])
        second = load_config()
        manage_config({"b": 2}, exclude=["a"])
        print(first, second, load_config())
    """
    assert run(code) == "{} {'a': 1} {'a': 1, 'b': 2}"
    launched_config = str({"seed": 7, "trainer": {"lr": 0.5}})
    assert run(code, run_dir=launched) == " ".join([launched_config] * 3)


def test_calls_are_told_to_whoever_captures_them(run, tmp_path, monkeypatch):
    record = tmp_path / "calls"
    record.touch()
    monkeypatch.setenv("CONFJOB_CAPTURE", str(record))
    run("""
        given = {"lr": 0.1}
        manage_config(given, include=(name for name in ["lr"]), schema={"type": "object"})
        manage_config_file("a/../b.yaml", exclude="x")
        print(given)
    """)
    config, file = [json.loads(line) for line in record.read_text().splitlines()]
    assert config == {
        "call": "manage_config",
        "reader": "",
        "defaults": {"lr": 0.1},
        "include": ["lr"],
        "exclude": [],
        "schema": {"type": "object"},
    }
    assert (file["path"], file["exclude"]) == (str(tmp_path / "b.yaml"), ["x"])


def test_a_record_that_cannot_be_written_does_not_fail_the_job(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CONFJOB_CAPTURE", str(tmp_path / "gone"))
    assert run("manage_config({'a': print}); print('done')") == "done"


def test_nothing_is_loaded_for_capture_when_nobody_captures(run):
    code = "import sys; manage_config({'a': 1}); print([m for m in sys.modules if 'recording' in m])"
    assert run(code) == "[]"
