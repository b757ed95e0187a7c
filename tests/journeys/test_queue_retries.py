"""Retries, time limits and series of failures: one run, one id and one folder, whatever it takes."""

import re
import time
from pathlib import Path

import pytest

MANIFEST = """
[jobs.flaky]
command = ["sh", "flaky.sh"]
retry = {{ attempts = 3, on = {on} }}

[jobs.late]
command = ["sh", "flaky.sh"]
retry = {{ attempts = 2, backoff = "{backoff}", on = ["failure"] }}

[jobs.slow]
command = ["sh", "slow.sh"]
resources = {{ time = 1 }}
retry = {{ attempts = {attempts}, on = ["timeout"] }}

[jobs.stubborn]
command = ["sh", "stubborn.sh"]
resources = {{ time = 1 }}

[jobs.broken]
command = ["sh", "-c", "exit 3"]

[jobs.hold]
command = ["sh", "-c", "echo up; until [ -e $FLAGS/go ]; do sleep 0.05; done"]

[targets.local]
backend = "local"
grace = 1

[targets.careful]
backend = "local"
parallel = 1
max-consecutive-failures = 2
"""

#: Goes on from what the last attempt saved in the folder, and ends well when there are 2 of these.
FLAKY = """
echo "attempt $CONFJOB_ATTEMPT after ${CONFJOB_RESUME-nothing}"
echo saved >>saved.txt
[ "$(wc -l <saved.txt)" -ge 2 ] || exit 5
"""

SLOW = """
echo "attempt $CONFJOB_ATTEMPT after ${CONFJOB_RESUME-nothing}"
trap 'echo asked; exit 0' TERM
while :; do sleep 0.05; done
"""

STUBBORN = """
trap 'echo asked' TERM
echo up
while :; do sleep 0.05; done
"""


@pytest.fixture
def jobs(project, tmp_path):
    (tmp_path / "flags").mkdir()
    project.environ |= {"FLAGS": str(tmp_path / "flags")}

    def write(on='["failure"]', backoff="0s", attempts=1):
        manifest = MANIFEST.format(on=on, backoff=backoff, attempts=attempts)
        files = {"flaky.sh": FLAKY, "slow.sh": SLOW, "stubborn.sh": STUBBORN}
        return project.write({"launch.toml": manifest, **files})

    return write


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("on", ['["failure"]', '["exit:5"]', '["timeout", "exit:5", "lost"]'])
def test_a_run_that_fails_is_run_again_in_its_folder_under_its_id(jobs, on):
    project = jobs(on)
    project.environ |= {"CONFJOB_RESUME": "of the job that launches"}
    run = project.launch("flaky")
    assert (run["state"], run["attempts"], run["exit_code"]) == ("SUCCEEDED", 2, 0)
    assert project.output(run["id"]) == "attempt 1 after nothing\nattempt 2 after failure\n"
    assert Path(run["dir"], "workspace", "saved.txt").read_text() == "saved\nsaved\n"
    assert [each["id"] for each in project.runs()] == [run["id"]]
    assert re.search(r"^  attempts +2$", project.confjob("status", run["id"]).stdout, re.MULTILINE)


@pytest.mark.parametrize(("signal", "why"), [("KILL", "lost"), ("TERM", "preempted")])
def test_a_run_that_is_ended_by_somebody_else_is_run_again_where_the_job_says_so(jobs, signal, why):
    project = jobs(f'["{why}"]')
    # 0 is the whole group: the shell that writes the records, too.
    end = f"[ $CONFJOB_ATTEMPT -ge 2 ] || kill -{signal} 0"
    project.write({"flaky.sh": f'echo "after ${{CONFJOB_RESUME-nothing}}"\n{end}\n'})
    run = project.launch("flaky")
    assert (run["state"], run["attempts"]) == ("SUCCEEDED", 2)
    told = [line for line in project.output(run["id"]).splitlines() if line.startswith("after")]
    assert told == ["after nothing", f"after {why}"]


@pytest.mark.parametrize("on", ['["exit:6"]', '["timeout", "lost", "preempted"]'])
def test_an_end_that_is_not_named_is_the_end(jobs, on):
    run = jobs(on).launch("flaky")
    assert (run["state"], run["attempts"], run["exit_code"]) == ("FAILED", 1, 5)


def test_attempts_are_as_many_as_the_job_says(jobs):
    project = jobs()
    project.write({"flaky.sh": "echo attempt $CONFJOB_ATTEMPT; exit 5"})
    run = project.launch("flaky")
    assert (run["state"], run["attempts"]) == ("FAILED", 3)
    assert project.output(run["id"]) == "attempt 1\nattempt 2\nattempt 3\n"


def test_until_the_next_attempt_a_run_is_queued_and_can_be_cancelled(jobs):
    project = jobs(backoff="1h")
    run = project.json("launch", "late")["id"]
    why = until(lambda: (found := project.json("status", run))["reason"].startswith("attempt 2") and found)
    assert why["state"] == "QUEUED"
    assert re.fullmatch(r"attempt 2 of 2 starts at \d\d:\d\d:\d\d", why["reason"])
    [waits] = project.json("queue")["runs"]
    assert (waits["id"], waits["state"], waits["attempt"]) == (run, "QUEUED", 2)
    project.confjob("cancel", run)
    assert project.json("status", run)["state"] == "CANCELLED"
    assert project.output(run) == "attempt 1 after nothing\n"


def test_following_goes_on_through_the_wait_to_the_next_attempt(jobs):
    project = jobs(backoff="2s")
    done = project.confjob("launch", "late", "--follow")
    assert done.stdout.splitlines()[1:] == ["attempt 1 after nothing", "attempt 2 after failure"]
    assert "SUCCEEDED" in done.stderr


def test_logs_follow_a_run_that_waits_for_its_next_attempt(jobs):
    project = jobs(backoff="3s")
    run = project.json("launch", "late")["id"]
    until(lambda: project.json("status", run)["reason"].startswith("attempt 2"))
    printed = project.confjob("logs", "-f", run).stdout
    assert printed == "attempt 1 after nothing\nattempt 2 after failure\n"


# -- by hand ---------------------------------------------------------------------------


def test_retry_begins_another_attempt_of_a_run_that_is_over(jobs):
    project = jobs("[]")
    run = project.launch("flaky")
    assert run["state"] == "FAILED"
    assert project.json("retry", run["id"]) == [{"id": run["id"], "attempt": 2, "state": "QUEUED"}]
    again = project.wait(run["id"])
    assert (again["state"], again["attempts"]) == ("SUCCEEDED", 2)
    assert project.output(run["id"]) == "attempt 1 after nothing\nattempt 2 after asked\n"


def test_a_cancelled_run_can_be_retried(jobs):
    project = jobs()
    run = project.json("launch", "hold")["id"]
    project.wait(run, "RUNNING")
    project.confjob("cancel", run)
    Path(project.environ["FLAGS"], "go").touch()
    assert project.told("retry", run) == f"attempt 2 of {run} is queued\n"
    again = project.wait(run)
    assert (again["state"], again["attempts"]) == ("SUCCEEDED", 2)


def test_nothing_is_retried_that_has_succeeded_or_goes_on(jobs):
    project = jobs()
    Path(project.environ["FLAGS"], "go").touch()
    good = project.launch("hold")["id"]
    Path(project.environ["FLAGS"], "go").unlink()
    going = project.json("launch", "hold")["id"]
    project.wait(going, "RUNNING")
    told = project.told("retry", good, going, code=1)
    assert f"{good} has succeeded" in told
    assert f"confjob rerun {good}" in told
    assert f"{going} is RUNNING" in told
    assert project.json("status", good)["attempts"] == 1


# -- time limits -----------------------------------------------------------------------


def test_a_run_whose_time_is_over_is_asked_to_end_and_then_ended_by_force(jobs):
    project = jobs()
    run = project.launch("stubborn")
    assert (run["state"], run["reason"]) == ("FAILED", "time limit of 1.0 s")
    assert project.output(run["id"]).splitlines()[-1] == "asked"


def test_a_run_that_ends_well_in_the_grace_has_timed_out_all_the_same_and_is_run_again(jobs):
    project = jobs(attempts=2)
    run = project.launch("slow")
    assert (run["state"], run["reason"], run["attempts"]) == ("FAILED", "time limit of 1.0 s", 2)
    # A shell may say that its `sleep` was terminated.
    told = [line for line in project.output(run["id"]).splitlines() if "erminated" not in line]
    assert told == ["attempt 1 after nothing", "asked", "attempt 2 after timeout", "asked"]


# -- failures in a row -----------------------------------------------------------------


def test_after_too_many_failures_in_a_row_the_target_is_paused_until_it_is_let_go(jobs):
    project = jobs()
    failed = [project.launch("broken", "--target", "careful")["id"] for _ in range(2)]
    waits = project.json("launch", "hold", "--target", "careful")["id"]
    why = until(lambda: project.json("status", waits)["reason"])
    assert why.startswith(f"paused: 2 runs in a row failed ({', '.join(failed)})")
    assert "confjob queue resume" in why
    assert "2 runs in a row failed" in project.told("queue")
    # Other targets go on.
    assert project.launch("broken")["state"] == "FAILED"
    Path(project.environ["FLAGS"], "go").touch()
    project.confjob("queue", "resume")
    assert project.wait(waits)["state"] == "SUCCEEDED"


def test_a_success_in_between_ends_the_series_of_failures(jobs):
    project = jobs()
    Path(project.environ["FLAGS"], "go").touch()
    for job in ("broken", "hold", "broken"):
        project.launch(job, "--target", "careful")
    assert project.json("queue")["paused"] == []
    assert project.launch("hold", "--target", "careful")["state"] == "SUCCEEDED"
