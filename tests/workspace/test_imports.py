"""Laws of imports: whatever leads into the checkout leads to the workspace first, and nothing else does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from confjob.workspace.imports import make_shims, python_path

RUN = Path("/run/workspace")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "src/pkg/__init__.py",
        "flat/__init__.py",
        "lib/ns/part/__init__.py",
        "lib/mod.py",
        "odd_name/__init__.py",
    ):
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).touch()
    (tmp_path / "p/.venv/lib/site-packages").mkdir(parents=True)
    return tmp_path / "p"


def paths(root: Path, environ=None, workspace: Path = RUN, **answer):
    def exists(path: PurePosixPath) -> bool:
        return (root / path).exists() and ".venv" not in path.parts

    return python_path(root, workspace, answer, environ or {}, exists=exists)


def test_entries_that_lead_into_the_project_get_their_counterparts_in_order(root):
    entries = [
        "/usr/lib/python3",
        str(root / "src"),
        str(root / ".venv/lib/site-packages"),
        str(root),
        str(root / "gone"),
    ]
    assert paths(root, sys_path=entries) == ([f"{RUN}/src", f"{RUN}"], {})


def test_the_submitters_python_path_comes_first_and_nothing_twice(root):
    environ = {"PYTHONPATH": f"/other:{root}/lib:src:"}
    assert paths(root, environ, sys_path=[f"{root}/src", f"{root}/lib"])[0] == [f"{RUN}/lib", f"{RUN}/src"]


def test_a_checkout_by_another_name_is_the_same(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    assert paths(root, sys_path=[f"{tmp_path}/alias/src"])[0] == [f"{RUN}/src"]
    assert paths(tmp_path / "alias", sys_path=[f"{root}/src"])[0] == [f"{RUN}/src"]


@pytest.mark.parametrize(
    ("package", "path", "entries", "shims"),
    [
        ("pkg", "src/pkg", ["src"], {}),
        ("flat", "flat", [""], {}),
        ("ns.part", "lib/ns/part", ["lib"], {}),
        ("mod", "lib/mod", ["lib"], {}),
        ("mod", "lib/mod.py", ["lib"], {}),
        ("good", "odd_name", [], {"good": "odd_name"}),
        ("ns.good", "odd_name", [], {"ns/good": "odd_name"}),
        ("other", "lib/mod", [], {"other.py": "lib/mod.py"}),
        ("root_itself", "", [], {"root_itself": ""}),
        ("gone", "src/gone", [], {}),
    ],
)
def test_editable_mappings_get_their_folder_or_a_link_by_their_name(root, package, path, entries, shims):
    found = paths(root, editable={package: str(root / path)})
    assert found == (
        [str(RUN / entry) for entry in entries],
        {name: str(RUN / at) for name, at in shims.items()},
    )


def test_a_mapping_outside_the_project_is_left_alone(root, tmp_path):
    assert paths(root, editable={"x": str(tmp_path / "x")}) == ([], {})


def test_an_answer_without_anything_is_fine(root):
    assert paths(root) == ([], {})


def test_python_imports_through_the_links(root, tmp_path):
    _, shims = paths(
        root, workspace=root, editable={"a.good": f"{root}/odd_name", "other": f"{root}/lib/mod"}
    )
    make_shims(tmp_path / "imports", shims)
    code = "import a.good, other; print(a.good.__file__, other.__file__)"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={"PYTHONPATH": f"{tmp_path}/imports"},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [f"{tmp_path}/imports/a/good/__init__.py", f"{tmp_path}/imports/other.py"]
