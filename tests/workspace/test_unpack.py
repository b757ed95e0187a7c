"""Laws of the unpacked workspace: complete or absent, writable, and nobody else's."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from confjob.errors import InputError
from confjob.workspace.layout import Layout
from confjob.workspace.snapshot import capture
from confjob.workspace.symlinks import patch_place
from confjob.workspace.unpack import unpack_script

SHELLS = [
    argv
    for argv in (["sh"], ["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"])
    if shutil.which(argv[0])
]
LARGE = 1_100_000
every_shell = pytest.mark.parametrize("shell", SHELLS, ids=" ".join)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "pro'ject $(x)"
    root.mkdir()
    return root


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def layout_of(root: Path, run: str = "r1", links: tuple[str, ...] = (), prefix: str = ".") -> Layout:
    state = root / ".confjob"
    snapshot = capture(root, state, limit=1 << 30, links=links)
    run_dir = state / "runs" / run
    run_dir.mkdir(parents=True, exist_ok=True)
    return Layout(run_dir=run_dir, tree=snapshot.tree, prefix=PurePosixPath(prefix), links=links)


def unpack(layout: Layout, root: Path, shell=("sh",), **environment: str) -> subprocess.CompletedProcess[str]:
    script = layout.run_dir / "unpack.sh"
    script.write_bytes(os.fsencode(unpack_script(layout, root=root) + "\n"))
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", **environment}
    return subprocess.run([*shell, str(script)], env=environ, capture_output=True, text=True, check=False)


def contents(top: Path) -> dict[str, bytes]:
    files = (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(top)): path.read_bytes() for path in files}


@every_shell
def test_the_workspace_is_the_snapshot_with_times_modes_links_and_hostile_names(root, shell):
    write(
        root,
        {"a b/train.py": "1", "new\nline": "2", "-n": "3", "$(x)'": "4", "run.sh": "5", "big": "x" * LARGE},
    )
    (root / "run.sh").chmod(0o755)
    (root / "in").symlink_to("a b/train.py")
    (root / "out").symlink_to("/etc")
    os.utime(root / "a b/train.py", (10**9, 10**9))
    layout = layout_of(root)
    done = unpack(layout, root, shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents(layout.project) == contents(layout.tree)
    assert (layout.project / "in").readlink() == Path("a b/train.py")
    assert (layout.project / "out").readlink() == Path("/etc")
    assert (layout.project / "a b/train.py").stat().st_mtime == 10**9
    modes = {name: stat.S_IMODE((layout.project / name).stat().st_mode) for name in ("run.sh", "-n")}
    assert modes == {"run.sh": 0o755, "-n": 0o644}
    assert not (layout.run_dir / "workspace.tmp").exists()


@every_shell
def test_writing_to_any_file_reaches_neither_checkout_snapshot_nor_sibling(root, shell):
    write(root, {"a": "1", "d/b": "2", "big": "x" * LARGE})
    first, second = layout_of(root, "r1"), layout_of(root, "r2")
    for layout in (first, second):
        write(layout.run_dir / "patch", {"d/b": "patched"})
        assert unpack(layout, root, shell).returncode == 0
    before = contents(root), contents(first.tree), contents(second.project)
    for name in contents(first.project):
        append_as_job(first.project / name)
    checkout = {
        name: data for name, data in contents(root).items() if not name.startswith(".confjob/runs/r1/")
    }
    expected = {name: data for name, data in before[0].items() if not name.startswith(".confjob/runs/r1/")}
    assert (checkout, contents(first.tree), contents(second.project)) == (expected, *before[1:])
    assert contents(first.project)["a"] == b"1!"
    assert contents(first.project)["d/b"] == b"patched!"


def append_as_job(path: Path) -> None:
    try:
        with path.open("a") as file:
            file.write("!")
    except PermissionError:
        assert os.getuid() != 0
        assert path.stat().st_size > 1 << 20  # a read-only hardlink, as documented


@every_shell
def test_a_user_who_is_not_root_gets_large_files_as_read_only_links_and_the_rest_writable(
    root, shell, tmp_path
):
    write(root, {"a": "1", "d/big": "x" * LARGE, "d/c": "2"})
    (root / "b").symlink_to("d/big")
    layout = layout_of(root)
    write(tmp_path, {"bin/id": "#!/bin/sh\necho 1000\n"})
    (tmp_path / "bin/id").chmod(0o755)
    done = unpack(layout, root, shell, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert (done.returncode, done.stderr) == (0, "")
    big, small = layout.project / "d/big", layout.project / "d/c"
    assert contents(layout.project) == contents(layout.tree)
    reflinked = not big.samefile(layout.tree / "d/big")
    assert stat.S_IMODE(big.stat().st_mode) == (0o644 if reflinked else 0o444)
    assert stat.S_IMODE(small.stat().st_mode) == 0o644
    assert not small.samefile(layout.tree / "d/c")


@every_shell
def test_the_patch_lies_over_the_files_also_over_links_and_new_ones(root, shell):
    write(root, {"config.yaml": "old", "conf/a.yaml": "old", "real/b.yaml": "old", "big.yaml": "x" * LARGE})
    (root / "link.yaml").symlink_to("real/b.yaml")
    layout = layout_of(root)
    patch = {
        "config.yaml": "new",
        "conf/a.yaml": "new",
        "deep/er/c.yaml": "new",
        "link.yaml": "new",
        "big.yaml": "n",
    }
    write(layout.run_dir / "patch", patch)
    assert unpack(layout, root, shell).stderr == ""
    project = layout.project
    assert {name: (project / name).read_text() for name in patch} == patch
    assert (project / "real/b.yaml").read_text() == "old"
    assert (layout.tree / "real/b.yaml").read_text() == "old"
    assert (layout.tree / "big.yaml").stat().st_size == LARGE
    assert (project / "config.yaml").stat().st_mode & stat.S_IWUSR


@every_shell
def test_a_patch_that_would_go_through_a_symlink_fails_and_touches_nothing_there(root, shell, tmp_path):
    write(tmp_path, {"outside/a.yaml": "theirs"})
    write(root, {"x": ""})
    (root / "conf").symlink_to(tmp_path / "outside")
    layout = layout_of(root)
    write(layout.run_dir / "patch", {"conf/a.yaml": "new", "conf/b/c.yaml": "new"})
    done = unpack(layout, root, shell)
    assert done.returncode == 1
    assert "conf: a symlink on the way to a patched file" in done.stderr
    assert contents(tmp_path / "outside") == {"a.yaml": b"theirs"}
    assert not layout.workspace.exists()


def test_patch_place_follows_the_projects_own_links_and_refuses_the_others(root, tmp_path):
    write(root, {"configs/a.yaml": ""})
    (root / "conf").symlink_to("configs")
    (root / "a.yaml").symlink_to("conf/a.yaml")
    (root / "out.yaml").symlink_to(tmp_path / "x.yaml")
    tree = layout_of(root).tree
    places = [patch_place(tree, PurePosixPath(name)) for name in ("a.yaml", "conf/a.yaml", "conf/new/b.yaml")]
    assert list(map(str, places)) == ["configs/a.yaml", "configs/a.yaml", "configs/new/b.yaml"]
    with pytest.raises(InputError, match=re.escape("out.yaml: lies outside")):
        patch_place(tree, PurePosixPath("out.yaml"))


@every_shell
def test_linked_folders_lead_to_the_checkout(root, shell):
    write(root, {"a": "1", "data/d": "data", "deep/er/data/d": "data"})
    layout = layout_of(root, links=("data/", "deep/er/data", "not yet"))
    assert unpack(layout, root, shell).stderr == ""
    assert (layout.project / "data").readlink() == Path(str(root / "data"))
    assert (layout.project / "deep/er/data/d").read_text() == "data"
    assert (layout.project / "not yet").readlink() == Path(str(root / "not yet"))


@pytest.mark.parametrize("link", ["/data", "../data", "a/../b", ".", ""])
def test_links_that_are_no_folders_of_the_project_are_refused(root, link):
    layout = layout_of(root)
    with pytest.raises(InputError, match="is no folder of the project"):
        unpack_script(Layout(run_dir=layout.run_dir, tree=layout.tree, links=(link,)), root=root)


def test_a_link_beyond_a_symlink_is_refused(root, tmp_path):
    (root / "out").symlink_to(tmp_path)
    layout = layout_of(root, links=("out/data",))
    with pytest.raises(InputError, match="beyond the symlink out"):
        unpack_script(layout, root=root)


@every_shell
def test_a_second_attempt_leaves_the_workspace_as_it_is(root, shell):
    write(root, {"a": "1", "b": "2"})
    layout = layout_of(root)
    unpack(layout, root, shell)
    (layout.project / "a").write_text("changed")
    (layout.project / "b").unlink()
    assert unpack(layout, root, shell).returncode == 0
    assert contents(layout.project) == {"a": b"changed"}


@every_shell
def test_after_tidying_a_second_attempt_gets_back_what_is_missing(root, shell):
    write(root, {"a": "1", "d/b": "2", "config.yaml": "old", "big": "x" * LARGE, "data/x": ""})
    layout = layout_of(root, links=("data",))
    write(layout.run_dir / "patch", {"config.yaml": "new"})
    (layout.run_dir / "workspace.json").write_text(layout.record())
    unpack(layout, root, shell)
    write(layout.project, {"out/m": "model", "a": "changed"})
    tidy = Path(__file__).parents[2] / "confjob/probes/tidy.py"
    subprocess.run([sys.executable, str(tidy), str(layout.run_dir)], check=True)
    assert contents(layout.project) == {"out/m": b"model", "a": b"changed", "config.yaml": b"new"}
    assert unpack(layout, root, shell).stderr == ""
    found = contents(layout.project)
    assert found.pop("big") == b"x" * LARGE
    assert found == {"out/m": b"model", "a": b"changed", "config.yaml": b"new", "d/b": b"2"}
    assert (layout.project / "d/b").stat().st_mode & stat.S_IWUSR
    assert not (layout.run_dir / "tidied").exists()


@every_shell
def test_a_folder_that_the_job_made_a_symlink_is_not_filled_behind_it(root, shell, tmp_path):
    write(root, {"d/b": "2", "a": "1"})
    write(tmp_path, {"elsewhere/x": "theirs"})
    layout = layout_of(root)
    unpack(layout, root, shell)
    shutil.rmtree(layout.project / "d")
    (layout.project / "d").symlink_to(tmp_path / "elsewhere")
    (layout.run_dir / "tidied").touch()
    done = unpack(layout, root, shell)
    assert done.returncode == 1
    assert "./d: a symlink where the snapshot has a folder" in done.stderr
    assert contents(tmp_path / "elsewhere") == {"x": b"theirs"}


@every_shell
def test_restoring_works_with_a_cp_that_does_not_know_how_to_skip(root, shell, tmp_path):
    write(root, {"a": "1", "d/b": "2", "d/c": "3"})
    layout = layout_of(root)
    unpack(layout, root, shell)
    (layout.project / "d/b").unlink()
    (layout.project / "a").write_text("changed")
    (layout.run_dir / "tidied").touch()
    write(tmp_path, {"bin/cp": '#!/bin/sh\ncase $1 in -n*) exit 1;; esac\nexec /bin/cp "$@"\n'})
    (tmp_path / "bin/cp").chmod(0o755)
    assert unpack(layout, root, shell, PATH=f"{tmp_path}/bin:/usr/bin:/bin").stderr == ""
    assert contents(layout.project) == {"a": b"changed", "d/b": b"2", "d/c": b"3"}


@every_shell
def test_what_a_killed_attempt_left_is_begun_anew(root, shell):
    write(root, {"a": "1"})
    layout = layout_of(root)
    write(layout.run_dir / "workspace.tmp", {"a": "half", "stray": ""})
    assert unpack(layout, root, shell).returncode == 0
    assert contents(layout.workspace) == {"a": b"1"}


@every_shell
def test_a_part_of_a_repository_lies_at_its_place_with_git_at_the_top(root, shell):
    write(root, {"a": "1"})
    layout = layout_of(root, prefix="pack ages/x")
    (layout.run_dir / "git").mkdir()
    assert unpack(layout, root, shell).returncode == 0
    assert contents(layout.workspace) == {"pack ages/x/a": b"1", ".git": b"gitdir: ../git\n"}


@every_shell
def test_failing_is_told_and_leaves_no_workspace(root, shell):
    write(root, {"a": "1"})
    layout = layout_of(root)
    shutil.rmtree(layout.tree)
    done = unpack(layout, root, shell)
    assert done.returncode == 1
    assert "confjob: the workspace could not be made" in done.stderr
    assert not layout.workspace.exists()


@every_shell
def test_a_cp_that_knows_posix_only_is_enough(root, shell, tmp_path):
    write(root, {"a": "1", "d/b": "2", "big": "x" * LARGE})
    layout = layout_of(root)
    write(
        tmp_path,
        {
            "bin/cp": '#!/bin/sh\ncase "$*" in *--*) echo "unknown option" >&2; exit 1;; esac\nexec /bin/cp "$@"\n'
        },
    )
    (tmp_path / "bin/cp").chmod(0o755)
    done = unpack(layout, root, shell, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(layout.project) == contents(layout.tree)
    assert all(os.access(layout.project / name, os.W_OK) for name in contents(layout.project))


@every_shell
def test_the_lines_have_a_status_that_the_script_around_can_use(root, shell):
    write(root, {"a": "1"})
    layout = layout_of(root)
    lines = unpack_script(layout, root=root)
    script = f"{lines} || echo failed\necho $?\npwd\n"
    done = subprocess.run([*shell, "-c", script], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == "0\n/\n"


def test_an_empty_project_unpacks(root):
    layout = layout_of(root)
    assert unpack(layout, root).stderr == ""
    assert contents(layout.workspace) == {}


def test_the_layout_survives_its_record_and_a_move_of_the_project(root):
    layout = layout_of(root, links=("data",), prefix="a b")
    (layout.run_dir / "workspace.json").write_text(layout.record())
    assert Layout.load(layout.run_dir) == layout
    moved = root.rename(root.parent / "moved")
    assert Layout.load(moved / ".confjob/runs/r1").tree.is_dir()
