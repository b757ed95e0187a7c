"""The format with the real torchtune: `CONFJOB_PYTHON_TORCHTUNE` names an interpreter that has it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import confjob_torchtune
import pytest
from confjob_torchtune import FORMAT

from confjob.plugin import Source
from confjob.testing import ProjectFolder, framework_python
from confjob.validation import Validator

_ROOT = Path(__file__).parents[3]
_PROBE = Path(confjob_torchtune.__file__).with_name("probe.py")


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter that has torchtune."""
    return framework_python("torchtune")


@pytest.fixture(scope="session")
def ask(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, Any], Any]:
    """Ask the probe, as confjob does."""
    folder = tmp_path_factory.mktemp("ask")

    def asked(script: Path, request: Any) -> Any:
        (folder / "request").write_text(json.dumps(request))
        argv = [python, "-B", script, folder / "request", folder / "answer"]
        subprocess.run(argv, cwd=folder, check=True, capture_output=True)
        reply = json.loads((folder / "answer").read_text())
        assert "error" not in reply, reply
        return reply["answer"]

    return asked


@pytest.fixture(scope="session")
def example(python: Path, tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    """A copy of the example, with torchtune's environment active."""
    return ProjectFolder.copy_of(
        _ROOT / "examples" / "torchtune", tmp_path_factory.mktemp("example") / "torchtune", python
    )


def _configs(python: Path) -> list[Path]:
    """Return the built-in configs, which lie beside torchtune's package."""
    return sorted(python.parent.parent.glob("lib/python3*/site-packages/recipes/configs/**/*.yaml"))


def test_a_launch_hands_the_new_values_to_torchtune(example):
    changes = ("--set", "optimizer.lr=3e-4", "--set", "epochs=3", "--set", "+optimizer.amsgrad=true")
    printed = example.told("launch", "print", *changes, "--fg")
    assert "  lr: 0.0003\n" in printed
    assert "  amsgrad: true\n" in printed
    assert "epochs: 3\n" in printed
    assert "AdamW with lr 0.0003" in printed
    assert "lr: 2e-5" in (example.root / "config.yaml").read_text()


def test_another_component_is_launched_with_its_own_arguments(example):
    changes = ("--set", "optimizer._component_=torch.optim.SGD", "--set", "+optimizer.momentum=0.9")
    printed = example.told("launch", "print", *changes, "--fg")
    assert "  momentum: 0.9\n" in printed
    assert "SGD with lr 2e-05" in printed


def test_a_built_in_config_is_launched_by_name_as_a_patched_copy(example):
    changes = ("--set", "model.lora_rank=16", "--set", "optimizer.lr=1e-5")
    plan = example.told("plan", "built-in", *changes)
    assert "+  lora_rank: 16" in plan
    assert "--config llama3_2/1B_lora_single_device.yaml" in plan
    assert "+output_dir" not in plan
    printed = example.told("launch", "built-in", *changes, "--fg")
    assert "  lora_rank: 16\n" in printed
    assert "AdamW with lr 1e-05" in printed
    assert not (example.root / "llama3_2").exists()


@pytest.mark.parametrize(
    ("job", "change", "message"),
    [
        ("print", "optimizer.lr=banana", "optimizer.lr: must be a float"),
        ("print", "epohcs=3", "did you mean 'epochs'"),
        ("print", "+epohcs=3", "did you mean 'epochs'"),
        ("built-in", "model.lora_rank=8.5", "model.lora_rank: must be an int"),
        ("built-in", "model.lora_attn_modules=[q_prj]", "model.lora_attn_modules[0]: must be"),
        ("print", "+optimizer.learning_rate=1", "optimizer.learning_rate: unknown key"),
        ("print", "optimizer._component_=torch.optim.AdamZ", "tune validate: Error loading"),
    ],
)
def test_what_torchtune_lets_pass_is_refused(example, job, change, message):
    assert message in example.told("plan", job, "--set", change, code=1)


def test_a_misspelled_built_in_config_is_refused_with_the_nearest(example):
    manifest = example.root / "launch.toml"
    text = manifest.read_text()
    try:
        manifest.write_text(text.replace("llama3_2/1B_lora_single", "llama3_2/1B_lora_singel"))
        told = example.told("show", "built-in", code=1)
    finally:
        manifest.write_text(text)
    assert "did you mean llama3_2/1B_lora_single_device" in told


def test_no_value_of_a_built_in_config_is_refused(python, ask):
    """Over all configs of the wheel: no value breaks the types of its component's signature."""
    files = _configs(python)
    assert len(files) > 100
    loaded = [_load(file, None) for file in files]
    names = {each.nodes[path].value for each in loaded for path in each.selectors}
    answer = ask(_PROBE, {"ask": "signatures", "components": sorted(names), "recipe": None})
    unresolved = {name: told["error"] for name, told in answer["components"].items() if "error" in told}
    assert all("vision" in name or "torchvision" in why for name, why in unresolved.items()), unresolved
    for file in files:
        document = _load(file, lambda _script, _request: answer)
        found = [*Validator(FORMAT.schema(document)).violations(document.tree)]
        assert not found, f"{file.name}: {found}"


def test_tune_validate_passes_what_can_be_imported(python, ask):
    files = _configs(python)
    verdicts = ask(_PROBE, {"ask": "check", "texts": [file.read_text() for file in files]})["problems"]
    failed = [(file.name, found) for file, found in zip(files, verdicts, strict=True) if found]
    assert all("vision" in str(found) for _, found in failed), failed
    assert len(failed) < len(files) / 10


def _load(file: Path, ask: Any) -> Any:
    return FORMAT.load(Source(input="config", path=PurePosixPath(file.name), root=file.parent, ask=ask))


def test_the_built_in_configs_are_choices(example):
    """`--file config=NAME` picks what `tune ls` lists; a misspelt name is refused with the nearest."""
    picked = example.told("plan", "built-in", "--file", "config=llama3_2/3B_lora_single_device", "--json")
    assert "llama3_2/3B_lora_single_device" in json.loads(picked)["command"]
    refused = example.told("plan", "built-in", "--file", "config=llama3_2/3B_lora_single_devise", code=1)
    assert "did you mean 'llama3_2/3B_lora_single_device'" in refused
