"""What a run made is listed and fetched, and nothing that lies there already is replaced."""

from pathlib import Path

import pytest

MANIFEST = '[jobs.train]\ncommand = ["python", "train.py"]\n[[jobs.train.files]]\npath = "c.yaml"\n'
SCRIPT = """
import os, pathlib
pathlib.Path("out/deep").mkdir(parents=True)
pathlib.Path("out/deep/model.bin").write_bytes(b"x" * 2048)
pathlib.Path("kept.txt").write_text("changed")
os.symlink("out/deep/model.bin", "best")
"""


@pytest.fixture
def ran(project):
    project.write({"launch.toml": MANIFEST, "train.py": SCRIPT, "c.yaml": "a: 1\n", "kept.txt": "given"})
    run = project.json("launch", "train", "--set", "a=2")["id"]
    assert project.wait(run)["state"] == "SUCCEEDED"
    return run


def test_they_are_what_the_run_made_or_changed_and_not_what_it_was_given(project, ran):
    listed = project.json("outputs", ran)
    assert [each["path"] for each in listed] == ["best", "kept.txt", "out/deep/model.bin"]
    assert listed[2]["size"] == 2048
    text = project.confjob("outputs", ran).stdout
    assert "2.0 KiB" in text
    assert "c.yaml" not in text


def test_they_are_copied_with_their_folders_and_links(project, ran, tmp_path):
    project.confjob("outputs", ran[:4], "--copy", str(tmp_path / "new" / "place"))
    place = tmp_path / "new" / "place"
    assert (place / "out/deep/model.bin").stat().st_size == 2048
    assert (place / "best").readlink() == Path("out/deep/model.bin")
    assert (place / "kept.txt").read_text() == "changed"


def test_nothing_is_replaced_and_then_nothing_is_copied(project, ran, tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    refused = project.confjob("outputs", ran, "--copy", str(tmp_path), code=1)
    assert "kept.txt" in refused.stderr
    assert (tmp_path / "kept.txt").read_text() == "mine"
    assert not (tmp_path / "out").exists()


def test_a_run_that_made_nothing_says_so(project):
    project.write({"launch.toml": '[jobs.t]\ncommand = ["true"]\n'})
    run = project.json("launch", "t")["id"]
    project.wait(run)
    assert "no files" in project.confjob("outputs", run).stderr
    assert project.json("outputs", run) == []
