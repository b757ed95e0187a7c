"""The format with the real Axolotl: `CONFJOB_PYTHON_AXOLOTL` names an interpreter that has it.

Each question to Axolotl imports torch, so tests ask as much as they can at once.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import confjob_axolotl
import pytest

from confjob.testing import ProjectFolder, framework_python

_EXAMPLE = Path(__file__).parents[3] / "examples" / "axolotl"
_PROBE = Path(confjob_axolotl.__file__).with_name("probe.py")


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter that has Axolotl."""
    return framework_python("axolotl")


@pytest.fixture(scope="session")
def example(python: Path, tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    """A copy of the example, with Axolotl's environment active."""
    return ProjectFolder.copy_of(_EXAMPLE, tmp_path_factory.mktemp("example") / "axolotl", python)


def test_a_launch_hands_the_new_values_to_axolotl(example):
    changes = (
        "learning_rate=3e-4",
        "lora_r=32",
        "datasets[0].type=chat_template",
        "+max_steps=10",
        "+gc_steps=4",
    )
    launched = example.confjob("launch", "show", *(f"--set={change}" for change in changes), "--fg")
    seen = json.loads(launched.stdout[launched.stdout.index("{") : launched.stdout.rindex("}") + 1])
    assert (seen["learning_rate"], seen["lora_r"], seen["max_steps"]) == (0.0003, 32, 10)
    assert seen["datasets"][0]["type"] == "chat_template"
    assert "gc_steps is deprecated: Use `torch_empty_cache_steps`" in launched.stderr
    assert (example.root / "config.yml").read_text() == (_EXAMPLE / "config.yml").read_text()


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ("learning_rate=banana", ["config.yml:learning_rate: must be", "(config.yml:"]),
        ("lora_r=8.5", ["config.yml:lora_r: must be int", "(config.yml:"]),
        ("+learning_rte=1e-3", ["learning_rte: unknown key", "did you mean 'learning_rate'"]),
        ("liger_rms_norm=banana", ["liger_rms_norm: must be bool"]),
    ],
)
def test_what_axolotl_lets_pass_or_drops_is_refused(example, change, messages):
    told = example.confjob("plan", "show", "--set", change, code=1).stderr
    assert all(message in told for message in messages), told


def test_a_rule_across_fields_is_told_in_axolotls_words(example):
    changes = ("+loraplus_lr_ratio=2", "+lr_groups=[{name: a, modules: [q], lr: 1.0e-5}]")
    told = example.confjob("plan", "show", *(f"--set={change}" for change in changes), code=1).stderr
    assert "lr_groups and loraplus_lr_ratio cannot be used together" in told


def test_what_axolotl_says_of_many_texts_in_one_start(python, tmp_path):
    text = (_EXAMPLE / "config.yml").read_text()
    texts = {
        "": text,
        "learning_rate": text.replace("2e-4", "banana"),
        "rope_scaling": text + "rope_scaling: {factor: 2}\n",
        "base_model": text.replace("base_model:", "base_modl:"),
        "liger_rms_norm": text.replace("liger_rms_norm: true", "liger_rms_norm: banana"),
        "warmup_steps": text.replace("warmup_steps: 10", "warmup_steps: 0.1"),
    }
    answer = _ask(python, tmp_path, {"ask": "check", "texts": list(texts.values())})
    found = {
        path: [each["path"] for each in verdict]
        for path, verdict in zip(texts, answer["problems"], strict=True)
    }
    assert found == {path: [[path]] if path else [] for path in texts}


def _ask(python: Path, folder: Path, request: Any) -> Any:
    (folder / "request").write_text(json.dumps(request))
    argv = [python, "-B", _PROBE, folder / "request", folder / "answer"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    reply = json.loads((folder / "answer").read_text())
    assert "error" not in reply, reply
    assert reply["files"] == []
    return reply["answer"]
