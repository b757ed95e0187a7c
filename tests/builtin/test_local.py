import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from attrs import evolve

from confjob.builtin.local import LOCAL, LocalOptions, confjob_backends
from confjob.jobscript import script
from confjob.plugin import BackendError, ProcessId, Resources, State, Submission, live_sessions, read_record


@pytest.fixture(autouse=True)
def usual_sigint():
    """Started with `&`, pytest itself would ignore it, and so would what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def engine():
    return LOCAL.open(LocalOptions(grace=0.5))


@pytest.fixture
def launch(tmp_path, engine):
    """Start commands in sh; at the end nothing of them is left."""
    handles = []

    def start(body, name="run", resources=Resources()):
        item = submission(tmp_path / name, body, resources)
        [chunk] = engine.submit([item])
        handles.append(chunk[name])
        return item.run_dir, chunk[name]

    yield start
    LOCAL.open(LocalOptions(grace=0)).cancel(handles)


def submission(path, body, resources=Resources()):
    """Return a run whose command is a script of sh."""
    path.mkdir(parents=True, exist_ok=True)
    argv = ["/bin/sh", "-c", textwrap.dedent(body)]
    text = script(run_dir=path, run_id=path.name, unpack="mkdir -p workspace", cwd=".", argv=argv)
    (path / "job.sh").write_text(text)
    (path / "env").write_text(f"PATH='{os.environ['PATH']}'; export PATH\n")
    return Submission(run=path.name, job="j", run_dir=path, script=path / "job.sh", resources=resources)


def leader(path):
    """Return the process of a run's shell, once it has begun."""
    wait(lambda: read_record(path / "attempts/1/start.json"))
    return ProcessId.parse(read_record(path / "attempts/1/start.json")["process"])


def wait(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def state(engine, handle):
    return engine.poll([handle])[handle].state


def log(path):
    return (path / "output.log").read_bytes() if (path / "output.log").exists() else b""


def members(path):
    return live_sessions().get(leader(path).pid, [])


def ended(engine, handle):
    return state(engine, handle) not in (State.QUEUED, State.RUNNING, State.ENDING)


def test_the_backend_is_registered_by_its_hook():
    assert [backend.name for backend in confjob_backends()] == ["local"]
    assert LocalOptions() == LocalOptions(slots=None, parallel=None, grace=10.0)
    assert list(LOCAL.open(LocalOptions()).check()) == []


def test_preview_starts_nothing(engine, tmp_path):
    item = Submission(run="r", job="j", run_dir=tmp_path, script=tmp_path / "job.sh", resources=Resources())
    assert engine.preview([item]) == f"/bin/sh {tmp_path}/job.sh"
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_a_session_of_its_own_without_terminal_and_submitters_environment(
    launch, engine, monkeypatch
):
    monkeypatch.setenv("SECRET", "s3cret")
    path, handle = launch("env; cat; ls -l /proc/$$/fd/ | grep -v pipe; echo ready; sleep 60")
    wait(lambda: b"ready" in log(path))
    assert os.getsid(leader(path).pid) == leader(path).pid
    text = log(path).decode()
    assert "s3cret" not in text
    assert "CONFJOB_ATTEMPT=1" in text
    assert "0 -> /dev/null" in text
    assert state(engine, handle) is State.RUNNING


def test_a_run_launched_from_a_background_shell_can_still_be_interrupted(launch):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path, _ = launch("trap 'echo interrupted; exit' INT\necho up\nwhile :; do sleep 0.02; done")
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    wait(lambda: b"up" in log(path))
    os.killpg(leader(path).pid, signal.SIGINT)
    wait(lambda: b"interrupted" in log(path))


def test_a_script_that_ends_before_it_begins_is_a_failure_and_its_words_are_in_the_log(
    launch, engine, tmp_path
):
    item = submission(tmp_path / "run", "true")
    item.script.write_text("no-such-command")
    [chunk] = engine.submit([item])
    wait(lambda: read_record(item.run_dir / "attempts/1/end.json"))
    assert read_record(item.run_dir / "attempts/1/end.json")["stage"] == "submit"
    assert b"no-such-command" in log(item.run_dir)
    assert ended(engine, chunk["run"])


def test_the_attempt_is_the_latest_that_was_recorded(launch, tmp_path, engine):
    path, first = launch("echo attempt $CONFJOB_ATTEMPT")
    wait(lambda: ended(engine, first))
    (path / "attempts" / "3").mkdir(parents=True)
    item = Submission(run="run", job="j", run_dir=path, script=path / "job.sh", resources=Resources())
    list(engine.submit([item]))
    wait(lambda: b"attempt 3" in log(path))


def test_an_attempt_runs_once_however_often_it_is_started(launch, engine):
    path, handle = launch("echo once; sleep 0.2")
    wait(lambda: b"once" in log(path))
    again = subprocess.run(["/bin/sh", path / "job.sh"], capture_output=True, text=True, check=False)
    assert (again.returncode, "was started before" in again.stderr) == (124, True)
    wait(lambda: ended(engine, handle))
    assert log(path) == b"once\n"


def test_handles_that_cannot_be_judged_are_left_out(engine):
    here = ProcessId.current()
    elsewhere = str(evolve(here, host="gpu1", boot="other"))
    unknown = [
        elsewhere,
        "nonsense",
        "",
        "gpu1/x/1:/a/1/b",
        f"{here.host}/{here.machine}/{here.namespace}:/no",
    ]
    assert engine.poll([*unknown, str(here)]) == engine.poll([str(here)])
    assert list(engine.poll([str(here)])) == [str(here)]


def test_a_run_that_cannot_be_queued_is_refused(engine, tmp_path):
    (tmp_path / "file").touch()
    item = Submission(run="r", job="j", run_dir=tmp_path / "file", script=tmp_path, resources=Resources())
    with pytest.raises(BackendError, match="can't queue run r"):
        list(engine.submit([item]))


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Resources(gpus=3), "3 GPUs, and 2 can be used here"),
        (Resources(cpus=1000), "1000 cores"),
        (Resources(memory=1 << 60), "bytes of memory"),
    ],
)
def test_a_run_that_could_never_start_is_refused_and_none_with_it_is_queued(tmp_path, needs, words):
    items = [submission(tmp_path / "fits", "true"), submission(tmp_path / "never", "true", needs)]
    with pytest.raises(BackendError, match=words):
        list(LOCAL.open(LocalOptions(slots=2)).submit(items))
    assert not (tmp_path / "fits" / "queue.json").exists()


def test_find_knows_a_run_by_its_ticket_by_its_record_and_by_its_process_alone(launch, engine, tmp_path):
    queued, handle = launch("sleep 60", "queued")
    recorded, bare, gone = (tmp_path / name for name in ("recorded", "bare", "gone"))
    shells = []
    for path in (recorded, bare):
        item = submission(path, "sleep 60")
        shells.append(subprocess.Popen(["/bin/sh", item.script], start_new_session=True))
    gone.mkdir()
    runs = {path.name: path for path in (queued, recorded, bare, gone)}
    try:
        first, second = (str(leader(path)) for path in (recorded, bare))
        (bare / "attempts/1/start.json").write_text('{"process": "half')
        assert engine.find(runs) == {"queued": handle, "recorded": first, "bare": second}
    finally:
        LOCAL.open(LocalOptions(grace=0)).cancel([str(ProcessId.of(shell.pid)) for shell in shells])
        for shell in shells:
            shell.wait()


def test_cancel_ends_the_whole_tree_even_what_ignores_term_and_left_the_session(launch, engine):
    path, handle = launch(
        """
        trap '' TERM
        setsid sh -c 'echo $$ >../escaped; exec sleep 61' &
        (trap '' TERM; while :; do sleep 62; done) &
        bash -c 'set -m; sleep 63 & wait' &
        echo up
        while :; do sleep 64; done
        """
    )
    wait(lambda: (path / "escaped").exists() and (path / "escaped").read_text().strip())
    wait(lambda: b"up" in log(path) and len(members(path)) >= 5)
    engine.cancel([handle])
    assert members(path) == []
    living = [pid for pids in live_sessions().values() for pid in pids]
    assert int((path / "escaped").read_text()) not in living


def test_cancel_touches_no_process_that_is_in_no_run(launch, engine):
    """A run that has left no name to look for must not be found in every process that has none."""
    here = ProcessId.current()
    with subprocess.Popen(["sleep", "60"], env={}) as bystander:
        engine.cancel([str(evolve(here, pid=1 << 22, start="1")), "", "nonsense"])
        assert bystander.poll() is None
        bystander.kill()


def test_cancel_gives_a_grace(launch, engine):
    path, handle = launch("trap 'sleep 0.2; echo saved; exit' TERM\necho up\nwhile :; do sleep 0.02; done")
    wait(lambda: b"up" in log(path))
    engine.cancel([handle])
    assert b"saved" in log(path)


def test_a_stopped_run_can_be_cancelled(launch, engine):
    path, handle = launch("trap 'echo asked; exit' TERM\necho up\nwhile :; do sleep 0.02; done")
    wait(lambda: b"up" in log(path))
    os.killpg(leader(path).pid, signal.SIGSTOP)
    engine.cancel([handle])
    assert b"asked" in log(path)


def test_many_runs_share_one_grace(launch):
    stubborn = "trap '' TERM\necho up\nwhile :; do sleep 0.05; done"
    runs = [launch(stubborn, f"run{number}", Resources(cpus=0.25)) for number in range(4)]
    for path, _ in runs:
        wait(lambda path=path: b"up" in log(path))
    began = time.monotonic()
    LOCAL.open(LocalOptions(grace=1.0)).cancel([handle for _, handle in runs])
    assert time.monotonic() - began < 4 * 1.0
    assert not any(members(path) for path, _ in runs)


def test_a_run_without_its_shell_is_ending_until_its_processes_are_gone(launch, engine):
    path, handle = launch("sleep 60 &\nsleep 60 &\necho up\nwait")
    wait(lambda: b"up" in log(path) and len(members(path)) == 4)
    os.kill(leader(path).pid, signal.SIGKILL)
    wait(lambda: state(engine, handle) is State.ENDING)
    engine.cancel([handle])
    assert members(path) == []
    wait(lambda: state(engine, handle) is State.LOST)


def test_cancel_of_what_has_ended_or_another_with_its_number_touches_nothing(launch, engine):
    path, handle = launch("sleep 60")
    former = str(evolve(leader(path), start="1"))
    engine.cancel([former, "nonsense"])
    assert state(engine, handle) is State.RUNNING
    assert state(engine, former) is State.LOST


def test_runs_of_other_machines_are_named_and_the_rest_cancelled(launch, engine):
    path, handle = launch("sleep 60")
    leader(path)
    with pytest.raises(BackendError, match="gpu1, gpu2"):
        engine.cancel([str(evolve(leader(path), host="gpu1", boot="other")), "gpu2/x/1:/some/run", handle])
    assert members(path) == []


_LAUNCH_AND_WAIT = """
import sys, time
from pathlib import Path
from confjob.builtin.local import LOCAL, LocalOptions
from confjob.plugin import Resources, Submission
path = Path(sys.argv[1])
item = Submission(run="r", job="j", run_dir=path, script=path / "job.sh", resources=Resources())
print(next(LOCAL.open(LocalOptions()).submit([item]))["r"], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_a_run_outlives_its_launcher_and_its_launchers_group(tmp_path, engine, number):
    path = submission(tmp_path / "r", "while ! [ -e go ]; do sleep 0.02; done; echo survived").run_dir
    argv = [sys.executable, "-c", _LAUNCH_AND_WAIT, path]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as launcher:
        handle = launcher.stdout.readline().decode().strip()
        os.killpg(launcher.pid, number)
    wait(lambda: state(engine, handle) is State.RUNNING)
    wait((path / "workspace").is_dir)
    (path / "workspace" / "go").touch()
    wait(lambda: ended(engine, handle))
    assert log(path) == b"survived\n"
