"""`kill -9` of every actor at random moments: no wrong end, no lost run, no GPU leaked or doubled.

Each test keeps a queue of short jobs going on two made-up GPUs and kills one kind of process, again
and again, whenever chance says. Then all that anybody wrote down is held against one another: what
the jobs did (they write to a file of their own, outside of all run folders), what job.sh and the
agent recorded, and what confjob tells.

A victim is stopped before it is killed, so that what it had done by then is known for certain.
`CONFJOB_KILLS` is the number of kills per actor, `CONFJOB_KILLS_SEED` the seed, which a failure shows.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from attrs import define, field, frozen

import confjob
from confjob.builtin.local.queue.door import agent_lives, agent_process, stop_agent
from confjob.builtin.local.queue.slots import Slot, taken
from confjob.model import State
from confjob.pipeline.afterwards import cancel_runs, states_of
from confjob.project import Project
from confjob.records import read_record

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux, to kill what is meant")

KILLS = int(os.environ.get("CONFJOB_KILLS", "20"))
SEED = int(os.environ.get("CONFJOB_KILLS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
ATTEMPTS = 3

#: How the command lines of those begin who are killed.
AGENT = (os.fsencode(sys.executable), b"-m", b"confjob", b"agent")
SHELL = (b"/bin/sh",)
COMMAND = (os.fsencode(sys.executable), b"-S", b"-I", b"work.py")

MANIFEST = """
default-target = "gpus"

[jobs.once]
command = ["{python}", "-S", "-I", "work.py", "{journal}"]
resources = {{ gpus = 1 }}

[jobs.again]
command = ["{python}", "-S", "-I", "work.py", "{journal}"]
resources = {{ gpus = 1 }}
retry = {{ attempts = {attempts}, on = ["failure", "lost"] }}

[targets.gpus]
backend = "local"
slots = ["0", "1"]
grace = 0.5
"""

# A line is appended by one write, so lines never mix. Every other job closes what it inherits, as
# torchrun does: then no lock of its own keeps its GPU. The lock that it takes itself is the test's:
# the kernel lets it go with the process, so it tells of two jobs on one GPU even where one is killed.
# Without its shell it goes on for longer: others must have time to be wrong about its GPU.
WORK = """
import fcntl, os, random, sys, time
run, attempt = os.environ["CONFJOB_RUN_ID"], os.environ["CONFJOB_ATTEMPT"]
slot = os.environ["CUDA_VISIBLE_DEVICES"]
parent = os.getppid()
if random.random() < 0.5:
    os.closerange(3, 256)
journal = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def tell(what):
    os.write(journal, f"{what} {run} {attempt} {slot} {os.getpid()} {time.monotonic_ns()}\\n".encode())
alone = os.open(f"{sys.argv[1]}-{slot}", os.O_RDWR | os.O_CREAT, 0o600)
try:
    fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    tell("doubled")
tell("start")
time.sleep(random.choice((0.0, 0.05, 0.2)))
if os.getppid() != parent:
    time.sleep(0.7)
tell("whole")
time.sleep(random.choice((0.0, 0.02)))
"""

# Someone who launches one run after another, in one process: killed at any moment, it is launching.
LAUNCHER = """
import sys, confjob
print("ready", flush=True)
while True:
    print(confjob.launch(sys.argv[1], project=sys.argv[2]).id, flush=True)
"""


@frozen(kw_only=True)
class Line:
    """What a job told at a moment."""

    what: str
    run: str
    attempt: int
    slot: str
    pid: int
    at: int


@define(kw_only=True)
class World:
    """A project whose queue is kept going, and what is known of it."""

    folder: Path
    chance: random.Random = field(factory=lambda: random.Random(SEED))
    printed: list[str] = field(factory=list)

    def __attrs_post_init__(self):
        self.root.mkdir()
        manifest = MANIFEST.format(python=sys.executable, journal=self.journal, attempts=ATTEMPTS)
        (self.root / "launch.toml").write_text(manifest)
        (self.root / "work.py").write_text(WORK)
        (self.folder / "launcher.py").write_text(LAUNCHER)
        self.launch("once")

    @property
    def root(self):
        return self.folder / "project"

    @property
    def journal(self):
        return self.folder / "journal"

    @property
    def machine(self):
        return self.folder / "machine"

    @property
    def runs(self):
        return self.root / ".confjob" / "runs"

    @property
    def project(self):
        return Project.find(self.root)

    def launch(self, job=None):
        run = confjob.launch(job or self.chance.choice(("once", "again")), project=self.root)
        self.printed.append(run.id)

    def states(self):
        """Ask how all runs are, as `confjob runs` does."""
        return states_of(self.project, [folder.id for folder in self.project.store.runs()])

    def waiting(self):
        return sum(not status.state.final for status in self.states().values())

    def keep_going(self, runs=4):
        """See to it that there is something to do."""
        for _ in range(runs - self.waiting()):
            self.launch()

    def pause(self, seconds):
        time.sleep(self.chance.uniform(0, seconds))

    def lines(self):
        words = (line.split() for line in self.journal.read_text().splitlines())
        return [
            Line(what=what, run=run, attempt=int(attempt), slot=slot, pid=int(pid), at=int(at))
            for what, run, attempt, slot, pid, at in words
        ]

    def start(self, *argv):
        """Start Python beside the test, with a group of its own."""
        return subprocess.Popen(
            [sys.executable, *argv],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until_quiet(self):
        """Ask until all runs are over."""
        wait(lambda: not self.waiting(), lambda: f"not over: {self.states()}", seconds=120)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A world of its own; at the end nothing of it is left."""
    monkeypatch.setenv("CONFJOB_MACHINE_DIR", str(tmp_path / "machine"))
    monkeypatch.setenv("CONFJOB_SLOTS_DIR", str(tmp_path / "slots"))
    made = World(folder=tmp_path)
    sys.stdout.write(f"CONFJOB_KILLS_SEED={SEED}\n")  # shown with a failure
    yield made
    going = [run for run, status in made.states().items() if not status.state.final]
    cancel_runs(made.project, going)
    stop_agent(made.machine)


# -- the actors ------------------------------------------------------------------------------


def test_the_command_line_is_killed_while_it_launches(world):
    """What it printed is a run that ran; what it had not printed ran to its end, or never started."""
    took = time.monotonic()
    world.printed.append(_killed_launch(world, None))
    took = time.monotonic() - took
    for _ in range(KILLS):
        killed = _killed_launch(world, world.chance.uniform(0.3, 1.1) * took)
        world.printed += filter(None, [killed])
    check(world)


def test_a_program_is_killed_while_it_launches_again_and_again(world):
    """So is whoever launches from Python: every moment of launching is met."""
    for _ in range(KILLS):
        launcher = world.start(world.folder / "launcher.py", world.chance.choice(("once", "again")), ".")
        assert launcher.stdout.readline() == "ready\n", launcher.communicate()
        world.pause(0.4)
        os.killpg(launcher.pid, signal.SIGKILL)
        world.printed += launcher.communicate()[0].split()
    check(world)


def test_the_agent_is_killed(world):
    """The next one, whom anybody's question starts, adopts what runs and starts what waits."""
    killed = 0
    while killed < KILLS:
        world.keep_going()
        wait(lambda: agent_lives(world.machine), "no agent came")
        world.pause(0.5)
        agent = agent_process(world.machine)
        killed += agent is not None and kill(agent.pid, AGENT, world.machine)
    _refuse_a_second_agent(world)
    check(world)


def test_the_shell_of_a_job_is_killed(world):
    """Its command may go on, and holds its GPU until it is over; the attempt is lost."""
    killed = kill_some(world, SHELL)
    check(world)
    ends = [read_record(attempt / "end.json") for attempt in killed]
    assert any(end is None for end in ends), "all of them were killed after their ends"


def test_the_command_of_a_job_is_killed(world):
    """A command that had not told by then that it is whole is never taken for one that succeeded."""
    killed = kill_some(world, COMMAND)
    check(world)
    codes = [read_record(attempt / "end.json")["exit_code"] for attempt in killed]
    assert set(codes) == {128 + signal.SIGKILL}


def _killed_launch(world, after):
    """Launch by the command line, and kill it after so many seconds; returns the id that it printed."""
    command = "import sys; from confjob.__main__ import main; sys.exit(main())"
    launcher = world.start("-c", command, "launch", world.chance.choice(("once", "again")))
    with contextlib.suppress(subprocess.TimeoutExpired):
        launcher.wait(timeout=60 if after is None else after)
    if after is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal.SIGKILL)
    output, errors = launcher.communicate()
    assert launcher.returncode in (0, -signal.SIGKILL), errors
    return output.strip()


def _refuse_a_second_agent(world):
    world.keep_going()
    wait(lambda: agent_process(world.machine), "no agent came")
    first = agent_process(world.machine)
    second = world.start("-m", "confjob", "agent")
    _, errors = second.communicate(timeout=60)
    assert (second.returncode, "serves this machine's queue already" in errors) == (1, True), errors
    assert agent_process(world.machine) == first


# -- killing ---------------------------------------------------------------------------------


def kill_some(world, program):
    """Kill processes of jobs, one after another; returns the folders of the attempts that they were in."""
    killed = []
    while len(killed) < KILLS:
        world.keep_going()
        world.pause(0.15)
        victims = processes(world, program)
        if victims:
            pid, attempt = world.chance.choice(victims)
            killed += [attempt] * kill(pid, program, world.runs)
    return killed


def processes(world, program):
    """Return the processes of this test's jobs that run `program`, with their attempts' folders."""
    found = []
    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        if _is(pid, program, world.folder):
            words = _read(pid, "environ").split(b"\0")
            variables = dict(word.split(b"=", 1) for word in words if b"=" in word)
            # The shell is not told of its run: its script lies there.
            script = Path(os.fsdecode((_read(pid, "cmdline") + b"\0").split(b"\0")[1])).parent.name
            run = os.fsdecode(variables.get(b"CONFJOB_RUN_ID", b"")) or script
            number = os.fsdecode(variables.get(b"CONFJOB_ATTEMPT", b""))
            found += [(pid, world.runs / run / "attempts" / number)] if number else []
    return found


def _is(pid, program, folder):
    """Whether a process is of this test, and runs `program`; of shells, only job.sh's own is meant."""
    words = _read(pid, "cmdline").split(b"\0")
    if words[: len(program)] != list(program) or (program == SHELL and _session(pid) != pid):
        return False
    return os.fsencode(folder) in b"".join([*words, _read(pid, "environ")])


def _session(pid):
    with contextlib.suppress(ProcessLookupError):
        return os.getsid(pid)


def kill(pid, program, folder):
    """Kill a process that is surely one of this test, and goes on; returns whether it was there.

    It is stopped first: what is stopped does not end by itself between the look and the blow.
    """
    with contextlib.suppress(ProcessLookupError), _opened(pid) as process:
        if _is(pid, program, folder):
            signal.pidfd_send_signal(process, signal.SIGSTOP)
            wait(lambda: _state(pid) in "TZX", "it does not stop")
            stopped = _state(pid) == "T"
            signal.pidfd_send_signal(process, signal.SIGKILL)
            return stopped
    return False


@contextlib.contextmanager
def _opened(pid):
    process = os.pidfd_open(pid)
    try:
        yield process
    finally:
        os.close(process)


def _state(pid):
    return (_read(pid, "stat").rpartition(b")")[2].split() or [b"X"])[0].decode()


def _read(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def wait(condition, otherwise, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        late = otherwise() if callable(otherwise) else otherwise
        assert time.monotonic() < deadline, late
        time.sleep(0.02)


# -- the laws --------------------------------------------------------------------------------


def check(world):
    """Hold everything that anybody wrote down against one another."""
    world.until_quiet()
    lines = world.lines()
    for run, status in world.states().items():
        told = [line for line in lines if line.run == run]
        _ends_are_true(world.runs / run, status, told)
        _attempts_ran_once_each_and_one_after_another(world.runs / run, told)
    assert set(world.printed) <= world.states().keys(), "a run that was printed is lost"
    assert {line.run for line in lines} <= world.states().keys(), "a job ran that nobody knows"
    _no_gpu_was_doubled(lines)
    _no_gpu_is_leaked()


def _ends_are_true(folder, status, told):
    attempts = sorted(int(path.name) for path in (folder / "attempts").iterdir())
    last = attempts[-1]
    end = read_record(folder / "attempts" / str(last) / "end.json")
    whole = any(line.what == "whole" and line.attempt == last for line in told)
    succeeded = whole and end is not None and end["exit_code"] == 0
    assert (status.state is State.SUCCEEDED) == succeeded, (status, end, told)
    assert status.state in (State.SUCCEEDED, State.FAILED, State.LOST), status
    if end is None and read_record(folder / "attempts" / str(last) / "start.json") is None:
        assert status.state is State.FAILED, status
        assert status.reason.startswith("never started"), status
    if read_record(folder / "run.json")["job"] == "once":
        assert attempts == [1]
    elif not succeeded and told and (end is None or end["stage"] != "submit"):
        assert attempts[-1] == ATTEMPTS, "it was not run again"


def _attempts_ran_once_each_and_one_after_another(folder, told):
    starts = Counter(line.attempt for line in told if line.what == "start")
    assert max(starts.values(), default=1) == 1, f"an attempt of {folder.name} ran twice: {told}"
    assert [line.attempt for line in told] == sorted(line.attempt for line in told), told
    for line in told:
        launch = read_record(folder / "attempts" / str(line.attempt) / "launch.json")
        assert launch["slots"] == [line.slot], f"{folder.name}: the record tells of another GPU"


def _no_gpu_was_doubled(lines):
    assert not [line for line in lines if line.what == "doubled"]
    for slot in ("0", "1"):
        spans = sorted(_span(lines, line) for line in lines if line.what == "start" and line.slot == slot)
        for before, after in itertools.pairwise(spans):
            assert before[1] <= after[0], f"two jobs at once on GPU {slot}: {before}, {after}"


def _span(lines, start):
    """Return from when to when a job certainly had its GPU."""
    same = [line.at for line in lines if (line.run, line.attempt) == (start.run, start.attempt)]
    return start.at, max(same), start.run


def _no_gpu_is_leaked():
    slots = []
    wait(lambda: all(isinstance(slot, Slot) for slot in _all_taken(slots)), lambda: f"still held: {slots}")


def _all_taken(slots):
    slots[:] = [taken(name) for name in ("0", "1")]
    for slot in slots:
        if isinstance(slot, Slot):
            slot.release()
    return slots
