"""A terminal that is pleasant to read, and pipes that get what programs can read."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

ENTER, LEAVE, HIDE, SHOW = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25l", "\x1b[?25h"

GATED = {
    "launch.toml": '[jobs.wait]\ncommand = ["python", "wait.py"]\n[jobs.fail]\ncommand = ["sh", "-c", "exit 3"]\n',
    "wait.py": (
        "import pathlib, time\n"
        "print('started', flush=True)\n"
        "while not pathlib.Path('../../../../go').exists(): time.sleep(0.02)\n"
    ),
}

SLOW = {
    "launch.toml": '[jobs.slow]\nfunction = "slow:train"\n',
    "slow.py": (
        "import pathlib, time\n"
        "from conditions import default\n"  # imported, not read: the job's Python is asked
        "def train(lr: float = default()): pass\n"
    ),
    "conditions.py": (
        "import pathlib, time\n"
        "def default():\n"
        "    pathlib.Path('asked').touch()\n"
        "    while not pathlib.Path('go').exists(): time.sleep(0.02)\n"
        "    return 0.1\n"
    ),
}


class Terminal:
    """A command that runs in a terminal of a size."""

    def __init__(self, project, *arguments, columns=80, lines=24, stoppable=False, **environ):
        self.leader, follower = pty.openpty()
        self.resize(columns, lines)
        variables = {**project.environ, "TERM": "xterm", **environ}
        self.process = subprocess.Popen(
            [*project.command, *arguments],
            cwd=project.root,
            env={name: text for name, text in variables.items() if name not in ("COLUMNS", "LINES")},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            # A group that is alone in its session can't be stopped: nobody could let it go on.
            **({"preexec_fn": os.setpgrp} if stoppable else {"start_new_session": True}),
        )
        os.close(follower)
        self.text = ""

    def resize(self, columns, lines):
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, *words, seconds=60):
        """Read until all words have come, or to the end without any."""
        end = time.monotonic() + seconds
        while not words or not all(word in self.text for word in words):
            ready, _, _ = select.select([self.leader], [], [], max(end - time.monotonic(), 0))
            assert ready, f"no {words} in {self.text!r}"
            try:
                data = os.read(self.leader, 65536)
            except OSError:
                data = b""
            if not data:
                assert not words, f"no {words} in {self.text!r}"
                break
            self.text += data.decode(errors="replace")
        return self.text

    def ended(self):
        """Return the exit code, and all that was written."""
        self.until()
        os.close(self.leader)
        return self.process.wait(60), self.text


def frames(text):
    """Return what was shown in place, frame by frame, without colours."""
    drawn = text.partition(ENTER)[2].partition(LEAVE)[0]
    return [re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", frame) for frame in drawn.split("\x1b[H")[2:]]


def test_a_watched_table_changes_in_place_and_ctrl_c_gives_the_terminal_back(project):
    project.write(GATED)
    run = project.json("launch", "wait")["id"]
    watching = Terminal(project, "runs", "--watch", "0.1")
    watching.until("RUNNING", HIDE)
    project.write({"go": ""})
    watching.until("SUCCEEDED *")
    watching.process.send_signal(signal.SIGINT)
    code, text = watching.ended()
    assert code == 130
    assert (text.count(ENTER), text.count(LEAVE), text.count(SHOW)) == (1, 1, 1)
    assert "\x1b[2J" not in text.partition("\x1b[2J")[2], "it is cleared once, and then drawn over"
    assert all(frame.count(run) == 1 for frame in frames(text))
    after = text.rpartition(LEAVE)[2]
    assert run in after, "what was known last stays on the screen"
    assert "SUCCEEDED" in after


def test_a_watched_table_fits_a_terminal_that_becomes_small(project):
    project.write(GATED)
    project.json("launch", "wait", "--name", "a-name-that-is-long-" * 4)
    for _ in range(4):
        project.json("launch", "fail")
    watching = Terminal(project, "runs", "--watch", columns=100, lines=20)
    watching.until("RUNNING")
    before = len(frames(watching.text))
    watching.resize(40, 6)
    watching.until("… 3 more")
    watching.process.send_signal(signal.SIGINT)
    _, text = watching.ended()
    last = frames(text)[-1].split("\r\n")
    assert len(frames(text)) > before
    assert len(last) == 6
    assert max(map(len, last)) <= 40
    assert "RUNNING" in "".join(last), "what goes on is shown though others are newer"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_watch_that_is_ended_by_a_signal_leaves_a_terminal_with_a_cursor(project, number):
    project.write(GATED)
    watching = Terminal(project, "runs", "--watch")
    watching.until("no runs")
    watching.process.send_signal(number)
    code, text = watching.ended()
    assert code == -number
    assert text.rindex(SHOW) > text.rindex(HIDE)
    assert text.rindex(LEAVE) > text.rindex(ENTER)


def test_a_stopped_watch_gives_the_terminal_back_until_it_goes_on(project):
    project.write(GATED)
    watching = Terminal(project, "runs", "--watch", stoppable=True)
    watching.until("no runs")
    watching.process.send_signal(signal.SIGTSTP)
    watching.until(LEAVE)
    stat = Path(f"/proc/{watching.process.pid}/stat")
    _wait_for(lambda: "(python) T" in re.sub(r"\(.*\)", "(python)", stat.read_text()))
    watching.process.send_signal(signal.SIGCONT)
    watching.until(LEAVE + ENTER)
    watching.process.send_signal(signal.SIGINT)
    assert watching.ended()[0] == 130


def test_the_watched_queue_is_kept_true_and_ctrl_c_gives_the_terminal_back(project):
    project.write(GATED)
    terminal = Terminal(project, "queue", "--watch", columns=120)
    terminal.until("nothing runs or waits")
    run = project.json("launch", "wait")["id"]
    terminal.until(run, "RUNNING")
    terminal.process.send_signal(signal.SIGINT)
    code, text = terminal.ended()
    assert code == 130
    assert text.count(ENTER) == text.count(LEAVE) == 1
    assert run in text.partition(LEAVE)[2]
    assert project.json("status", run)["state"] == "RUNNING"


def test_who_follows_a_run_that_waits_is_told_why_and_once(project):
    project.write(GATED)
    project.confjob("queue", "pause", "--why", "lunch")
    terminal = Terminal(project, "launch", "wait", "--follow", columns=200)
    terminal.until("lunch")
    project.write({"go": ""})
    project.confjob("queue", "resume")
    code, text = terminal.ended()
    assert code == 0
    assert len(re.findall("waits: paused by .*: lunch", text)) == 1
    assert "started" in text
    assert "SUCCEEDED" in text


def test_a_pipe_gets_a_line_per_change(project):
    project.write(GATED)
    run = project.json("launch", "wait")["id"]
    project.wait(run, "RUNNING")
    watching = project.start("runs", "--watch", "0.1")
    first = watching.stdout.readline()
    project.write({"go": ""})
    ended = next(line for line in watching.stdout if "SUCCEEDED" in line)
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=60)
    assert watching.returncode == 130
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(rf"{stamp}  {run}  RUNNING    wait\n", first)
    assert re.fullmatch(rf"{stamp}  {run}  SUCCEEDED  wait\n", ended)


def test_json_lines_are_the_status_with_what_was_before(project):
    project.write(GATED)
    run = project.json("launch", "wait")["id"]
    project.wait(run, "RUNNING")
    watching = project.start("runs", "--watch", "0.1", "--until-done", "--json")
    first = json.loads(watching.stdout.readline())
    project.write({"go": ""})
    rest, errors = watching.communicate(timeout=60)
    lines = [first, *map(json.loads, rest.splitlines())]
    assert (watching.returncode, errors) == (0, "")
    assert [line["before"] for line in lines] == [None, *(line["state"] for line in lines[:-1])]
    assert (lines[-1]["id"], lines[-1]["state"]) == (run, "SUCCEEDED")
    known = project.json("status", run)
    assert {key: lines[-1][key] for key in known} == known
    assert lines == sorted(lines, key=lambda line: line["at"])


def test_until_done_exits_4_if_one_of_the_listed_failed_also_if_it_was_before(project):
    project.write({**GATED, "go": ""})
    good, bad = (project.launch(job)["id"] for job in ("wait", "fail"))
    assert project.confjob("runs", "--until-done", "--job", "wait").stdout.count("\n") == 1
    told = project.confjob("runs", "--until-done", code=4).stdout.splitlines()
    assert [line.split()[2:5] for line in told] == [[good, "SUCCEEDED", "wait"], [bad, "FAILED", "fail"]]
    assert told[1].endswith("fail  exit code 3")


def test_a_watch_ends_when_its_reader_does(project):
    """Not only at the next change, which may be tomorrow."""
    project.write(GATED)
    project.json("launch", "wait")
    watching = project.start("runs", "--watch", "300")
    watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(60) == 0
    watching.stderr.close()


def test_status_waits_for_the_end_and_its_exit_code_says_how_it_was(project):
    project.write(GATED)
    run = project.json("launch", "wait")["id"]
    waiting = project.start("status", run, "--wait", "--json")
    project.write({"go": ""})
    printed, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, errors) == (0, "")
    assert json.loads(printed)["state"] == "SUCCEEDED"
    failed = project.json("launch", "fail")["id"]
    assert "FAILED  exit code 3" in project.confjob("status", failed, "--wait", code=4).stdout
    assert project.confjob("status", failed).returncode == 0


def test_ctrl_c_stops_waiting_and_not_the_run(project):
    project.write(GATED)
    run = project.json("launch", "wait")["id"]
    waiting = Terminal(project, "status", run, "--wait")
    waiting.until(f"{run} is RUNNING, 0:0")
    waiting.process.send_signal(signal.SIGINT)
    code, text = waiting.ended()
    assert code == 130
    assert "stopped waiting; the run goes on" in text
    assert project.json("status", run)["state"] == "RUNNING"


def test_a_bad_interval_is_a_fault_of_usage(project):
    for text in ("often", "0", "nan", "inf"):
        assert "--watch" in project.confjob("runs", f"--watch={text}", code=2).stderr


def test_progress_appears_on_a_terminal_once_it_takes_long_and_is_erased(project):
    project.write(SLOW)
    showing = Terminal(project, "show", "slow")
    showing.until("asking the job's Python, 0:0")
    project.write({"go": ""})
    code, text = showing.ended()
    assert code == 0
    drawn, _, after = text.rpartition("\r\x1b[K")
    assert "asking" in drawn
    assert "asking" not in after
    assert "lr" in after


@pytest.mark.parametrize("arguments", [["show", "slow"], ["show", "slow", "--json"]])
def test_progress_never_appears_in_a_pipe_nor_beside_json(project, arguments):
    project.write(SLOW)
    if "--json" in arguments:
        showing = Terminal(project, *arguments)
        _wait_for((project.root / "asked").exists)
        time.sleep(1.2)  # longer than the patience: what would appear has appeared
        project.write({"go": ""})
        _, text = showing.ended()
        assert json.loads(text)["job"] == "slow"
    else:
        showing = project.start(*arguments)
        _wait_for((project.root / "asked").exists)
        time.sleep(1.2)
        project.write({"go": ""})
        printed, errors = showing.communicate(timeout=60)
        assert (printed.startswith("INPUT"), errors) == (True, "")


def _wait_for(holds):
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_has_colours_unless_somebody_wants_none(project, environ, coloured):
    project.write({**GATED, "go": ""})
    project.launch("wait")
    for arguments in (["runs"], ["plan", "wait"], ["launch", "nope"]):
        _, text = Terminal(project, *arguments, **environ).ended()
        assert ("\x1b" in text) is coloured, (arguments, text)


def test_a_pipe_has_none_unless_they_are_forced(project):
    project.write({**GATED, "go": ""})
    project.launch("wait")
    assert "\x1b" not in project.confjob("runs").stdout
    forced = {**project.environ, "FORCE_COLOR": "1"}
    assert "\x1b[32m" in project.confjob("runs", env=forced).stdout
    assert "\x1b[31m" in project.confjob("show", "nope", env=forced, code=1).stderr


def test_on_a_dumb_terminal_a_watch_is_a_line_per_change(project):
    project.write({**GATED, "go": ""})
    project.launch("wait")
    _, text = Terminal(project, "runs", "--until-done", TERM="dumb").ended()
    assert "\x1b" not in text
    assert text.count("SUCCEEDED") == 1


def test_many_inputs_are_grouped_on_a_narrow_terminal_and_a_table_in_a_pipe(project):
    manifest = (
        '[jobs.train]\ncommand = ["true"]\n[jobs.train.run-config]\ndefaults = { seed = 42 }\n'
        '[[jobs.train.files]]\npath = "config.yaml"\n'
    )
    lines = "".join(f"layer_{number}:\n  学習率: 0.1\n  name: {'x' * 90}\n" for number in range(3))
    project.write({"launch.toml": manifest, "config.yaml": lines})
    piped = project.confjob("show", "train").stdout.splitlines()
    assert all(line.startswith(("INPUT", "run-config", "config.yaml")) for line in piped)
    _, text = Terminal(project, "show", "train", NO_COLOR="1").ended()
    shown = text.splitlines()
    assert [line for line in shown if not line.startswith(" ")] == ["run-config  launch.toml", "config.yaml"]
    assert max(map(len, shown)) <= 80
    assert "layer_1.学習率" in text
    assert "config.yaml:2:8" not in text
    assert re.search(r"  2:8\r$", text, re.MULTILINE)
