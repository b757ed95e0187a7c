"""This machine's queue: who starts when, why the others wait, and how people change that."""

import time
from pathlib import Path

import pytest

MANIFEST = """
[jobs.hold]
command = ["sh", "hold.sh"]
resources = { cpus = 0.1 }

[jobs.greedy]
command = ["sh", "hold.sh"]
resources = { cpus = 100000 }

[targets.one]
backend = "local"
parallel = 1

[targets.other]
backend = "local"
"""

#: Says that it has begun, and goes on until it is let go.
HOLD = """
echo "$1" >>"$FLAGS/order"
until [ -e "$FLAGS/$1" ]; do sleep 0.05; done
"""


@pytest.fixture
def queue(project, tmp_path):
    (tmp_path / "flags").mkdir()
    project.environ |= {"FLAGS": str(tmp_path / "flags")}
    return project.write({"launch.toml": MANIFEST, "hold.sh": HOLD})


def launch(project, name, *options, job="hold", target="one"):
    return project.json("launch", job, "--target", target, *options, "--", name)["id"]


def let_go(project, *names):
    for name in names:
        Path(project.environ["FLAGS"], name).touch()


def begun(project):
    path = Path(project.environ["FLAGS"], "order")
    return path.read_text().split() if path.exists() else []


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return found


def waiting(project):
    """Return why each run waits, by run, in the order of the queue."""
    return {run["id"]: run["reason"] for run in project.json("queue")["runs"] if run["state"] == "QUEUED"}


def reason(project, run, words):
    """Wait until a run waits for such a reason, and return that."""
    return until(lambda: (why := waiting(project).get(run, "")) and words in why and why)


def test_runs_start_by_priority_then_first_come(queue):
    first = launch(queue, "first")
    queue.wait(first, "RUNNING")
    runs = [
        launch(queue, "low", "--priority", "low"),
        launch(queue, "a"),
        launch(queue, "b"),
        launch(queue, "critical", "--priority", "critical"),
    ]
    assert list(waiting(queue)) == [runs[3], runs[1], runs[2], runs[0]]
    let_go(queue, "low", "a", "b", "critical", "first")
    for run in runs:
        assert queue.wait(run)["state"] == "SUCCEEDED"
    assert begun(queue) == ["first", "critical", "a", "b", "low"]


def test_one_after_another_and_the_queue_says_why_each_waits(queue):
    first, second = launch(queue, "first"), launch(queue, "second")
    queue.wait(first, "RUNNING")
    assert reason(queue, second, first) == f"its target runs 1 at a time ({first})"
    known = queue.json("status", second)
    assert (known["state"], known["reason"]) == ("QUEUED", f"its target runs 1 at a time ({first})")
    [running, waits] = queue.json("queue")["runs"]
    assert (running["state"], waits["state"]) == ("RUNNING", "QUEUED")
    assert waits["job"] == "hold"
    assert waits["project"] == str(queue.root)
    table = queue.confjob("queue").stdout
    assert "WHY IT WAITS" in table
    assert second in table
    let_go(queue, "first")
    queue.wait(second, "RUNNING")
    let_go(queue, "second")
    assert queue.wait(second)["state"] == "SUCCEEDED"
    until(lambda: queue.json("queue")["runs"] == [])
    assert queue.told("queue") == "nothing runs or waits\n"


def test_what_waits_does_not_hold_up_another_target(queue):
    first, second = launch(queue, "first"), launch(queue, "second")
    queue.wait(first, "RUNNING")
    other = launch(queue, "other", target="other")
    queue.wait(other, "RUNNING")
    assert waiting(queue).keys() == {second}


def test_a_run_can_be_moved_to_the_front_and_a_running_one_can_not(queue):
    first, second, third = (launch(queue, name) for name in ("first", "second", "third"))
    queue.wait(first, "RUNNING")
    assert queue.told("queue", "move", third, "--priority", "high") == f"{third}: priority high\n"
    assert list(waiting(queue)) == [third, second]
    assert "does not wait any more: it runs" in queue.told(
        "queue", "move", first, "--priority", "low", code=1
    )
    told = queue.told("queue", "move", "zzzzzz", "--priority", "low", code=1)
    assert "no run 'zzzzzz' waits in the queue" in told
    let_go(queue, "first", "second", "third")
    queue.wait(second)
    assert begun(queue) == ["first", "third", "second"]


def test_a_paused_target_starts_nothing_while_others_do(queue):
    told = queue.told("queue", "pause", "one", "--why", "lunch")
    assert "target one of" in told
    assert "confjob queue resume one" in told
    let_go(queue, "first", "other")
    first, other = launch(queue, "first"), launch(queue, "other", target="other")
    assert queue.wait(other)["state"] == "SUCCEEDED"
    assert reason(queue, first, "lunch").startswith("paused by ")
    assert "lunch" in queue.told("queue")
    assert "goes on" in queue.told("queue", "resume", "one")
    assert queue.wait(first)["state"] == "SUCCEEDED"


def test_a_pause_of_everything_goes_on_with_a_resume_of_everything(queue):
    assert queue.told("queue", "pause").startswith("everything is paused")
    let_go(queue, "first", "other")
    runs = [launch(queue, "first"), launch(queue, "other", target="other")]
    for run in runs:
        assert reason(queue, run, "paused by ")
    assert "everything is paused still" in queue.told("queue", "resume", "one")
    assert queue.told("queue", "resume") == "everything goes on\n"
    assert queue.told("queue", "resume") == "nothing was paused\n"
    for run in runs:
        assert queue.wait(run)["state"] == "SUCCEEDED"


def test_a_pause_of_a_misspelt_target_is_refused(queue):
    assert "no target is called 'oen'" in queue.told("queue", "pause", "oen", code=1)
    assert queue.json("queue")["paused"] == []


def test_a_drain_waits_for_what_runs_and_lets_nothing_start(queue):
    first, second = launch(queue, "first"), launch(queue, "second")
    queue.wait(first, "RUNNING")
    draining = queue.start("queue", "drain")
    assert reason(queue, second, "drained")
    assert draining.poll() is None
    let_go(queue, "first", "second")
    _, told = draining.communicate(timeout=60)
    assert draining.returncode == 0
    assert "nothing runs" in told
    assert queue.json("status", first)["state"] == "SUCCEEDED"
    assert queue.json("status", second)["state"] == "QUEUED"
    queue.confjob("queue", "resume")
    assert queue.wait(second)["state"] == "SUCCEEDED"


def test_a_job_that_could_never_start_is_refused_at_once(queue):
    told = queue.told("launch", "greedy", "--", "x", code=1)
    assert "would wait for ever: it needs 100000 cores" in told
    assert queue.json("queue")["runs"] == []
    [run] = queue.runs()
    assert run["state"] == "FAILED"
    assert "would wait for ever" in run["reason"]


def test_a_queued_run_that_is_cancelled_never_starts(queue):
    first, second, third = (launch(queue, name) for name in ("first", "second", "third"))
    queue.wait(first, "RUNNING")
    queue.confjob("cancel", second)
    assert queue.json("status", second)["state"] == "CANCELLED"
    assert second not in waiting(queue)
    let_go(queue, "first", "second", "third")
    assert queue.wait(third)["state"] == "SUCCEEDED"
    assert begun(queue) == ["first", "third"]
    assert queue.json("status", second)["state"] == "CANCELLED"


def test_rerun_keeps_the_priority_or_takes_another(queue):
    let_go(queue, "first")
    first = launch(queue, "first", "--priority", "high")
    queue.wait(first)
    queue.confjob("queue", "pause")
    again = queue.json("rerun", first)["id"]
    low = queue.json("rerun", first, "--priority", "low")["id"]
    until(lambda: len(waiting(queue)) == 2)
    priorities = {run["id"]: run["priority"] for run in queue.json("queue")["runs"]}
    assert priorities == {again: "high", low: "low"}


def test_the_queue_is_seen_from_anywhere_and_names_the_projects(queue, tmp_path):
    first = launch(queue, "first")
    queue.wait(first, "RUNNING")
    told = queue.confjob("-C", str(tmp_path), "queue").stdout
    assert "PROJECT" in told
    assert queue.root.name in told
    assert "PROJECT" not in queue.confjob("queue").stdout


def test_watching_needs_a_terminal(queue):
    told = queue.told("queue", "--watch", code=2)
    assert "confjob runs --watch" in told
