"""GPU slots: every job sees its own, nobody gets another's, and large needs are met in their turn.

The slots are names here; a machine with GPUs is needed by nothing of it.
"""

import time
from pathlib import Path

import pytest

MANIFEST = """
default-target = "gpus"

[jobs.hold]
command = ["sh", "hold.sh"]
resources = { cpus = 0.1 }

[jobs.none]
command = ["sh", "hold.sh"]
resources = { cpus = 0.1, gpus = 0 }

[jobs.one]
command = ["sh", "hold.sh"]
resources = { cpus = 0.1, gpus = 1 }

[jobs.two]
command = ["sh", "hold.sh"]
resources = { cpus = 0.1, gpus = 2 }

[jobs.daemon]
command = ["sh", "daemon.sh"]
resources = { cpus = 0.1, gpus = 2 }

[targets.gpus]
backend = "local"
slots = ["left", "right"]
grace = 0.5
"""

#: Says which GPUs it has and that it has begun, and goes on until it is let go.
HOLD = """
echo "$1" >>"$FLAGS/order"
for name in CUDA ROCR HIP; do
  eval "echo $name=\\${${name}_VISIBLE_DEVICES-unset}"
done
until [ -e "$FLAGS/$1" ]; do sleep 0.05; done
"""

#: Leaves a process behind that nothing but KILL ends (or two minutes), in a session of its own.
DAEMON = """
setsid sh daemon-itself.sh >/dev/null 2>&1 &
until [ -e "$FLAGS/daemon" ]; do sleep 0.05; done
"""
DAEMON_ITSELF = """
trap "" TERM HUP
echo up >"$FLAGS/daemon"
for _ in $(seq 1200); do sleep 0.1; done
"""


@pytest.fixture
def queue(project, tmp_path):
    (tmp_path / "flags").mkdir()
    project.environ |= {"FLAGS": str(tmp_path / "flags")}
    for name in ("CUDA", "ROCR", "HIP"):
        project.environ.pop(f"{name}_VISIBLE_DEVICES", None)
    scripts = {"hold.sh": HOLD, "daemon.sh": DAEMON, "daemon-itself.sh": DAEMON_ITSELF}
    return project.write({"launch.toml": MANIFEST, **scripts})


def launch(project, job, name):
    return project.json("launch", job, "--", name)["id"]


def let_go(project, *names):
    for name in names:
        Path(project.environ["FLAGS"], name).touch()


def begun(project):
    path = Path(project.environ["FLAGS"], "order")
    return path.read_text().split() if path.exists() else []


def reason(project, run, words):
    """Wait until a run waits for such a reason, and return that."""
    deadline = time.monotonic() + 60
    while words not in (why := project.json("status", run)["reason"]):
        assert time.monotonic() < deadline, why
        time.sleep(0.05)
    return why


def same(devices):
    return f"CUDA={devices}\nROCR={devices}\nHIP={devices}\n"


def test_each_job_is_told_of_its_own_gpus_and_of_no_other(queue):
    first, second = launch(queue, "one", "a"), launch(queue, "one", "b")
    for run in (first, second):
        queue.wait(run, "RUNNING")
    slots = {run["id"]: run["slots"] for run in queue.json("queue")["runs"]}
    assert sorted(slots.values()) == [["left"], ["right"]]
    let_go(queue, "a", "b")
    for run in (first, second):
        assert queue.wait(run)["state"] == "SUCCEEDED"
        assert queue.output(run) == same(slots[run][0])


def test_a_job_with_all_gpus_has_them_in_order(queue):
    let_go(queue, "pair")
    assert queue.output(queue.launch("two", "--", "pair")["id"]) == same("left,right")


def test_no_gpus_hides_all_and_a_job_that_says_nothing_has_what_the_submitter_had(queue):
    let_go(queue, "x")
    queue.environ |= {"CUDA_VISIBLE_DEVICES": "7"}
    assert queue.output(queue.launch("none", "--", "x")["id"]) == same("")
    told = queue.output(queue.launch("hold", "--", "x")["id"])
    assert told == "CUDA=7\nROCR=unset\nHIP=unset\n"
    del queue.environ["CUDA_VISIBLE_DEVICES"]
    assert queue.output(queue.launch("hold", "--", "x")["id"]) == same("unset")


def test_who_waits_for_a_gpu_is_told_who_has_it(queue):
    run = launch(queue, "two", "pair")
    queue.wait(run, "RUNNING")
    waits = launch(queue, "one", "a")
    why = reason(queue, waits, "held by")
    assert why == f"needs 1 GPU; GPU left is held by run {run}; GPU right is held by run {run}"
    let_go(queue, "pair", "a")
    assert queue.wait(waits)["state"] == "SUCCEEDED"


def test_a_stream_of_small_jobs_does_not_starve_a_large_one(queue):
    small = [launch(queue, "one", name) for name in ("a", "b")]
    for run in small:
        queue.wait(run, "RUNNING")
    large = launch(queue, "two", "pair")
    later = launch(queue, "one", "c")
    let_go(queue, "a")
    assert queue.wait(small[0])["state"] == "SUCCEEDED"
    assert reason(queue, large, "needs 2 GPUs, 1 free")
    # Whoever comes later does not get the one that is free.
    assert reason(queue, later, f"what is free is held for run {large}").startswith("needs 1 GPU")
    let_go(queue, "b", "pair", "c")
    for run in (large, later):
        assert queue.wait(run)["state"] == "SUCCEEDED"
    assert begun(queue)[2:] == ["pair", "c"]


def test_more_gpus_than_there_are_is_refused_at_once(queue):
    told = queue.told("launch", "one", "--set", "resources:gpus=3", "--", "x", code=1)
    assert "would wait for ever: it needs 3 GPUs, and 2 can be used here" in told
    assert queue.json("queue")["runs"] == []


def test_what_an_ended_run_has_left_on_its_gpus_is_ended(queue):
    run = queue.launch("daemon")
    assert run["state"] == "SUCCEEDED"
    let_go(queue, "pair")
    assert queue.launch("two", "--", "pair")["state"] == "SUCCEEDED"


# -- in the foreground -----------------------------------------------------------------


def test_a_job_in_the_foreground_has_its_own_gpus_too(queue):
    let_go(queue, "pair")
    told = queue.confjob("launch", "two", "--fg", "--", "pair").stdout
    assert told.endswith(same("left,right"))
    # and nobody holds them afterwards
    assert queue.launch("two", "--", "pair")["state"] == "SUCCEEDED"


def test_the_foreground_is_refused_gpus_that_somebody_has(queue):
    run = launch(queue, "one", "a")
    queue.wait(run, "RUNNING")
    told = queue.told("launch", "two", "--fg", "--", "b", code=1)
    assert f"needs 2 GPUs now: GPU left is held by run {run}" in told
    assert "waits for them in the queue" in told
    refused = queue.runs()[0]
    assert refused["state"] == "FAILED"
    assert "needs 2 GPUs now" in refused["reason"]
    let_go(queue, "c")
    assert queue.confjob("launch", "one", "--fg", "--", "c").stdout.endswith(same("right"))
    assert begun(queue) == ["a", "c"]


def test_the_queue_waits_for_the_gpus_of_a_run_in_the_foreground(queue):
    with queue.start("launch", "two", "--fg", "--", "pair") as foreground:
        run = foreground.stdout.readline().strip()
        queue.wait(run, "RUNNING")
        waits = launch(queue, "one", "a")
        assert reason(queue, waits, f"is held by run {run}")
        let_go(queue, "pair", "a")
        foreground.communicate(timeout=60)
    assert foreground.returncode == 0
    assert queue.wait(waits)["state"] == "SUCCEEDED"


def test_the_foreground_ends_what_its_job_left_on_its_gpus(queue):
    queue.confjob("launch", "daemon", "--fg")
    let_go(queue, "pair")
    assert queue.confjob("launch", "two", "--fg", "--", "pair").stdout.endswith(same("left,right"))


def test_doctor_says_who_holds_gpus(queue):
    run = launch(queue, "one", "a")
    queue.wait(run, "RUNNING")
    found = {(each["group"], each["name"]): each for each in queue.json("doctor")["findings"]}
    assert found["queue", "GPU"]["detail"] == f"left is held by run {run}"
    assert found["queue", "index"]["detail"] == "1 run going on, 0 waiting"
    assert found["queue", "agent"]["detail"].startswith("process ")
