"""What `confjob capture` is told while a script runs, with a wandb of a few lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from confjob_wandb.calls import CALLS

_MANAGE = """
def manage_wandb_config(include=None, exclude=None, schema=None): print("manage", include)
def manage_config_file(path, include=None, exclude=None, schema=None): print("file", path)
"""
_INIT = """
class Run:
    def __init__(self, config): self.config = {**(config or {}), "_wandb": {}}
def init(entity=None, project=None, dir=None, id=None, name=None, notes=None, tags=None, config=None):
    if project == "refused": raise RuntimeError("no")
    return Run(config)
"""
_FILES = {
    "wandb/__init__.py": "from wandb.sdk import init\n",
    "wandb/sdk/__init__.py": "from .wandb_init import init\n",
    "wandb/sdk/wandb_init.py": _INIT,
    "wandb/sdk/launch/__init__.py": "from .inputs.manage import manage_config_file, manage_wandb_config\n",
    "wandb/sdk/launch/inputs/manage.py": _MANAGE,
}
_START = """
import json
def record(call): print("CALL " + json.dumps(call, default=repr))
exec(compile(open({watch!r}).read(), {watch!r}, "exec"), {{"record": record, "__name__": "watch"}})
"""


@pytest.fixture
def told(tmp_path):
    """A function that runs a script and returns what was recorded."""
    for name, text in _FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def run(script: str, code: int = 0) -> list[dict]:
        start = _START.format(watch=str(CALLS.watch))
        (tmp_path / "script.py").write_text(start + script)
        done = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("CALL ")]

    return run


def test_declarations_are_told_by_name_whichever_way_they_are_given(told):
    calls = told(
        "from wandb.sdk import launch\n"
        "launch.manage_wandb_config(['a'], schema={'type': 'object'})\n"
        "launch.manage_config_file('c.yaml', None, ['b'])\n"
    )
    run_config = {"call": "manage_config", "reader": "wandb", "include": ["a"], "schema": {"type": "object"}}
    file = {
        "call": "manage_config_file",
        "reader": "wandb",
        "path": "c.yaml",
        "include": None,
        "exclude": ["b"],
    }
    assert calls == [run_config, file]


def test_the_values_of_init_are_told_and_again_when_they_have_grown(told):
    calls = told("import wandb\nrun = wandb.init(config={'a': 1})\nrun.config['b'] = 2\n")
    assert [call["config"] for call in calls] == [{"a": 1}, {"a": 1, "b": 2}]
    assert {call["call"] for call in calls} == {"values"}


@pytest.mark.parametrize("way", ["from wandb import init", "from wandb.sdk.wandb_init import init"])
def test_each_way_to_import_init_is_watched(told, way):
    (call,) = told(f"{way}\ninit(None, None, None, None, None, None, None, {{'a': 1}})\n")
    assert call["config"] == {"a": 1}


def test_values_are_told_even_if_init_fails(told):
    (call,) = told("import wandb\nwandb.init(project='refused', config={'a': 1})\n", code=1)
    assert call["config"] == {"a": 1}


def test_the_functions_still_do_their_work_and_a_script_without_wandb_is_left_alone(told, tmp_path):
    assert told("import json\nfrom wandb.sdk.launch import manage_wandb_config as m\nm(['x'])\n")
    assert told("print('nothing')\n") == []


def test_it_is_standard_library_only_and_imports_no_wandb():
    text = Path(CALLS.watch).read_text()
    imports = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    modules = {line.split()[1].partition(".")[0] for line in imports}
    assert modules <= set(sys.stdlib_module_names)
