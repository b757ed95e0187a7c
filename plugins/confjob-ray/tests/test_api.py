"""How Ray is asked: by the named address alone, in its own words when it refuses, and again when nobody answers."""

import socket
from pathlib import Path

import pytest
from attrs import evolve
from confjob_ray import RayOptions
from confjob_ray.api import Api, RefusedError
from confjob_ray.engine import RayEngine, handle_of
from confjob_ray.request import job_id, request_of

from confjob.errors import BackendError
from confjob.model import State


@pytest.fixture(autouse=True)
def _impatient(monkeypatch) -> None:
    monkeypatch.setattr("confjob_ray.api._PAUSES", (0.01,))


@pytest.fixture
def api(stand_in) -> Api:
    return Api(address=stand_in.address, timeout=5)


@pytest.fixture
def engine(stand_in) -> RayEngine:
    return RayEngine(options=RayOptions(address=stand_in.address, timeout=5))


@pytest.fixture
def nowhere() -> str:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"


def test_headers_are_sent_from_the_file(stand_in, tmp_path) -> None:
    file = tmp_path / "headers"
    file.write_text("# a note\nAuthorization: Bearer a:b\n\nX-Team: ü\n", encoding="latin-1")
    stand_in.answers["GET", "/api/version"] = (200, {"version": "4"})
    assert Api(address=stand_in.address, headers_file=file).version() == {"version": "4"}
    assert stand_in.asked[0][2]["Authorization"] == "Bearer a:b"


@pytest.mark.parametrize("content", [None, "no header\n", ": x\n"])
def test_a_headers_file_that_is_none_is_refused_with_its_place(stand_in, tmp_path, content) -> None:
    file = tmp_path / "headers"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BackendError, match="headers"):
        Api(address=stand_in.address, headers_file=file).version()
    assert not stand_in.asked


def test_no_redirection_is_followed(api, stand_in) -> None:
    stand_in.answers["GET", "/api/version"] = (302, f"{stand_in.address}/elsewhere".encode())
    with pytest.raises(RefusedError, match="302"):
        api.version()
    assert stand_in.paths() == [("GET", "/api/version")]


def test_no_proxy_of_the_environment_is_asked(api, stand_in, nowhere, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", nowhere)
    stand_in.answers["GET", "/api/version"] = (200, {})
    assert api.version() == {}


def test_who_can_not_be_reached_is_named(nowhere) -> None:
    engine = RayEngine(options=RayOptions(address=nowhere))
    with pytest.raises(BackendError, match="can't be reached") as refused:
        engine.poll(["confjob-a-1"])
    assert nowhere in refused.value.message
    assert [problem.code for problem in engine.check()] == ["no-ray"]


def test_a_refusal_is_told_in_rays_own_words(api, stand_in) -> None:
    stand_in.answers["POST", "/api/jobs/"] = (500, b"Traceback\n  File x\nRuntimeError: no room\n")
    with pytest.raises(RefusedError, match=r"Ray refused \(500\): RuntimeError: no room"):
        api.submit({})


def test_who_is_not_let_in_is_told_how(api, stand_in) -> None:
    stand_in.answers["GET", "/api/jobs/"] = (401, b"who are you?")
    with pytest.raises(RefusedError) as refused:
        api.jobs()
    assert "headers-file" in refused.value.hint


def test_another_server_at_the_address_is_no_ray(api, stand_in) -> None:
    stand_in.answers["GET", "/api/jobs/"] = (200, b"<html>")
    with pytest.raises(BackendError, match="no JSON"):
        api.jobs()


def test_names_are_quoted_in_paths(api, stand_in) -> None:
    assert api.job("../x?y#z") is None
    assert stand_in.paths() == [("GET", "/api/jobs/..%2Fx%3Fy%23z")]


def test_many_runs_are_polled_by_one_question(engine, stand_in) -> None:
    listed = [{"submission_id": f"confjob-{n}-1", "status": "RUNNING"} for n in range(100)]
    stand_in.answers["GET", "/api/jobs/"] = (200, [*listed, {"submission_id": None, "status": "RUNNING"}])
    told = engine.poll([f"confjob-{n}-1" for n in range(200)])
    assert len(told) == 100
    assert stand_in.paths() == [("GET", "/api/jobs/")]


def test_an_accepted_run_is_found_by_its_latest_attempt(engine, stand_in, jobs) -> None:
    job, other = jobs().echo(), jobs().echo()
    (job.folder.path / "attempts" / "2").mkdir()
    stand_in.answers["GET", "/api/jobs/"] = (
        200,
        [{"submission_id": job_id(job.run, 2)}, {"submission_id": job_id(other.run, 2)}],
    )
    assert engine.find({job.run: job.folder.path, other.run: other.folder.path}) == {
        job.run: handle_of(job.run, 2, job.folder.path)
    }


def test_a_second_submission_is_the_first_one_if_it_is_the_same_run(engine, stand_in, jobs) -> None:
    submission = jobs().echo().submission
    request = request_of(submission, engine.options)
    name = request["submission_id"]
    stand_in.answers |= {
        ("GET", f"/api/packages/gcs/_ray_pkg_{name}.zip"): (404, "none"),
        ("PUT", f"/api/packages/gcs/_ray_pkg_{name}.zip"): (200, b""),
        ("POST", "/api/jobs/"): (500, b"ValueError: Job already exists"),
        ("GET", f"/api/jobs/{name}"): (200, {"metadata": request["metadata"]}),
    }
    handle = handle_of(submission.run, 1, submission.run_dir)
    assert list(engine.submit([submission])) == [{submission.run: handle}]
    elsewhere = evolve(submission, run_dir=Path("/another/project/runs") / submission.run)
    stand_in.answers["GET", f"/api/jobs/{name}"] = (
        200,
        {"metadata": request_of(elsewhere, engine.options)["metadata"]},
    )
    with pytest.raises(BackendError, match="already exists"):
        list(engine.submit([submission]))


def test_nothing_is_submitted_if_one_of_the_runs_can_not_be(engine, stand_in, jobs) -> None:
    with pytest.raises(BackendError, match="nodes"):
        list(engine.submit([jobs().echo().submission, jobs(nodes=3).echo().submission]))
    assert not stand_in.asked


def test_one_that_can_not_be_stopped_keeps_no_other_from_it(engine, stand_in) -> None:
    stand_in.answers |= {
        ("POST", "/api/jobs/a/stop"): (500, b"no agent"),
        ("POST", "/api/jobs/b/stop"): (200, {"stopped": True}),
    }
    with pytest.raises(BackendError, match="no agent"):
        engine.cancel(["a", "b", "unknown"])
    assert ("POST", "/api/jobs/b/stop") in stand_in.paths()


def test_the_clusters_own_clock_counts(engine, stand_in) -> None:
    """A grace is over by the clock that told when the job was stopped, whatever the time is here."""
    listed = [{"submission_id": "a", "status": "STOPPED", "end_time": 1000}]
    stand_in.answers["GET", "/api/jobs/"] = (200, listed)
    assert engine.poll(["a"])["a"].state is State.CANCELLED


def test_another_version_of_the_api_is_a_warning(engine, stand_in) -> None:
    stand_in.answers["GET", "/api/version"] = (200, {"version": "5"})
    assert [(problem.code, problem.severity) for problem in engine.check()] == [("other-ray", "warning")]
