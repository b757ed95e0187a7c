"""Runs in real containers: what the README says happens, happens."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from attrs import evolve
from confjob_container import CONTAINER
from confjob_container.client import Client, find_engine
from confjob_container.command import run_argv

from confjob.errors import BackendError
from confjob.model import Retry, State
from confjob.store import RunFolder
from confjob.testing import check_backend
from confjob.track import status

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def box(image, engine):
    """The engine with the small image, and its own words for looking behind it."""
    return engine(image=image, pull="never", grace=0.5)


@pytest.fixture
def client(image):
    return Client(engine=find_engine(None))


def submit(engine, *jobs):
    handles = {}
    for chunk in engine.submit([job.submission for job in jobs]):
        handles |= chunk
    for job in jobs:
        job.folder.record_handle(handles[job.run])
    return [handles[job.run] for job in jobs]


def ended(engine, job, handle, seconds=30):
    until = time.monotonic() + seconds
    while not (told := job.told(engine, handle)).state.final:
        assert time.monotonic() < until, f"after {seconds} s: {told}"
        time.sleep(0.1)
    return told


def until(holds, seconds=20):
    late = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < late, "it did not come"
        time.sleep(0.05)


def names(client, *jobs):
    return {name for name in client.containers() if any(job.run in name for job in jobs)}


def test_the_contract_of_a_backend(image, tmp_path):
    options = {"image": image, "pull": "never", "grace": 0.5}
    check_backend(CONTAINER, options, tmp_path, runs=3, seconds=60)


def test_nothing_is_left_of_a_run_whose_end_was_told_and_it_is_told_again(box, client, jobs):
    job = jobs().failing(3)
    (handle,) = submit(box, job)
    told = ended(box, job, handle)
    assert (told.state, told.exit_code) == (State.FAILED, 3)
    assert not names(client, job)
    assert box.poll([handle])[handle].exit_code == 3
    assert box.find({job.run: job.folder.path}) == {job.run: handle}


def test_a_killed_launcher_loses_no_run_and_starts_none_twice(box, client, jobs):
    job = jobs().beating()
    (handle,) = submit(box, job)
    (job.folder.path / "handle.json").unlink()  # as if killed before it was written
    assert box.find({job.run: job.folder.path}) == {job.run: handle}
    with pytest.raises(BackendError, match=job.run):
        submit(box, job)
    assert len(names(client, job)) == 1
    assert box.poll([handle])[handle].state is State.RUNNING
    job.folder.request_cancel("test")
    box.cancel([handle])
    assert ended(box, job, handle).state is State.CANCELLED
    assert not names(client, job)


_LAUNCHER = """
import sys
from pathlib import Path
from confjob_container import CONTAINER
from confjob.model import Elsewhere
from confjob.submit import submit
from confjob.testing.jobs import JobFolder
image, state, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
folder = JobFolder(state=state, elsewhere=Elsewhere(state=Path("/confjob")))
items = [folder.echo().submission for _ in range(count)]
engine = CONTAINER.open(CONTAINER.options(image=image, pull="never"))
for run in submit(engine, items):
    print(run, flush=True)
"""


def test_kill_9_in_the_middle_of_submitting_leaves_no_unknown_and_no_doubled_run(
    box, client, image, tmp_path
):
    state = tmp_path / "state"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    argv = [sys.executable, "-c", _LAUNCHER, image, str(state), "12"]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, text=True) as launcher:
        told = [launcher.stdout.readline().strip() for _ in range(3)]
        launcher.kill()
    time.sleep(2)  # what it had started goes on to its end by itself
    folders = {path.name: RunFolder(id=path.name, path=path) for path in (state / "runs").iterdir()}
    assert len(folders) == 12
    found = box.find({run: folder.path for run, folder in folders.items()})
    assert set(told) <= set(found)
    assert len(found) in (3, 4)  # at most one more, whose handle was not written down
    listed = [name for name in client.containers() if any(run in name for run in folders)]
    assert len(listed) == len(found)
    for run in found:
        until(lambda run=run: status(folders[run], box).state is State.SUCCEEDED)
        assert (folders[run].path / "workspace" / "arguments").exists()
    started = {run for run, folder in folders.items() if folder.start() is not None}
    assert started == set(found)
    assert not [name for name in client.containers() if any(run in name for run in folders)]


def test_a_run_over_its_memory_is_told_so(box, jobs):
    job = jobs(memory=32 << 20).shell("x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done")
    (handle,) = submit(box, job)
    told = ended(box, job, handle)
    assert (told.state, told.reason) == (State.FAILED, "out of memory")


def test_cpus_are_enforced(box, jobs):
    script = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max"
    job = jobs(cpus=0.5).shell(f"({script}) >quota")
    (handle,) = submit(box, job)
    assert ended(box, job, handle).state is State.SUCCEEDED
    assert job.made("quota").strip() == b"50000"


def test_a_run_over_its_time_is_ended_and_told_so(box, jobs):
    job, within = jobs(time=2).beating(), jobs(time=60).echo()
    handle, other = submit(box, job, within)
    told = ended(box, job, handle)
    assert told.state is State.FAILED
    assert told.reason.startswith("time limit of 2")
    assert ended(box, within, other).state is State.SUCCEEDED


def test_a_cancelled_run_has_an_end_record_though_its_command_ignores_term(box, jobs):
    job = jobs().shell("trap '' TERM; while :; do echo beat >>beats; sleep 0.1; done")
    (handle,) = submit(box, job)
    until(lambda: job.made("beats"))
    job.folder.request_cancel("test")
    box.cancel([handle])
    assert ended(box, job, handle).state is State.CANCELLED
    assert job.folder.end()["signal"] == "TERM"


def test_stopping_the_container_by_hand_is_as_gentle(box, client, jobs):
    job = jobs().shell(
        "trap 'echo told >told; exit 7' TERM; : >beats; echo x >beats; while :; do sleep 0.1; done"
    )
    (handle,) = submit(box, job)
    until(lambda: job.made("beats"))
    client.ask("stop", handle.split(":")[1])
    assert ended(box, job, handle).exit_code == 7
    assert job.made("told") == b"told\n"


def test_a_killed_container_is_lost_and_never_a_success(box, client, jobs):
    job = jobs().beating()
    (handle,) = submit(box, job)
    until(lambda: job.made("beats"))
    client.ask("kill", handle.split(":")[1])
    told = ended(box, job, handle)
    assert told.state is State.LOST
    assert "exit code 137 and left no end record" in told.reason


def test_another_attempt_is_another_container(box, jobs):
    job = jobs().shell('echo "attempt $CONFJOB_ATTEMPT"; exit 1')
    (handle,) = submit(box, job)
    assert ended(box, job, handle).state is State.FAILED
    job.folder.begin_attempt()
    again = evolve(job, submission=evolve(job.submission, attempt=2))
    (second,) = submit(box, again)
    assert second != handle
    assert ended(box, again, second).state is State.FAILED
    assert "attempt 1\nattempt 2\n" in job.folder.log.read_text()


def test_a_run_is_tried_again_by_itself_in_the_same_container(box, client, jobs):
    made = jobs().shell('echo "attempt $CONFJOB_ATTEMPT"; [ "$CONFJOB_ATTEMPT" -eq 3 ]')
    job = evolve(made, submission=evolve(made.submission, retry=Retry(attempts=5, backoff=1)))
    (handle,) = submit(box, job)
    seen = set()

    def over():
        told = status(job.folder, box)  # by its handle at first, and then by finding it
        seen.add((told.state, told.reason))
        return told.state.final

    until(over)
    assert (State.QUEUED, "attempt 1 is over; it is run again") in seen
    assert {state for state, _ in seen if state.final} == {State.SUCCEEDED}
    assert job.folder.log.read_text() == "attempt 1\nattempt 2\nattempt 3\n"
    assert job.folder.attempts == (1, 2, 3)
    assert not names(client, job)
    assert box.find({job.run: job.folder.path}) == {job.run: handle}


def test_a_run_that_waits_for_its_next_attempt_can_be_cancelled(box, client, jobs):
    made = jobs().failing(3)
    job = evolve(made, submission=evolve(made.submission, retry=Retry(attempts=2, backoff=60)))
    (handle,) = submit(box, job)
    until(lambda: box.poll([handle])[handle].state is State.QUEUED)
    job.folder.request_cancel("test", between=True)
    box.cancel([handle])
    assert ended(box, job, handle).state is State.CANCELLED
    assert job.folder.attempts == (1,)
    assert not names(client, job)


def test_an_image_that_is_not_there_is_refused_in_the_engines_words(engine, client, jobs):
    job = jobs().echo()
    with pytest.raises(BackendError, match="no-such-image"):
        submit(engine(image="localhost/no-such-image:1", pull="never"), job)
    assert not names(client, job)


def test_a_container_that_can_not_start_is_refused_and_removed(engine, image, client, jobs):
    job = jobs().echo()
    broken = engine(image=image, pull="never", devices=["/dev/no-such-device"])
    with pytest.raises(BackendError, match="no-such-device"):
        submit(broken, job)
    assert not names(client, job)


def test_an_abandoned_container_is_removed_by_a_cancel(box, client, jobs, image):
    job = jobs().echo()
    argv = run_argv(box.options, client.engine, job.submission)[1:]
    client.ask("create", *[word for word in argv[1:] if word != "--detach"])
    handle = f"{client.engine}:confjob-{job.run}-1:{job.folder.path}"
    assert box.poll([handle])[handle].state is State.STARTING
    box.cancel([handle])
    assert not names(client, job)


def test_a_reaching_job_gets_only_what_it_was_given(engine, image, jobs, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("given")
    box = engine(
        image=image,
        pull="never",
        read_only=True,
        mounts=[f"{tmp_path}/data:/data:ro"],
        shm_size="32m",
    )
    job = jobs().shell(
        "cat /data/x >read; echo x >/data/y || echo 'data: no'; echo x >/there || echo 'root: no'\n"
        "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2 >shm; env >environment; id -u >user; ls / >root"
    )
    os.environ["CONFJOB_TEST_OF_SECRECY"] = "hunter2"
    try:
        (handle,) = submit(box, job)
    finally:
        del os.environ["CONFJOB_TEST_OF_SECRECY"]
    assert ended(box, job, handle).state is State.SUCCEEDED
    log = job.folder.log.read_text()
    assert "data: no" in log
    assert "root: no" in log
    assert job.made("read") == b"given"
    assert job.made("shm").strip() == b"32768"
    assert b"hunter2" not in job.made("environment")
    assert int(job.made("user")) == os.geteuid()
    owners = {path.stat().st_uid for path in job.folder.path.rglob("*")}
    assert owners == {os.geteuid()}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_run_of_another_user_leaves_that_users_files_and_can_be_ended(engine, image, jobs):
    box = engine(image=image, pull="never", user="1234:1234", grace=0.5)
    job, beating = jobs().echo(), jobs().beating()
    for each in (job, beating):
        for path in (each.folder.path, *each.folder.path.rglob("*")):
            os.chown(path, 1234, 1234)
    handle, other = submit(box, job, beating)
    assert ended(box, job, handle).state is State.SUCCEEDED
    made = [
        job.folder.log,
        job.folder.path / "workspace" / "arguments",
        job.folder.path / "attempts/1/end.json",
    ]
    assert {path.stat().st_uid for path in made} == {1234}
    until(lambda: beating.made("beats"))
    beating.folder.request_cancel("test")
    box.cancel([other])
    assert ended(box, beating, other).state is State.CANCELLED


def test_arguments_of_no_process_hold_a_secret(box, jobs):
    secret = "hunter2-in-the-environment"
    job = jobs().shell(": >beats; echo x >beats; sleep 30", variables={"TOKEN": secret})
    seen = []
    stop = threading.Event()

    def look():
        while not stop.is_set():
            done = subprocess.run(["ps", "-eo", "args", "-ww"], capture_output=True, text=True, check=False)
            seen.append(done.stdout)
            time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        (handle,) = submit(box, job)
        until(lambda: job.made("beats"))
    finally:
        stop.set()
        watcher.join()
    job.folder.request_cancel("test")
    box.cancel([handle])
    assert ended(box, job, handle).state is State.CANCELLED
    assert any(f"confjob-{job.run}-1" in text for text in seen)
    assert not any(secret in text for text in seen)


TARGET = """
[targets.box]
backend = "container"
image = "{image}"
pull = "never"
grace = 1.0
"""


@pytest.fixture
def boxed(project, image):
    """A project with a target of the small image, and the plugin as if it were installed."""
    manifest = (
        '[workspace]\nlink = ["data"]\n'
        '[jobs.look]\ncommand = ["sh", "look.sh"]\n'
        '[[jobs.look.files]]\npath = "config.yaml"\n' + TARGET.format(image=image)
    )
    project.install(Path(__file__).parents[1])
    return project.write(
        {
            "launch.toml": manifest,
            "config.yaml": "lr: 1\n",
            "look.sh": "cat config.yaml; cat data/big; echo result >data/out; echo output >out; pwd\n",
            "data/big": "from the linked folder\n",
            ".gitignore": "data\n",
        }
    )


def test_a_job_sees_its_patched_file_and_linked_folders_and_leaves_outputs(boxed):
    run = boxed.launch("look", "--target", "box", "--set", "config.yaml:lr=2")
    assert run["state"] == "SUCCEEDED"
    output = boxed.output(run["id"])
    assert output.startswith("lr: 2\nfrom the linked folder\n/confjob/runs/")
    assert (boxed.root / "data" / "out").read_text() == "result\n"
    assert (boxed.root / "config.yaml").read_text() == "lr: 1\n"
    assert "out" in boxed.told("outputs", run["id"])


def test_a_plan_shows_the_very_command(boxed):
    told = boxed.told("plan", "look", "--target", "box")
    assert "' 'run' \\\n  '--detach' \\\n  '--name=confjob-" in told


def test_a_misspelt_option_is_refused_with_a_suggestion(boxed):
    manifest = (boxed.root / "launch.toml").read_text()
    boxed.write({"launch.toml": manifest + "privilegd = true\n"})
    assert "did you mean 'privileged'?" in boxed.told("plan", "look", "--target", "box", code=1)


def test_the_digits_are_learned_in_a_container_as_they_are_here(copy_project, python_image):
    project = copy_project(EXAMPLES / "digits").install(Path(__file__).parents[1])
    manifest = (project.root / "launch.toml").read_text()
    project.write({"launch.toml": manifest + TARGET.format(image=python_image)})
    metrics = []
    for target in ("local", "box"):
        run = project.launch("train", "--target", target, "--set", "config.yaml:epochs=4")
        assert run["state"] == "SUCCEEDED", project.output(run["id"])
        metrics.append(json.loads((Path(run["dir"]) / "workspace" / "metrics.json").read_text()))
    assert metrics[0] == metrics[1]
