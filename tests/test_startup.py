"""Starting is a feature: what must stay cheap imports only what is on a list."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import confjob

_TELL = "import json, sys; print(json.dumps(sorted(name.partition('.')[0] for name in sys.modules)))"


def _imported(code: str) -> set[str]:
    """Return the top-level modules that `code` imports, beyond what Python itself does."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{_TELL}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1])) - set(sys.stdlib_module_names) - {"__main__"}


def _sites() -> set[str]:
    """Return what the interpreter's own `.pth` files import: not ours."""
    return _imported("")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_import_click_and_nothing_else(arguments):
    """No pluggy, no cattrs, no attrs, no yaml: help is answered before any machinery."""
    code = (
        "import contextlib, io\n"
        "from confjob.__main__ import run\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    assert run({arguments!r}) == 0\n"
        "import sys; assert 'importlib.metadata' not in sys.modules\n"
    )
    assert _imported(code) - _sites() == {"click", "confjob"}


def test_the_jobs_side_is_standard_library_only():
    """`import confjob` in a training script costs it nothing of ours."""
    code = (
        "from confjob import job, load_config, manage_config, manage_config_file\n"
        "import sys; assert 'importlib.metadata' not in sys.modules\n"
    )
    assert _imported(code) - _sites() == {"confjob"}


def test_every_module_imports_without_a_warning():
    """Each module stands by itself, with warnings as errors."""
    names = [
        module.name
        for module in pkgutil.walk_packages(confjob.__path__, "confjob.")
        if not module.name.startswith("confjob.probes.") and module.name != "confjob.__main__"
    ]
    code = "import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in names)
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert len(names) > 80
