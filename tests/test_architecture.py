"""The laws of the code itself: layers, docstrings, and what must never be written."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "confjob").rglob("*.py"))


def _calls(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_why_it_exists_and_evaluates_nothing(path):
    """A docstring; no eval, no unsafe YAML, no shell."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no docstring"
    for name, call in _calls(tree):
        assert name not in (
            "eval",
            "os.system",
            "os.popen",
            "yaml.load",
            "yaml.unsafe_load",
            "pickle.load",
        ), name
        shell = [word for word in call.keywords if word.arg == "shell"]
        assert not shell, f"shell= in line {call.lineno}"


def test_code_of_users_runs_in_the_jobs_interpreter_only():
    """`exec` stands in the probe that runs there, and nowhere else."""
    found = {
        str(path.relative_to(ROOT))
        for path in MODULES
        for name, _ in _calls(ast.parse(path.read_text(encoding="utf-8")))
        if name in ("exec", "compile")
    }
    assert found <= {"confjob/probes/kit.py"}, found


def test_the_layers_hold():
    """import-linter's contracts in pyproject.toml are kept."""
    tool = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("import-linter is not installed (it is in the dev extra)")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
