from pathlib import Path, PurePosixPath

import pytest

from confjob.builtin.toml import FORMAT as TOML
from confjob.declare.manifest import manifest_schema, read_manifest
from confjob.errors import ManifestError
from confjob.model import Source
from confjob.validation import Validator, check_schema

FULL = """
default-target = "cluster"
plugins = ["x"]
[jobs.train]
function = "train:train"
description = "Digit classifier"
[jobs.finetune]
command = ["python", "finetune.py", "--config", "{config}"]
python = ".venv/bin/python"
env = { HF_HUB_OFFLINE = "1" }
target = "here"
deliver = "flags"
flag-style = "equals"
[jobs.finetune.run-config]
defaults = { seed = 42, trainer = { learning_rate = 0.01 } }
include = ["seed", "trainer"]
exclude = "trainer.private"
schema = { type = "object" }
secret = ["token"]
[[jobs.finetune.files]]
name = "config"
path = "config.yaml"
choices = "configs/*.yaml"
format = "yaml"
exclude = ["wandb_project"]
schema = "schema.json"
[jobs.finetune.resources]
cpus = 1.5
memory = "16GiB"
gpus = 1
nodes = 1
time = "4h"
[workspace]
link = ["data"]
max-size = "2GiB"
[targets.here]
backend = "local"
slots = 2
[sweeps.lr]
job = "finetune"
method = "grid"
axes = { "config.yaml:learning_rate" = [1e-5, 2e-5] }
"""


def read(tmp_path, text):
    (tmp_path / "launch.toml").write_text(text)
    return read_manifest(
        TOML.load(Source(input="launch.toml", path=PurePosixPath("launch.toml"), root=Path(tmp_path)))
    )


def refused(tmp_path, text):
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, text)
    return [
        (problem.where.line, str(problem.path), problem.message, problem.hint)
        for problem in caught.value.problems
    ]


def test_everything_that_a_manifest_may_say(tmp_path):
    manifest = read(tmp_path, FULL)
    finetune = manifest.jobs["finetune"]
    assert (finetune.flag_style, finetune.run_config.exclude, finetune.files[0].name) == (
        "equals",
        "trainer.private",
        "config",
    )
    assert finetune.run_config.defaults["trainer"] == {"learning_rate": 0.01}
    assert finetune.resources.cpus == 1.5
    assert manifest.workspace.link == ["data"]
    assert manifest.targets == {"here": {"backend": "local", "slots": 2}}
    assert manifest.default_target == "cluster"


def test_an_empty_manifest_has_no_jobs(tmp_path):
    assert read(tmp_path, "").jobs == {}


ODD = """
defualt-target = "x"
[jobs.a]
comand = ["x"]
deliver = "flag"
[jobs.b]
function = "a:b"
command = ["x"]
env = { N = 1 }
[[jobs.b.files]]
inclde = ["x"]
[[jobs.b.files]]
path = 5
choices = ["x"]
[jobs.b.resources]
gpus = "2"
cpus = true
[jobs.c]
command = []
[jobs.d]
command = "python x.py"
[jobs.e]
function = "e:e"
run_config = {}
[workspace]
link = "data"
max-size = "1XB"
"""


def test_every_fault_is_told_at_once_with_line_path_and_suggestion(tmp_path):
    told = refused(tmp_path, ODD)
    assert [(line, path) for line, path, _, _ in told] == [
        (2, r"defualt-target"),
        (3, "jobs.a"),
        (4, "jobs.a.comand"),
        (5, "jobs.a.deliver"),
        (6, "jobs.b"),
        (9, "jobs.b.env.N"),
        (10, "jobs.b.files[0]"),
        (11, "jobs.b.files[0].inclde"),
        (13, "jobs.b.files[1].path"),
        (14, "jobs.b.files[1].choices"),
        (16, "jobs.b.resources.gpus"),
        (17, "jobs.b.resources.cpus"),
        (19, "jobs.c.command"),
        (21, "jobs.d.command"),
        (24, "jobs.e.run_config"),
        (26, "workspace.link"),
        (27, r"workspace.max-size"),
    ]
    by_path = {path: f"{message} {hint}" for _, path, message, hint in told}
    assert "did you mean 'default-target'?" in by_path["defualt-target"]
    assert "this one has neither" in by_path["jobs.a"]
    assert "did you mean 'command'?" in by_path["jobs.a.comand"]
    assert "did you mean 'flags'?" in by_path["jobs.a.deliver"]
    assert "this one has both" in by_path["jobs.b"]
    assert "missing key 'path'" in by_path["jobs.b.files[0]"]
    assert "did you mean 'include' or 'exclude'?" in by_path["jobs.b.files[0].inclde"]
    assert "the command is empty" in by_path["jobs.c.command"]
    assert "must be a list, not 'python x.py'" in by_path["jobs.d.command"]
    assert "did you mean 'run-config'?" in by_path["jobs.e.run_config"]
    assert "amount of memory" in by_path["workspace.max-size"]


@pytest.mark.parametrize(
    "text", ["jobs = 5", "jobs = []", "[jobs]\na = 1", "[[jobs]]\nfunction = 'a:b'", "targets = { a = 1 }"]
)
def test_a_table_of_another_shape_is_a_fault_and_no_crash(tmp_path, text):
    assert refused(tmp_path, text)


def test_the_schema_for_editors_is_one_and_agrees_with_the_reader(tmp_path):
    import sys

    if sys.version_info < (3, 11):
        import tomli as tomllib
    else:
        import tomllib
    schema = manifest_schema()
    assert not list(check_schema(schema))
    assert Validator(schema).violations(tomllib.loads(FULL)) == []
    faults = {str(fault.path) for fault in Validator(schema).violations(tomllib.loads(ODD))}
    odd = {path for _, path, message, _ in refused(tmp_path, ODD)}
    # What a schema can't say: that a job has one of two keys, that a command is not empty, what a size is.
    assert odd - faults <= {"jobs.a", "jobs.b", "jobs.c.command", "jobs.b.files[0]", "workspace.max-size"}
