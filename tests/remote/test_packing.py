"""What is packed is what a job needs there, and nothing else; the same files give the same bytes."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.errors import BackendError
from confjob.remote import pack
from confjob.testing.jobs import Job, JobFolder

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=120)


def packed(job: Job, only="all", **changes) -> bytes:
    out = io.BytesIO()
    pack(evolve(job.submission, **changes), out, only=only)
    return out.getvalue()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {member.name: member for member in opened}


def job_in(folder: Path) -> Job:
    """Return a run with a snapshot, patches and all else that a run folder may have."""
    job = JobFolder(state=folder / "state").shell("true")
    run = job.folder.path
    tree = folder / "state" / "snapshots" / "abc" / "tree"
    for path, content in {
        run / "private" / "key": "secret",
        run / "patch" / "a" / "plain.yaml": "1",
        run / "patch" / "a" / "token.yaml": "2",
        run / "git" / "HEAD": "ref",
        run / "attempts" / "1" / "start.json": "{}",
        run / "output.log": "log",
        run / "workspace" / "made": "x",
        tree / "train.py": "print()",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (run / "patch" / "a" / "plain.yaml").chmod(0o644)
    (run / "patch" / "a" / "token.yaml").chmod(0o600)
    (tree / "link").symlink_to("train.py")
    (run / "workspace.json").write_text('{"tree": "../../snapshots/abc/tree", "prefix": "sub", "links": []}')
    return Job(folder=job.folder, submission=evolve(job.submission, tree=tree))


def test_all_that_a_job_needs_is_packed_where_it_shall_lie(tmp_path) -> None:
    job = job_in(tmp_path)
    names = set(members(packed(job)))
    run = f"runs/{job.run}"
    wanted = {"job.sh", "env", "run.json", "workspace.json", "private/key", "patch/a/plain.yaml", "git/HEAD"}
    assert {f"{run}/{name}" for name in wanted} <= names
    assert {"snapshots/abc/tree/train.py", "snapshots/abc/tree/link"} <= names
    assert not [name for name in names if "attempts" in name or "made" in name or "output.log" in name]


def test_the_same_files_give_the_same_bytes_at_any_time(tmp_path, monkeypatch) -> None:
    job = job_in(tmp_path)
    before = packed(job)
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert packed(job) == before


def test_secrets_are_packed_apart_and_nothing_is_in_both_parts(tmp_path) -> None:
    job = job_in(tmp_path)
    secret = {name for name, each in members(packed(job, "secret")).items() if not each.isdir()}
    open_ = {name for name, each in members(packed(job, "open")).items() if not each.isdir()}
    run = f"runs/{job.run}"
    assert secret == {f"{run}/env", f"{run}/private/key", f"{run}/patch/a/token.yaml"}
    assert not secret & open_
    assert secret | open_ == {name for name, each in members(packed(job)).items() if not each.isdir()}


def test_permissions_are_kept_and_nobody_owns_them(tmp_path) -> None:
    found = members(packed(job_in(tmp_path)))
    by_name = {PurePosixPath(name).name: each for name, each in found.items()}
    assert by_name["env"].mode == 0o600
    assert by_name["job.sh"].mode & 0o700 == 0o700
    assert {(each.uid, each.gid, each.uname) for each in found.values()} == {(0, 0, "")}


def test_a_snapshot_of_another_state_folder_is_refused(tmp_path) -> None:
    job = job_in(tmp_path)
    with pytest.raises(BackendError, match="lies elsewhere"):
        packed(job, tree=tmp_path / "tree")


def test_a_file_that_can_not_be_read_is_a_refusal(tmp_path) -> None:
    job = job_in(tmp_path)
    assert job.submission.tree is not None
    (job.submission.tree / "gone").symlink_to("nowhere")  # a link is packed as it is
    assert packed(job)
    (job.folder.path / "env").unlink()
    (job.folder.path / "env").mkdir()
    with pytest.raises(BackendError, match="can't be packed"):
        pack(evolve(job.submission, run_dir=job.folder.path), _Full())


class _Full(io.BytesIO):
    def write(self, *_):
        raise OSError(28, "No space left on device")


@settings(max_examples=15, deadline=None)
@given(
    names=st.sets(NAMES.filter(lambda name: name not in (".", "..") and len(name.encode()) < 250), max_size=5)
)
def test_every_name_arrives(names, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("pack")
    job = job_in(folder)
    tree = job.submission.tree
    assert tree is not None
    for name in names:
        (tree / name).write_text("here")
    (folder / "pack.tgz").write_bytes(packed(job))
    (folder / "there").mkdir()
    subprocess.run(["tar", "-xzf", "pack.tgz", "-C", "there"], cwd=folder, check=True)
    assert names_in(folder / "there" / "snapshots" / "abc" / "tree") == names_in(tree)


def test_a_packed_run_runs_there_and_only_what_it_made_comes_back(there, tmp_path) -> None:
    """The snapshot's files, the patched ones and those that nobody touched are no outputs."""
    script = "mkdir -p workspace/sub && cp -Rp ../../snapshots/abc/tree/. workspace/sub && cp -Rp patch/. workspace/sub"
    job = there.jobs.shell("cd sub && echo changed >>train.py && echo new >made")
    made = job_in(tmp_path / "other")
    for name in ("patch", "workspace.json"):
        (made.folder.path / name).rename(job.folder.path / name)
    text = job.submission.script.read_text()
    job.submission.script.write_text(text.replace("mkdir -p workspace\n", f"{script}\n"))
    tree = there.jobs.state / "snapshots" / "abc" / "tree"
    tree.parent.mkdir(parents=True)
    (tmp_path / "other" / "state" / "snapshots" / "abc" / "tree").rename(tree)
    archive = tmp_path / "pack.tgz"
    archive.write_bytes(packed(job, tree=tree))
    here = there.jobs.state.with_name("here")
    there.jobs.state.rename(here)  # so that it runs from the pack alone
    with there.start(job, packs=(archive,), state=there.jobs.state) as courier:
        printed, _ = courier.communicate(timeout=60)
    assert courier.returncode == 0
    found = [path for path in (there.received(printed) / "workspace").rglob("*") if not path.is_dir()]
    assert sorted(path.name for path in found) == ["made", "train.py"]
