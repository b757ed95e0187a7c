"""What is old goes when it is told to, and what no run needs; never more than that."""

import json
import subprocess

import pytest

MANIFEST = """
[jobs.quiet]
command = ["true"]
[jobs.maker]
command = ["sh", "-c", "echo made > file"]
[jobs.broken]
command = ["false"]
[jobs.sleeper]
command = ["sleep", "60"]
"""


@pytest.fixture
def there(project):
    return project.write({"launch.toml": MANIFEST, "code.py": "pass\n"})


def ran(project, job, *arguments):
    run = project.json("launch", job, *arguments)["id"]
    project.wait(run)
    return run


def aged(project, run, days):
    """Let a run have ended days ago."""
    for name in ("attempts/1/end.json", "run.json"):
        path = project.root / ".confjob/runs" / run / name
        record = json.loads(path.read_text())
        key = "at" if "at" in record else "submitted"
        path.write_text(json.dumps({**record, key: record[key] - days * 86400}))


def ids(project):
    return sorted(run["id"] for run in project.json("runs"))


def snapshots(project):
    folder = project.root / ".confjob/snapshots"
    return sorted(path.name for path in folder.iterdir() if (path / "tree").is_dir())


def snapshot_of(project, run):
    return json.loads((project.root / ".confjob/runs" / run / "run.json").read_text())["snapshot"]


def test_without_a_selection_no_run_goes_and_no_snapshot_that_one_needs(there):
    first = ran(there, "quiet")
    there.write({"code.py": "pass # changed\n"})
    second = ran(there, "quiet")
    told = there.json("prune", "--yes")
    assert (told["runs"], told["snapshots"], told["leftovers"]) == ([], [], [])
    assert ids(there) == sorted([first, second])
    assert there.wait(there.json("rerun", first)["id"])["state"] == "SUCCEEDED"


def test_the_snapshot_goes_with_the_last_run_that_needs_it(there):
    first, second = ran(there, "quiet"), ran(there, "broken")
    there.write({"code.py": "pass # changed\n"})
    third = ran(there, "quiet")
    assert len(snapshots(there)) == 2
    there.confjob("rm", first, "--yes")
    assert len(snapshots(there)) == 2
    there.confjob("rm", second, "--yes")
    assert snapshots(there) == [snapshot_of(there, third)]
    contents = [path for path in (there.root / ".confjob/snapshots/objects").rglob("*") if path.is_file()]
    assert sorted(path.read_text() for path in contents) == sorted([MANIFEST, "pass # changed\n"])


def test_what_is_old_and_over_goes_and_what_made_files_stays_until_told(there):
    young, old, made, broken = (ran(there, job) for job in ("quiet", "quiet", "maker", "broken"))
    for run in (old, made, broken):
        aged(there, run, days=40)
    going = there.json("launch", "sleeper")["id"]
    there.wait(going, "RUNNING")
    shown = there.json("prune", "--older-than", "30d", "--dry-run")
    assert (sorted(shown["runs"]), shown["spared"]) == (sorted([old, broken]), [made])
    assert len(ids(there)) == 5
    told = there.json("prune", "--older-than", "30d", "--state", "succeeded", "--yes")
    assert (told["runs"], told["spared"]) == ([old], [made])
    told = there.json("prune", "--older-than", "30d", "--outputs", "--yes")
    assert (sorted(told["runs"]), told["outputs"]) == (sorted([made, broken]), 1)
    assert ids(there) == sorted([young, going])
    there.confjob("prune", "--state", "running", "--yes")
    assert ids(there) == sorted([young, going])


def test_by_size(there):
    there.write({"launch.toml": MANIFEST.replace("echo made >", "head -c 300000 /dev/zero >")})
    ran(there, "quiet")
    large = ran(there, "maker")
    told = there.json("prune", "--larger-than", "100KiB", "--outputs", "--yes")
    assert told["runs"] == [large]
    assert told["freed"] > 300_000


def test_what_a_killed_confjob_left_half_made_goes(there):
    run = ran(there, "quiet")
    state = there.root / ".confjob"
    for name in ("runs/.new-abc-12", "runs/.gone-abc", "snapshots/tmp-xyz"):
        (state / name / "inner").mkdir(parents=True)
    told = there.json("prune", "--yes")
    assert told["leftovers"] == [".gone-abc", ".new-abc-12", "tmp-xyz"]
    assert sorted(path.name for path in (state / "runs").iterdir()) == [run]


def test_a_record_that_cannot_be_read_may_need_any_snapshot(there):
    first = ran(there, "quiet")
    there.write({"code.py": "pass # changed\n"})
    second = ran(there, "quiet")
    (there.root / ".confjob/runs" / first / "run.json").write_text("{")
    there.confjob("rm", second, "--yes")
    assert len(snapshots(there)) == 2


def test_a_launch_that_is_under_way_keeps_its_snapshot(there):
    """The lock is what a launch holds from the snapshot to its run folder."""
    ran(there, "quiet")
    run = there.runs()[0]["id"]
    holder = """
import pathlib, sys, time
from confjob.workspace.shared import in_use
with in_use(pathlib.Path(".confjob")):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [there.command[0], "-c", holder],
        cwd=there.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as launching:
        assert launching.stdout.readline() == "held\n"
        removing = there.start("rm", run, "--yes")
        while run in {path.name for path in (there.root / ".confjob/runs").iterdir()}:
            assert removing.poll() is None
        assert len(snapshots(there)) == 1
        assert removing.poll() is None
        launching.stdin.close()
        removing.communicate(timeout=60)
    assert snapshots(there) == []


def test_a_question_comes_first(there):
    run = ran(there, "quiet")
    there.confjob("prune", "--job", "quiet", code=1)
    done = there.answering("n", "prune", "--job", "quiet", code=130)
    assert f"Remove 1 run ({run})" in done.stderr
    assert ids(there) == [run]


def test_rm_by_what_is_known_of_runs(there):
    a, b, c = ran(there, "quiet", "--tag", "x"), ran(there, "broken", "--tag", "x"), ran(there, "quiet")
    assert there.json("rm", "--tag", "x", "--state", "failed", "--yes")["removed"] == [b]
    assert there.json("rm", "--job", "sleeper", "--yes")["removed"] == []
    there.confjob("rm", "--yes", code=2)
    there.confjob("rm", a, "--tag", "x", "--yes", code=2)
    assert "did you mean 'failed'" in there.confjob("rm", "--state", "faild", "--yes", code=2).stderr
    assert ids(there) == sorted([a, c])


def test_cancel_by_what_is_known_of_runs(there):
    a, b = (there.json("launch", "sleeper", "--tag", tag)["id"] for tag in "ab")
    for run in (a, b):
        there.wait(run, "RUNNING")
    refused = there.confjob("cancel", "--tag", "a", code=1)
    assert "nobody to ask" in refused.stderr
    assert a in refused.stdout
    assert [each["id"] for each in there.json("cancel", "--tag", "a", "--yes")] == [a]
    assert there.json("status", b)["state"] == "RUNNING"
    assert [each["id"] for each in there.json("cancel", "--all", "--yes")] == [b]
    assert "no run that goes on" in there.confjob("cancel", "--all", "--yes").stderr
    there.confjob("cancel", code=2)


def test_a_hand_that_names_several_runs_to_cancel_is_asked_as_well(there):
    runs = [there.json("launch", "sleeper")["id"] for _ in range(2)]
    for run in runs:
        there.wait(run, "RUNNING")
    assert "Cancel 2 runs?" in there.answering("n", "cancel", *runs, code=130).stderr
    assert {run["state"] for run in there.runs()} == {"RUNNING"}
    there.answering("y", "cancel", *runs)
    assert {run["state"] for run in there.runs()} == {"CANCELLED"}
