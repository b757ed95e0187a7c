"""Laws of the run's own git: it shows what the checkout shows, and nothing of it reaches the checkout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.workspace.git import private_git_dir, without_credentials
from confjob.workspace.layout import Layout
from confjob.workspace.snapshot import capture
from confjob.workspace.unpack import unpack_script


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
    root = tmp_path / "pro ject"
    root.mkdir()
    return root


@pytest.fixture
def repository(root: Path) -> Path:
    """A repository with one commit of some files, ignoring `out/`."""
    git(root, "init", "-q", "-b", "main")
    write(root, {"a.py": "1\n", "sub/b.py": "1\n", "c.py": "1\n", ".gitignore": "out/\n"})
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def workspace_of(root: Path, patch: dict[str, str] | None = None) -> Path:
    """Return the workspace of a new run of the project at `root`."""
    state = root / ".confjob"
    snapshot = capture(root, state, limit=1 << 20)
    layout = Layout.of(state / "runs" / "r1", snapshot)
    layout.run_dir.mkdir(parents=True)
    write(layout.run_dir / "patch", patch or {})
    private_git_dir(root, layout.run_dir, commit=snapshot.commit)
    subprocess.run(["sh", "-c", unpack_script(layout, root=root)], check=True)
    return layout.workspace


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_diff_is_the_uncommitted_work_and_the_patch(repository):
    write(
        repository,
        {"a.py": "2\n", "staged.py": "new\n", "untracked.py": "new\n", "out/x": "", "sub/b.py": "2\n"},
    )
    git(repository, "add", "staged.py", "a.py")
    (repository / "c.py").unlink()
    theirs = git(repository, "diff", "HEAD")
    workspace = workspace_of(repository)
    assert git(workspace, "diff", "HEAD") == theirs
    assert git(workspace, "status", "--porcelain") == git(repository, "status", "--porcelain").replace(
        "?? .confjob/\n", ""
    )
    assert git(workspace, "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD")
    assert "untracked.py" not in theirs


def test_the_patch_of_a_clean_checkout_is_the_whole_diff(repository):
    workspace = workspace_of(repository, {"a.py": "patched\n"})
    assert git(workspace, "diff", "HEAD", "--name-status") == "M\ta.py\n"
    assert git(workspace, "status", "--porcelain") == " M a.py\n"


def test_head_is_detached_at_the_snapshots_commit_whatever_is_committed_later(repository):
    snapshot = capture(repository, repository / ".confjob", limit=1 << 20)
    write(repository, {"a.py": "later\n"})
    git(repository, "commit", "-qam", "later")
    place = private_git_dir(repository, repository, commit=snapshot.commit)
    assert (place / "HEAD").read_text().strip() == snapshot.commit


def test_what_the_job_does_with_git_stays_in_the_run(repository):
    before = bytes_of(repository / ".git")
    workspace = workspace_of(repository, {"a.py": "patched\n"})
    git(workspace, "add", "-A")
    git(workspace, "commit", "-qm", "by the job")
    git(workspace, "checkout", "-q", "-b", "branch", "HEAD~1")
    git(workspace, "gc", "-q", "--prune=now")
    assert git(workspace, "log", "--format=%s") == "first\n"
    assert bytes_of(repository / ".git") == before


def test_making_it_changes_nothing_in_the_project(repository):
    os.utime(repository / "a.py", (1, 1))
    before = bytes_of(repository / ".git")
    (repository / "out").mkdir()
    assert private_git_dir(repository, repository / "out") == repository / "out/git"
    assert bytes_of(repository / ".git") == before


def test_a_part_of_a_repository_does_not_miss_the_rest(repository):
    write(repository, {"sub/b.py": "2\n", "a.py": "unseen\n"})
    workspace = workspace_of(repository / "sub", {"b.py": "3\n"})
    assert sorted(path.name for path in workspace.iterdir()) == [".git", "sub"]
    assert git(workspace, "status", "--porcelain") == " M sub/b.py\n"
    assert git(workspace / "sub", "diff", "HEAD", "--name-only") == "sub/b.py\n"
    git(workspace, "commit", "-qam", "by the job")
    assert git(workspace, "show", "--format=", "--name-only") == "sub/b.py\n"


def test_the_rules_of_an_outer_folder_hold_in_a_part(repository):
    write(repository, {".gitignore": "*.log\n", "sub/x.log": ""})
    git(repository, "commit", "-qam", "2")
    workspace = workspace_of(repository / "sub")
    write(workspace, {"sub/new.log": "", "sub/new.txt": ""})
    assert git(workspace, "status", "--porcelain") == "?? sub/new.txt\n"


def test_remotes_are_known_without_their_secrets_and_own_settings_that_matter_are_kept(repository):
    git(repository, "remote", "add", "origin", "https://me:secret-token@example.org/a.git")
    git(repository, "config", 'remote.odd"na\\me.url', "git@example.org:b.git")
    git(repository, "config", "core.autocrlf", "input")
    git(repository, "config", "http.extraHeader", "Authorization: secret-token")
    git(repository, "config", "core.hooksPath", "/somewhere")
    git(repository, "config", "filter.x.clean", 'sed "s/a\\b/c/"\nd')
    workspace = workspace_of(repository)
    assert git(workspace, "remote", "get-url", "origin") == "https://example.org/a.git\n"
    assert git(workspace, "config", 'remote.odd"na\\me.url') == "git@example.org:b.git\n"
    assert git(workspace, "config", "core.autocrlf") == "input\n"
    assert git(workspace, "config", "filter.x.clean") == 'sed "s/a\\b/c/"\nd\n'
    assert "secret-token" not in (workspace.parent / "git/config").read_text()
    assert "hooksPath" not in (workspace.parent / "git/config").read_text()


def test_what_only_this_clone_ignores_is_not_shown(repository):
    (repository / ".git/info").mkdir(exist_ok=True)
    write(repository, {".git/info/exclude": "private\n", "private": ""})
    workspace = workspace_of(repository)
    write(workspace, {"private": ""})
    assert git(workspace, "status", "--porcelain") == ""


def test_a_linked_worktree_a_shallow_clone_and_sparse_files_work(repository, tmp_path):
    write(repository, {"a.py": "2\n"})
    git(repository, "commit", "-qam", "second")
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    git(tmp_path / "shallow", "sparse-checkout", "set", "sub")
    write(tmp_path / "tree", {"c.py": "changed\n"})
    assert git(workspace_of(tmp_path / "tree"), "status", "--porcelain") == " M c.py\n"
    shallow = workspace_of(tmp_path / "shallow")
    assert git(shallow, "log", "--format=%s") == "second\n"
    assert git(shallow, "status", "--porcelain") == ""


def test_a_merge_conflict_is_shown_as_one(repository):
    git(repository, "checkout", "-qb", "other")
    write(repository, {"a.py": "other\n"})
    git(repository, "commit", "-qam", "other")
    git(repository, "checkout", "-q", "main")
    write(repository, {"a.py": "main\n"})
    git(repository, "commit", "-qam", "main")
    subprocess.run(["git", "merge", "-q", "other"], cwd=repository, capture_output=True, check=False)
    assert git(workspace_of(repository), "status", "--porcelain") == "UU a.py\n"


def test_a_submodule_is_no_change(repository, tmp_path):
    git(tmp_path, "clone", "-q", str(repository), "lib")
    git(
        repository,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(tmp_path / "lib"),
        "lib",
    )
    git(repository, "commit", "-qm", "lib")
    workspace = workspace_of(repository)
    assert (workspace / "lib/a.py").read_text() == "1\n"
    assert git(workspace, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ['qu"ote', "back\\slash", "new\nline", "ü", "#x"])
def test_hostile_folder_names_work(tmp_path, name):
    root = tmp_path / name / "sub"
    write(root, {"a": "1\n"})
    git(root.parent, "init", "-q")
    git(root.parent, "add", ".")
    git(root.parent, "commit", "-qm", "1")
    assert git(workspace_of(root, {"a": "2\n"}), "diff", "HEAD", "--name-only") == "sub/a\n"


def test_without_git_or_a_commit_there_is_none(root, monkeypatch):
    assert private_git_dir(root, root) is None
    git(root, "init", "-q")
    assert private_git_dir(root, root) is None
    assert not (root / "git").exists()
    monkeypatch.setenv("PATH", "/nowhere")
    assert private_git_dir(root, root) is None


def test_a_failure_on_the_way_leaves_nothing_half_made(repository, monkeypatch):
    monkeypatch.setattr("confjob.workspace.git._indexed", lambda *_: False)
    assert private_git_dir(repository, repository) is None
    assert not (repository / "git").exists()


def test_a_repository_with_sha256_works(root):
    git(root, "init", "-q", "--object-format=sha256")
    write(root, {"a": "1\n"})
    git(root, "add", ".")
    git(root, "commit", "-qm", "1")
    workspace = workspace_of(root, {"a": "2\n"})
    assert git(workspace, "diff", "HEAD", "--name-only") == "a\n"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@h/x", "https://h/x"),
        ("https://token@h:8080/x.git", "https://h:8080/x.git"),
        ("https://u:p@ss@h/x@y", "https://h/x@y"),
        ("https://h/x?private_token=1#f", "https://h/x"),
        ("ssh://git:pw@h:22/x", "ssh://git@h:22/x"),
        ("git+ssh://git@h/x", "git+ssh://git@h/x"),
        ("git@h:x.git", "git@h:x.git"),
        ("../origin.git", "../origin.git"),
        ("file:///srv/x.git", "file:///srv/x.git"),
        ("https://[bad", "https://[bad"),
    ],
)
def test_credentials_are_stripped_from_urls(url, expected):
    assert without_credentials(url) == expected


@given(st.text(alphabet="ab:/?#@", max_size=12), st.text(alphabet="ab/", max_size=5))
def test_no_password_survives_in_any_place_git_would_read_one(user, path):
    user = user.translate({ord(sign): None for sign in "/?#"})
    assert "SECRET" not in without_credentials(f"https://{user}:SECRET@host/{path}")


def test_an_earlier_commit_is_mirrored_as_it_was_committed(repository):
    """Whoever runs it again has the commit of then, although the index has gone on."""
    commit = git(repository, "rev-parse", "HEAD").strip()
    before = git(repository, "ls-files")
    write(repository, {"later.py": "later\n"})
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "later")
    (repository / "out").mkdir()
    place = private_git_dir(repository, repository / "out", commit=commit, as_committed=True)
    assert git(repository, f"--git-dir={place}", "ls-files") == before
    assert git(repository, f"--git-dir={place}", "diff", "--cached", "--name-only", "HEAD") == ""


def test_a_part_of_a_repository_does_not_miss_the_rest_of_an_earlier_commit(repository):
    write(repository, {"sub/b.py": "2\n"})
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "second")
    commit = git(repository, "rev-parse", "HEAD").strip()
    (repository / "out").mkdir()
    place = private_git_dir(repository / "sub", repository / "out", commit=commit, as_committed=True)
    skipped = [
        line[2:]
        for line in git(repository, f"--git-dir={place}", "ls-files", "-t").splitlines()
        if line[0] == "S"
    ]
    assert "a.py" in skipped
    assert "sub/b.py" not in skipped
