"""Laws of the snapshot: it is the working tree's own bytes, by content, and nobody's writes reach it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePosixPath

import pytest

from confjob.errors import InputError
from confjob.workspace import snapshot as module
from confjob.workspace.snapshot import Snapshot, capture, recall

LARGE = 1 << 21


@pytest.fixture(autouse=True)
def git_environment(monkeypatch):
    for name, value in {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def take(root: Path, limit: int = 1 << 30, **more: object) -> Snapshot:
    return capture(root, root / ".confjob", limit=limit, **more)


def names(snapshot: Snapshot) -> set[str]:
    tree = snapshot.tree
    found = (Path(folder, name) for folder, _, inner in os.walk(tree) for name in inner)
    links = (Path(folder, name) for folder, inner, _ in os.walk(tree) for name in inner)
    both = [*found, *(path for path in links if path.is_symlink())]
    return {str(path.relative_to(tree)) for path in both}


def age(root: Path) -> None:
    """Make files old enough for the cache to trust (their change time can't be set)."""
    time.sleep(2.1)


def test_git_names_tracked_and_untracked_files_and_the_bytes_are_the_working_trees(root):
    git(root, "init", "-q")
    git(root, "config", "core.autocrlf", "true")
    write(root, {"a.py": "1", "gone.py": "1", ".gitignore": "out/\n*.log\n", "out/x": "1", "b.log": "1"})
    (root / "crlf.txt").write_bytes(b"a\r\nb\n")
    git(root, "add", "a.py", "gone.py", ".gitignore", "crlf.txt")
    git(root, "commit", "-qm", "1")
    (root / "gone.py").unlink()
    write(root, {"a.py": "2", "new.py": "3"})
    taken = take(root)
    assert names(taken) == {"a.py", "crlf.txt", "new.py", ".gitignore"}
    assert (taken.tree / "a.py").read_text() == "2"
    assert (taken.tree / "crlf.txt").read_bytes() == b"a\r\nb\n"
    assert (taken.commit, taken.dirty) == (git(root, "rev-parse", "HEAD").strip(), True)
    assert taken.ignored == ("b.log", "out/")
    assert (taken.files, taken.size) == (4, 5 + 1 + 1 + 11)


def test_a_clean_checkout_is_not_dirty_and_capturing_changes_nothing_in_it(root):
    git(root, "init", "-q")
    write(root, {"a.py": "1", ".gitignore": "x\n"})
    git(root, "add", ".")
    git(root, "commit", "-qm", "1")
    os.utime(root / "a.py", (1, 1))  # git would like to refresh its index
    before = {path: path.read_bytes() for path in (root / ".git").rglob("*") if path.is_file()}
    assert not take(root).dirty
    assert {path: path.read_bytes() for path in (root / ".git").rglob("*") if path.is_file()} == before
    assert git(root, "status", "--porcelain") == ""


def test_a_hooks_environment_does_not_mislead(root, tmp_path, monkeypatch):
    git(root, "init", "-q")
    write(root, {"a.py": "1"})
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nothing"))
    assert take(root).commit is None
    assert names(take(root)) == {"a.py"}


def test_caches_and_environments_that_nobody_ignored_are_left_out_but_tracked_ones_stay(root):
    git(root, "init", "-q")
    write(
        root,
        {
            "a.py": "",
            "__pycache__/a.pyc": "",
            ".venv/x": "",
            "myenv/pyvenv.cfg": "",
            "myenv/lib/x.py": "",
            "node_modules/kept.js": "",
        },
    )
    git(root, "add", "-f", "node_modules/kept.js")
    taken = take(root)
    assert names(taken) == {"a.py", "node_modules/kept.js"}
    assert taken.ignored == ()


def test_ignored_modules_beside_the_projects_own_are_captured_so_that_the_package_imports(root):
    git(root, "init", "-q")
    write(root, {"p/__init__.py": "", "p/_version.py": "", "p/c.so": "", "data/x.py": "", "p/x.log": ""})
    write(root, {".gitignore": "_version.py\n*.so\ndata/\n*.log\n"})
    taken = take(root)
    assert names(taken) == {"p/__init__.py", "p/_version.py", "p/c.so", ".gitignore"}
    assert taken.ignored == ("data/",)


def test_nested_repositories_and_submodules_are_walked_by_their_own_rules(root, tmp_path):
    write(tmp_path / "lib", {"l.py": "", ".gitignore": "*.o\n", "l.o": ""})
    git(tmp_path / "lib", "init", "-q")
    git(tmp_path / "lib", "add", ".")
    git(tmp_path / "lib", "commit", "-qm", "1")
    git(root, "init", "-q")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "lib"), "sub")
    write(
        root,
        {"sub/new.py": "", "sub/n.o": "", "nested/n.py": "", "nested/.gitignore": "*.x\n", "nested/a.x": ""},
    )
    git(root / "nested", "init", "-q")
    expected = {".gitmodules", "sub/l.py", "sub/.gitignore", "sub/new.py", "nested/n.py", "nested/.gitignore"}
    assert names(take(root)) == expected


def test_a_project_in_a_folder_of_a_repository_knows_its_prefix_and_takes_only_itself(root):
    git(root, "init", "-q")
    write(root, {"out.py": "", "a b/train.py": "", "a b/.gitignore": "ckpt\n", "a b/ckpt/x": ""})
    git(root, "add", ".")
    git(root, "commit", "-qm", "1")
    write(root, {"out.py": "changed"})
    taken = capture(root / "a b", root / "a b" / ".confjob", limit=100)
    assert taken.prefix == PurePosixPath("a b")
    assert names(taken) == {"train.py", ".gitignore"}
    assert taken.ignored == ("ckpt/",)
    assert not taken.dirty


def test_without_git_gitignore_files_are_honoured(root):
    write(root, {".gitignore": "*.log\n/data/\n!keep.log\n", "a.py": "", "x.log": "", "keep.log": ""})
    write(root, {"data/d": "", "src/data/d": "", "src/.gitignore": "tmp\n", "src/tmp": "", ".venv/a": ""})
    taken = take(root)
    assert names(taken) == {".gitignore", "a.py", "keep.log", "src/data/d", "src/.gitignore"}
    assert taken.ignored == ("data/", "x.log")
    assert (taken.commit, taken.prefix) == (None, PurePosixPath())


def test_a_project_that_an_outer_repository_ignores_is_captured_all_the_same(root):
    git(root.parent, "init", "-q")
    write(root.parent, {".gitignore": "*\n"})
    write(root, {"a.py": ""})
    assert names(take(root)) == {"a.py"}


@pytest.mark.parametrize("with_git", [True, False])
def test_any_file_name_works(root, with_git):
    if with_git:
        git(root, "init", "-q")
    hostile = [b"new\nline", b"sp ace", b"-n", b"\xff\xfe", b"'q\"$(x)", "ü".encode(), b"\\", b"tab\t"]
    for name in hostile:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(name)
    taken = take(root)
    found = {os.fsencode(name) for name in names(taken)}
    assert found == set(hostile)
    assert take(root).digest == taken.digest


def test_symlinks_inside_stay_and_those_that_lead_out_become_absolute(root, tmp_path):
    write(tmp_path, {"scratch/d": "data"})
    write(root, {"configs/a.yaml": "1"})
    for name, target in {
        "in": "configs/a.yaml",
        "folder": "configs",
        "out": "../scratch",
        "absolute": str(tmp_path / "scratch/d"),
        "home": str(root / "configs/a.yaml"),
        "roundabout": "../project/configs",
        "dangling": "nowhere",
        "loop": "loop",
    }.items():
        (root / name).symlink_to(target)
    tree = take(root).tree
    assert {path.name: str(path.readlink()) for path in tree.iterdir() if path.is_symlink()} == {
        "in": "configs/a.yaml",
        "folder": "configs",
        "out": str(tmp_path / "scratch"),
        "absolute": str(tmp_path / "scratch/d"),
        "home": "configs/a.yaml",
        "roundabout": "configs",
        "dangling": "nowhere",
        "loop": "loop",
    }
    assert not (tree / "out/d").samefile(tree / "configs/a.yaml")


def test_a_tracked_file_beyond_a_folder_that_became_a_symlink_is_not_followed(root, tmp_path):
    git(root, "init", "-q")
    write(root, {"d/x": "1"})
    git(root, "add", ".")
    (root / "d").rename(tmp_path / "away")
    (root / "d").symlink_to(tmp_path / "away")
    taken = take(root)
    assert names(taken) == {"d"}
    assert (taken.tree / "d").is_symlink()


def test_fifos_and_sockets_are_skipped(root):
    write(root, {"a": ""})
    os.mkfifo(root / "fifo")
    assert names(take(root)) == {"a"}


def test_linked_folders_and_the_state_are_never_captured(root):
    write(root, {"a": "", "data/big": "", "deep/data/x": "", "deep/y": ""})
    state = root / "work" / "state"
    taken = capture(root, state, limit=100, links=["data/", "deep/data"])
    again = capture(root, state, limit=100, links=["data/", "deep/data"])
    assert names(taken) == {"a", "deep/y"}
    assert again.digest == taken.digest
    assert (state / ".gitignore").read_text() == "*\n"


def test_the_exec_bit_is_kept_and_what_others_may_not_read_stays_so(root):
    write(root, {"run.sh": "", "secret": "", "plain": ""})
    for name, mode in {"run.sh": 0o755, "secret": 0o600, "plain": 0o644}.items():
        (root / name).chmod(mode)
    tree = take(root).tree
    modes = {path.name: path.stat().st_mode & 0o777 for path in tree.iterdir()}
    assert modes == {"run.sh": 0o555, "secret": 0o400, "plain": 0o444}


def test_equal_content_is_one_snapshot_and_unchanged_files_are_shared(root):
    write(root, {"a": "1", "b": "2"})
    first = take(root)
    assert take(root).path == first.path
    write(root, {"b": "3"})
    second = take(root)
    assert second.digest != first.digest
    assert (second.tree / "a").samefile(first.tree / "a")
    assert (first.tree / "b").read_text() == "2"
    write(root, {"b": "2"})
    assert take(root).digest == first.digest


@pytest.mark.parametrize("change", ["mode", "name", "target"])
def test_mode_name_and_link_target_are_content(root, change):
    write(root, {"a": "1"})
    (root / "link").symlink_to("a")
    first = take(root)
    if change == "mode":
        (root / "a").chmod(0o755)
    elif change == "name":
        (root / "a").rename(root / "c")
    else:
        (root / "link").unlink()
        (root / "link").symlink_to("b")
    assert take(root).digest != first.digest


def test_a_second_write_within_the_clocks_grain_is_seen(root):
    write(root, {"a": "1"})
    os.utime(root / "a", ns=(1, 10**18))
    first = take(root)
    write(root, {"a": "2"})
    os.utime(root / "a", ns=(1, 10**18))
    assert (take(root).tree / "a").read_text() == "2"
    assert first.path.exists()


def test_a_second_write_within_the_grain_of_all_clocks_is_seen(root, monkeypatch):
    """As on a file system with coarse times: what was just written is never taken from the cache."""
    monkeypatch.setattr(
        "confjob.workspace.objects._identity", lambda status: [status.st_size, 0, 0, status.st_ino]
    )
    write(root, {"a": "1"})
    take(root)
    write(root, {"a": "2"})
    assert (take(root).tree / "a").read_text() == "2"


def test_unchanged_files_are_not_read_again(root, monkeypatch):
    write(root, {"a": "1", "big": "x" * LARGE})
    take(root)
    age(root)
    take(root)
    monkeypatch.setattr("confjob.workspace.objects._copied", lambda *_: pytest.fail("read again"))
    taken = take(root)
    assert (taken.tree / "a").read_text() == "1"
    write(root, {"c": "1"})
    with pytest.raises(pytest.fail.Exception):
        take(root)


def test_an_unreadable_cache_costs_time_only(root):
    write(root, {"a": "1"})
    first = take(root)
    for text in ("", "[]", '{"version": 1}', '{"version": 99}'):
        (root / ".confjob/snapshots/cache.json").write_text(text)
        assert take(root).digest == first.digest


def test_a_large_file_that_a_job_wrote_to_is_made_anew(root):
    write(root, {"big": "x" * LARGE, "a": "1"})
    first = take(root)
    stored = first.tree / "big"
    stored.chmod(0o644)
    stored.write_text("y" * LARGE)
    assert (take(root).tree / "big").read_text() == "x" * LARGE
    write(root, {"a": "2"})
    second = take(root)
    assert (second.tree / "big").read_text() == "x" * LARGE
    assert (second.tree / "big").stat().st_mode & 0o777 == 0o444


def test_an_object_that_was_written_to_is_not_used_even_when_its_record_is_lost(root):
    write(root, {"a": "1", "b": "2"})
    first = take(root)
    for stored in (root / ".confjob/snapshots/objects").rglob("*-*"):
        stored.chmod(0o644)
        stored.write_text("?")
        stored.chmod(0o444)
    (root / ".confjob/snapshots/cache.json").unlink()
    write(root, {"b": "3"})
    second = take(root)
    assert ((second.tree / "a").read_text(), (second.tree / "b").read_text()) == ("1", "3")
    assert first.digest != second.digest


def test_an_object_with_too_many_links_is_replaced_by_a_copy(root, monkeypatch):
    write(root, {"a": "1", "b": "1"})
    real, made = os.link, []

    def link(source, place):
        made.append(place)
        if len(made) == 2:
            raise OSError(31, "Too many links")
        real(source, place)

    monkeypatch.setattr(os, "link", link)
    tree = take(root).tree
    assert ((tree / "a").read_text(), (tree / "b").read_text()) == ("1", "1")
    assert not (tree / "a").samefile(tree / "b")
    assert len(list((root / ".confjob/snapshots/objects").rglob("*-444"))) == 1


def test_a_file_system_without_hardlinks_gets_copies(root, monkeypatch):
    write(root, {"a": "1"})

    def link(source, place):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert (take(root).tree / "a").read_text() == "1"
    assert take(root).files == 1


def test_parallel_captures_meet_in_one_snapshot(root):
    write(root, {f"{number}.txt": str(number) for number in range(50)})
    taken: list[Snapshot] = []
    threads = [threading.Thread(target=lambda: taken.append(take(root))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.digest for one in taken}) == 1
    assert len(taken) == 6
    assert names(taken[0]) == {f"{number}.txt" for number in range(50)}
    assert not list((root / ".confjob/snapshots").glob("tmp-*"))


def test_what_a_killed_capture_left_is_removed_once_it_is_old(root):
    write(root, {"a": "1"})
    snapshots = root / ".confjob/snapshots"
    write(snapshots, {"tmp-old/tree/x": "", "tmp-young/tree/x": ""})
    os.utime(snapshots / "tmp-old", (1, 1))
    take(root)
    assert sorted(path.name for path in snapshots.glob("tmp-*")) == ["tmp-young"]


@pytest.mark.parametrize(
    ("call", "count"), [("os.link", 3), ("pathlib.Path.replace", 2), ("pathlib.Path.rename", 1)]
)
def test_a_capture_killed_at_any_moment_leaves_only_a_temporary_folder(root, call, count):
    write(root, {f"{number}.txt": str(number) for number in range(5)})
    code = f"""
import os, pathlib
from confjob.workspace.snapshot import capture
real, calls = {call}, []
def dying(*arguments):
    calls.append(1)
    if len(calls) == {count}:
        os.kill(os.getpid(), 9)
    return real(*arguments)
{call} = dying
root = pathlib.Path({str(root)!r})
capture(root, root / ".confjob", limit=100)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -9
    left = {path.name for path in (root / ".confjob/snapshots").iterdir()}
    assert {name for name in left if not name.startswith("tmp-")} <= {"objects"}
    assert names(take(root)) == {f"{number}.txt" for number in range(5)}


def test_a_failed_capture_leaves_nothing(root, monkeypatch):
    write(root, {"a": "1"})
    monkeypatch.setattr(module, "_digest", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take(root)
    assert [path.name for path in (root / ".confjob/snapshots").iterdir()] == ["objects"]


def test_a_file_that_changes_while_it_is_copied_is_copied_again(root, monkeypatch):
    from confjob.workspace import objects

    write(root, {"a": "1"})
    real, calls = objects._copied, []

    def copied(source, fresh):
        result = real(source, fresh)
        calls.append(source)
        if len(calls) == 1:
            (root / "a").write_text("longer")
        return result

    monkeypatch.setattr(objects, "_copied", copied)
    assert (take(root).tree / "a").read_text() == "longer"
    assert len(calls) == 2


def test_a_file_that_never_rests_is_refused_by_name(root, monkeypatch):
    from confjob.workspace import objects

    write(root, {"a": "1"})
    real = objects._copied

    def copied(source, fresh):
        result = real(source, fresh)
        with (root / "a").open("a") as file:
            file.write("x")
        return result

    monkeypatch.setattr(objects, "_copied", copied)
    with pytest.raises(InputError, match="a keeps changing"):
        take(root)


def test_a_file_that_vanishes_meanwhile_is_left_out(root, monkeypatch):
    write(root, {"a": "1", "b": "2"})
    real, calls = module._read, []

    def read(*arguments):
        if not calls:
            (root / "b").unlink()
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(module, "_read", read)
    assert names(take(root)) == {"a"}


def test_all_unreadable_files_are_named_at_once(root, monkeypatch):
    from confjob.workspace import objects

    write(root, {"a": "1", "b": "2", "c": "3"})
    real = objects._copied

    def copied(source, fresh):
        if not source.endswith("b"):
            raise PermissionError(13, "denied")
        return real(source, fresh)

    monkeypatch.setattr(objects, "_copied", copied)
    with pytest.raises(InputError, match="can't read a, c"):
        take(root)


def test_too_large_a_project_is_refused_with_what_is_big_and_nothing_is_stored(root):
    write(root, {"data/raw/a": "x" * 5000, "data/raw/b": "x" * 4000, "data/c": "x", "m.bin": "x" * 100})
    with pytest.raises(InputError) as refusal:
        take(root, limit=1000)
    assert "8.9 KiB, more than the 1000 bytes" in refusal.value.message
    assert "data/raw/ (8.8 KiB), m.bin (100 bytes)" in refusal.value.message
    assert "max-size" in refusal.value.hint
    assert not list((root / ".confjob/snapshots").iterdir())


def test_has_speaks_of_files_folders_and_links(root):
    write(root, {"src/a": ""})
    (root / "link").symlink_to("nowhere")
    taken = take(root)
    assert [taken.has(PurePosixPath(name)) for name in ("src", "src/a", "link", ".", "b")] == [True] * 4 + [
        False
    ]


def test_an_empty_project_has_an_empty_snapshot(root):
    assert names(take(root)) == set()


def again(snapshot: Snapshot) -> Snapshot:
    return recall(
        snapshot.tree, snapshot.digest, commit=snapshot.commit, dirty=snapshot.dirty, prefix=snapshot.prefix
    )


def test_an_earlier_snapshot_is_recalled_as_it_was(root):
    write(root, {"a.py": "1\n", "sub/b.py": "2\n", "large.bin": "x" * LARGE})
    (root / "run.sh").write_text("true\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("sub")
    (root / "dangling").symlink_to("nowhere")
    snapshot = take(root)
    write(root, {"a.py": "changed\n"})
    recalled = again(snapshot)
    assert (recalled.digest, recalled.files, recalled.size) == (
        snapshot.digest,
        snapshot.files,
        snapshot.size,
    )
    assert recalled.recalled
    assert not snapshot.recalled


@pytest.mark.parametrize(
    "harm",
    [
        lambda tree: (tree / "a.py").write_text("2\n"),
        lambda tree: (tree / "a.py").chmod(0o755),
        lambda tree: (tree / "a.py").unlink(),
        lambda tree: (tree / "new.py").write_text(""),
        lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("b.py")),
    ],
    ids=["written", "mode", "removed", "added", "link"],
)
def test_one_that_somebody_altered_is_refused(root, harm):
    write(root, {"a.py": "1\n", "b.py": "2\n"})
    (root / "link").symlink_to("a.py")
    snapshot = take(root)
    (snapshot.tree / "a.py").chmod(0o644)
    (snapshot.tree / "a.py").chmod(0o444)
    assert again(snapshot).digest == snapshot.digest
    (snapshot.tree / "a.py").chmod(0o644)
    harm(snapshot.tree)
    with pytest.raises(InputError, match="no longer what the run was given"):
        again(snapshot)


def test_one_that_is_gone_is_refused(root):
    write(root, {"a.py": "1\n"})
    snapshot = take(root)
    shutil.rmtree(snapshot.path)
    with pytest.raises(InputError, match="is gone"):
        again(snapshot)
