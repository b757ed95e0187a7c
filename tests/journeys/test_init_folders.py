"""`confjob init` on folders of many kinds: each manifest works at once, or says what is missing."""

from __future__ import annotations

import re

import pytest

READS = """\
import {module}


def main():
    with open({name!r}, "rb") as file:
        print({module}.{load}(file))


if __name__ == "__main__":
    main()
"""
YAML = READS.format(module="yaml", name="config.yaml", load="safe_load")
JSON = READS.format(module="json", name="conf/config.json", load="load")
HAND_READ = 'import sys\nprint(open("config.toml").read().strip(), sys.argv[1:])\n'

ARGPARSE = """\
import argparse


def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=0.1, help="the step")
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1])
    return parser.parse_args()


if __name__ == "__main__":
    print(vars(get_args()))
"""
CLICK = """\
import click


@click.command()
@click.option("--learning-rate", default=0.1)
@click.option("--amp/--no-amp", default=False)
@click.option("--sizes", multiple=True, type=int)
def main(**values):
    print(values)


if __name__ == "__main__":
    main()
"""
CONFIG_FLAG = """\
import argparse
from pathlib import Path

import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--cfg", type=Path, {default})
parser.add_argument("--seed", type=int, default=1)
if __name__ == "__main__":
    args = parser.parse_args()
    print(args.seed, yaml.safe_load(args.cfg.read_text()))
"""
POSITIONAL_CONFIG = """\
import argparse
import yaml

parser = argparse.ArgumentParser()
parser.add_argument("config")
parser.add_argument("out", nargs="?", default="o")
args = parser.parse_args()
print(args.out, yaml.safe_load(open(args.config)))
"""
MODULE = """\
import click

from .models import make


@click.command()
@click.option("--depth", type=click.IntRange(1, 9), default=3)
def main(depth):
    print(make(depth))


if __name__ == "__main__":
    main()
"""
PARSER_ELSEWHERE = (
    "from lib.options import build\n\nif __name__ == '__main__':\n    print(build().parse_args().lr)\n"
)
OPTIONS = (
    "import argparse\n\ndef build():\n    parser = argparse.ArgumentParser()\n"
    "    parser.add_argument('--lr', type=float, default=0.1)\n    return parser\n"
)
FUNCTION = "from confjob import job\n\n@job\ndef fit(lr: float = 0.1):\n    print(lr)\n"
DATA = """\
print(open("data/x.csv").read())
if __name__ == "__main__":
    pass
"""

#: kind -> files, job, what is set, what the job then prints
LAUNCHED = {
    "yaml": ({"train.py": YAML, "config.yaml": "lr: 1\n"}, "train", ["lr=2"], "{'lr': 2}"),
    "json": ({"fit.py": JSON, "conf/config.json": '{"lr": 1}'}, "fit", ["lr=2"], "{'lr': 2}"),
    "toml": ({"run.py": HAND_READ, "config.toml": "lr = 1\n"}, "run", ["lr=2"], "lr = 2 []"),
    "no main part": (
        {"train.py": "import yaml\nprint(yaml.safe_load(open('c.yaml')))\n", "c.yaml": "a: 1\n"},
        "train",
        ["a=2"],
        "{'a': 2}",
    ),
    "argparse": (
        {"train.py": ARGPARSE},
        "train",
        ["learning_rate=-1e-5", "amp=true", "sizes=[2, 3]"],
        "{'learning_rate': -1e-05, 'amp': True, 'sizes': [2, 3]}",
    ),
    "click": (
        {"train.py": CLICK},
        "train",
        ["learning_rate=0.5", "amp=true", "sizes=[2, 3]"],
        "{'learning_rate': 0.5, 'amp': True, 'sizes': (2, 3)}",
    ),
    "a flag with a config as default": (
        {"train.py": CONFIG_FLAG.format(default="default='conf/base.yaml'"), "conf/base.yaml": "lr: 1\n"},
        "train",
        ["lr=2", "seed=7"],
        "7 {'lr': 2}",
    ),
    "a required flag for a config": (
        {
            "train.py": CONFIG_FLAG.format(default="required=True"),
            "configs/b.yaml": "lr: 1\nn: 2\n",
            "configs/a.yaml": "lr: 3\nn: 4\n",
            "README.md": "# How\n\n```bash\n$ python train.py \\\n    --cfg configs/b.yaml\n```\n",
        },
        "train",
        ["lr=5"],
        "1 {'lr': 5, 'n': 2}",
    ),
    "a positional config": (
        {"train.py": POSITIONAL_CONFIG, "configs/default.yaml": "lr: 1\n"},
        "train",
        ["lr=5", "out=--x"],
        "--x {'lr': 5}",
    ),
    "package in src": (
        {
            "src/pkg/__init__.py": "",
            "src/pkg/models.py": "def make(depth):\n    return depth * 2\n",
            "src/pkg/train.py": MODULE,
            "pyproject.toml": '[project]\nname = "pkg"\n[project.scripts]\npkg-train = "pkg.train:main"\n',
        },
        "pkg-train",
        ["depth=4"],
        "8",
    ),
    "package beside": (
        {
            "pkg/__init__.py": "",
            "pkg/models.py": "def make(depth):\n    return depth\n",
            "pkg/__main__.py": MODULE,
        },
        "pkg",
        ["depth=4"],
        "4",
    ),
    "parser in another file": (
        {"scripts/go.py": PARSER_ELSEWHERE, "lib/options.py": OPTIONS},
        "go",
        ["lr=0.5"],
        "0.5",
    ),
    "decorated function": ({"t.py": FUNCTION}, "fit", ["lr=0.5"], "0.5"),
    "one script, one config that it does not name": (
        {
            "train.py": "import sys, yaml\nif __name__ == '__main__':\n    print(open(sys.path[0] + '/a.yaml'.strip()).read().strip())\n",
            "a.yaml": "a: 1\n",
        },
        "train",
        ["a=2"],
        "a: 2",
    ),
}


@pytest.mark.parametrize("kind", LAUNCHED)
def test_the_manifest_works_at_once(project, kind):
    """It loads without a complaint, the job runs as it is, and with a change it sees the change."""
    files, job, sets, printed = LAUNCHED[kind]
    project.write(files)
    told = project.confjob("init")
    assert told.stderr == ""
    assert [each["job"] for each in project.json("jobs")] == [job]
    project.confjob("check")
    options = [word for each in sets for word in ("--set", each)]
    run = project.launch(job, *options)
    assert project.output(run["id"]).strip() == printed
    assert run["state"] == "SUCCEEDED"


@pytest.mark.parametrize("kind", ["argparse", "click", "package in src", "parser in another file"])
def test_a_job_whose_flags_are_not_changed_is_started_without_any(project, kind):
    """The script's own defaults stand: a copy of them would fall behind."""
    files, job, _, _ = LAUNCHED[kind]
    project.write(files)
    project.confjob("init")
    command = project.json("plan", job)["command"]
    assert not [word for word in command if word.startswith("--")]


def test_a_default_of_the_manifest_is_passed(project):
    """What its author says there differs from the script's own, so it must be said."""
    project.write({"train.py": ARGPARSE})
    project.confjob("init")
    path = project.root / "launch.toml"
    path.write_text(path.read_text().replace("# defaults = {} ", "defaults = { learning_rate = 0.3 } #"))
    assert project.json("plan", "train")["command"][2:] == ["--learning-rate", "0.3"]
    assert project.json("plan", "train", "--set", "learning_rate=0.1")["command"][2:] == []


def test_several_configs_in_a_folder_are_one_input_with_choices(project):
    """The others are picked by --file; those of another shape are none of them."""
    project.write(
        {
            "train.py": CONFIG_FLAG.format(default="required=True"),
            "configs/small.yaml": "lr: 1\nn: 2\n",
            "configs/base.yaml": "lr: 3\nn: 4\n",
            "configs/odd.yaml": "a: 1\nb: 2\nc: 3\n",
        }
    )
    told = project.confjob("init").stdout
    assert re.search(r"guessed  train +configs/base.yaml, or 1 more: --cfg takes a config file", told)
    run = project.launch("train", "--file", "cfg=configs/small.yaml", "--set", "lr=9")
    assert project.output(run["id"]) == "1 {'lr': 9, 'n': 2}\n"


def test_a_script_that_several_processes_may_run_says_how(project):
    """As a comment: whether there are several GPUs is the machine's matter."""
    project.write(
        {
            "train.py": "import accelerate\n" + ARGPARSE,
            "two.py": "import torch.distributed as dist\n" + ARGPARSE,
        }
    )
    project.confjob("init")
    text = (project.root / "launch.toml").read_text()
    assert '# several GPUs: command = ["accelerate", "launch", "train.py"]' in text
    assert '# several GPUs: command = ["torchrun", "--standalone", "--nproc-per-node=gpu", "two.py"]' in text


def test_an_ignored_folder_that_a_script_names_is_linked(project):
    """So the job finds its data; caches and environments are not even mentioned."""
    project.write(
        {
            "train.py": DATA,
            ".gitignore": "data/\n.venv/\n__pycache__/\nwandb/\nmodels/\n.mypy_cache/\n",
            "data/x.csv": "1,2",
            "models/m": "",
            "wandb/w": "",
            ".mypy_cache/x": "",
            "__pycache__/x.pyc": "",
        }
    ).commit()
    project.confjob("init")
    text = (project.root / "launch.toml").read_text()
    assert '\n[workspace]\nlink = ["data"]\n# link = ["data", "models"]\n' in text
    assert "mypy" not in text
    assert project.output(project.launch("train")["id"]) == "1,2\n"


def test_a_notebook_alone_says_how_it_could_run(project):
    """It can't be launched as it is; both ways stand there as comments, and the manifest is valid."""
    project.write({"explore.ipynb": '{"cells": []}', "c.yaml": "a: 1\n"})
    told = project.confjob("init").stdout
    assert re.search(" +explore.ipynb +a notebook can't be launched", told)
    text = (project.root / "launch.toml").read_text()
    assert "jupyter nbconvert --to script explore.ipynb" in text
    assert "papermill" in text
    assert project.json("jobs") == []
    project.confjob("check")


def test_nothing_at_all_gives_an_example_that_is_valid_once_it_is_uncommented(project):
    """Every key of it is real."""
    told = project.confjob("init").stdout
    assert "fill in the commented example" in told
    path = project.root / "launch.toml"
    assert project.json("jobs") == []
    _, example = path.read_text().split("# Nothing here looks like a job yet.")
    lines = [line.removeprefix("# ") for line in example.splitlines()[1:]]
    path.write_text("\n".join(line for line in lines if line != "#"))
    project.write(
        {
            "train.py": CONFIG_FLAG.replace("--cfg", "--config").format(default="required=True"),
            "config.yaml": "lr: 1\n",
        }
    )
    project.confjob("check")
    assert project.json("plan", "train", "--set", "seed=3")["command"] == [
        *("python", "train.py", "--config", "config.yaml", "--seed", "3")
    ]


CLI = """\
import click

@click.group()
def cli(): ...

@cli.command()
@click.option("--lr", default=0.1)
def fit(lr):
    print(lr)

@cli.command("show")
@click.argument("what")
def show_it(what):
    print(what)

if __name__ == "__main__":
    cli()
"""


def test_each_subcommand_is_a_job(project):
    """Its flags are those that the command line takes after its name."""
    project.write({"cli.py": CLI})
    project.confjob("init")
    assert [job["job"] for job in project.json("jobs")] == ["fit", "show"]
    assert project.output(project.launch("fit", "--set", "lr=0.5")["id"]) == "0.5\n"
    assert project.output(project.launch("show", "--set", "what=-x")["id"]) == "-x\n"


HYDRA = """\
import hydra

@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(config):
    print(config)

if __name__ == "__main__":
    main()
"""


def test_a_hydra_app_without_its_plugin_says_what_to_install(project):
    """Hydra reads its command line and its configs in its own way."""
    project.write({"app.py": HYDRA, "conf/config.yaml": "a: 1\n", "conf/db/x.yaml": "b: 1\n"})
    blocked = ("-p", "no:hydra", "-p", "no:confjob-omegaconf")
    assert "pip install confjob-omegaconf" in project.confjob(*blocked, "init").stdout
    assert "pip install confjob-omegaconf" in (project.root / "launch.toml").read_text()
    assert [job["job"] for job in project.json(*blocked, "jobs")] == ["app"]


def test_a_command_line_that_is_not_read_is_told_and_can_be_said_by_hand(project):
    """Parsers that are not known, and dataclasses of a library."""
    project.write(
        {
            "go.py": "import tyro\ndef main(lr: float = 0.1): ...\nif __name__ == '__main__':\n    tyro.cli(main)\n",
            "sft.py": "from trl import SFTConfig, TrlParser\nif __name__ == '__main__':\n    TrlParser((SFTConfig,)).parse_args_and_config()\n",
        }
    )
    told = project.confjob("init").stdout
    assert re.search(r"go +its flags, which tyro reads, are not read", told)
    assert re.search(r"sft +sft.py:3:16: HfArgumentParser: the flags of SFTConfig, .* are not read", told)
    text = (project.root / "launch.toml").read_text()
    block = re.search(r"^#   (\[jobs.go.run-config\]\n)#   (.*\n)#   (.*\n)", text, re.MULTILINE)
    (project.root / "launch.toml").write_text(text + "".join(block.groups()))
    assert project.json("plan", "go", "--set", "lr=0.5")["command"][2:] == ["--lr", "0.5"]
