"""Unmodified W&B jobs with the real wandb, offline: `CONFJOB_PYTHON_WANDB` names an interpreter that has it."""

from __future__ import annotations

import ast
import json
import re
import shlex
import time
from pathlib import Path

import pytest
from confjob_wandb.calls import CALLS

_LAUNCH_TOML = """
[jobs.t]
command = ["python", "t.py"]
env = {{ WANDB_MODE = "{mode}", WANDB_SILENT = "true" }}
"""
_NESTED = """
import wandb
from wandb.sdk import launch
launch.manage_wandb_config()
run = wandb.init(project="p", id="chosen1", name="n", config={"net": {"a": 1, "b": 2}, "seed": 3})
print("run config:", dict(run.config))
"""


def _run_config(printed: str) -> dict:
    (line,) = [line for line in printed.splitlines() if line.startswith("run config: ")]
    return ast.literal_eval(line.removeprefix("run config: "))


def _wandb_folder(project) -> Path:
    (place,) = project.last()["links"].values()
    return Path(place)


def _script(project, text: str, mode: str = "offline"):
    project.write({"launch.toml": _LAUNCH_TOML.format(mode=mode), "t.py": text})
    return project


def test_the_run_config_of_an_unmodified_job_has_the_overrides_and_so_has_its_record(example, record_of):
    sets = ("--set", "optimizer.learning_rate=0.5", "--set", r"data\.size=50", "--set", "seed=8")
    expected = {
        "optimizer": {"name": "sgd", "learning_rate": 0.5, "steps": 50, "betas": [0.9, 0.999]},
        "data.size": 50,
        "seed": 8,
        "results": "results",
    }
    assert _run_config(example.foreground("train", *sets)) == expected
    recorded = record_of(_wandb_folder(example))
    assert {key: value for key, value in recorded["config"].items() if key != "_wandb"} == expected
    assert (recorded["project"], recorded["name"]) == ("lines", "baseline")


def test_without_overrides_the_job_runs_as_it_stands(example, record_of):
    config = _run_config(example.foreground("train"))
    assert config["optimizer"]["learning_rate"] == 0.1
    assert record_of(_wandb_folder(example))["config"]["seed"] == 7


def test_a_managed_config_file_is_patched_with_its_comments_and_the_checkout_is_not(example, record_of):
    before = (example.root / "config.yaml").read_text()
    diff = example.json("plan", "evaluate", "--set", "model.threshold=0.6")["files"]["config.yaml"]["diff"]
    assert "+  threshold: 0.6      # scores from here up count" in diff
    printed = example.foreground("evaluate", "--set", "model.threshold=0.6")
    assert "3 of 4 at 0.6" not in printed
    assert "2 of 4 at 0.6" in printed
    recorded = record_of(_wandb_folder(example))
    assert recorded["config"]["model"] == {"name": "logistic", "threshold": 0.6}
    assert (recorded["project"], recorded["job_type"]) == ("thresholds", "evaluation")
    assert (example.root / "config.yaml").read_text() == before
    # wandb's own way would rewrite the file, and lose the comment.
    assert "WANDB_LAUNCH_FILE_OVERRIDES" not in (Path(example.last()["dir"]) / "env").read_text()


def test_the_wandb_run_folder_is_shown(example):
    example.foreground("train", "--set", "seed=8")
    run = example.last()
    place = _wandb_folder(example)
    assert place.is_dir()
    assert place.name.startswith("offline-run-")
    assert place.is_relative_to(Path(run["dir"]))
    assert example.json("status", run["id"])["links"] == {"wandb": str(place)}
    assert place.name in example.confjob("runs").stdout


@pytest.mark.parametrize("job", ["schema", "schema-class", "schema-instance"])
def test_a_schema_is_enforced_however_it_is_written(example, record_of, job):
    refused = {
        "epochs=0": "at least 1",
        "epochs=101": "at most 100",
        "dropout=1": "less than 1",
        "dataset=faces": "one of",
    }
    for request, rule in refused.items():
        (problem,) = example.json("launch", job, "--set", request, code=1)["problems"]
        assert rule in problem["message"]
        assert problem["where"].startswith("classify")
    assert example.json("runs") == []
    sets = ("--set", "epochs=9", "--set", "dataset=letters")
    expected = {"epochs": 9, "dropout": 0.1, "dataset": "letters"}
    assert _run_config(example.foreground(job, *sets)) == expected
    recorded = record_of(_wandb_folder(example))["config"]
    assert {key: recorded[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("job", "request_", "message"),
    [
        ("train", "results=x", "may not be changed"),
        ("train", "optimizer.betas=[1,2]", "may not be changed"),
        ("train", "optimizer.learning_rte=1", "learning_rte"),
        ("train", "seed=many", "int"),
        ("evaluate", "report.folder=x", "may not be changed"),
        ("evaluate", "model.threshold=high", "float"),
        ("schema", "epochs=1.5", "int"),
        ("train", "optimizer.learning_rate=.nan", "finite"),
    ],
)
def test_what_the_job_does_not_offer_is_refused_and_nothing_is_created(example, job, request_, message):
    (problem,) = example.json("launch", job, "--set", request_, code=1)["problems"]
    assert message in problem["message"]
    assert problem["where"].split(":")[0] in ("train.py", "config.yaml", "classify.py")
    assert example.json("runs") == []
    assert not (example.root / "wandb").exists()


def test_project_name_and_id_stay_as_the_program_says(wandb_project, record_of):
    _script(wandb_project, _NESTED).foreground("t", "--set", "net.a=5")
    recorded = record_of(_wandb_folder(wandb_project))
    assert (recorded["project"], recorded["name"], recorded["id"]) == ("p", "n", "chosen1")
    assert recorded["config"]["net"] == {"a": 5, "b": 2}


def test_values_that_the_program_computes_itself_stay(wandb_project):
    text = 'import os, wandb\nrun = wandb.init(config={"net": {"a": 1, "b": len(os.sep) + 6}})\n'
    text += 'print("run config:", dict(run.config))\n'
    printed = _script(wandb_project, text).foreground("t", "--set", "net.a=5")
    assert _run_config(printed) == {"net": {"a": 5, "b": 7}}


def test_a_config_file_of_wandbs_own_form_is_overridden_by_value(wandb_project):
    """`wandb.init(config="file.yaml")` takes `key: {value: …}` only."""
    wandb_project.write(
        {"c.yaml": "wandb_version: 1\nlr: {desc: rate, value: 0.1}\nnet:\n  value: {a: 1, b: 2}\n"}
    )
    text = 'import wandb\nrun = wandb.init(config="c.yaml")\nprint("run config:", dict(run.config))\n'
    printed = _script(wandb_project, text).foreground("t", "--set", "lr.value=0.5", "--set", "net.value.a=3")
    assert _run_config(printed) == {"lr": 0.5, "net": {"a": 3, "b": 2}}


def test_where_wandb_is_disabled_it_replaces_whole_top_level_keys(wandb_project):
    """A limit of wandb's, documented: its disabled mode does not merge below the first level."""
    printed = _script(wandb_project, _NESTED, mode="disabled").foreground(
        "t", "--set", "net.a=5", "--set", "seed=4"
    )
    assert _run_config(printed) == {"net": {"a": 5}, "seed": 4}


def test_a_later_update_of_an_overridden_key_is_ignored_by_wandb(wandb_project):
    """So an override wins over the program's own later word, key by top-level key."""
    later = (
        'run.config.update({"net": {"a": 0, "b": 0}, "more": 1})\nprint("run config:", dict(run.config))\n'
    )
    text = _NESTED.replace('print("run config:", dict(run.config))\n', later)
    printed = _script(wandb_project, text).foreground("t", "--set", "net.a=5")
    assert _run_config(printed) == {"net": {"a": 5, "b": 2}, "seed": 3, "more": 1}


def test_added_keys_lists_nulls_and_awkward_texts_arrive(wandb_project, record_of):
    text = (
        "import wandb\nfrom wandb.sdk import launch\n"
        'launch.manage_wandb_config(schema={"type": "object", "additionalProperties": True})\n'
        'run = wandb.init(config={"layers": [{"n": 1}, {"n": 2}], "note": "x", "rate": 1.0, "off": 1})\n'
        'print("run config:", dict(run.config))\n'
    )
    sets = ["layers[1].n=8", "+extra={a: [1, {b: null}]}", "note=yes: 'ü' #1e3", "rate=1e-5"]
    arguments = [word for each in sets for word in ("--set", each)]
    config = _run_config(_script(wandb_project, text).foreground("t", *arguments, "--set-any", "off=null"))
    expected = {
        "layers": [{"n": 1}, {"n": 8}],
        "note": "yes: 'ü' #1e3",
        "rate": 1e-05,
        "off": None,
        "extra": {"a": [1, {"b": None}]},
    }
    assert config == expected
    recorded = record_of(_wandb_folder(wandb_project))["config"]
    assert {key: recorded[key] for key in expected} == expected


def test_load_wandb_config_returns_the_overrides(wandb_project):
    text = (
        "import json\nfrom wandb.sdk import launch\n"
        "launch.manage_wandb_config()\nprint('loaded', json.dumps(launch.load_wandb_config().as_dict()))\n"
    )
    manifest = (
        _LAUNCH_TOML.format(mode="offline")
        + '[jobs.t.run-config]\ndefaults = { net = { a = 1, b = 2 }, text = "" }\n'
    )
    wandb_project.write({"launch.toml": manifest, "t.py": text})
    printed = wandb_project.foreground("t", "--set", "net.a=5")
    assert 'loaded {"net": {"a": 5}}' in printed
    long = "x" * 40000
    assert long in wandb_project.foreground("t", "--set", f"text={long}")


def test_load_wandb_config_returns_nothing_without_overrides(wandb_project):
    """W&B Launch always sets the variable; wandb raises where there is none."""
    text = "from wandb.sdk import launch\nlaunch.manage_wandb_config()\nprint('loaded', launch.load_wandb_config())\n"
    assert "loaded {}" in _script(wandb_project, text).foreground("t")


def test_a_secret_is_refused_before_wandb_could_record_it(wandb_project):
    text = 'import wandb\nrun = wandb.init(config={"token": "", "seed": 1})\n'
    manifest = _LAUNCH_TOML.format(mode="offline") + '[jobs.t.run-config]\nsecret = ["token"]\n'
    wandb_project.write({"launch.toml": manifest, "t.py": text})
    refused = wandb_project.json("launch", "t", "--set", "token=hunter2", code=1)
    (problem,) = refused["problems"]
    assert "in the clear" in problem["message"]
    assert "env:NAME" in problem["hint"]
    assert "hunter2" not in json.dumps(refused)
    assert wandb_project.json("runs") == []


def test_the_sweep_file_is_private_and_nothing_sets_wandb_launch(example):
    example.foreground("train", "--set", "seed=8")
    folder = Path(example.last()["dir"])
    private = folder / "private" / "wandb-sweep.yaml"
    assert private.stat().st_mode & 0o777 == 0o600
    names = (folder / "env").read_text()
    assert "WANDB_SWEEP_PARAM_PATH" in names
    for never in ("WANDB_LAUNCH=", "WANDB_CONFIG_PATHS", "WANDB_SWEEP_ID"):
        assert never not in names


def test_no_process_is_left_and_nothing_is_written_elsewhere(example):
    listed = {path.name for path in example.root.iterdir()}
    example.foreground("train", "--set", "seed=8")
    until = time.monotonic() + 10
    while (left := _processes(example.root)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    assert {path.name for path in example.root.iterdir()} == listed | {".confjob"}
    assert not (example.elsewhere / "wandb").exists()


def test_capture_records_what_a_real_wandb_is_told(wandb_python, example, tmp_path):
    record = tmp_path / "calls"
    start = (
        "import json, runpy, sys\n"
        "def record(call):\n"
        f"    with open({str(record)!r}, 'a') as file: file.write(json.dumps(call, default=repr) + chr(10))\n"
        f"exec(compile(open({str(CALLS.watch)!r}).read(), 'watch', 'exec'), {{'record': record, '__name__': 'watch'}})\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
    )
    (tmp_path / "start.py").write_text(start)
    example.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "TMPDIR": str(example.elsewhere)}
    for script in ("train.py", "evaluate.py"):
        example.run(str(wandb_python), "-B", str(tmp_path / "start.py"), script)
    calls = [json.loads(line) for line in record.read_text().splitlines()]
    assert [call["call"] for call in calls] == ["manage_config", "values", "manage_config_file", "values"]
    assert calls[0]["include"] == ["optimizer", "seed", r"data\.size"]
    assert calls[1]["config"]["data.size"] == 200
    assert (calls[2]["path"], calls[2]["exclude"]) == ("config.yaml", ["report"])


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [1, 2.5], "c": [], "d": {"e": None, "f": True}, "g": "x"},
        [[1], [2]],
        [None, 1],
        {"l": [{"a": 1}, {"a": 2}]},
    ],
)
def test_input_types_are_what_wandb_itself_says_of_a_value(wandb_python, wandb_project, value):
    from confjob_wandb.shapes import shape_of

    code = (
        "import json, sys; from wandb.sdk.data_types._dtypes import TypeRegistry as T; "
        "print(json.dumps(T.type_of(json.loads(sys.argv[1])).to_json()))"
    )
    said = wandb_project.run(str(wandb_python), "-c", code, json.dumps(value)).stdout
    assert shape_of(value) == json.loads(said)


def _processes(root: Path) -> list[str]:
    """Return the commands of processes that work below `root`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(root):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_the_blocks_of_the_how_to_print_what_they_show(example):
    page = Path(__file__).parents[3] / "docs" / "how-to" / "from-wandb-launch.md"
    marked = re.findall(r"<!-- not run: needs wandb -->\n```console\n(.*?)```\n", page.read_text(), re.DOTALL)
    commands = [
        found
        for block in marked
        for found in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]
    assert commands
    example.environ["COLUMNS"] = "80"
    for command, expected in commands:
        verb, *words = shlex.split(command)
        assert verb == "confjob"
        done = example.confjob(*words, code=1 if expected.startswith("confjob: ") else 0)
        printed = done.stdout + done.stderr
        run = re.match(r"[a-z][a-z2-9]{6}\n", expected)
        if run:
            printed = printed.replace(printed[:7], run[0].strip())
        lines = (
            r"(?:.*\n)*" if line == "…\n" else re.escape(line).replace("…", ".*")
            for line in expected.splitlines(keepends=True)
        )
        assert re.fullmatch("".join(lines), printed), f"$ {command}\n{printed}"


def test_capture_writes_a_manifest_that_launches(example):
    (example.root / "launch.toml").unlink()
    example.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "TMPDIR": str(example.elsewhere)}
    computed = (example.root / "train.py").read_text().replace('"seed": 7', '"seed": len("seven!!")')
    example.write({"train.py": computed})
    example.confjob("capture", "--", "python", "train.py")
    assert _run_config(example.foreground("train", "--set", "seed=9"))["seed"] == 9
