"""How job.sh is started: alone, with what it is given and nothing else."""

import os
import signal
import threading
import time

import pytest

from confjob.builtin.local.shell import SHELL, start_script

BARE = {"PATH": os.environ["PATH"]}


@pytest.fixture
def run(tmp_path):
    """Start a script of sh; at the end it is gone."""
    shells = []

    def start(body, environment=BARE, **kwargs):
        (tmp_path / "job.sh").write_text(body)
        shells.append(start_script(tmp_path, environment, **kwargs))
        return shells[-1]

    yield start
    for shell in shells:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


@pytest.fixture
def log(tmp_path):
    return (tmp_path / "output.log").read_text


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def test_it_leads_a_session_of_its_own_without_a_terminal(run, log):
    shell = run("echo up; cat; tty; sleep 60")
    wait(lambda: "up\nnot a tty" in log())
    assert os.getsid(shell.pid) == os.getpgid(shell.pid) == shell.pid != os.getsid(0)


def test_its_words_and_those_of_sh_are_added_to_the_log(run, log, tmp_path):
    (tmp_path / "output.log").write_text("before\n")
    assert run("echo out; echo err >&2; no-such-command").wait() == 127
    assert log().startswith("before\nout\nerr\n")
    assert "no-such-command" in log()


def test_it_runs_in_its_folder_with_the_environment_it_is_given(run, log, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "s3cret")
    run("pwd; env; echo $0", BARE | {"A": "b c"}).wait()
    assert log().splitlines()[0] == str(tmp_path)
    assert log().splitlines()[-1] == str(tmp_path / "job.sh")
    assert "A=b c\n" in log()
    assert "s3cret" not in log()


@pytest.mark.parametrize(("umask", "mode"), [(0o027, 0o640), (0o077, 0o600), (0, 0o666)])
def test_its_files_have_the_permissions_of_who_submitted(run, tmp_path, umask, mode):
    run("touch file", umask=umask).wait()
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_without_a_word_the_umask_is_that_of_this_process(run, tmp_path):
    before = os.umask(0o037)
    try:
        run("touch file").wait()
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_it_holds_the_descriptors_that_it_is_given_and_no_others(run, log, tmp_path):
    descriptors = [os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("given", "kept")]
    os.set_inheritable(descriptors[1], True)
    run("ls -l /proc/$$/fd", descriptors=descriptors[:1]).wait()
    for descriptor in descriptors:
        os.close(descriptor)
    assert "/given" in log()
    assert "/kept" not in log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_it_can_be_interrupted_though_its_starter_ignores_that(run, log, number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        shell = run("trap 'echo trapped; exit 5' INT QUIT; echo up; while :; do sleep 0.05; done")
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
    wait(lambda: "up" in log())
    os.kill(shell.pid, number)
    assert shell.wait() == 5
    assert "trapped" in log()


def test_another_thread_may_start_it_too(run, log):
    thread = threading.Thread(target=lambda: run("echo up").wait())
    thread.start()
    thread.join()
    assert log() == "up\n"


def test_what_cannot_be_started_is_an_error(tmp_path):
    with pytest.raises(OSError):
        start_script(tmp_path / "absent", BARE)
    assert os.access(SHELL, os.X_OK)
