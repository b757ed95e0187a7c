import os
import signal
import subprocess
import sys

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from confjob.process import ProcessId, bare_environment, live_sessions

words = st.text("abcXYZ019._-", max_size=12)


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@given(st.builds(ProcessId, words, words, words, st.from_regex(r"\A[0-9]*\Z"), st.integers(1, 2**22), words))
def test_the_text_form_is_one_line_and_reads_back(process):
    text = str(process)
    assert "\n" not in text
    assert ProcessId.parse(text) == process


@pytest.mark.parametrize("text", ["", "None", "a/b", "h/m/b/1/x/5", "h/m/b/1/2/3/4"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError):
        ProcessId.parse(text)


def test_this_process_lives():
    assert ProcessId.current() == ProcessId.of(os.getpid())
    assert ProcessId.current().alive() is True


def test_a_process_is_dead_once_killed_even_while_nobody_reaped_it(sleeper):
    process = ProcessId.of(sleeper.pid)
    assert process.alive() is True
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    assert process.alive() is False
    assert ProcessId.of(sleeper.pid) == process
    sleeper.wait()
    assert process.alive() is False
    with pytest.raises(ProcessLookupError):
        ProcessId.of(sleeper.pid)


def test_a_reused_number_is_another_process():
    assert evolve(ProcessId.current(), start="1").alive() is False


def test_after_another_boot_of_this_machine_it_is_dead():
    assert evolve(ProcessId.current(), machine="m", boot="other").alive() is None
    here = ProcessId.current()
    if here.machine:
        assert evolve(here, boot="other").alive() is False


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"namespace": "1"},
        {"host": "elsewhere", "boot": "other"},
        {"machine": "", "boot": "other"},
        {"machine": "", "boot": ""},
        {"boot": ""},
    ],
)
def test_what_cannot_be_observed_is_not_judged(elsewhere):
    """A cloned machine id, an unnamed machine, another container: no word on life or death."""
    assert evolve(ProcessId.current(), **elsewhere).alive() is None


def test_a_renamed_machine_is_the_same_within_one_boot():
    assert evolve(ProcessId.current(), host="old-name", machine="old").alive() is True


def test_sessions_hold_the_live_processes_and_no_zombies(sleeper):
    assert live_sessions()[sleeper.pid] == [sleeper.pid]
    os.kill(sleeper.pid, signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert sleeper.pid not in live_sessions()


@pytest.mark.skipif(sys.platform != "linux", reason="the fallback is compared with /proc")
def test_without_proc_ps_says_the_same(sleeper, monkeypatch):
    import confjob.process as module

    if not module._ps("-o", "pid=", "-p", str(os.getpid())):
        pytest.skip("no ps here")
    monkeypatch.setattr(module, "_has_proc", lambda: False)
    process = ProcessId.of(sleeper.pid)
    assert process.alive() is True
    assert sleeper.pid in live_sessions()[sleeper.pid]
    sleeper.kill()
    sleeper.wait()
    assert process.alive() is False


def test_the_bare_environment_holds_nothing_of_the_submitters(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("LC_TIME", "C")
    bare = bare_environment()
    assert "AWS_SECRET_ACCESS_KEY" not in bare
    assert bare["PATH"] == os.environ["PATH"]
    assert bare["LC_TIME"] == "C"
