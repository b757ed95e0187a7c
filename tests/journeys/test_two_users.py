"""Two projects and two users on one machine with two GPUs: never two jobs on one, and none lies idle.

Proved from what jobs and job.sh wrote down. The other user is a real one, so this needs root, and an
interpreter that everybody may run.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from attrs import frozen

from confjob.testing import ProjectFolder

NOBODY = 65534
RUNS = 8

#: While this many runs end on one GPU, the other may stand idle although somebody waits: agents tell
#: one another nothing, so each looks from time to time at what the other user has.
TOLERANCE = 4

MANIFEST = """
default-target = "gpus"

[jobs.work]
command = ["{python}", "-S", "-I", "work.py", "{journal}"]
python = "{python}"
resources = {{ gpus = 1 }}

[targets.gpus]
backend = "local"
slots = ["0", "1"]
grace = 0.5
"""

# The lock that a job takes is the test's own, in a file of the test's.
WORK = """
import fcntl, os, sys, time
run, slot = os.environ["CONFJOB_RUN_ID"], os.environ["CUDA_VISIBLE_DEVICES"]
journal = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
def tell(what):
    os.write(journal, f"{what} {run} {slot} {os.getuid()} {time.monotonic_ns()}\\n".encode())
alone = os.open(f"{sys.argv[1]}-{slot}", os.O_RDWR)
try:
    fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    tell("doubled")
tell("start")
time.sleep(0.2)
tell("end")
"""

# All runs of a user at once, and how they ended.
LAUNCH = """
import sys, confjob
runs = [confjob.launch("work", project=".") for _ in range(int(sys.argv[1]))]
print(*(run.wait()["state"] for run in runs))
"""


class Account(ProjectFolder):
    """A project of a user, and what is run there, as that user."""

    uid = 0

    def run(self, *argv, **options):
        """Run a command as the user."""
        return super().run(*argv, **{**options, **as_user(self.uid)})


def as_user(uid):
    return {} if uid == os.getuid() else {"user": uid, "group": uid, "extra_groups": []}


@frozen(kw_only=True)
class Spell:
    """The time that a run waited, and that it spent on a GPU."""

    slot: str
    queued: float
    launched: float
    ended: float


@pytest.fixture
def common():
    """A folder that everybody may enter, with a journal to which everybody may write."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file in ("journal", "journal-0", "journal-1"):
            (folder / file).touch()
            (folder / file).chmod(0o666)
        (folder / "locks").mkdir()
        (folder / "locks").chmod(0o1777)  # so that whoever comes first makes the folder of the locks
        yield folder


@pytest.fixture
def account(common):
    """A function that makes a project of a user; its runs are ended after the test."""
    made = []

    def make(name, uid, python=sys.executable, variables=None):
        home = common / name
        home.mkdir()
        places = {
            "HOME": str(home),
            "CONFJOB_SLOTS_DIR": str(common / "locks" / "slots"),
            **(variables or {}),
        }
        folder = Account(home / "project", variables=places)
        folder.uid = uid
        folder.command[0] = python
        folder.write(
            {"launch.toml": MANIFEST.format(python=python, journal=common / "journal"), "work.py": WORK}
        )
        for path in (home, *home.rglob("*")):
            os.chown(path, uid, uid)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        folder.end()


def reachable(uid, variables):
    """Return an interpreter with which a user can run this confjob, or None."""
    version = "{}.{}".format(*sys.version_info)
    for name in (
        sys.executable,
        f"/usr/bin/python{version}",
        shutil.which(f"python{version}", path=os.defpath),
    ):
        probe = [str(name), "-c", "import confjob.cli, sqlite3, attrs, click"]
        try:
            done = subprocess.run(
                probe, env=variables, cwd="/", capture_output=True, check=False, **as_user(uid)
            )
        except OSError:
            continue
        if done.returncode == 0:
            return str(name)
    return None


def test_two_users_share_two_gpus_by_nothing_but_the_locks(common, account):
    """Each has an agent of their own, none of which can read the other's processes."""
    if os.getuid() != 0:
        pytest.skip("needs root, to be another user as well")
    packages = {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), sysconfig.get_path("purelib")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    python = reachable(NOBODY, packages)
    if python is None:
        pytest.skip("no interpreter that another user may run has what confjob needs")
    users = [account("first", 0, python, packages), account("second", NOBODY, python, packages)]
    for user, done in zip(users, together(users), strict=True):
        assert done == ["SUCCEEDED"] * RUNS, user.confjob("runs").stdout
    check(common, users)
    assert {line[3] for line in journal(common)} == {"0", str(NOBODY)}
    assert {(user.root.parent / "machine" / "agent.lock").stat().st_uid for user in users} == {0, NOBODY}


def test_two_projects_of_one_user_share_one_agent_and_one_queue(common, account):
    """Whoever asks in one project is told of the other's runs, too."""
    places = {"CONFJOB_MACHINE_DIR": str(common / "machine")}
    users = [account(name, os.getuid(), variables=places) for name in ("one", "two")]
    for user, done in zip(users, together(users), strict=True):
        assert done == ["SUCCEEDED"] * RUNS, user.confjob("runs").stdout
    check(common, users)
    ids = [user.json("launch", "work")["id"] for user in users]
    for user in users:
        user.confjob("queue", "pause")
    ids += [user.json("launch", "work")["id"] for user in users]
    for user in users:
        assert set(ids[2:]) <= {entry["id"] for entry in user.json("queue")["runs"]} <= set(ids)
    users[0].confjob("queue", "resume")
    for user, run in zip(users * 2, ids, strict=True):
        assert user.wait(run)["state"] == "SUCCEEDED"


def together(users):
    """Launch as all users at the same time, and wait; returns how each one's runs ended."""
    started = [
        subprocess.Popen(
            [user.command[0], "-c", LAUNCH, str(RUNS)],
            cwd=user.root,
            env=user.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **as_user(user.uid),
        )
        for user in users
    ]
    return [process.communicate(timeout=180)[0].split() for process in started]


def journal(common):
    return [line.split() for line in (common / "journal").read_text().splitlines()]


def check(common, users):
    """Hold what jobs wrote against what was recorded of them."""
    lines = journal(common)
    assert not [line for line in lines if line[0] == "doubled"]
    assert len(lines) == 2 * RUNS * len(users)
    spells = {
        folder.name: spell(folder) for user in users for folder in (user.root / ".confjob/runs").iterdir()
    }
    for _, run, slot, _, _ in lines:
        assert spells[run].slot == slot
    for slot in ("0", "1"):
        starts = {run: int(at) for what, run, where, _, at in lines if (what, where) == ("start", slot)}
        ends = {run: int(at) for what, run, where, _, at in lines if (what, where) == ("end", slot)}
        for before, after in itertools.pairwise(sorted(starts, key=starts.__getitem__)):
            assert ends[before] <= starts[after], f"{before} and {after} were on GPU {slot} at once"
        no_gpu_lies_idle(slot, list(spells.values()))


def spell(folder):
    launch, end, ticket = (
        json.loads((folder / name).read_text())
        for name in ("attempts/1/launch.json", "attempts/1/end.json", "queue.json")
    )
    [slot] = launch["slots"]
    return Spell(slot=slot, queued=ticket["queued"], launched=launch["at"], ended=end["at"])


def no_gpu_lies_idle(slot, spells):
    """Nobody waits while a GPU is free, for longer than it takes some others to run."""
    own = sorted((each.launched, each.ended) for each in spells if each.slot == slot)
    free = itertools.pairwise([(0.0, 0.0), *own, (math.inf, math.inf)])
    for (_, begin), (end, _) in free:
        for since, until in somebody_waits(spells):
            window = max(begin, since), min(end, until)
            ran = [each for each in spells if window[0] <= each.launched and each.ended <= window[1]]
            assert len(ran) <= TOLERANCE, f"somebody waited, {len(ran)} runs ran, and GPU {slot} lay idle"


def somebody_waits(spells):
    """Return from when to when somebody waited without a break."""
    merged = []
    for each in sorted(spells, key=lambda each: each.queued):
        if merged and each.queued <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], each.launched)
        else:
            merged.append((each.queued, each.launched))
    return merged
