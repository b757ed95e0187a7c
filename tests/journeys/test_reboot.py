"""After a reboot: what ran is lost or run again, as configured, by whoever looks next.

A reboot is what the records say: every process that they name is of an earlier boot.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess

import pytest

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/sys/kernel/random/boot_id"), reason="needs Linux")  # noqa: PTH110

MANIFEST = """
[jobs.once]
command = ["sh", "work.sh"]

[jobs.again]
command = ["sh", "work.sh"]
retry = { attempts = 2, on = ["lost"] }

[jobs.other]
command = ["sh", "work.sh"]
retry = { attempts = 2, on = ["failure", "preempted", "timeout"] }
"""

#: The first attempt does not end by itself.
WORK = 'echo attempt $CONFJOB_ATTEMPT; [ "$CONFJOB_ATTEMPT" = 2 ] || exec sleep 600\n'

EARLIER = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture
def reboot(project):
    """A function that does to runs what a reboot does, seen from their folders."""
    project.write({"launch.toml": MANIFEST, "work.sh": WORK})

    def boot(*runs):
        for run in runs:
            project.wait(run, "RUNNING")
        leaders = {run: shell_of(project, run) for run in runs}
        project.confjob("agent", "--stop")
        for run, leader in leaders.items():
            os.killpg(int(leader.split("/")[4]), signal.SIGKILL)
            for record in folder(project, run).glob("attempts/*/*.json"):
                record.write_text(of_earlier_boot(record.read_text()))
            (folder(project, run) / "handle.json").write_text(
                of_earlier_boot((folder(project, run) / "handle.json").read_text())
            )

    return boot


def folder(project, run):
    return project.root / ".confjob" / "runs" / run


def shell_of(project, run):
    return json.loads((folder(project, run) / "attempts/1/start.json").read_text())["process"]


def of_earlier_boot(text):
    """Return a record's text with another boot in every process's identity."""
    return re.sub(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/", f"/{EARLIER}/", text)


def launched(project, job):
    return project.json("launch", job)["id"]


def test_a_run_that_a_reboot_ended_is_lost(project, reboot):
    """So it is told by whoever looks, with or without an agent; retries for other reasons don't count."""
    runs = [launched(project, "once"), launched(project, "other")]
    reboot(*runs)
    for run in runs:
        known = project.json("status", run)
        assert known["state"] == "LOST"
        assert known["reason"].startswith("its process is gone and left no end record; unknown since")
        assert known["attempts"] == 1


def test_a_run_that_shall_be_run_again_when_lost_is(project, reboot):
    """One look is enough: it queues the next attempt and starts an agent."""
    run = launched(project, "again")
    reboot(run)
    assert project.json("status", run)["state"] in ("QUEUED", "STARTING", "RUNNING", "SUCCEEDED")
    known = project.wait(run)
    assert (known["state"], known["attempts"]) == ("SUCCEEDED", 2)
    assert project.output(run).splitlines() == ["attempt 1", "attempt 2"]


def test_a_run_that_waited_starts_after_the_reboot(project, reboot):
    """And the agent of that time, whose lock and bell still lie there, is in nobody's way."""
    project.write({"launch.toml": MANIFEST + '[targets.local]\nbackend = "local"\nparallel = 1\n'})
    first, second = launched(project, "once"), launched(project, "again")
    assert project.json("status", second)["state"] == "QUEUED"
    reboot(first)
    assert project.json("status", first)["state"] == "LOST"
    project.wait(second, "RUNNING")


def test_a_session_that_got_the_number_of_the_runs_shell_is_not_the_runs(project, reboot):
    """Numbers begin anew with a boot. A daemon's session has no leader that would tell it apart."""
    run = launched(project, "once")
    reboot(run)
    # A session whose leader is gone, as daemons have it.
    daemon = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $$ $!"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    session, member = map(int, daemon.stdout.readline().split())
    daemon.wait()
    try:
        record = folder(project, run) / "attempts/1/start.json"
        start = json.loads(record.read_text())
        parts = start["process"].split("/")
        parts[4] = str(session)
        record.write_text(json.dumps({**start, "process": "/".join(parts)}))
        assert project.json("status", run)["state"] == "LOST"
        project.confjob("cancel", run)
        os.kill(member, 0)  # it lives
    finally:
        os.kill(member, signal.SIGKILL)
        daemon.stdout.close()
