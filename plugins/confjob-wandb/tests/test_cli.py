"""`confjob-wandb`: W&B's files from runs and jobs, and tables for a manifest from W&B's files."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import tomlkit
from confjob_wandb.launchconfig import launch_config
from confjob_wandb.sweeps import read_sweep

from confjob.plugin import ConfjobError

_CLI = [sys.executable, "-c", "from confjob_wandb.cli import main; main()"]
_FILES = {
    "launch.toml": '[jobs.t]\ncommand = ["python", "t.py", "--config", "{config}"]\n'
    "[jobs.t.run-config]\ndefaults = { lr = 0.1, net = { size = 4 }, sizes = [1, 2] }\n"
    '[[jobs.t.files]]\nname = "config"\npath = "c.yaml"\nexclude = ["hidden"]\n',
    "t.py": "import sys\nfrom confjob import load_config\nprint(load_config(), open('c.yaml').read(), sys.argv[3:])\n",
    "c.yaml": "a: 1\nempty: {}\nhidden: x\n",
}


def _table(project, *arguments: str) -> dict:
    return tomlkit.parse(project.run(*_CLI, *arguments).stdout).unwrap()


def test_a_runs_launch_config_repeats_it(project):
    project.write(_FILES)
    sets = ("--set", "net.size=8", "--set", "sizes=[3]", "--set", "c.yaml:a=2")
    first = project.confjob("launch", "t", *sets, "--fg", "--", "--fast", "a b").stdout
    printed = project.run(*_CLI, "launch-config", project.last()["id"]).stdout
    assert json.loads(printed) == {
        "overrides": {
            "run_config": {"net": {"size": 8}, "sizes": [3]},
            "files": {"c.yaml": {"a": 2}},
            "args": ["--fast", "a b"],
        }
    }
    project.write({"again.json": printed})
    again = project.confjob("launch", "t", "--inputs", "again.json", "--fg").stdout
    told = "{'lr': 0.1, 'net': {'size': 8}, 'sizes': [3]}"
    assert told in first
    assert told in again
    assert "['--fast', 'a b']" in again
    assert project.last()["changes"][0]["origin"].startswith("again.json")


def _change(name: str, path: str, **values) -> dict:
    return {"input": name, "path": path, **values}


def test_what_a_launch_config_can_not_say_is_told_and_left_out():
    changes = [
        _change("run-config", "lr", after=1),
        _change("run-config", "token", secret=True),
        _change("run-config", "old", before=1),
        _change("run-config", "sizes[0]", after=1),
        _change("env", "X", after="1"),
    ]
    found = launch_config(changes, ["python", "t.py"], ["python", "t.py"])
    assert found.content == {"overrides": {"run_config": {"lr": 1}}}
    assert [each.partition(": ")[0] for each in found.unsaid] == [
        "run-config:token",
        "run-config:old",
        "run-config:sizes[0]",
        "env:X",
    ]


@pytest.mark.parametrize(
    ("ran", "command", "words"),
    [
        (["python", "t.py", "c.yaml"], ["python", "t.py", "{config}"], {}),
        (["python", "t.py", "-x"], ["python", "t.py"], {"args": ["-x"]}),
        (["python", "u.py"], ["python", "t.py"], {"entry_point": ["python", "u.py"]}),
        (["anything"], None, {}),
    ],
)
def test_words_of_the_command_are_told_apart(ran, command, words):
    assert launch_config([], ran, command).content == {"overrides": words}


def test_metadata_has_what_may_be_changed_in_wandbs_layout(project):
    project.write(_FILES)
    number = {"wb_type": "number"}
    net = {"wb_type": "typedDict", "params": {"type_map": {"size": number}}}
    sizes = {"wb_type": "list", "params": {"element_type": number, "length": 2}}
    run_config = {"wb_type": "typedDict", "params": {"type_map": {"lr": number, "net": net, "sizes": sizes}}}
    file = {"wb_type": "typedDict", "params": {"type_map": {"a": number}}}
    printed = project.run(*_CLI, "metadata", "t").stdout
    assert json.loads(printed) == {"input_types": {"@wandb.config": run_config, "files": {"c.yaml": file}}}


def test_metadata_read_back_is_a_manifest_that_offers_the_same(project):
    project.write(_FILES)
    told = json.loads(project.run(*_CLI, "metadata", "t").stdout)
    told["input_schemas"] = {
        "@wandb.config": {"properties": {"lr": {"type": "number", "maximum": 1, "required": True}}}
    }
    project.write({"job.json": json.dumps(told)})
    tables = _table(project, "inputs", "job.json", "--job", "moved")["jobs"]["moved"]
    assert tables["run-config"]["include"] == ["lr", "net.size", "sizes"]
    assert tables["run-config"]["schema"]["properties"]["lr"] == {"type": "number", "maximum": 1}
    assert tables["files"] == [
        {
            "path": "c.yaml",
            "include": ["a"],
            "schema": {"type": "object", "properties": {"a": {"type": "number"}}},
        }
    ]
    text = project.run(*_CLI, "inputs", "job.json", "--job", "moved").stdout
    manifest = '[jobs.moved]\ncommand = ["python", "t.py"]\n' + text
    project.write(
        {"launch.toml": manifest.replace('reader = "wandb"', 'reader = "wandb"\ndefaults = { lr = 0.1 }')}
    )
    (problem,) = project.json("plan", "moved", "--set", "lr=2", code=1)["problems"]
    assert "at most 1" in problem["message"]
    assert project.json("plan", "moved", "--set", "c.yaml:a=3")["files"]


def test_a_whole_config_of_a_job_without_manage_calls_is_read_as_well(project):
    types = {"wb_type": "typedDict", "params": {"type_map": {"a.b": {"wb_type": "string"}}}}
    project.write({"wandb-job.json": json.dumps({"source_type": "repo", "input_types": types})})
    tables = _table(project, "inputs", "wandb-job.json")["jobs"]["NAME"]
    assert tables["run-config"]["reader"] == "wandb"
    assert tables["run-config"]["include"] == [r"a\.b"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"input_types": {"@wandb.config": {"lr": "float"}}}'])
def test_a_file_without_wandbs_types_is_refused_in_words(project, text):
    project.write({"job.json": text})
    assert project.run(*_CLI, "inputs", "job.json", code=1).stderr.startswith("confjob-wandb: ")


_SWEEP = """
name: rates
method: grid
program: train.py
command: ["${env}", "${interpreter}", "${program}", "${args}"]
parameters:
  seed: {values: [1, 2]}
  data.size: {value: 100}
  optimizer:
    parameters:
      learning_rate: {values: [0.1, 1e-3]}
      steps: {min: 1, max: 3}
"""


def test_a_grid_sweep_is_a_table_of_axes(project):
    project.write({"sweep.yaml": _SWEEP})
    done = project.run(*_CLI, "sweep", "sweep.yaml", "--job", "train")
    assert tomlkit.parse(done.stdout).unwrap() == {
        "sweeps": {
            "rates": {
                "job": "train",
                "method": "grid",
                "axes": {
                    "run-config:seed": [1, 2],
                    r"run-config:data\.size": [100],
                    "run-config:optimizer.learning_rate": [0.1, "1e-3"],
                    "run-config:optimizer.steps": [1, 2, 3],
                },
            }
        }
    }
    assert "command is left out" in done.stderr
    assert "1e-3 is text, to wandb as well" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "bayes"}, "method: 'bayes'"),
        ({"run_cap": 3}, "run_cap: "),
        ({"early_terminate": {"type": "hyperband"}}, "early_terminate: "),
        ({"jobs": 1}, "jobs: the table has no word"),
        ({"parameters": {"a": {"min": 0.0, "max": 1.0}}}, "'uniform'"),
        (
            {"parameters": {"a": {"distribution": "log_uniform_values", "min": 1, "max": 5}}},
            "'log_uniform_values'",
        ),
        ({"parameters": {"a": {"min": 1, "max": 10**9}}}, "too many"),
        ({"parameters": {"a": {"values": [1, 2], "probabilities": [0.1, 0.9]}}}, "probabilities"),
        ({"parameters": {"a": {"values": []}}}, "something in it"),
        ({"parameters": {"a": {"values": [None]}}}, "no null"),
        ({"parameters": {"a": [1, 2]}}, "must be a mapping"),
        ({"method": "random", "parameters": {"a": {"min": 1, "max": 3}}}, "'int_uniform'"),
    ],
)
def test_what_a_table_has_no_words_for_is_refused_with_the_reason(change, message):
    sweep = {"method": "grid", "parameters": {"a": {"values": [1]}}, **change}
    with pytest.raises(ConfjobError) as refused:
        read_sweep(sweep)
    (problem,) = refused.value.problems
    assert message in problem.message
    assert problem.hint


def test_everything_that_can_not_be_said_comes_at_once():
    with pytest.raises(ConfjobError) as refused:
        read_sweep({"method": "bayes", "run_cap": 1, "parameters": {"a": {"min": 0.0, "max": 1.0}}})
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize("text", ["- 1", "method: grid", "a: [", ""])
def test_a_file_that_is_no_sweep_is_refused_in_words(project, text):
    project.write({"sweep.yaml": text})
    assert project.run(*_CLI, "sweep", "sweep.yaml", "--job", "t", code=1).stderr.startswith(
        "confjob-wandb: "
    )


def test_help_imports_no_more_than_it_must():
    code = "import sys\nfrom confjob_wandb.cli import cli\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"yaml", "tomlkit", "confjob.pipeline"} & set(loaded)
