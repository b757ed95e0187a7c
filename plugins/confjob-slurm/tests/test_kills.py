"""`kill -9` of a launch at any moment: no run is unknown after it, and none runs twice.

A wrapper in the place of `sbatch` kills the process that called it at the moment under test; the
real one does what it does. A job says that it ran by one more line in a file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confjob_slurm.engine import SlurmEngine
from confjob_slurm.options import SlurmOptions

from confjob.plugin import BackendError, State
from confjob.store import RunFolder, Store
from confjob.track import statuses

pytestmark = pytest.mark.usefixtures("cluster")

_RUNS = 4

_LAUNCH = """
import sys
from pathlib import Path
from confjob_slurm.engine import SlurmEngine
from confjob_slurm.options import SlurmOptions
from confjob.submit import submit
from confjob.testing.jobs import JobFolder
jobs = JobFolder(state=Path(sys.argv[1]))
made = [jobs.shell("echo ran >>ran") for _ in range(int(sys.argv[2]))]
print("made", flush=True)
engine = SlurmEngine(options=SlurmOptions(max_array=2))
for run in submit(engine, [job.submission for job in made]):
    print(run, flush=True)
"""

#: What the wrapper does, and how many of the four runs Slurm then has.
_MOMENTS = {
    "before sbatch is under way": ('kill -KILL "$PPID"; exit 1', 0),
    "before Slurm has it": ('kill -KILL "$PPID"; exec "$real" "$@"', 2),
    "after Slurm has it": ('"$real" "$@"; kill -KILL "$PPID"', 2),
    "while Slurm takes its time": ('kill -KILL "$PPID"; sleep 3; exec "$real" "$@"', 2),
    "and sbatch as well": ('kill -KILL "$PPID"; kill -KILL $$', 0),
}

#: Seconds from when the run folders are there to the kill.
_WAITS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.12, 0.2)


def launch(state: Path, script: str, tmp_path: Path) -> subprocess.Popen[bytes]:
    """Start a process that submits four runs as two arrays, with `sbatch` as a script has it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "sbatch"
    wrapper.write_text(f'#!/bin/sh\nreal="{shutil.which("sbatch")}"\n{script}\n')
    wrapper.chmod(0o755)
    return subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(state), str(_RUNS)],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


def settled(folders: list[RunFolder]) -> dict[str, State]:
    """Wait until every run is over, as `confjob status` tells it; returns their states."""
    engine = SlurmEngine(options=SlurmOptions())
    deadline = time.monotonic() + 90
    while True:
        told = statuses([(folder, engine) for folder in folders])
        if all(each.state.final for each in told.values()):
            return {run: each.state for run, each in told.items()}
        assert time.monotonic() < deadline, f"unknown for ever: {told}"
        time.sleep(0.5)


def ran(folder: RunFolder) -> int:
    path = folder.path / "workspace" / "ran"
    return len(path.read_text().split()) if path.exists() else 0


def check(folders: list[RunFolder]) -> list[State]:
    """Assert that what is told of runs is what happened, and goes on being told."""
    told = settled(folders)
    for folder in folders:
        assert told[folder.id] in (State.SUCCEEDED, State.FAILED)
        assert ran(folder) == (told[folder.id] is State.SUCCEEDED), (
            f"{told[folder.id]}, ran {ran(folder)} times"
        )
    time.sleep(3)
    assert settled(folders) == told
    assert [ran(folder) for folder in folders] == [told[folder.id] is State.SUCCEEDED for folder in folders]
    return [told[folder.id] for folder in folders]


@pytest.fixture(scope="module")
def killed(cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[RunFolder]]:
    """The runs of launches that were killed, by the moment: all at once, for each takes its time."""
    found = {}
    for moment, (script, _) in _MOMENTS.items():
        folder = tmp_path_factory.mktemp("moment")
        process = launch(folder / "it's a folder" / ".confjob", script, folder)
        process.communicate(timeout=60)
        assert process.returncode == -9
        found[moment] = Store(state=folder / "it's a folder" / ".confjob").every()
    return found


@pytest.mark.parametrize("moment", _MOMENTS)
def test_no_run_is_unknown_and_none_runs_twice_when_the_launch_is_killed(moment, killed):
    taken = _MOMENTS[moment][1]
    assert len(killed[moment]) == _RUNS
    assert sorted(check(killed[moment])) == [State.FAILED] * (_RUNS - taken) + [State.SUCCEEDED] * taken


def test_a_kill_at_any_time_loses_nothing(tmp_path):
    folders = []
    for wait in _WAITS:
        folder = tmp_path / str(wait)
        folder.mkdir()
        process = launch(folder / ".confjob", 'exec "$real" "$@"', folder)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.communicate(timeout=60)
        folders += Store(state=folder / ".confjob").every()
    assert len(folders) == _RUNS * len(_WAITS)
    check(folders)


def test_while_an_sbatch_outlives_its_launch_nobody_says_that_there_is_no_run(tmp_path):
    state = tmp_path / ".confjob"
    process = launch(state, 'kill -KILL "$PPID"; sleep 7; exec "$real" "$@"', tmp_path)
    process.communicate(timeout=60)
    folders = Store(state=state).every()
    engine = SlurmEngine(options=SlurmOptions())
    begun = [folder for folder in folders if (folder.path / "slurm.json").exists()]
    assert len(begun) == 2
    for _ in range(5):
        with pytest.raises(BackendError, match="still under way"):
            engine.find({folder.id: folder.path for folder in begun})
        assert not any(each.state.final for each in statuses([(each, engine) for each in begun]).values())
        time.sleep(1)
    assert sorted(check(folders)) == [State.FAILED, State.FAILED, State.SUCCEEDED, State.SUCCEEDED]


def test_a_job_that_turns_up_after_its_batch_was_given_up_does_nothing(tmp_path):
    state = tmp_path / ".confjob"
    process = launch(state, '"$real" --hold "$@"; kill -KILL "$PPID"', tmp_path)
    process.communicate(timeout=60)
    (folder,) = (each for each in (state / "slurm").iterdir() if not each.name.startswith("."))
    # As if Slurm had not shown it when it was asked.
    (folder / "abandoned.json").write_text("{}")
    user = f"--user={os.getuid()}"
    listed = subprocess.run(
        ["squeue", user, "--noheader", "--format=%F|%k"], capture_output=True, text=True, check=True
    ).stdout
    (job,) = {line.partition("|")[0] for line in listed.splitlines() if line.endswith(f":{folder.name}")}
    subprocess.run(["scontrol", "release", job], check=True)
    assert check(Store(state=state).every()) == [State.FAILED] * _RUNS


def test_runs_that_wait_are_found_by_their_comment_alone_and_not_given_up(tmp_path):
    state = tmp_path / ".confjob"
    process = launch(state, '"$real" --hold "$@"; kill -KILL "$PPID"', tmp_path)
    process.communicate(timeout=60)
    engine = SlurmEngine(options=SlurmOptions())
    runs = {folder.id: folder.path for folder in Store(state=state).every()}
    found = dict(engine.find(runs))
    assert len(found) == 2
    assert {each.state for each in engine.poll(found.values()).values()} == {State.QUEUED}
    assert dict(engine.find(runs)) == found
    assert not list((state / "slurm").glob("*/abandoned.json"))
    engine.cancel(found.values())
