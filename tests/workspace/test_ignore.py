"""The law of `.gitignore` reading: what git itself would list."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.workspace.ignore import is_cache, is_ignored, read_rules
from confjob.workspace.listing import list_project

FILES = [
    "a",
    "b.py",
    "ab/a",
    "ab/b.py",
    "ab/c/a",
    "ab/c/d/b.py",
    "c/a",
    "c/#x",
    "c/!y",
    "c/z ",
    "d/ab/c",
    "d/[a]",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", "--template=", str(root)], check=True, env=environment)
    return root


def git_says(root: Path) -> set[str]:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    argv = ["git", "ls-files", "-z", "--others", "--exclude-standard"]
    done = subprocess.run(argv, cwd=root, capture_output=True, check=True, env=environment)
    return {os.fsdecode(name) for name in done.stdout.split(b"\0")[:-1]}


def we_say(root: Path) -> set[str]:
    hidden = root / ".git"
    moved = hidden.rename(root / ".hg")  # not a repository for the moment
    try:
        return set(list_project(root).names)
    finally:
        moved.rename(hidden)


def both(root: Path, text: str) -> tuple[set[str], set[str]]:
    (root / ".gitignore").write_bytes(text.encode())
    return we_say(root), git_says(root)


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", "/a\n", "a/\n", "ab/\n", "*.py\n", "ab/*\n", "ab/**\n", "**/a\n", "ab/**/a\n", "**\n!*/\n!a\n",
        "*\n!ab\n", "*\n!ab/\n!a\n", "c/\\#x\n", "\\#x\n", "#x\n", "\\!y\n", "!y\n", "z \n", "z\\ \n", "a\r\nb.py\r\n",
        "[ab]\n", "[!a]\n", "[^a]\n", "[a\n", "d/[[]a]\n", "\\[a]\n", "?\n", "c/?y\n", "[b-a]\n", "a*b\n", "ab/c/d\n",
        "//a\n", "/\n", "!\n", "c/[]z]*\n", "\\\\a\n", "**a\n", "ab**\n", "/**/b.py\n", "ab/*/a\n", "*/a\n",
    ],
)  # fmt: skip
def test_known_hard_lines_are_read_as_git_reads_them(tree, text):
    ours, gits = both(tree, text)
    assert ours == gits


LINES = st.text(alphabet="abc./*!#[]?-d ", min_size=0, max_size=7)


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(LINES, max_size=3))
def test_any_lines_are_read_as_git_reads_them(tree, lines):
    ours, gits = both(tree, "\n".join(lines))
    assert ours == gits


def test_the_last_rule_that_speaks_wins_and_inner_files_come_last():
    rules = read_rules("*.log\n") + read_rules("!keep.log\n", "logs/")
    assert is_ignored(rules, "logs/a.log", is_folder=False)
    assert not is_ignored(rules, "logs/keep.log", is_folder=False)
    assert is_ignored(rules, "keep.log", is_folder=False)


@pytest.mark.parametrize("name", [".venv", "__pycache__", "x.pyc", "p.egg-info", ".confjob"])
def test_caches_are_known_by_name(name):
    assert is_cache(name)
    assert not is_cache(f"my{name}x")
