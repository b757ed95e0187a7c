"""`confjob init` on folders of real configs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
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


@pytest.mark.parametrize(
    ("folder", "script"),
    [
        ("wandb-launch-jobs/jobs/hello_world", None),
        ("wandb-launch-jobs/jobs/sql_query", None),
        ("deepspeed", None),
        ("trl", CONFIG_FLAG.format(default="required=True")),
        ("llamafactory", CONFIG_FLAG.format(default="required=True")),
        ("torchtune", None),
        ("axolotl", None),
        ("hydra", None),
    ],
)
def test_folders_of_real_configs(project, folder, script):
    """Whatever lies there, the manifest is valid, and every job of it can be read or says why not."""
    if not (CORPUS / folder).is_dir():
        pytest.skip(f"{CORPUS / folder} is absent")
    shutil.copytree(CORPUS / folder, project.root, dirs_exist_ok=True)
    if script:
        project.write({"train.py": script})
    told = project.confjob("init")
    jobs = [each["job"] for each in project.json("jobs")]
    assert len(jobs) < 12, "recipes of one framework are choices of one job"
    for job in jobs:
        shown = project.confjob("show", job, "--json", code=None)
        assert shown.returncode == 0 or f"{job} is not ready" in told.stderr
        assert json.loads(shown.stdout)
