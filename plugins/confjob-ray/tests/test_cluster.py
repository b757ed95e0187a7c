"""A real cluster: what every backend must do, and what is special about Ray's jobs."""

import time

import pytest
from attrs import evolve
from confjob_ray import RAY, RayOptions

from confjob.errors import BackendError
from confjob.model import State
from confjob.testing import check_backend


@pytest.fixture
def engine(address, tmp_path):
    return RAY.open(RayOptions(address=address, state=str(tmp_path / "there"), grace=1, sync=1))


def submitted(engine, *jobs) -> list[str]:
    return [handle for chunk in engine.submit([job.submission for job in jobs]) for handle in chunk.values()]


def until(holds, seconds: float = 90.0):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def ended(engine, job, handle):
    def over():
        status = job.told(engine, handle)
        return status if status.state.final else None

    return until(over)


@pytest.mark.parametrize("files", ["pack", "shared"])
def test_it_does_what_every_backend_must(files, address, tmp_path) -> None:
    options = {
        "address": address,
        "files": files,
        "state": str(tmp_path / "it's $(touch pwned)"),
        "grace": 1,
        "sync": 1,
    }
    (tmp_path / "here").mkdir()
    check_backend(RAY, options, tmp_path / "here", runs=2, seconds=240)


def test_five_runs_each_come_back_with_what_they_made(engine, jobs) -> None:
    several = [jobs().shell('echo "$1" >made; echo "said $1"', str(number)) for number in range(5)]
    for number, (job, handle) in enumerate(zip(several, submitted(engine, *several), strict=True)):
        assert ended(engine, job, handle).state is State.SUCCEEDED
        assert job.made("made") == f"{number}\n".encode()
        assert job.folder.log.read_bytes() == f"said {number}\n".encode()


def test_a_log_that_is_no_text_arrives_as_it_is(engine, jobs) -> None:
    job = jobs().shell(r"printf '1%%\r2%%\r\377\000 Z\303\274rich'; sleep 1; printf '\n\r'")
    [handle] = submitted(engine, job)
    assert ended(engine, job, handle).state is State.SUCCEEDED
    assert job.folder.log.read_bytes() == b"1%\r2%\r" + b"\xff\0 " + "Zürich\n\r".encode()


def test_nothing_of_a_run_is_left_on_the_node(engine, jobs, tmp_path) -> None:
    job = jobs().shell("echo made >made")
    [handle] = submitted(engine, job)
    ended(engine, job, handle)
    assert not list((tmp_path / "there" / "runs").iterdir())


def test_a_time_limit_ends_a_run_and_says_so(engine, jobs) -> None:
    job = jobs(time=2).shell("sleep 600")
    [handle] = submitted(engine, job)
    status = ended(engine, job, handle)
    assert (status.state, status.reason) == (State.FAILED, "time limit of 2.0 s")


def test_a_run_that_waits_and_is_cancelled_never_begins(engine, jobs) -> None:
    first, second = jobs(cpus=2).beating(), jobs(cpus=2).shell("echo begun >begun; sleep 600")
    one, two = submitted(engine, first, second)
    until(lambda: engine.poll([one])[one].state is State.RUNNING)
    waiting = engine.poll([two])[two]
    assert waiting.state is State.QUEUED
    assert "waiting for resources" in waiting.reason
    second.folder.request_cancel("test")
    engine.cancel([two])
    assert second.told(engine, two).state is State.CANCELLED  # though Ray keeps it until its turn
    assert engine.api.job(two.partition(":")[0])["status"] == "PENDING"
    first.folder.request_cancel("test")
    engine.cancel([one])
    assert ended(engine, first, one).state is State.CANCELLED
    until(lambda: engine.api.job(two.partition(":")[0])["status"] == "STOPPED")
    assert second.told(engine, two).state is State.CANCELLED
    assert second.made("begun") == b""


def test_processes_get_a_grace_that_is_longer_than_rays_patience(engine, jobs, address, tmp_path) -> None:
    engine = RAY.open(evolve(engine.options, grace=6))
    job = jobs().shell(
        "trap 'sleep 4.5; echo saved >checkpoint; exit 0' TERM; echo up >up; while :; do sleep 0.1; done"
    )
    [handle] = submitted(engine, job)
    until(lambda: engine.fetch(handle, job.folder.path) or job.made("up"))
    job.folder.request_cancel("test")
    engine.cancel([handle])
    assert ended(engine, job, handle).state is State.CANCELLED
    until(lambda: engine.fetch(handle, job.folder.path) or job.made("checkpoint"), 10)


def test_a_second_attempt_adds_to_the_log(engine, jobs) -> None:
    job = jobs().shell('echo "attempt $CONFJOB_ATTEMPT"; exit 1')
    [first] = submitted(engine, job)
    ended(engine, job, first)
    job.folder.begin_attempt()
    again = evolve(job, submission=evolve(job.submission, attempt=2))
    [second] = submitted(engine, again)
    assert ended(engine, again, second).exit_code == 1
    assert first != second
    assert job.folder.log.read_text() == "attempt 1\nattempt 2\n"


def test_submitting_twice_starts_it_once(engine, jobs) -> None:
    job = jobs().shell("sleep 1; echo once")
    assert submitted(engine, job) == submitted(engine, job)
    [handle] = submitted(engine, job)
    ended(engine, job, handle)
    assert job.folder.log.read_text() == "once\n"


def test_what_the_runtime_environment_lacks_is_told(engine, jobs) -> None:
    engine = RAY.open(evolve(engine.options, runtime_env={"py_modules": ["gcs://_ray_pkg_absent.zip"]}))
    job = jobs().echo()
    [handle] = submitted(engine, job)
    status = ended(engine, job, handle)
    assert status.state is State.FAILED
    assert "runtime environment" in status.reason


def test_variables_of_the_runtime_environment_reach_the_job(engine, jobs) -> None:
    engine = RAY.open(evolve(engine.options, runtime_env={"env_vars": {"GREETING": "it's ü"}}))
    job = jobs().shell('printf %s "$GREETING"')
    [handle] = submitted(engine, job)
    ended(engine, job, handle)
    assert job.folder.log.read_text() == "it's ü"


def test_unknown_runs_are_left_out(engine) -> None:
    assert engine.poll(["confjob-unknown-1", "", "../x"]) == {}
    engine.cancel(["confjob-unknown-1", "../x"])


def test_a_cluster_that_is_gone_is_no_end_of_a_run(another_cluster, tmp_path, jobs, monkeypatch) -> None:
    monkeypatch.setattr("confjob_ray.api._PAUSES", (0.05,))
    cluster = another_cluster()
    try:
        options = RayOptions(address=cluster.address, state=str(tmp_path / "there"), grace=1)
        engine = RAY.open(options)
        job = jobs().beating()
        [handle] = submitted(engine, job)
        until(lambda: engine.poll([handle])[handle].state is State.RUNNING)
        job.told(engine, handle)
    finally:
        cluster.stop()
    with pytest.raises(BackendError, match="can't be reached"):
        engine.poll([handle])
    with pytest.raises(BackendError, match="can't be reached"):
        engine.cancel([handle])
    with pytest.raises(BackendError, match="can't be reached"):
        engine.fetch(handle, job.folder.path)
    assert not (job.folder.path / "attempts" / "1" / "end.json").exists()
