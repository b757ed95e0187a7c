"""Laws of what stays after a run: outputs are never lost, copies of the snapshot are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from confjob.probes import tidy as module
from confjob.workspace.layout import Layout
from confjob.workspace.outputs import outputs
from confjob.workspace.snapshot import capture
from confjob.workspace.unpack import unpack_script

LARGE = 1_100_000
TIDY = Path(__file__).parents[2] / "confjob" / "probes" / "tidy.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    write(
        root,
        {
            "train.py": "1",
            "pkg/__init__.py": "",
            "pkg/deep/x.py": "2",
            "config.yaml": "old",
            "big": "x" * LARGE,
        },
    )
    write(root, {"data/d": "precious", "other.yaml": "same"})
    (root / "link").symlink_to("train.py")
    return root


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture(params=[".", "part/x"])
def run(root: Path, request) -> Layout:
    """A run that has a workspace and a patch."""
    snapshot = capture(root, root / ".confjob", limit=1 << 30, links=["data"])
    run_dir = root / ".confjob/runs/r1"
    layout = Layout(run_dir=run_dir, tree=snapshot.tree, prefix=PurePosixPath(request.param), links=("data",))
    write(run_dir, {"patch/config.yaml": "new", "git/HEAD": "x", "workspace.json": layout.record()})
    subprocess.run(["sh", "-c", unpack_script(layout, root=root)], check=True)
    return layout


def tidy(layout: Layout) -> None:
    argv = [sys.executable, "-I", "-S", str(TIDY), str(layout.run_dir)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def work(layout: Layout) -> set[str]:
    """Do what jobs do; returns the outputs."""
    project = layout.project
    write(
        project,
        {"out/model": "m", "pkg/deep/made": "1", "train.py": "changed", "new.py": "", "out/empty/.keep": ""},
    )
    (project / "pkg/linked").symlink_to("/etc")
    (project / "void").mkdir()
    return {"out/model", "pkg/deep/made", "train.py", "new.py", "out/empty/.keep", "pkg/linked"}


def names(layout: Layout) -> set[str]:
    found = set()
    for folder, inner, files in os.walk(layout.project):
        links = [name for name in inner if Path(folder, name).is_symlink()]
        found |= {str(Path(folder, name).relative_to(layout.project)) for name in (*files, *links)}
    return found - {".git"}


def listed(layout: Layout) -> set[str]:
    return {str(output.path.relative_to(layout.prefix)) for output in outputs(layout.run_dir)}


def test_a_run_that_made_nothing_has_no_outputs_and_is_tidied_to_patch_and_links(run):
    assert listed(run) == set()
    tidy(run)
    assert listed(run) == set()
    assert names(run) == {"config.yaml", "data"}
    assert (run.project / "config.yaml").read_text() == "new"


def test_outputs_are_what_the_job_made_or_changed_before_and_after_tidying(run):
    made = work(run)
    assert listed(run) == made
    tidy(run)
    assert listed(run) == made
    assert names(run) == made | {"config.yaml", "data"}
    assert (run.project / "void").is_dir()
    assert not (run.project / "link").is_symlink()


def test_a_config_that_the_job_changed_is_an_output(run):
    write(run.project, {"config.yaml": "its"})
    assert listed(run) == {"config.yaml"}


def test_outputs_tell_where_and_how_large(run):
    write(run.project, {"out/m": "12345"})
    (output,) = outputs(run.run_dir)
    assert (output.size, output.place.read_text()) == (5, "12345")


def test_what_is_written_beside_the_project_is_an_output_too(run):
    write(run.workspace, {"beside": "1"})
    assert [str(output.path) for output in outputs(run.run_dir)] == ["beside"]


def test_linked_folders_and_symlinks_are_never_entered(run, root, tmp_path):
    write(tmp_path, {"elsewhere/deep/x.py": "2", "elsewhere/__init__.py": ""})
    shutil.rmtree(run.project / "pkg")
    (run.project / "pkg").symlink_to(tmp_path / "elsewhere")
    tidy(run)
    assert (root / "data/d").read_text() == "precious"
    assert (tmp_path / "elsewhere/deep/x.py").read_text() == "2"
    assert listed(run) == {"pkg"}


def test_tidying_twice_is_tidying_once_and_a_missing_part_is_no_error(run):
    made = work(run)
    tidy(run)
    tidy(run)
    assert listed(run) == made
    shutil.rmtree(run.workspace)
    tidy(run)
    assert listed(run) == set()
    shutil.rmtree(run.tree)
    tidy(run)


def test_without_the_snapshot_nothing_is_removed(run):
    before = names(run)
    shutil.rmtree(run.tree)
    tidy(run)
    assert names(run) == before


def test_killed_at_any_file_it_loses_nothing_and_goes_on_later(run, monkeypatch):
    made = work(run)
    total = len(names(run))
    real, calls = Path.unlink, []

    def unlink(path, *, missing_ok=False):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(path)
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink)
        with pytest.raises(KeyboardInterrupt):
            module.tidy(run.run_dir)
    assert (run.run_dir / "tidied").exists()
    assert len(names(run)) == total - 2
    assert listed(run) == made
    tidy(run)
    assert names(run) == made | {"config.yaml", "data"}


def test_bytecode_of_the_snapshots_modules_goes_but_not_that_of_the_jobs(run):
    write(
        run.project,
        {"pkg/__pycache__/__init__.cpython-311.pyc": "", "pkg/deep/__pycache__/x.cpython-311.opt-1.pyc": ""},
    )
    write(run.project, {"__pycache__/made.cpython-311.pyc": "", "made.py": ""})
    assert listed(run) == {"made.py"}
    tidy(run)
    assert names(run) == {"config.yaml", "data", "made.py", "__pycache__/made.cpython-311.pyc"}
    assert not (run.project / "pkg").exists()


def test_what_a_killed_unpacking_left_is_removed(run):
    write(run.run_dir, {"workspace.tmp/x": ""})
    tidy(run)
    assert not (run.run_dir / "workspace.tmp").exists()


def test_equal_size_and_type_is_not_equal_content(tmp_path):
    write(tmp_path, {"a": "1", "b": "2", "c": "1"})
    (tmp_path / "d").symlink_to("a")
    same = [module.same_content(tmp_path / "a", tmp_path / name) for name in "abcd"]
    assert same == [True, False, True, False]


def test_the_command_line_wants_one_folder(capsys):
    assert module.main([]) == 2
    assert "usage" in capsys.readouterr().err
