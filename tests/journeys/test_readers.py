"""`lr: 2e-5`: a number that one reader of YAML takes for text."""

from __future__ import annotations

from pathlib import Path

import yaml
from omegaconf import OmegaConf

FILES = {
    "launch.toml": '[jobs.t]\ncommand = ["python", "t.py"]\nfiles = [{ path = "config.yaml" }]\n',
    "config.yaml": "lr: 2e-5  # peak\nother: 1e4\nquoted: '2e-5'\nsafe: 2.0e-05\n",
    "t.py": "",
}


def test_it_is_shown_as_a_number_and_told(project):
    """`show` gives float, and warns once that readers differ, with the place."""
    shown = project.write(FILES).json("show", "t")
    assert {field["path"]: field["type"] for field in shown["inputs"]} == {
        "lr": "float",
        "other": "float",
        "quoted": "str",
        "safe": "float",
    }
    (warning,) = shown["warnings"]
    assert (warning["path"], warning["where"]) == ("lr", "config.yaml:1:5")
    assert "and 1 more" in warning["message"]
    assert "note: config.yaml:lr" in project.confjob("plan", "t").stderr
    assert "note:" not in project.confjob("launch", "t").stderr


def test_after_a_change_all_readers_get_a_float(project):
    """What is written is spelled so that PyYAML and OmegaConf agree."""
    project.write(FILES)
    run = project.launch("t", "--set", "lr=3e-5")
    text = (Path(run["dir"]) / "workspace" / "config.yaml").read_text()
    assert text.startswith("lr: 3.0e-05  # peak\nother: 1e4\n")
    assert yaml.safe_load(text)["lr"] == 3e-5
    assert OmegaConf.create(text)["lr"] == 3e-5
