"""Sends trivial runs through the machine's queue, beside the same commands started bare.

    python benchmarks/queueing.py > benchmarks/queueing.md

Each command is run 200 times, two at a time: by `subprocess.run` in two threads, and as runs of a
target with `parallel = 2`. All are submitted while the queue is paused, so that submitting and
running are timed apart. What the queue's way costs is what it gives: a snapshot's copy to work in,
records that outlive every process, a log, a place in a queue that survives `kill -9`.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import confjob
from confjob.builtin.local.queue.door import ring, stop_agent
from confjob.builtin.local.queue.gates import EVERYTHING, Gates
from confjob.records import read_record

RUNS = 200
LATENCIES = 20

MANIFEST = """
default-target = "two"

[jobs.true]
command = ["true"]

[jobs.python]
command = ["{python}", "-c", "pass"]

[jobs.clock]
command = ["date", "+%s.%N"]

[targets.two]
backend = "local"
parallel = 2
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "project"
        root.mkdir()
        (root / "launch.toml").write_text(MANIFEST.format(python=sys.executable))
        os.environ |= {"CONFJOB_MACHINE_DIR": f"{name}/machine", "CONFJOB_SLOTS_DIR": f"{name}/slots"}
        try:
            report(root, Path(name) / "machine")
        finally:
            stop_agent(Path(name) / "machine")


def report(root: Path, machine: Path) -> None:
    confjob.launch("true", project=root).wait()  # an agent is there, caches are warm
    print("# Trivial runs through the queue, beside bare processes\n")
    machine_is = f"on {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"
    print(f"By `benchmarks/queueing.py`, {machine_is}.")
    print(f"{RUNS} runs of each command, two at a time; milliseconds per run.\n")
    print("| command | succeeded | bare `subprocess.run` | submitting | in the queue | ratio to bare |")
    print("| --- | --- | --- | --- | --- | --- |")
    for job, argv in (("true", ["true"]), ("python", [sys.executable, "-c", "pass"])):
        alone = bare(argv)
        submitting, running, succeeded = queued(job, root, machine)
        shown = " ".join(["python", *argv[1:]] if job == "python" else argv)
        cells = (ms(each) for each in (alone, submitting, running))
        print(f"| `{shown}` | {succeeded} of {RUNS} | {' | '.join(cells)} | {running / alone:.0f} |")
    begun, reached = zip(*(latency(root) for _ in range(LATENCIES)), strict=True)
    print(
        f"\nFrom its place in an empty queue, with an agent that waits, a run needs {ms(statistics.median(begun))} ms"
    )
    print(
        f"until its script begins (at most {ms(max(begun))}), and {ms(statistics.median(reached))} ms until its"
    )
    print(f"command does (at most {ms(max(reached))}): medians of {LATENCIES} runs, one after another.")


def bare(argv: Sequence[str]) -> float:
    """Return the seconds that a bare process takes, two at a time."""
    begin = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: subprocess.run(argv, check=True, capture_output=True), range(RUNS)))
    return (time.monotonic() - begin) / RUNS


def queued(job: str, root: Path, machine: Path) -> tuple[float, float, int]:
    """Return the seconds of submitting a run and of running it, and how many succeeded."""
    gates = Gates(machine)
    gates.pause(EVERYTHING, "until all are there")
    begin = time.monotonic()
    runs = [confjob.launch(job, project=root) for _ in range(RUNS)]
    submitted = time.monotonic()
    gates.resume(EVERYTHING)
    resumed = time.time()
    ring(machine)
    ends = [root / ".confjob" / "runs" / run.id / "attempts" / "1" / "end.json" for run in runs]
    for path in ends:
        until(path.exists)
    last = max(float((read_record(path) or {})["at"]) for path in ends)
    succeeded = sum(run.wait()["state"] == "SUCCEEDED" for run in runs)
    return (submitted - begin) / RUNS, (last - resumed) / RUNS, succeeded


def latency(root: Path) -> tuple[float, float]:
    """Return the seconds from a run's place in the queue to its script, and to its command."""
    run = confjob.launch("clock", project=root)
    run.wait()
    folder = root / ".confjob" / "runs" / run.id
    queued = float((read_record(folder / "queue.json") or {})["queued"])
    begun = float((read_record(folder / "attempts" / "1" / "start.json") or {})["at"])
    return begun - queued, float(run.logs()) - queued


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.05)


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


if __name__ == "__main__":
    main()
