"""What a Python file's text tells of it."""

from pathlib import Path, PurePosixPath

import pytest

from confjob.discover.modules import local_files, started
from confjob.discover.scripts import env_settings, read_script


@pytest.fixture
def script(tmp_path):
    def script(text, name="a.py"):
        path = Path(tmp_path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return read_script(tmp_path, PurePosixPath(name), [])

    return script


@pytest.mark.parametrize(
    ("name", "text", "has_main"),
    [
        ("a.py", "if __name__ == '__main__':\n    pass\n", True),
        ("a.py", "print(1)\n", False),
        ("train.py", "print(1)\n", True),
        ("train.py", "def f(): ...\n", False),
        ("pkg/__main__.py", "", True),
    ],
)
def test_a_script_is_there_to_be_run_by_its_main_part_or_its_name(script, name, text, has_main):
    assert script(text, name).has_main is has_main


@pytest.mark.parametrize("name", ["setup.py", "conftest.py", "test_a.py", "pkg/__init__.py", "a.txt"])
def test_other_files_are_no_scripts(script, name):
    assert script("print(1)\n", name) is None


def test_a_file_that_does_not_parse_is_none(script):
    assert script("def f(:\n") is None


NAMES = {
    PurePosixPath(name)
    for name in (
        "src/pkg/__init__.py",
        "src/pkg/go.py",
        "lib/opts.py",
        "lib/go.py",
        "scripts/go.py",
        "pkg/__main__.py",
        "go.py",
    )
}


@pytest.mark.parametrize(
    ("name", "text", "command", "pythonpath"),
    [
        ("go.py", "import lib.opts\n", ["python", "go.py"], None),
        ("scripts/go.py", "import os\n", ["python", "scripts/go.py"], None),
        ("scripts/go.py", "from lib.opts import x\n", ["python", "-m", "scripts.go"], None),
        ("src/pkg/go.py", "from . import x\n", ["python", "-m", "pkg.go"], "src"),
        ("src/pkg/go.py", "import pkg.models\n", ["python", "-m", "pkg.go"], "src"),
        ("pkg/__main__.py", "", ["python", "-m", "pkg"], None),
        ("lib/go.py", "import opts\n", ["python", "lib/go.py"], None),
    ],
)
def test_a_script_is_started_as_a_module_where_its_imports_need_that(script, name, text, command, pythonpath):
    start = started(script(text, name), NAMES)
    assert list(start.command) == command
    assert start.pythonpath == pythonpath


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("scripts/go.py", "from lib.opts import build\n", ["lib/opts.py"]),
        ("lib/go.py", "from opts import build\n", ["lib/opts.py"]),
        ("lib/go.py", "from .opts import build\n", ["lib/opts.py"]),
        ("go.py", "import os, lib\n", []),
    ],
)
def test_the_projects_own_modules_are_found(script, name, text, found):
    assert [str(path) for path in dict.fromkeys(local_files(script(text, name), NAMES))] == found


def test_a_table_has_one_environment():
    (line,) = env_settings({"wandb"}, "src")
    assert line.startswith('env = { PYTHONPATH = "src", WANDB_MODE = "offline" }    # ')
    assert env_settings({"os"}, None) == ()
