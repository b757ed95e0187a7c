"""The agent comes and goes, and what it knows is a copy: no run is lost with either."""

import os
import signal
import time
from pathlib import Path

import pytest

MANIFEST = """
[jobs.hold]
command = ["sh", "-c", "until [ -e $FLAGS/$0 ]; do sleep 0.05; done"]
resources = { cpus = 0.1 }

[targets.one]
backend = "local"
parallel = 1
"""


@pytest.fixture
def queue(project, tmp_path):
    (tmp_path / "flags").mkdir()
    project.environ |= {"FLAGS": str(tmp_path / "flags")}
    return project.write({"launch.toml": MANIFEST})


def launch(project, name):
    return project.json("launch", "hold", "--target", "one", "--", name)["id"]


def let_go(project, *names):
    for name in names:
        Path(project.environ["FLAGS"], name).touch()


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return found


def agent(project):
    return project.json("queue")["agent"]


def queued(project):
    return {run["id"] for run in project.json("queue")["runs"] if run["state"] == "QUEUED"}


def index(project):
    return Path(project.environ["CONFJOB_MACHINE_DIR"], "index.sqlite")


def test_an_agent_with_nothing_to_do_leaves_and_the_next_launch_starts_one(queue):
    queue.confjob("agent", "--idle", "0.1", timeout=60)
    assert agent(queue) is None
    let_go(queue, "a")
    assert queue.launch("hold", "--target", "one", "--", "a")["state"] == "SUCCEEDED"
    assert agent(queue) is not None


def test_the_agent_in_the_foreground_serves_until_ctrl_c_which_ends_no_run(queue):
    foreground = queue.start("agent")
    until(lambda: agent(queue) == foreground.pid)
    assert f"already: process {foreground.pid}" in queue.told("agent", code=1)
    first, second = launch(queue, "first"), launch(queue, "second")
    queue.wait(first, "RUNNING")
    foreground.send_signal(signal.SIGINT)
    _, told = foreground.communicate(timeout=60)
    assert foreground.returncode == 0
    assert "serving the queue in" in told
    assert f"run {first}: attempt 1 starts" in told
    assert queue.json("status", first)["state"] == "RUNNING"
    let_go(queue, "first", "second")
    # Whoever asks sees to it that there is an agent again.
    for run in (first, second):
        assert queue.wait(run)["state"] == "SUCCEEDED"


def test_stopping_an_agent_where_there_is_none_is_no_fault(queue):
    assert queue.told("agent", "--stop") == ""


def test_what_waited_while_no_agent_was_there_starts_with_the_next(queue):
    first, second = launch(queue, "first"), launch(queue, "second")
    queue.wait(first, "RUNNING")
    queue.confjob("agent", "--stop")
    let_go(queue, "first", "second")
    with queue.start("agent", "--idle", "0.1") as next_one:
        next_one.communicate(timeout=60)
    known = [
        (Path(queue.root, ".confjob", "runs", run, "attempts/1/end.json")).exists() for run in (first, second)
    ]
    assert known == [True, True]


def deleted(path):
    path.unlink()


def garbage(path):
    path.write_bytes(b"this is no database" * 1000)


def half(path):
    os.truncate(path, path.stat().st_size // 2)


def torn(path):
    """Break a page behind the first one."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


@pytest.mark.parametrize("damage", [deleted, garbage, half, torn])
@pytest.mark.parametrize("served", [True, False], ids=["agent there", "agent gone"])
def test_a_lost_or_broken_index_loses_no_run(queue, damage, served):
    first, second, third = (launch(queue, name) for name in ("first", "second", "third"))
    queue.wait(first, "RUNNING")
    if not served:
        queue.confjob("agent", "--stop")
    damage(index(queue))
    assert queued(queue) == {second, third}
    let_go(queue, "first", "second", "third")
    for run in (first, second, third):
        assert queue.wait(run)["state"] == "SUCCEEDED"
    until(lambda: queue.json("queue")["runs"] == [])


def test_doctor_repairs_the_index_from_the_run_folders(queue):
    first, second, third = (launch(queue, name) for name in ("first", "second", "third"))
    queue.wait(first, "RUNNING")
    until(lambda: queued(queue) == {second, third})
    queue.confjob("agent", "--stop")
    garbage(index(queue))
    # Projects that are known no more are found again by calling doctor there.
    index(queue).with_name("projects").unlink()
    found = {(each["group"], each["name"]): each for each in queue.json("doctor")["findings"]}
    assert found["queue", "index"]["mark"] == "warn"
    assert found["queue", "index"]["hint"] == "confjob doctor --repair makes it anew"
    told = queue.json("doctor", "--repair")
    assert told["repaired"] == {"projects": 1, "running": 1, "waiting": 2}
    found = {(each["group"], each["name"]): each for each in told["findings"]}
    assert found["queue", "index"]["detail"] == "1 run going on, 2 waiting"
    let_go(queue, "first", "second", "third")
    for run in (first, second, third):
        assert queue.wait(run)["state"] == "SUCCEEDED"
    said = queue.confjob("doctor", "--repair").stdout.splitlines()[0]
    assert (
        said == "the queue's index is made anew from the run folders of 1 project: 0 runs going on, 0 waiting"
    )


def test_doctor_tells_what_is_paused(queue):
    queue.confjob("queue", "pause", "--why", "lunch")
    found = {(each["group"], each["name"]): each for each in queue.json("doctor")["findings"]}
    assert "lunch" in found["queue", "paused"]["detail"]
    assert found["queue", "paused"]["hint"] == "confjob queue resume"
