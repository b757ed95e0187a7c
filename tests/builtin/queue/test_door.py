"""Laws of the agent's door: one agent at a time, and whoever rings is heard by it or starts one."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from confjob.builtin.local.queue import door
from confjob.builtin.local.queue.door import (
    agent_lives,
    agent_lock,
    agent_process,
    agent_since,
    holds_lock,
    listening,
    ring,
    sign,
    stop_agent,
)
from confjob.plugin import ProcessId

AGENT = """
import sys, time
from pathlib import Path
from confjob.builtin.local.queue.door import *
lock = agent_lock(Path(sys.argv[1]))
print("has it" if lock is not None else "left", flush=True)
time.sleep(60 if lock is not None else 0)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "machine"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("CONFJOB_MACHINE_DIR", str(path))
    monkeypatch.setenv("CONFJOB_SLOTS_DIR", str(tmp_path / "slots"))
    yield path
    assert stop_agent(path, 60)
    for agent in door._started:
        agent.wait()


@pytest.fixture
def lock(folder):
    """Be the agent; at the end this process is none, or it would be asked to leave."""
    held = []

    def take():
        held.append(agent_lock(folder))
        return held[-1]

    def let_go(descriptor):
        held.remove(descriptor)
        os.close(descriptor)

    take.let_go = let_go
    yield take
    for descriptor in held:
        os.close(descriptor)


@pytest.fixture
def another(folder):
    """Start a process that wants to be the agent; at the end none is left."""
    agents = []

    def start():
        agents.append(
            subprocess.Popen([sys.executable, "-c", AGENT, folder], stdout=subprocess.PIPE, text=True)
        )
        return agents[-1], agents[-1].stdout.readline()

    yield start
    for agent in agents:
        agent.kill()
        agent.communicate()


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def heard(bell):
    """Return the lines that can be read from a bell now."""
    text = b""
    while True:
        try:
            text += os.read(bell, 65536)
        except BlockingIOError:
            return text.decode().splitlines()


# The lock


def test_at_first_there_is_no_agent_and_looking_makes_nothing(folder):
    assert not agent_lives(folder)
    assert agent_process(folder) is None
    assert agent_since(folder) is None
    assert stop_agent(folder)
    assert list(folder.iterdir()) == []


def test_the_agent_is_who_holds_the_lock_until_it_lets_go(folder, lock):
    mine = lock()
    assert agent_lives(folder)
    assert agent_process(folder) == ProcessId.current()
    assert agent_since(folder) is not None
    lock.let_go(mine)
    assert not agent_lives(folder)
    assert agent_process(folder) is None


def test_a_second_agent_cannot_have_it(folder, another, lock):
    mine = lock()
    agent, word = another()
    assert (word, agent.wait()) == ("left\n", 0)
    assert agent_process(folder) == ProcessId.current()
    lock.let_go(mine)
    assert another()[1] == "has it\n"


def test_after_kill_minus_nine_of_the_agent_another_takes_over(folder, another):
    agent, word = another()
    assert word == "has it\n"
    assert agent_process(folder).pid == agent.pid
    agent.kill()
    agent.wait()
    assert not agent_lives(folder)
    second, word = another()
    assert (word, agent_process(folder).pid) == ("has it\n", second.pid)


def test_a_job_or_command_that_the_agent_starts_does_not_hold_it(folder, lock):
    mine = lock()
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    lock.let_go(mine)
    assert not agent_lives(folder)
    child.kill()
    child.wait()


def test_a_look_at_the_agents_lock_does_not_keep_an_agent_from_it(folder, monkeypatch, lock):
    """Whoever looks holds it for an instant; an agent that left for that would leave none."""
    looks = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT)
    door.fcntl.flock(looks, door.fcntl.LOCK_SH)
    monkeypatch.setattr(door.time, "sleep", lambda _: door.fcntl.flock(looks, door.fcntl.LOCK_UN))
    mine = lock()
    assert mine is not None
    lock.let_go(mine)
    os.close(looks)


def test_a_lock_that_was_removed_or_replaced_is_noticed(folder, lock):
    mine = lock()
    assert holds_lock(folder, mine)
    (folder / "agent.lock").unlink()
    assert not holds_lock(folder, mine)
    second = lock()
    assert holds_lock(folder, second)
    assert not holds_lock(folder, mine)
    lock.let_go(mine)
    lock.let_go(second)


def test_a_lock_without_a_name_is_held_by_somebody_unknown_who_may_sign_later(folder, lock):
    mine = lock()
    for text in (b"", b"a/b", b"\xff"):
        os.ftruncate(mine, 0)
        os.pwrite(mine, text, 0)
        assert agent_lives(folder)
        assert agent_process(folder) is None
    os.ftruncate(mine, 0)
    sign(mine)
    sign(mine)
    assert agent_process(folder) == ProcessId.current()
    lock.let_go(mine)


def test_the_lock_and_the_bell_are_for_their_owner_only(folder, lock):
    lock.let_go(lock())
    with listening(folder):
        modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"agent.lock": 0o600, "bell": 0o600}


def test_an_agent_is_asked_to_leave_and_is_gone(folder, another):
    agent, _ = another()
    assert stop_agent(folder, 60)
    assert agent.wait() == -signal.SIGTERM


def test_an_agent_that_does_not_leave_is_not_gone(folder, monkeypatch, lock):
    mine = lock()
    sent = []
    monkeypatch.setattr(door.os, "kill", lambda pid, number: sent.append((pid, number)))
    assert not stop_agent(folder, 0.05)
    assert set(sent) == {(os.getpid(), signal.SIGTERM)}
    lock.let_go(mine)


# The bell


def test_whoever_listens_hears_which_runs_wait(folder, lock):
    mine = lock()
    odd = "/p/\udcff \n\u2028ä/r"
    with listening(folder) as bell:
        assert heard(bell) == []
        ring(folder, ["/p/.confjob/runs/a", odd])
        ring(folder)
        assert [json.loads(line) if line else line for line in heard(bell)] == ["/p/.confjob/runs/a", odd, ""]
    lock.let_go(mine)


def test_a_path_that_a_pipe_might_tear_is_found_in_the_index_instead(folder, lock):
    mine = lock()
    with listening(folder) as bell:
        ring(folder, ["/" + "x" * 508, "/" + "x" * 509])
        assert heard(bell) == [json.dumps("/" + "x" * 508), ""]
    lock.let_go(mine)


def test_many_who_ring_at_once_are_all_heard_line_by_line(folder, lock):
    mine = lock()
    code = """
        import sys
        from pathlib import Path
        from confjob.builtin.local.queue.door import ring
        for number in range(200):
            ring(Path(sys.argv[1]), [f"/{sys.argv[2] * 200}/{number}"])
    """
    argv = [sys.executable, "-c", textwrap.dedent(code), folder]
    with listening(folder) as bell:
        ringers = [subprocess.Popen([*argv, name]) for name in "abc"]
        lines = []
        while any(ringer.poll() is None for ringer in ringers):
            lines += [heard(bell)]
            time.sleep(0.005)
        lines = [line for part in [*lines, heard(bell)] for line in part]
    lock.let_go(mine)
    assert [ringer.wait() for ringer in ringers] == [0, 0, 0]
    expected = [json.dumps(f"/{name * 200}/{number}") for name in "abc" for number in range(200)]
    assert sorted(lines) == sorted(expected)


def test_a_full_bell_is_waited_for(folder, lock, monkeypatch):
    lock()
    tries, write = threading.Event(), os.write
    ringer = threading.Thread(target=ring, args=(folder, ["/a"]))
    with listening(folder) as bell:
        with pytest.raises(BlockingIOError):
            [write(bell, b"\n" * 4096) for _ in range(1 << 20)]

        def writing(descriptor, data):
            tries.set()
            return write(descriptor, data)

        monkeypatch.setattr(door.os, "write", writing)
        ringer.start()
        assert tries.wait(60)
        time.sleep(0.05)  # let it fail, if it does
        lines = heard(bell)
        ringer.join()
        assert [*lines, *heard(bell)][-1] == '"/a"'


def test_a_bell_that_was_there_is_used_again(folder, lock):
    mine = lock()
    for _ in range(2):
        with listening(folder) as bell:
            ring(folder, ["/a"])
            assert heard(bell) == ['"/a"']
    lock.let_go(mine)


def test_with_an_agent_that_does_not_listen_yet_nobody_waits(folder, lock):
    mine = lock()
    ring(folder, ["/a"])
    with listening(folder):
        pass
    ring(folder, ["/a"])
    lock.let_go(mine)


# Starting one


@pytest.fixture
def starts(monkeypatch):
    """How agents would have been started."""
    calls = []

    class Agent:
        def __init__(self, argv, **kwargs):
            calls.append((argv, kwargs))

        def poll(self):
            return 0

        def wait(self):
            return 0

    monkeypatch.setattr(door.subprocess, "Popen", Agent)
    return calls


def test_where_there_is_an_agent_none_is_started(folder, starts, lock):
    mine = lock()
    ring(folder, ["/a"])
    assert starts == []
    lock.let_go(mine)
    ring(folder, ["/a"])
    assert len(starts) == 1


def test_an_agent_is_started_with_what_is_everyones_and_nothing_of_this_session(folder, starts, monkeypatch):
    given = {"SECRET": "s", "CUDA_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "2", "LC_ALL": "C"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    ring(folder)
    [(argv, kwargs)] = starts
    assert argv == [sys.executable, "-m", "confjob", "agent", "--idle", "30"]
    assert kwargs["start_new_session"]
    assert (kwargs["cwd"], kwargs["stdin"]) == ("/", subprocess.DEVNULL)
    environ = kwargs["env"]
    assert environ["CONFJOB_MACHINE_DIR"] == str(folder)
    assert {"PATH", "LC_ALL", "CONFJOB_SLOTS_DIR"} <= environ.keys()
    assert not {"SECRET", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"} & environ.keys()


def test_who_rings_first_starts_an_agent_that_outlives_it(folder):
    code = "import sys; from pathlib import Path; from confjob.builtin.local.queue.door import ring; "
    subprocess.run([sys.executable, "-c", f"{code}ring(Path(sys.argv[1]))", folder], check=True)
    wait(lambda: agent_process(folder) is not None)
    agent = agent_process(folder)
    assert os.getsid(agent.pid) == agent.pid
    ring(folder)
    assert agent_process(folder) == agent
    assert stop_agent(folder, 60)
    wait(lambda: not Path(f"/proc/{agent.pid}").exists() or agent.alive() is False)
