"""`confjob init`: a folder without a manifest gets one that works at once."""

from __future__ import annotations

import re
import shutil

import pytest

READS = "import yaml\n\n\ndef main():\n    print(yaml.safe_load(open({name!r})))\n\n\nif __name__ == '__main__':\n    main()\n"


def test_a_script_and_its_config_can_be_launched_at_once(project):
    """One script that names one YAML: init, show, launch with a change."""
    project.write({"train.py": READS.format(name="config.yaml"), "config.yaml": "lr: 0.1  # step\n"})
    written = project.confjob("init")
    assert "train.py names it" in written.stdout
    run = project.launch("train", "--set", "lr=0.2")
    assert project.output(run["id"]) == "{'lr': 0.2}\n"


def test_an_existing_manifest_is_never_overwritten(project):
    """It is refused; --print shows what would be written."""
    project.write({"launch.toml": "# mine\n", "train.py": READS.format(name="c.json"), "c.json": '{"a": 1}'})
    assert "exists already" in project.confjob("init", code=1).stderr
    assert "[jobs.train]" in project.confjob("init", "--print").stdout
    assert (project.root / "launch.toml").read_text() == "# mine\n"


def test_a_folder_inside_another_project_gets_its_own(project):
    """Paths are of the folder where the manifest is written, not of the project around it."""
    project.write(
        {
            "launch.toml": "",
            "sub/train.py": READS.format(name="config.yaml"),
            "sub/config.yaml": "lr: 0.1\n",
        }
    )
    assert "not ready" not in project.confjob("init", cwd="sub").stderr
    assert project.confjob("show", "train", cwd="sub").stdout.count("config.yaml") == 2


def test_nothing_is_run_and_what_git_ignores_is_proposed(project):
    """Looking is not running; ignored folders are named, to be linked."""
    project.write(
        {
            "train.py": "open('ran', 'w')\nif __name__ == '__main__':\n    pass\n",
            ".gitignore": "data/\n",
            "data/x": "x",
            "tests/test_x.py": "if __name__ == '__main__':\n    pass\n",
        }
    ).commit()
    project.confjob("init")
    assert not (project.root / "ran").exists()
    assert '# [workspace]\n# link = ["data"]' in (project.root / "launch.toml").read_text()
    assert [job["job"] for job in project.json("jobs")] == ["train"]


CALLS = """\
import sys
import confjob
from confjob import manage_config_file

confjob.manage_config({"seed": 1, "trainer": {"lr": 0.1, "key": "x"}}, include=["trainer"], exclude=["trainer.key"])
manage_config_file("config.yaml", schema={"type": "object"})
open("ran", "w")
"""


def test_calls_in_a_scripts_text_need_no_table(project):
    """The manifest has the command and, as comments, what the calls declare; it launches with changes."""
    project.write({"train.py": CALLS, "config.yaml": "batch: 8\n", "other.yaml": "a: 1\n"})
    assert "train.py declares its inputs" in project.confjob("init").stdout
    assert not (project.root / "ran").exists()
    text = (project.root / "launch.toml").read_text()
    assert "#   run-config (train.py:5): include trainer; exclude trainer.key\n" in text
    assert "#   config.yaml (train.py:6): a schema\n" in text
    assert "[[jobs.train.files]]" not in text
    assert "#   other.yaml" in text, "it is no job's"
    paths = {(row["input"], row["path"]) for row in project.json("show", "train")["inputs"]}
    assert {("run-config", "trainer.lr"), ("config.yaml", "batch")} <= paths
    assert ("run-config", "trainer.key") not in paths


def test_a_file_that_the_script_names_and_no_call_declares_still_gets_its_table(project):
    """The calls speak for what they name."""
    text = CALLS + "print(open('other.yaml').read())\n"
    project.write({"train.py": text, "config.yaml": "batch: 8\n", "other.yaml": "a: 1\n"})
    project.confjob("init")
    assert {row["input"] for row in project.json("show", "train")["inputs"]} == {
        "run-config",
        "config.yaml",
        "other.yaml",
    }


def test_calls_that_only_the_running_script_knows_are_told_with_the_way_out(project):
    """Each with its place, in the manifest and on the terminal; the command named runs it once."""
    text = CALLS.replace('"config.yaml"', "sys.argv[1]").replace('"lr": 0.1', '"lr": len(sys.argv)')
    project.write({"train.py": text, "config.yaml": "batch: 8\n", "other.yaml": "a: 1\n"})
    done = project.confjob("init")
    assert "sys.argv[1]" in done.stderr
    assert "confjob capture --print -- python train.py" in done.stderr
    text = (project.root / "launch.toml").read_text()
    assert "#   train.py:6:1: `manage_config_file(sys.argv[1]" in text
    assert re.search(r"^#   train.py:5:\d+: defaults: `len\(sys.argv\)` can't be read", text, re.MULTILINE)
    assert "confjob capture --print -- python train.py" in text


WANDB = """\
import wandb
from wandb.sdk import launch

launch.manage_config_file("config.yaml")
with wandb.init(config={"lr": 0.1}) as run:
    print(run.config)
"""


def test_a_wandb_launch_script_without_its_plugin_says_what_to_install(project):
    """It is found as a job, starts offline, and is told what would read its calls."""
    project.write({"train.py": WANDB, "config.yaml": "a: 1\n"})
    told = project.confjob("-p", "no:confjob-wandb", "-p", "no:wandb", "init")
    assert re.search("missing +train +.*pip install confjob-wandb", told.stdout)
    text = (project.root / "launch.toml").read_text()
    assert 'env = { WANDB_MODE = "offline" }    # no account needed' in text
    assert "pip install confjob-wandb" in text


PLUGIN = """\
from confjob.plugin import Calls, Delivery, hookimpl

@hookimpl
def confjob_calls():
    names = {"tracker.init": ("config",)}
    return [Calls(name="tracker", deliver=lambda document, changes: Delivery(), values=names,
                  run_config={"tracker.manage": ("include",)})]
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import tracker\ntracker.init({'lr': 0.1})\n", True),
        ("from tracker import init\nwith init(config={'lr': 0.1}):\n    pass\n", True),
        ("import tracker\ndef run():\n    tracker.manage(['lr'])\n", True),
        ("import tracker\ndef start():\n    tracker.init({'lr': 0.1})\n", False),
        ("import other as tracker\ntracker.init({'lr': 0.1})\n", False),
    ],
)
def test_another_librarys_calls_make_a_script_a_job_when_a_plugin_knows_them(project, text, found):
    """A helper's function that hands values over is no script; the same name elsewhere is no call."""
    project.write({"confjob_plugins.py": PLUGIN, "fit.py": text})
    project.confjob("init")
    assert [job["job"] for job in project.json("jobs")] == (["fit"] if found else [])
    if found:
        assert "#   run-config (fit.py:" in (project.root / "launch.toml").read_text()


def test_what_is_said_is_short_aligned_and_ends_with_what_to_type(project):
    """What was found, what was guessed, what is missing, and the next commands."""
    project.write(
        {
            "train.py": ARGPARSE,
            "a.yaml": "lr: 1\n",
            "n.ipynb": '{"cells": []}',
            ".gitignore": "data/\noutputs/\n",
            "data/x": "x",
            "outputs/x": "x",
        }
    ).commit()
    lines = project.confjob("init").stdout.splitlines()
    assert lines[0] == f"wrote {project.root / 'launch.toml'}"
    told = "\n".join(lines)
    assert re.search(r"^  found    train    train.py reads flags$", told, re.MULTILINE)
    assert re.search(r"^ +2 flags of train.py: lr, workers$", told, re.MULTILINE)
    assert re.search(
        r"^  missing  train    train.py:4:1: .*--workers: default=os.cpu_count\(\)", told, re.MULTILINE
    )
    assert re.search(r"^ +configs +a.yaml: no job is known to read them$", told, re.MULTILINE)
    assert re.search(r"^ +link +data: ignored by git", told, re.MULTILINE), "outputs are not missed"
    assert lines[-2:] == ["  next     confjob show train", "           confjob launch train --set lr=…"]


def test_as_data_it_is_one_document(project):
    """`--json` has the manifest's text and each guess; with --print nothing is written."""
    project.write({"train.py": ARGPARSE})
    told = project.json("init", "--print")
    assert not (project.root / "launch.toml").exists()
    (job,) = told["jobs"]
    assert (job["job"], job["parser"], job["flags"]) == ("train", "train.py", ["lr", "workers"])
    assert [each["where"] for each in job["unread"]] == ["train.py:4:1"]
    assert told["ready"] is None
    written = project.json("init")
    assert written["text"] == told["text"] == (project.root / "launch.toml").read_text()
    assert written["ready"] == ["train"]


ARGPARSE = """\
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--workers", type=int, default=os.cpu_count())
if __name__ == "__main__":
    print(parser.parse_args().lr)
"""


@pytest.mark.parametrize(
    ("files", "line", "said"),
    [
        ({"venv/bin/python": ""}, 'python = "venv/bin/python"', "the environment in venv/"),
        ({".venv/bin/python": ""}, None, ".venv beside the manifest"),
        ({"uv.lock": ""}, None, "run `uv sync`"),
        ({"poetry.lock": ""}, None, "poetry env info"),
        ({"environment.yml": "name: x\n"}, None, "no conda environment is active"),
    ],
)
def test_the_interpreter_is_named_or_what_makes_it(project, files, line, said):
    """An environment that would not be found by itself is declared; one that is not made is told."""
    project.write({"train.py": ARGPARSE, **files})
    for name in files:
        if name.endswith("python"):
            (project.root / name).unlink()
            (project.root / name).symlink_to(shutil.which("python3") or "python3")
    told = project.confjob("init").stdout
    text = (project.root / "launch.toml").read_text()
    assert said in told
    assert said in text
    assert (line in text) if line else "python = " not in text.replace("or say python = ", "")
    assert project.launch("train", "--set", "lr=0.5")["state"] == "SUCCEEDED"
