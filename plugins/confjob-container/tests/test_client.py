"""What an engine answers, read as what it means: never an end that nobody told of."""

import json
import time
from datetime import datetime, timezone

import confjob_container
import pytest

from confjob.errors import BackendError
from confjob.model import State
from confjob.testing import check_light

RUN = "abcdefg"

#: As `docker ps --format '{{json .}}'` of Docker 28 prints it.
DOCKER_LINE = {
    "Command": '"/bin/sh /confjob/super…"',
    "CreatedAt": "2026-01-05 10:20:30 +0100 CET",
    "ID": "0123456789ab",
    "Image": "busybox",
    "Labels": "confjob.attempt=1,confjob.job=it's, a=b,confjob.run=abcdefg",
    "LocalVolumes": "0",
    "Names": "confjob-abcdefg-1",
    "State": "running",
    "Status": "Up 2 seconds",
}
#: As `podman ps --format json` of Podman 4.3 does.
PODMAN_ITEM = {
    "Command": ["/confjob/supervise.sh"],
    "ExitCode": 0,
    "Exited": False,
    "Id": "0123456789ab",
    "Labels": {"confjob.run": "abcdefg"},
    "Names": ["confjob-abcdefg-1"],
    "State": "running",
    "Status": "",
}


def listed(engine, state):
    if engine == "docker":
        return json.dumps({**DOCKER_LINE, "State": state}) + "\n"
    return json.dumps([{**PODMAN_ITEM, "State": state}], indent=2)


def inspected(code, *, engine="podman", oom=False, error="", created="2026-01-05T10:20:30.123456789Z"):
    name = "confjob-abcdefg-1" if engine == "podman" else "/confjob-abcdefg-1"
    state = {"Status": "exited", "ExitCode": code, "OOMKilled": oom, "Error": error}
    return json.dumps([{"Name": name, "Created": created, "State": state}])


@pytest.fixture(params=["podman", "docker"])
def asked(request, stand_in, engine, tmp_path):
    """An engine's stand-in, an engine that asks it, and the handle and records of a run of its."""
    program = stand_in(request.param)
    run_dir = tmp_path / "runs" / RUN
    (run_dir / "attempts" / "1").mkdir(parents=True)
    opened = engine(image="busybox", engine=str(program.path), grace=0.0)
    return program, opened, f"{program.path}:confjob-{RUN}-1:{run_dir}", run_dir / "attempts" / "1"


def commands(program):
    return [words[0] for words in program.asked]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("running", State.RUNNING),
        ("paused", State.RUNNING),
        ("removing", State.ENDING),
        ("stopping", State.RUNNING),
    ],
)
def test_a_live_container_is_told_with_one_question(asked, word, state):
    program, engine, handle, _ = asked
    program.answers("ps", listed(program.path.name, word))
    assert engine.poll([handle])[handle].state is state
    assert commands(program) == ["ps"]


@pytest.mark.parametrize("word", ["exited", "dead", "stopped"])
def test_an_end_is_written_down_before_the_container_goes_and_told_ever_after(asked, word):
    program, engine, handle, records = asked
    program.answers("ps", listed(program.path.name, word))
    program.answers("container", inspected(137, engine=program.path.name, oom=True))
    first = engine.poll([handle])[handle]
    assert (first.state, first.reason, first.exit_code) == (State.FAILED, "out of memory", 137)
    assert commands(program) == ["ps", "container", "logs", "rm"]
    program.answers("ps", "[]" if program.path.name == "podman" else "")
    assert engine.poll([handle])[handle] == first
    assert engine.find({RUN: records.parents[1]}) == {RUN: handle}


def test_a_container_whose_end_can_not_be_written_down_stays(asked):
    program, engine, handle, records = asked
    records.rmdir()
    records.write_text("no folder")  # as on a full disk: nothing can be written there
    program.answers("ps", listed(program.path.name, "exited"))
    program.answers("container", inspected(1, engine=program.path.name))
    assert engine.poll([handle])[handle].state is State.FAILED
    assert "rm" not in commands(program)


@pytest.mark.parametrize("code", [0, 1, 137])
def test_no_exit_code_alone_says_that_a_run_that_began_succeeded(asked, code):
    program, engine, handle, records = asked
    (records / "start.json").write_text("{}")
    program.answers("ps", listed(program.path.name, "exited"))
    program.answers("container", inspected(code, engine=program.path.name))
    assert engine.poll([handle])[handle].state is State.LOST


@pytest.mark.parametrize(("code", "state"), [(0, State.SUCCEEDED), (3, State.FAILED)])
def test_with_an_end_record_the_code_says_it_and_the_record_tells_why(asked, code, state):
    program, engine, handle, records = asked
    (records / "start.json").write_text("{}")
    (records / "end.json").write_text("{}")
    program.answers("ps", listed(program.path.name, "exited"))
    program.answers("container", inspected(code, engine=program.path.name))
    told = engine.poll([handle])[handle]
    assert (told.state, told.reason, told.exit_code) == (state, "", code)


def test_a_container_that_never_began_the_job_is_told_in_its_own_last_words(asked):
    program, engine, handle, _ = asked
    program.answers("ps", listed(program.path.name, "exited"))
    program.answers("container", inspected(125, engine=program.path.name))
    program.answers("logs", "", "mkdir: can't create directory: Permission denied\n")
    told = engine.poll([handle])[handle]
    assert told.state is State.FAILED
    assert told.reason.endswith("before the job began: mkdir: can't create directory: Permission denied")


def test_a_container_that_was_only_made_starts_or_after_minutes_was_abandoned(asked):
    program, engine, handle, _ = asked
    program.answers("ps", listed(program.path.name, "created"))
    now = datetime.fromtimestamp(time.time(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000000001Z")
    program.answers("container", inspected(0, engine=program.path.name, created=now))
    assert engine.poll([handle])[handle].state is State.STARTING
    assert "rm" not in commands(program)
    program.answers("container", inspected(0, engine=program.path.name, created="2026-01-05T10:20:30Z"))
    assert engine.poll([handle])[handle].state is State.FAILED
    assert commands(program)[-1] == "rm"
    assert "--force" not in program.asked[-1]  # one that is started this very moment must stay


@pytest.mark.parametrize("question", ["poll", "find", "cancel", "submit"])
def test_an_engine_that_does_not_answer_is_an_error_in_its_own_words(asked, question, jobs):
    program, engine, handle, _ = asked
    words = (
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
    )
    for command in ("ps", "run"):
        program.answers(command, "", words + "\n", 1)
    ask = {
        "poll": lambda: engine.poll([handle]),
        "cancel": lambda: engine.cancel([handle]),
        "find": lambda: engine.find({RUN: program.path.parent}),
        "submit": lambda: list(engine.submit([jobs().echo().submission])),
    }[question]
    with pytest.raises(BackendError, match="Is the docker daemon running"):
        ask()
    assert [problem.code for problem in engine.check()] == ["no-engine"]


def test_an_answer_that_can_not_be_read_is_an_error(asked):
    program, engine, handle, _ = asked
    program.answers("ps", "[{ half")
    with pytest.raises(BackendError, match="can't be read"):
        engine.poll([handle])


def test_an_engine_that_is_not_there_is_named(engine, monkeypatch, jobs):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BackendError, match="podman and docker can't be found"):
        list(engine(image="x").submit([jobs().echo().submission]))
    assert [problem.code for problem in engine(image="x", engine="/nowhere/podman").check()] == ["no-engine"]


def test_podman_is_taken_before_docker(engine, stand_in, monkeypatch, jobs):
    docker = stand_in("docker")
    monkeypatch.setenv("PATH", str(docker.path.parent))
    first, second = jobs().echo().submission, jobs().echo().submission
    assert list(engine(image="x").submit([first])) == [
        {first.run: f"docker:confjob-{first.run}-1:{first.run_dir}"}
    ]
    stand_in("podman")
    assert list(engine(image="x").submit([second])) == [
        {second.run: f"podman:confjob-{second.run}-1:{second.run_dir}"}
    ]


@pytest.mark.parametrize(
    "handle",
    ["", "no-such-handle", "podman:confjob-x:/a", "/bin/evil:confjob-abcdefg-1:/a", ":confjob-abcdefg-1:/a"],
)
def test_a_handle_that_is_none_of_ours_names_no_program_and_is_left_out(engine, handle, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert engine(image="x").poll([handle]) == {}
    engine(image="x").cancel([handle])


def test_what_can_not_be_given_is_refused_before_anything_starts(asked, jobs):
    program, engine, *_ = asked
    with pytest.raises(BackendError, match="2 nodes"):
        list(engine.submit([jobs().echo().submission, jobs(nodes=2).echo().submission]))
    assert program.asked == []


def test_what_was_accepted_before_a_refusal_is_told_first(asked, jobs):
    program, engine, *_ = asked
    first, second = jobs().echo().submission, jobs().echo().submission
    chunks = engine.submit([first, second])
    assert set(next(chunks)) == {first.run}
    program.answers("run", "", "Error: statfs /nowhere: no such file or directory\n", 125)
    with pytest.raises(BackendError, match=f"run {second.run}: .* statfs /nowhere"):
        next(chunks)


def test_a_remote_engine_is_doubted(engine, stand_in, monkeypatch):
    docker = stand_in("docker")
    monkeypatch.setenv("DOCKER_HOST", "ssh://elsewhere")
    found = list(engine(image="x", engine=str(docker.path)).check())
    assert [problem.code for problem in found] == ["remote-engine"]
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/docker.sock")
    assert not list(engine(image="x", engine=str(docker.path)).check())


@pytest.mark.parametrize(("pull", "severity"), [("never", "error"), ("missing", "warning")])
def test_an_image_that_is_not_there_is_told(asked, engine, pull, severity):
    program, *_ = asked
    program.answers("image", "", "Error: no such image", 1)
    (problem,) = engine(image="busybox", engine=str(program.path), pull=pull).check()
    assert (problem.code, problem.severity) == ("no-image", severity)


def test_thousands_of_runs_are_one_question(asked):
    program, engine, handle, _ = asked
    handles = [handle.replace(RUN, f"run{number}") for number in range(3000)]
    assert engine.poll(handles) == {}
    assert commands(program) == ["ps"]


def test_importing_it_is_cheap_and_does_nothing():
    check_light(confjob_container)
