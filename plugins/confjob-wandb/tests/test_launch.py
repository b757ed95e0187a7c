"""The drop-in for jobs that have no wandb."""

from __future__ import annotations

import json

import pytest
from confjob_wandb import launch


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    monkeypatch.delenv("CONFJOB_RUN_DIR", raising=False)
    monkeypatch.delenv("WANDB_CONFIG", raising=False)


def test_started_by_hand_the_calls_do_nothing_and_the_config_is_empty():
    assert launch.manage_wandb_config(include=["a"], schema={"type": "object"}) is None
    assert launch.manage_config_file("config.yaml", exclude=["b"]) is None
    assert launch.load_wandb_config() == {}


def test_the_config_has_items_and_attributes(monkeypatch):
    monkeypatch.setenv("WANDB_CONFIG", json.dumps({"trainer": {"lr": 0.5}, "-seed": 1}))
    config = launch.load_wandb_config()
    assert config["trainer"] == config.trainer == {"lr": 0.5}
    assert config.get("seed") == config.as_dict()["seed"] == 1
    config.seed = 2
    assert config["seed"] == 2
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = config.nothing_here


def test_a_config_in_pieces_is_put_together(monkeypatch):
    text = json.dumps({"a": "x" * 50})
    monkeypatch.setenv("WANDB_CONFIG_0", text[:20])
    monkeypatch.setenv("WANDB_CONFIG_1", text[20:])
    assert launch.load_wandb_config() == {"a": "x" * 50}


@pytest.mark.parametrize(("text", "match"), [("{", "no JSON"), ("[1]", "object, not list")])
def test_a_config_that_is_no_object_is_an_error(monkeypatch, text, match):
    monkeypatch.setenv("WANDB_CONFIG", text)
    with pytest.raises(launch.LaunchError, match=match):
        launch.load_wandb_config()


def test_a_job_of_the_drop_in_is_launched_with_its_changes(project):
    project.write(
        {
            "launch.toml": '[jobs.t]\ncommand = ["python", "t.py"]\n[jobs.t.run-config]\n'
            "defaults = { lr = 0.1, net = { size = 4 } }\n",
            "t.py": "import json\nfrom confjob_wandb import launch\n"
            'launch.manage_wandb_config(exclude=["net.depth"])\nlaunch.manage_config_file("c.yaml")\n'
            'print(json.dumps(launch.load_wandb_config()))\nprint(open("c.yaml").read())\n',
            "c.yaml": "a: 1  # kept\n",
        }
    )
    printed = project.confjob("launch", "t", "--set", "net.size=8", "--set", "c.yaml:a=2", "--fg").stdout
    assert '{"net": {"size": 8}}' in printed
    assert "a: 2  # kept" in printed
