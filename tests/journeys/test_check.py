"""`confjob check` tells what is wrong in a project before anyone launches, as editors read it."""

from pathlib import Path

import pytest

MANIFEST = """
[jobs.good]
command = ["true"]
[[jobs.good.files]]
path = "a.yaml"
schema.properties.lr.minimum = 0

[jobs.other]
command = ["true"]
[[jobs.other.files]]
path = "b.yaml"
"""


@pytest.fixture
def there(project):
    return project.write({"launch.toml": MANIFEST, "a.yaml": "lr: 0.1\n", "b.yaml": "x: 1\n"})


def test_a_project_without_faults_says_so(there):
    assert "nothing is wrong" in there.confjob("check").stderr
    assert there.json("check") == []


def test_every_job_s_faults_are_told_with_their_places(there):
    there.write({"a.yaml": "n: 1\nlr: -1\n", "b.yaml": "x: [1\n"})
    done = there.confjob("check", code=1)
    lines = done.stdout.splitlines()
    assert any(line.startswith("a.yaml:2:5: warning: a.yaml:lr: already breaks its schema") for line in lines)
    assert any("b.yaml:" in line and ": error: " in line for line in lines)


def test_warnings_fail_only_when_strict_and_files_narrow_what_is_told(there):
    there.write({"a.yaml": "lr: -1\n"})
    there.confjob("check")
    there.confjob("check", "--strict", code=1)
    assert there.json("check", "b.yaml", "--strict") == []
    (told,) = there.json("check", "a.yaml")
    assert (told["severity"], told["where"]) == ("warning", "a.yaml:1:5")


def test_a_broken_manifest_is_one_of_the_faults(there):
    there.write({"launch.toml": MANIFEST.replace("command", "comand", 1)})
    done = there.confjob("check", code=1)
    assert "did you mean 'command'?" in done.stdout
    assert "launch.toml:3:10: error: " in done.stdout


def test_the_hook_for_pre_commit_runs_it():
    yaml = pytest.importorskip("yaml")
    hooks = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
    assert [hook["entry"] for hook in hooks] == ["confjob check"]
