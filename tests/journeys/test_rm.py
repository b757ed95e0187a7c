"""Runs are removed when they are over, whole, and with what they made only when told to."""

import pytest

MANIFEST = """
[jobs.quiet]
command = ["true"]
[jobs.maker]
command = ["sh", "-c", "echo made > file; ln -s ../../../../../data link"]
[jobs.sleeper]
command = ["sleep", "60"]
[workspace]
link = ["data"]
"""


@pytest.fixture
def there(project):
    return project.write({"launch.toml": MANIFEST, "data/precious": "kept", ".gitignore": "data\n"})


def ran(project, job):
    run = project.json("launch", job)["id"]
    project.wait(run)
    return run


def ids(project):
    return sorted(run["id"] for run in project.json("runs"))


def test_runs_that_are_over_are_removed_and_the_others_stay(there):
    first, second, third = (ran(there, "quiet") for _ in range(3))
    told = there.json("rm", first, third[:5], "--yes")
    assert sorted(told["removed"]) == sorted([first, third])
    assert ids(there) == [second]
    assert sorted(path.name for path in (there.root / ".confjob/runs").iterdir()) == [second]


def test_a_run_that_is_going_on_keeps_all_of_them(there):
    over = ran(there, "quiet")
    going = there.json("launch", "sleeper")["id"]
    there.wait(going, "RUNNING")
    refused = there.json("rm", over, going, "--yes", code=1)
    assert "RUNNING" in refused["problems"][0]["message"]
    assert ids(there) == sorted([over, going])


def test_what_a_run_made_goes_only_when_told_and_what_is_linked_never(there):
    run = ran(there, "maker")
    refused = there.json("rm", run, "--yes", code=1)["problems"][0]
    assert "has made 2 files" in refused["message"]
    assert "--outputs" in refused["hint"]
    assert there.json("rm", run, "--yes", "--outputs")["outputs"] == 2
    assert ids(there) == []
    assert (there.root / "data/precious").read_text() == "kept"


def test_without_yes_somebody_is_asked(there):
    run = ran(there, "quiet")
    assert "nobody to ask" in there.confjob("rm", run, code=1).stderr
    for answer, code, left in (("n", 130, [run]), ("y", 0, [])):
        done = there.answering(answer, "rm", run, code=code)
        assert f"Remove 1 run ({run})?" in done.stderr
        assert ids(there) == left
    assert "no run" in there.confjob("rm", run, "--yes", code=1).stderr
