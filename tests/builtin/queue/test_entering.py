"""From a submission to a ticket: what it says, and what is refused at once rather than never started."""

import os

import pytest

from confjob.builtin.local.queue import devices, entering
from confjob.builtin.local.queue.entering import Limits, group_of, ticket_of
from confjob.builtin.local.queue.machine import here
from confjob.builtin.local.queue.schedule import Capacity
from confjob.plugin import BackendError, Resources, Retry, Submission

GIB = 2**30


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine with two cores, 4 GiB and two GPUs."""
    monkeypatch.setattr(entering, "capacity", lambda: Capacity(cpus=2.0, memory=4 * GIB))
    monkeypatch.setattr(devices, "_uuids", lambda: ("GPU-a", "GPU-b"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def run_dir(tmp_path):
    path = tmp_path / "project" / ".confjob" / "runs" / "r1"
    path.mkdir(parents=True)
    return path


def submission(run_dir, **values):
    needs = values.pop("resources", {})
    given = {"run": run_dir.name, "job": "train", "run_dir": run_dir, "script": run_dir / "job.sh"}
    return Submission(**{**given, "target": "here", "resources": Resources(**needs), **values})


def test_a_ticket_says_all_that_the_agent_has_to_know(run_dir, tmp_path):
    needs = {"cpus": 2, "memory": GIB, "gpus": 1, "time": 60}
    item = submission(run_dir, resources=needs, priority="high", retry=Retry(attempts=3, backoff=5.0))
    ticket = ticket_of(item, Limits(slots=("1", "0"), parallel=2, grace=3.0, most_failures=4))
    told = {
        name: getattr(ticket, name) for name in ("cpus", "memory", "gpus", "time", "priority", "parallel")
    }
    assert told == {**needs, "priority": "high", "parallel": 2}
    assert (ticket.run, ticket.run_dir, ticket.place) == ("r1", str(run_dir), here())
    assert (ticket.slots, ticket.grace, ticket.most_failures) == (("GPU-b", "GPU-a"), 3.0, 4)
    assert (ticket.job, ticket.attempt, ticket.resume, ticket.not_before) == ("train", 1, "", 0.0)
    assert ticket.retry == Retry(attempts=3, backoff=5.0)
    assert ticket.group == group_of(tmp_path / "project" / ".confjob", "here")


def test_a_run_that_declares_nothing_counts_for_a_core_and_holds_no_gpu(run_dir):
    ticket = ticket_of(submission(run_dir), Limits())
    assert (ticket.cpus, ticket.memory, ticket.gpus, ticket.slots, ticket.time) == (1.0, 0, 0, (), None)


def test_a_run_that_hides_all_gpus_asks_no_driver(run_dir, monkeypatch):
    monkeypatch.delattr(devices, "_uuids")
    assert ticket_of(submission(run_dir, resources={"gpus": 0}), Limits()).slots == ()


def test_on_a_machine_with_less_than_a_core_a_run_that_declares_nothing_can_start(run_dir, monkeypatch):
    monkeypatch.setattr(entering, "capacity", lambda: Capacity(cpus=0.5, memory=GIB))
    assert ticket_of(submission(run_dir), Limits()).cpus == 0.5


def test_all_that_the_machine_has_may_be_asked_for(run_dir):
    item = submission(run_dir, resources={"cpus": 2, "memory": 4 * GIB, "gpus": 2})
    assert ticket_of(item, Limits()).slots == ("GPU-a", "GPU-b")


@pytest.mark.parametrize(
    ("needs", "limits", "words"),
    [
        ({"cpus": 2.5}, Limits(), ["2.5 cores, and there are 2"]),
        ({"memory": 4 * GIB + 1}, Limits(), [f"{4 * GIB + 1} bytes of memory, and there are {4 * GIB}"]),
        ({"gpus": 3}, Limits(), ["3 GPUs, and 2 can be used here"]),
        ({"gpus": 2}, Limits(slots=1), ["2 GPUs, and 1 can be used here"]),
        ({"gpus": 2}, Limits(slots=("x",)), ["2 GPUs, and 1 can be used here"]),
        (
            {"cpus": 3, "memory": 8 * GIB, "gpus": 4},
            Limits(),
            ["4 GPUs, and 2", "3 cores, and there are 2", f"{8 * GIB} bytes of memory"],
        ),
    ],
)
def test_what_the_machine_will_never_have_is_refused_and_all_of_it_is_named(run_dir, needs, limits, words):
    with pytest.raises(BackendError) as caught:
        ticket_of(submission(run_dir, resources=needs), limits)
    assert caught.value.message.startswith("run r1 would wait for ever: it needs ")
    assert [word for word in words if word not in caught.value.message] == []
    assert "[jobs.NAME.resources]" in caught.value.hint


def test_gpus_that_the_submitters_environment_hides_cannot_be_asked_for(run_dir, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert ticket_of(submission(run_dir, resources={"gpus": 1}), Limits()).slots == ("GPU-b",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(BackendError, match="0 can be used here"):
        ticket_of(submission(run_dir, resources={"gpus": 1}), Limits())


def test_the_submitters_bare_environment_and_umask_are_kept(run_dir, monkeypatch):
    monkeypatch.setenv("PATH", f"/opt/mine:{os.environ['PATH']}")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("SECRET", "s3cret")
    before = os.umask(0o027)
    try:
        ticket = ticket_of(submission(run_dir), Limits())
        assert os.umask(0o027) == 0o027  # asking did not change it
    finally:
        os.umask(before)
    assert ticket.umask == 0o027
    assert ticket.environment["PATH"].startswith("/opt/mine:")
    assert ticket.environment["LC_TIME"] == "C"
    assert "s3cret" not in str(ticket)


def test_a_run_that_somebody_runs_again_begins_a_new_series_of_attempts(run_dir):
    """The folder of the next attempt is there by then; it may be tried as often as the first was."""
    for name in ("1", "2", "10", ".3", "x4", "5x"):
        (run_dir / "attempts" / name).mkdir(parents=True)
    ticket = ticket_of(submission(run_dir, retry=Retry(attempts=3)), Limits())
    assert (ticket.attempt, ticket.resume) == (10, "asked")
    assert ticket.retry == Retry(attempts=12)


def test_targets_of_two_projects_are_two_groups(tmp_path):
    groups = {group_of(tmp_path / state, name) for state in ("a", "b") for name in ("here", "there")}
    assert len(groups) == 4


def test_those_that_were_submitted_one_after_another_are_queued_in_that_order(run_dir):
    first, second = (ticket_of(submission(run_dir), Limits()) for _ in range(2))
    assert first.queued <= second.queued
