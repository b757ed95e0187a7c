"""What confjob is told: the calls by name, and the folders that wandb made."""

from __future__ import annotations

import subprocess
import sys

import pytest
from confjob_wandb.calls import CALLS
from confjob_wandb.hooks import confjob_calls, confjob_links


def test_the_calls_are_given_under_the_name_that_a_manifest_says():
    assert [calls.name for calls in confjob_calls()] == ["wandb"]
    assert CALLS.watch is not None
    assert CALLS.watch.is_file()


@pytest.mark.parametrize(
    "home", ["wandb.sdk.launch", "wandb.sdk.launch.inputs.manage", "confjob_wandb.launch"]
)
def test_each_home_of_the_calls_is_known(home):
    assert CALLS.run_config[f"{home}.manage_wandb_config"] == ("include", "exclude", "schema")
    assert CALLS.file[f"{home}.manage_config_file"] == ("path", "include", "exclude", "schema")
    assert CALLS.values["wandb.init"][7] == "config"


def test_loading_the_hooks_imports_nothing_heavy():
    code = "import sys, confjob_wandb.hooks; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"wandb", "tomlkit", "confjob_wandb.calls", "confjob_wandb.cli"} & set(loaded)


def test_the_drop_in_loads_nothing_but_the_job_side():
    code = "import sys, confjob_wandb.launch; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"attrs", "attr", "pluggy", "yaml", "click", "confjob.plugin"} & set(loaded)


def test_one_run_is_linked_by_the_name_of_wandb_and_several_by_their_ids(tmp_path):
    assert confjob_links(tmp_path) is None
    assert confjob_links(tmp_path / "gone") is None
    first = tmp_path / "wandb" / "offline-run-20260101_000000-abc123de"
    first.mkdir(parents=True)
    (tmp_path / "wandb" / "latest-run").symlink_to(first.name)
    (tmp_path / "wandb" / "debug.log").touch()
    assert confjob_links(tmp_path) == {"wandb": str(first)}
    second = tmp_path / "wandb" / "run-20260102_000000-fgh456jk"
    second.mkdir()
    assert confjob_links(tmp_path) == {"wandb abc123de": str(first), "wandb fgh456jk": str(second)}
