"""A full disk: each time a clear error, nothing half-written, and all goes on once there is room.

The disk is a small one in memory, which is really full. Mounting it takes root, or a user namespace.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from confjob.testing import ProjectFolder

NO_SPACE = "No space left on device"

MANIFEST = """
[jobs.work]
command = ["sh", "work.sh"]
files = [{ path = "config.json" }]

[jobs.retried]
command = ["sh", "work.sh"]
retry = { attempts = 2, on = ["failure"], backoff = 0.1 }
"""

# What is done is told outside of the disk. What fills it leaves nothing to be tidied, which would make room.
WORK = """
echo "$CONFJOB_RUN_ID $CONFJOB_ATTEMPT" >>"$JOURNAL"
case $1 in
  fill) rm data config.json launch.toml; echo >>work.sh; cat /dev/zero >"$BALLAST" 2>/dev/null; exit "$2" ;;
  fail) exit 3 ;;
esac
"""


class Disk:
    """A disk of some KiB in memory.

    Args:
        root: Where it is mounted.
    """

    def __init__(self, root):
        self.root = root
        self.ballast = root / "ballast"

    def fill(self, free=0):
        """Leave so many KiB."""
        with self.ballast.open("ab") as file, contextlib.suppress(OSError):
            while True:
                os.write(file.fileno(), bytes(4096))
        os.truncate(self.ballast, max(self.ballast.stat().st_size - free * 1024, 0))

    def free(self):
        """Make room."""
        self.ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path):
    """A disk that is full soon."""
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2048k,mode=755", "none", str(root)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk can't be mounted here")
    yield Disk(root)
    # Whoever still has a file open there is done in a moment.
    wait(lambda: subprocess.run(["umount", root], capture_output=True, check=False).returncode == 0)


@pytest.fixture
def project(disk, tmp_path):
    """A project on the disk; its queue lies elsewhere."""
    folder = made(disk.root / "project", tmp_path)
    yield folder
    disk.free()
    folder.end()


@pytest.fixture
def queue_there(disk, tmp_path):
    """A project elsewhere, whose queue is on the disk."""
    folder = made(tmp_path / "project", tmp_path, CONFJOB_MACHINE_DIR=str(disk.root / "machine"))
    yield folder
    disk.free()
    folder.end()


def made(root, tmp_path, **places):
    variables = {
        "CONFJOB_MACHINE_DIR": str(tmp_path / "machine"),
        "CONFJOB_SLOTS_DIR": str(tmp_path / "slots"),
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "JOURNAL": str(tmp_path / "journal"),
        "BALLAST": str(tmp_path / "disk" / "ballast"),
        **places,
    }
    config = json.dumps({"rate": 1, "text": "x" * 9000}) + "\n"
    return ProjectFolder(root, variables=variables).write(
        {"launch.toml": MANIFEST, "work.sh": WORK, "config.json": config, "data": bytes(50_000)}
    )


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def state(project, run):
    return project.json("status", run)["state"]


def listed(project):
    """Return what `confjob runs` tells, which works on a full disk."""
    return {run["id"]: run["state"] for run in project.runs()}


def runs_folder(project):
    folder = project.root / ".confjob" / "runs"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def refused(done):
    """Assert that a command was refused as one should be, for the disk."""
    told = done.stdout + done.stderr
    assert done.returncode == 1, told
    assert NO_SPACE in told
    assert "Traceback" not in told
    return True


def journal(tmp_path):
    path = tmp_path / "journal"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def test_launching(project, disk):
    """Whatever room there is, a launch is done or refused; there is a whole run or none."""
    room = list(range(0, 128, 8))
    project.confjob("queue", "pause")
    printed = []
    for free in room:
        disk.fill(free)
        before = runs_folder(project)
        done = project.confjob("launch", "work", "--set", "config.json:rate=2", code=None)
        if done.returncode == 0:
            printed.append(done.stdout.strip())
            assert runs_folder(project) == before | {printed[-1]}
        else:
            refused(done)
            assert {name for name in runs_folder(project) - before if name.startswith(".")} == set()
        assert set(printed) <= listed(project).keys()
        disk.free()
    assert 0 < len(printed) < len(room)
    project.confjob("queue", "resume")
    for run in printed:
        assert project.wait(run)["state"] == "SUCCEEDED"


def test_the_agent_starts_a_run_once_there_is_room(project, disk, tmp_path):
    """Until then it waits, and why is told."""
    project.confjob("queue", "pause")
    run = project.json("launch", "work")["id"]
    disk.fill()
    project.confjob("queue", "resume")
    wait(lambda: NO_SPACE in project.json("status", run)["reason"])
    assert NO_SPACE in project.confjob("queue").stdout
    assert listed(project) == {run: "QUEUED"}
    refused(project.confjob("launch", "work", code=None))
    disk.free()
    assert project.wait(run)["state"] == "SUCCEEDED"
    assert journal(tmp_path) == [f"{run} 1"]


@pytest.mark.parametrize("free", [4, 8, 12, 16, 24, 40, 60])
def test_a_run_that_finds_little_room_runs_once_or_tells_that_it_could_not_be_prepared(
    project, disk, tmp_path, free
):
    """The job never sees half of its files."""
    project.confjob("queue", "pause")
    run = project.json("launch", "work", "--set", "config.json:rate=2")["id"]
    disk.fill(free)
    project.confjob("queue", "resume")
    launch = project.root / ".confjob/runs" / run / "attempts/1/launch.json"
    wait(lambda: "slots" in json.loads(launch.read_text()))
    assert listed(project).keys() == {run}
    disk.free()
    known = project.wait(run)
    if known["state"] == "FAILED":
        assert known["reason"].startswith("could not prepare the workspace")
        assert journal(tmp_path) == []
    else:
        assert journal(tmp_path) == [f"{run} 1"]


@pytest.mark.parametrize(("code", "end"), [(0, "SUCCEEDED"), (3, "FAILED")])
def test_a_run_whose_end_cannot_be_written_ends_truly_once_there_is_room(project, disk, code, end):
    """Its shell waits for room with what it knows, and holds what it had."""
    run = project.json("launch", "work", "--", "fill", str(code))["id"]
    wait(disk.ballast.exists)
    folder = project.root / ".confjob/runs" / run
    wait(lambda: list(folder.glob("attempts/1/.end.json*")))
    assert state(project, run) in ("RUNNING", "ENDING")
    refused(project.confjob("launch", "work", code=None))
    assert listed(project).keys() == {run}
    disk.free()
    known = project.wait(run)
    assert (known["state"], known["exit_code"]) == (end, code)
    assert not list(folder.glob("attempts/1/.*"))


def test_the_next_attempt_comes_once_there_is_room(project, disk, tmp_path):
    """An end after which a run is run again is not forgotten for want of room."""
    run = project.json("launch", "retried", "--", "fill", "3")["id"]
    wait(disk.ballast.exists)
    wait(lambda: state(project, run) in ("RUNNING", "ENDING"))
    assert journal(tmp_path) == [f"{run} 1"]
    disk.free()
    wait(lambda: f"{run} 2" in journal(tmp_path))
    disk.free()
    wait(lambda: disk.free() or state(project, run) == "FAILED")
    assert journal(tmp_path) == [f"{run} 1", f"{run} 2"]


def test_cancelling_on_a_full_disk(project, disk):
    """It is done, or refused for the disk; nothing of the run is left either way once there is room."""
    project.write({"work.sh": "sleep 600\n"})
    run = project.json("launch", "work")["id"]
    project.wait(run, "RUNNING")
    disk.fill()
    done = project.confjob("cancel", run, code=None)
    assert done.returncode == 0 or refused(done)
    disk.free()
    project.confjob("cancel", run)
    assert state(project, run) == "CANCELLED"


def test_the_queues_own_folder(queue_there, disk):
    """Runs are launched and start all the same, or the launch is refused; nothing is lost."""
    project, ids = queue_there, []
    for free in (0, 4, 8, 16, 32):
        disk.fill(free)
        done = project.confjob("launch", "work", code=None)
        if done.returncode == 0:
            ids.append(done.stdout.strip())
        else:
            refused(done)
        assert set(ids) <= listed(project).keys()
        for command in (["queue"], ["doctor"]):
            shown = project.confjob(*command, code=None)
            assert "Traceback" not in shown.stdout + shown.stderr
            assert shown.returncode in (0, 1), shown.stderr
        disk.free()
        for run in ids:
            assert project.wait(run)["state"] == "SUCCEEDED"
        # The next one finds an agent that knows nothing yet, or one that has been there for long.
    for run, told in listed(project).items():
        assert told == ("SUCCEEDED" if run in ids else "FAILED")


if os.getuid() != 0:  # root mounts disks without

    def test_all_of_it_in_a_user_namespace():
        """Without root, all tests of this file are run by someone who is root in a namespace of their own."""
        inside = ["unshare", "--user", "--map-root-user", "--mount"]
        if shutil.which("unshare") is None or subprocess.run([*inside, "true"], check=False).returncode != 0:
            pytest.skip("neither root nor a user namespace can be had")
        command = [*inside, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", Path(__file__)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
