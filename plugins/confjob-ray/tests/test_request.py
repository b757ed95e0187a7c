"""A request says all that Ray must know, no secret, and nothing that a shell could read as its own."""

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from attrs import evolve
from confjob_ray import RAY, RayOptions
from confjob_ray.engine import RayEngine
from confjob_ray.request import entry_point, package_of, request_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confjob.errors import BackendError

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


def words_of(line: str, folder: Path) -> list[str]:
    """Return the words that a shell makes of an entry point."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    if not (bin_ / "env").exists():
        (bin_ / "env").write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
        (bin_ / "env").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={"PATH": str(bin_)}, cwd=folder, capture_output=True, check=True
    )
    return done.stdout.decode().split("\0")[:-1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_no_folder_and_no_job_is_read_as_shell_text(text, jobs, tmp_path) -> None:
    job = jobs().echo()
    submission = evolve(job.submission, run_dir=Path("/s") / text / "runs" / job.run, job=text, author=text)
    line = entry_point(submission, RayOptions(files="shared"))
    assert words_of(line, tmp_path)[-4:] == [
        "sh",
        str(submission.run_dir / "courier.sh"),
        str(submission.run_dir.parent.parent),
        job.run,
    ]
    packed = request_of(submission, RayOptions())
    assert text not in packed["entrypoint"] or text in entry_point(job.submission, RayOptions())
    assert json.loads(json.dumps(packed))["metadata"]["job_name"] == text


def test_a_state_folder_of_any_name_is_one_word(jobs, tmp_path) -> None:
    job = jobs().echo()
    state = '/nowhere/it\'s $(touch pwned) "ü"; touch pwned'
    words = words_of(entry_point(job.submission, RayOptions(state=state)), tmp_path)
    assert words[-5:] == ["sh", "courier.sh", state, job.run, "run.tgz"]
    assert not list(tmp_path.rglob("pwned"))


def test_a_state_folder_of_somebody_else_is_refused(jobs, tmp_path) -> None:
    job = jobs().echo()
    owned = Path("/proc/1").stat().st_uid != tmp_path.stat().st_uid
    line = entry_point(job.submission, RayOptions(state=str(tmp_path))).replace("-O", "-L")  # as if not ours
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, owned or "belongs to somebody else" in done.stdout) == (125, True)


def test_resources_map_in_full(jobs) -> None:
    options = RayOptions(resources={"disk": 2}, accelerator="A100", label_selector={"zone": "a"})
    request = request_of(jobs(cpus=1.5, memory=1 << 30, gpus=2, time=90).echo().submission, options)
    assert request["entrypoint_num_cpus"] == 1.5
    assert request["entrypoint_memory"] == 1 << 30
    assert request["entrypoint_num_gpus"] == 2
    assert request["entrypoint_resources"] == {"disk": 2, "accelerator_type:A100": 0.001}
    assert request["entrypoint_label_selector"] == {"zone": "a"}
    assert "CONFJOB_TIME=90" in request["entrypoint"]


def test_what_is_not_asked_for_is_not_said(jobs) -> None:
    assert not [
        name for name in request_of(jobs().echo().submission, RayOptions()) if name.startswith("entrypoint_")
    ]


def test_more_than_one_node_is_refused(jobs) -> None:
    with pytest.raises(BackendError, match="nodes = 2"):
        request_of(jobs(nodes=2).echo().submission, RayOptions())
    assert request_of(jobs(nodes=1).echo().submission, RayOptions())


def test_an_attempt_is_one_job_of_ray(jobs) -> None:
    submission = jobs().echo().submission
    ids = {
        request_of(evolve(submission, attempt=attempt), RayOptions())["submission_id"] for attempt in (1, 2)
    }
    assert ids == {f"confjob-{submission.run}-1", f"confjob-{submission.run}-2"}


def test_no_value_of_a_variable_is_in_the_request_or_shown(jobs) -> None:
    job = jobs().shell("true", variables={"TOKEN": "hush-1"})
    options = RayOptions(runtime_env={"pip": ["x"], "env_vars": {"HF_TOKEN": "hush-2"}})
    assert "hush-1" not in json.dumps(request_of(job.submission, options))
    shown = RayEngine(options=options).preview([job.submission])
    assert "hush" not in shown
    assert json.loads(shown)["runtime_env"]["env_vars"] == {"HF_TOKEN": "(hidden)"}


def test_a_preview_is_the_request(jobs) -> None:
    submission = jobs(cpus=1).echo().submission
    assert json.loads(RAY.open(RayOptions()).preview([submission])) == request_of(submission, RayOptions())


def test_a_package_has_what_the_entry_point_names(jobs) -> None:
    submission = jobs().echo().submission
    with zipfile.ZipFile(io.BytesIO(package_of(submission))) as archive:
        assert archive.namelist() == ["courier.sh", "run.tgz"]
    assert package_of(submission) == package_of(submission)


def test_a_package_that_ray_would_not_take_is_refused_here(jobs, monkeypatch) -> None:
    monkeypatch.setattr("confjob_ray.request._LARGEST", 100)
    with pytest.raises(BackendError, match="Ray takes fewer than 100"):
        package_of(jobs().echo().submission)


def test_surrogates_do_not_reach_ray(jobs) -> None:
    submission = evolve(jobs().echo().submission, job="caf\udce9")
    assert request_of(submission, RayOptions())["metadata"]["job_name"] == "caf?"


def test_linked_folders_are_not_sent_and_that_is_told(jobs) -> None:
    submission = evolve(jobs().echo().submission, links={"data": Path("/data")})
    with pytest.raises(BackendError, match=r"linked folders \(data\) are not sent"):
        request_of(submission, RayOptions())
    assert request_of(submission, RayOptions(files="shared"))
