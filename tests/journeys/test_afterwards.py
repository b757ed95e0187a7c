"""Afterwards: runs live on by themselves, and every shell is told the truth about them."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time

SLEEPER = {
    "launch.toml": '[jobs.sleep]\ncommand = ["python", "sleep.py"]\n',
    "sleep.py": (
        "import pathlib, sys, time\n"
        "print('started', flush=True)\n"
        "while not pathlib.Path('../../../../go').exists(): time.sleep(0.02)\n"
        "print('ended')\n"
        "sys.exit(int(pathlib.Path('../../../../go').read_text() or 0))\n"
    ),
}


def test_a_run_outlives_the_killed_launcher(project):
    """`kill -9` of the launching process while the job runs: status is true then and after."""
    project.write(SLEEPER)
    launcher = project.start("launch", "sleep", "--follow")
    run = launcher.stdout.readline().strip()
    project.wait(run, "RUNNING")
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.communicate()
    assert project.json("status", run)["state"] == "RUNNING"
    project.write({"go": "0"})
    ended = project.wait(run)
    assert (ended["state"], ended["exit_code"]) == ("SUCCEEDED", 0)
    assert project.output(run) == "started\nended\n"


def test_a_run_outlives_the_closed_terminal(project):
    """Without --follow, in a shell whose terminal is then closed."""
    project.write(SLEEPER)
    leader, follower = pty.openpty()
    command = [*project.command, "launch", "sleep"]
    shell = subprocess.Popen(
        ["sh", "-c", 'exec "$@"', "sh", *command],
        cwd=project.root,
        env=project.environ,
        stdin=follower,
        stdout=follower,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(follower)
    _, errors = shell.communicate(timeout=60)
    assert shell.returncode == 0, errors
    os.close(leader)
    (run,) = project.runs()
    project.wait(run["id"], "RUNNING")
    project.write({"go": "0"})
    assert project.wait(run["id"])["state"] == "SUCCEEDED"


def test_a_failed_job_exits_4_and_tells_its_code(project):
    """The followed job's failure is not a failure of confjob."""
    project.write({**SLEEPER, "go": "3"})
    done = project.confjob("launch", "sleep", "--follow", code=4)
    run, *output = done.stdout.splitlines()
    assert output == ["started", "ended"]
    assert done.stderr.splitlines() == [f"{run} FAILED: exit code 3"]
    known = project.json("status", run)
    assert (known["state"], known["exit_code"], known["reason"]) == ("FAILED", 3, "exit code 3")


def test_ctrl_c_stops_following_and_says_how_to_cancel(project):
    """The run goes on; the exit code is 130."""
    project.write(SLEEPER)
    follower = project.start("launch", "sleep", "--follow")
    run = follower.stdout.readline().strip()
    assert follower.stdout.readline() == "started\n"
    follower.send_signal(signal.SIGINT)
    _, errors = follower.communicate(timeout=30)
    assert follower.returncode == 130
    assert f"confjob cancel {run}" in errors
    assert project.json("status", run)["state"] == "RUNNING"
    project.confjob("cancel", run[:4])
    known = project.json("status", run)
    assert (known["state"], known["exit_code"]) == ("CANCELLED", 143)


def test_cancel_ends_the_whole_group(project):
    """Children that ignore TERM are ended by force, and several runs at once."""
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(300)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    table = SLEEPER["launch.toml"] + '[targets.local]\nbackend = "local"\ngrace = 0.5\n'
    project.write({"launch.toml": table, "sleep.py": stubborn})
    runs = [project.json("launch", "sleep")["id"] for _ in range(2)]
    pids = []
    for run in runs:
        while len(lines := project.output(run).split()) < 2:
            time.sleep(0.05)
        pids.append(max(map(int, lines)))
    project.confjob("cancel", *runs)
    assert {run["state"] for run in project.runs()} == {"CANCELLED"}
    assert not any(alive(pid) for pid in pids)


def test_runs_can_be_found_again(project):
    """By job, state, tag and number; the newest first, in the promised shape."""
    project.write({**SLEEPER, "go": "0"})
    first = project.launch("sleep", "--name", "one", "--tag", "a", "--tag", "b")
    second = project.launch("sleep", "--tag", "b", "--note", "better")
    assert [run["id"] for run in project.runs()] == [second["id"], first["id"]]
    assert [run["id"] for run in project.json("runs", "--tag", "a")] == [first["id"]]
    assert [run["id"] for run in project.json("runs", "--tag", "b", "--limit", "1")] == [second["id"]]
    assert project.json("runs", "--state", "failed") == []
    assert project.json("runs", "--job", "other") == []
    promised = {
        "id",
        "job",
        "target",
        "name",
        "tags",
        "state",
        "reason",
        "exit_code",
        "attempts",
        "engine_id",
    }
    promised |= {"submitted", "started", "ended", "changes", "commit", "dirty", "dir"}
    assert promised <= first.keys()
    assert "one" in project.confjob("runs").stdout
    assert "No run" not in project.confjob("status", first["id"][:5]).stdout
    assert "no run" in project.confjob("status", "zzzzzzz", code=1).stderr


def test_the_foreground_is_this_terminal(project):
    """`--fg`: the job's stdin and output are this one's, and its failure is exit code 4."""
    project.write(
        {
            "launch.toml": '[jobs.echo]\ncommand = ["python", "echo.py"]\n',
            "echo.py": "import sys\nprint('heard', sys.stdin.read())\nsys.exit(5)\n",
        }
    )
    done = subprocess.run(
        [*project.command, "launch", "echo", "--fg"],
        cwd=project.root,
        env=project.environ,
        input="hello",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    run, *output = done.stdout.splitlines()
    assert (done.returncode, output) == (4, ["heard hello"])
    assert project.output(run) == "heard hello\n"
    assert project.json("status", run)["exit_code"] == 5


def test_run_config_that_nobody_read_is_told(project):
    """Overrides that had no effect are the worst kind of silence."""
    table = '[jobs.t]\ncommand = ["python", "t.py"]\nrun-config.defaults = { lr = 0.1 }\n'
    project.write({"launch.toml": table, "t.py": "print(1)\n"})
    done = project.confjob("launch", "t", "--set", "lr=0.2", "--follow")
    assert "never read its run config" in done.stderr
    project.write({"t.py": "import confjob\nprint(confjob.load_config())\n"})
    done = project.confjob("launch", "t", "--set", "lr=0.2", "--follow")
    assert "{'lr': 0.2}" in done.stdout
    assert "never read" not in done.stderr


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
