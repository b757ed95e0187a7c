"""Laws of a run's processes: all of them are found and ended, and nobody else's ever."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from attrs import evolve

from confjob.builtin.local.trees import Tree, end, leaders, members, send, survivors
from confjob.plugin import ProcessId, live_sessions

VARIABLE = "CONFJOB_RUN_DIR"


@pytest.fixture
def run_dir(tmp_path):
    return str(tmp_path / "runs" / "abc")


@pytest.fixture
def started(tmp_path):
    """Start processes, each a session of its own unless told; at the end none of them is left."""
    processes = []

    def start(*argv, run_dir=None, is_leader=True, **kwargs):
        environ = {"PATH": os.environ["PATH"], "FILE": str(tmp_path / "file")}
        environ |= {} if run_dir is None else {VARIABLE: run_dir}
        process = subprocess.Popen(
            argv or ("sleep", "60"),
            env=environ,
            start_new_session=is_leader,
            stdout=subprocess.PIPE,
            **kwargs,
        )
        processes.append((process, is_leader))
        return process

    yield start
    for process, is_leader in processes:
        if process.poll() is None:
            (os.killpg if is_leader else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def shell(started, text, **kwargs):
    return started("/bin/sh", "-c", textwrap.dedent(text), **kwargs)


def tree(process=None, run_dir=None):
    return Tree(leader=ProcessId.of(process.pid) if process else None, run_dir=run_dir)


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def lives(pid):
    try:
        return bool(ProcessId.of(pid).alive())
    except ProcessLookupError:
        return False


def found(*wanted):
    return {pid for pids in survivors(wanted).values() for pid in pids}


def said(process):
    """Return the number that a process says in its first line."""
    return int(process.stdout.readline())


def ready(process):
    assert process.stdout.readline() == b"ready\n"


# Who belongs to a run


def test_a_run_has_its_session_and_whatever_carries_its_folder(started, run_dir):
    leader = shell(started, "sleep 60 & echo $!; wait")
    inside = said(leader)
    escaped = started(run_dir=run_dir)
    assert survivors([run := tree(leader, run_dir)]) == {run: sorted([leader.pid, inside, escaped.pid])}
    assert found(tree(leader)) == {leader.pid, inside}
    assert found(tree(None, run_dir)) == {escaped.pid}


def test_many_runs_are_told_apart_in_one_scan(started, tmp_path):
    folders = [str(tmp_path / f"r{number}") for number in range(4)]
    pids = {folder: started(run_dir=folder).pid for folder in folders[:3]}
    wanted = {folder: tree(None, folder) for folder in folders}
    assert survivors(wanted.values()) == {
        wanted[folder]: [pids[folder]] if folder in pids else [] for folder in folders
    }


def test_the_session_is_the_runs_though_its_leader_is_gone(started, run_dir):
    leader = shell(started, "sleep 60 & echo $!; wait")
    run, inside = tree(leader), said(leader)
    leader.kill()
    leader.wait()
    assert found(run) == {inside}
    assert end([run], 0) == []
    assert not lives(inside)


def test_what_has_ended_is_none_of_it_though_nobody_asked_how(started, run_dir):
    zombie = started("true", run_dir=run_dir)
    wait(lambda: not ProcessId.of(zombie.pid).alive())
    assert found(tree(zombie, run_dir)) == set()


@pytest.mark.parametrize("nameless", [None, ""])
def test_a_run_without_name_and_leader_has_no_processes(started, nameless):
    """An empty name would be that of every process that is in no run."""
    started(run_dir="")
    started()
    assert found(tree(None, nameless)) == set()
    assert end([tree(None, nameless)], 0) == []


def test_no_runs_are_no_processes():
    assert survivors([]) == {}
    assert end([], 10) == []


STRANGERS = {
    "without the variable": lambda folder: {},
    "an empty one": lambda folder: {VARIABLE: ""},
    "a longer path": lambda folder: {VARIABLE: f"{folder}d"},
    "a path below": lambda folder: {VARIABLE: f"{folder}/workspace"},
    "a shorter path": lambda folder: {VARIABLE: folder[:-1]},
    "another spelling": lambda folder: {VARIABLE: f"{folder}/"},
    "the folder of all runs": lambda folder: {VARIABLE: os.path.dirname(folder)},  # noqa: PTH120
    "another variable": lambda folder: {f"X{VARIABLE}": folder, f"{VARIABLE}X": folder},
    "within another variable": lambda folder: {"X": f"{VARIABLE}={folder}", "Y": f"\n{VARIABLE}={folder}"},
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_no_other_process_is_found_or_ended(started, run_dir, stranger):
    given = STRANGERS[stranger](run_dir)
    environ = [f"{name}={value}" for name, value in given.items()]
    other = started("env", "-i", *environ, "/bin/sh", "-c", "echo ready; /bin/sleep 60; :")
    ready(other)
    member = started(run_dir=run_dir)
    run = tree(member, run_dir)
    assert found(run) == {member.pid}
    assert end([run], 0) == []
    assert member.wait() != 0
    assert lives(other.pid)


def test_whoever_ends_a_run_is_never_part_of_it(run_dir):
    """Also when it was started within the run, as a job that cancels itself is."""
    code = f"""
        from confjob.builtin.local.trees import *
        run = Tree(leader=None, run_dir={run_dir!r})
        print(end([run], 0), survivors([run])[run])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, VARIABLE: run_dir},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout) == (0, "[] []\n"), done.stderr


AS_NOBODY = """
    import os, sys
    from confjob.builtin.local import trees
    from confjob.plugin import ProcessId
    leader = ProcessId.of(int(sys.argv[2])) if sys.argv[2] != "0" else None
    os.setgid(65534); os.setuid(65534)
    trees._STUCK = 0.2
    print(trees.end([trees.Tree(leader=leader, run_dir=sys.argv[1])], 0.1))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user as well")
def test_what_another_user_runs_goes_on(started, run_dir):
    """In the environment it is not seen; in the session it is told that it is left."""
    other = started(run_dir=run_dir)
    for leader, left in ((0, []), (other.pid, [other.pid])):
        argv = [sys.executable, "-c", textwrap.dedent(AS_NOBODY), run_dir, str(leader)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (f"{left}\n", "")
        assert lives(other.pid)


# Ending


def test_what_left_the_session_the_group_and_its_parent_is_ended_too(started, run_dir):
    leader = shell(
        started,
        """
        setsid sleep 60 &
        setsid /bin/sh -c 'sleep 60 & exec setsid sleep 60' &
        echo ready
        wait
        """,
        run_dir=run_dir,
    )
    ready(leader)
    run = tree(leader, run_dir)
    wait(lambda: len(found(run)) == 4 and len({os.getsid(pid) for pid in found(run)}) >= 3)
    pids = found(run)
    leader.kill()
    leader.wait()
    assert end([run], 5) == []
    assert not any(map(lives, pids))


def test_who_ignores_every_request_is_ended_by_force(started, run_dir):
    stubborn = shell(started, "trap '' TERM INT HUP; echo ready; while :; do sleep 0.1; done")
    ready(stubborn)
    assert end([tree(stubborn, run_dir)], 0.2) == []
    assert stubborn.wait() == -signal.SIGKILL


def test_who_uses_its_grace_is_not_forced(started, tmp_path):
    """And the grace is over once all have ended: this one would be an hour."""
    polite = shell(started, "trap 'echo saved >$FILE; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
    ready(polite)
    # Nobody but this process learns that it has ended, so it is asked meanwhile.
    assert end([tree(polite)], 3600) == []
    assert polite.wait() == 7
    assert (tmp_path / "file").read_text() == "saved\n"


def test_who_was_stopped_can_save_too(started, tmp_path):
    stopped = shell(started, "trap 'echo saved >$FILE; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
    ready(stopped)
    os.killpg(stopped.pid, signal.SIGSTOP)
    assert end([tree(stopped)], 60) == []
    assert stopped.wait() == 7
    assert (tmp_path / "file").exists()


def test_a_shell_does_not_go_on_to_its_next_command(started, tmp_path):
    """As it would if its child alone were ended, a moment before it."""
    script = shell(started, "echo ready; sleep 60; echo next >$FILE")
    ready(script)
    assert end([tree(script)], 10) == []
    assert not (tmp_path / "file").exists()


def test_a_signal_reaches_those_that_left_the_group_but_not_the_session(started):
    leader = started(
        sys.executable,
        "-c",
        "import os, subprocess\n"
        "child = subprocess.Popen(['sleep', '60'], preexec_fn=os.setpgrp)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n",
    )
    child = said(leader)
    assert os.getpgid(child) != os.getpgid(leader.pid)
    send([tree(leader)], signal.SIGTERM)
    wait(lambda: not lives(child) and not lives(leader.pid))


def test_a_signal_to_who_ended_in_that_moment_is_no_fault(started, monkeypatch):
    def gone(*_):
        raise ProcessLookupError

    leader, loose = started(), started(run_dir="/r/a")
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", gone)
        patch.setattr(os, "killpg", gone)
        send([tree(leader), tree(None, "/r/a")], signal.SIGTERM)
    assert lives(leader.pid)
    assert lives(loose.pid)


# Sessions and their leaders


def test_a_number_that_another_process_has_by_now_leads_nothing_of_the_run(started):
    process = started()
    ours = ProcessId.of(process.pid)
    assert members(ours, live_sessions()) == [process.pid]
    assert members(evolve(ours, start="1"), live_sessions()) == ()
    assert found(Tree(leader=evolve(ours, start="1"))) == set()


@pytest.mark.parametrize("elsewhere", [{"boot": "earlier"}, {"namespace": "1"}])
def test_a_number_of_another_boot_or_container_leads_nothing_here(started, elsewhere):
    """Though a session has it that has lost its own leader."""
    leader = shell(started, "sleep 60 & echo $!; wait")
    ours, inside = evolve(ProcessId.of(leader.pid), **elsewhere), said(leader)
    leader.kill()
    leader.wait()
    assert members(ours, live_sessions()) == ()
    assert end([Tree(leader=ours)], 0) == []
    assert lives(inside)
    os.kill(inside, signal.SIGKILL)


def script(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('echo ready; "$@" & wait')
    return path


def test_leaders_are_found_by_the_script_that_they_run(started, tmp_path):
    ours = script(tmp_path / os.fsdecode(b"r\xff \n") / "job.sh")
    other = script(tmp_path / "other" / "job.sh")
    wanted = {os.fsencode(path) for path in (ours, other, tmp_path / "absent")}
    process = started("/bin/sh", os.fsencode(ours), "sleep", "60")
    ready(process)
    within = f"{VARIABLE}= /bin/sh {other} sleep 60 & wait"  # the script of another, but no leader
    ready(shell(started, within))
    assert leaders(wanted) == {os.fsencode(ours): ProcessId.of(process.pid)}
    assert leaders({os.fsencode(ours) + b"x", b""}) == {}
    assert leaders(()) == {}
    assert end([tree(process)], 0) == []
    assert leaders(wanted) == {}
