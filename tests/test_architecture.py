"""What holds for all of the code, whatever a module does."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = [path for path in sorted((ROOT / "confjob").rglob("*.py")) if "__pycache__" not in path.parts]
FORBIDDEN_CALLS = {
    "eval": "nothing is evaluated",
    "exec": "nothing is evaluated",
    "os.system": "a shell",
    "os.popen": "a shell",
    "subprocess.getoutput": "a shell",
    "subprocess.getstatusoutput": "a shell",
    "pickle.load": "runs what it reads",
    "pickle.loads": "runs what it reads",
    "yaml.load": "names a loader by argument; use safe_load",
    "yaml.load_all": "names a loader by argument; use safe_load_all",
    "yaml.unsafe_load": "unsafe YAML",
    "yaml.full_load": "unsafe YAML",
}
UNSAFE_NAMES = {"UnsafeLoader", "FullLoader", "CUnsafeLoader", "CFullLoader"}

#: Runs project code, which is what it is for: in the job's interpreter, never in confjob's.
RUNS_PROJECT_CODE = ROOT / "confjob" / "probes" / "kit.py"


def modules():
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in CODE]


def faults(tree, *, may_run=False):
    """Yield what a module must not do, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in FORBIDDEN_CALLS and not (may_run and name == "exec"):
                yield f"{node.lineno}: {name}: {FORBIDDEN_CALLS[name]}"
            for keyword in node.keywords:
                if keyword.arg == "shell" and ast.unparse(keyword.value) != "False":
                    yield f"{node.lineno}: shell=: a shell"
        names = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if names in UNSAFE_NAMES:
            yield f"{node.lineno}: {names}: unsafe YAML"


@pytest.mark.parametrize("path", modules())
def test_nothing_is_evaluated_and_no_shell_is_called(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert list(faults(tree, may_run=path == RUNS_PROJECT_CODE)) == []


def test_every_kind_of_fault_is_found():
    text = "eval(a)\nexec(a)\nyaml.load(a)\nrun(a, shell=True)\nos.system(a)\nyaml.UnsafeLoader\n"
    assert [fault.partition(":")[0] for fault in faults(ast.parse(text))] == list("123456")
    assert list(faults(ast.parse("run(a, shell=False)\nyaml.safe_load(a)\n"))) == []


@pytest.mark.parametrize("path", modules())
def test_every_module_says_why_it_exists_and_what_it_gives(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no docstring"
    future = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert len(tree.body) == 1 or "__future__" in future, "no `from __future__ import annotations`"


def test_the_layers_hold():
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if program is None:
        if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1" and os.environ.get("CI"):
            pytest.fail("import-linter is not installed: pip install -e '.[dev]'")
        pytest.skip("import-linter is not installed: pip install -e '.[test]'")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
