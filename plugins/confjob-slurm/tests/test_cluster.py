"""The backend with a real Slurm: what it takes, runs, forgets and says when it is not there."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from attrs import evolve, fields
from confjob_slurm import SLURM, commands
from confjob_slurm.engine import SlurmEngine
from confjob_slurm.options import Directives, SlurmOptions
from confjob_slurm.script import batches

from confjob.plugin import BackendError, Resources, State
from confjob.submit import submit
from confjob.testing import check_backend
from confjob.testing.jobs import Job, JobFolder
from confjob.track import status, statuses

pytestmark = pytest.mark.usefixtures("cluster")

SECONDS = 120.0


def engine(**options: object) -> SlurmEngine:
    """Return an engine that is in no hurry to kill, and quick when it must."""
    return SlurmEngine(options=SlurmOptions(**{"grace": 1.0, **options}))


def until(holds: Callable[[], object], seconds: float = SECONDS, pause: float = 0.3) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(pause)


def submitted(given: SlurmEngine, jobs: Sequence[Job]) -> dict[str, str]:
    """Submit as a launch does; returns handles by run."""
    list(submit(given, [job.submission for job in jobs]))
    return {job.run: str(job.folder.handle) for job in jobs}


def ended(given: SlurmEngine, *jobs: Job) -> list[State]:
    """Wait until runs are over; returns their states."""
    told: dict[str, State] = {}

    def over() -> bool:
        told.update({run: each.state for run, each in told_of(given, jobs).items()})
        return all(state.final for state in told.values())

    until(over)
    return [told[job.run] for job in jobs]


def told_of(given: SlurmEngine, jobs: Sequence[Job]):
    return statuses([(job.folder, given) for job in jobs])


@pytest.fixture(scope="module", autouse=True)
def overdue(cluster, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A run that goes on beyond its time limit, which Slurm counts in minutes: begun before all else."""
    folder = tmp_path_factory.mktemp("overdue")
    made = JobFolder(state=folder / ".confjob", resources=Resources(time=1)).shell("exec sleep 600")
    submitted(engine(), [made])
    return made


def test_it_is_a_backend(tmp_path):
    check_backend(SLURM, {"grace": 1, "partition": "main"}, tmp_path, seconds=240, pause=0.5)


def test_fifty_runs_of_one_array_run_to_their_end_each_as_itself(jobs, counted):
    made = [jobs.shell(f"echo {index} >number; exit {index % 2}") for index in range(50)]
    submitted(engine(), made)
    assert ended(engine(), *made) == [State.SUCCEEDED, State.FAILED] * 25
    assert [int(job.made("number")) for job in made] == list(range(50))
    assert Counter(counted.read_text().split("\n"))["sbatch --parsable"] == 1


def test_a_thousand_runs_are_one_sbatch_one_squeue_and_one_scancel(jobs, counted, monkeypatch):
    # Ten thousand times a disk that is shared with others.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    made = [jobs.echo() for _ in range(1000)]
    given = engine(hold=True)
    commands.config()
    counted.write_text("")
    handles = submitted(given, made)
    assert counted.read_text() == "sbatch --parsable\n"
    assert len({handle.partition("_")[0] for handle in handles.values()}) == 1
    counted.write_text("")
    told = given.poll(handles.values())
    assert counted.read_text() == "squeue --noheader\n"
    assert {each.state for each in told.values()} == {State.QUEUED}
    assert {each.reason for each in told.values()} == {"held; `scontrol release` lets it go (JobHeldUser)"}
    counted.write_text("")
    for job in made:
        job.folder.request_cancel("check")
    given.cancel(handles.values())
    assert Counter(counted.read_text().split())["scancel"] == 1
    assert Counter(each.state for each in told_of(given, made).values()) == {State.CANCELLED: 1000}


def test_arrays_are_no_larger_than_may_be(jobs, counted):
    made = [jobs.echo() for _ in range(7)]
    handles = submitted(engine(hold=True, max_array=3), made)
    assert counted.read_text().count("sbatch") == 3
    assert (
        Counter(handle.partition("@")[0].partition("_")[0] for handle in handles.values()).most_common()[0][1]
        == 3
    )
    engine().cancel(handles.values())


def test_runs_that_need_other_things_are_not_in_one_array(jobs):
    small, large = jobs, evolve(jobs, resources=Resources(cpus=2.5, memory=64 << 20, time=90))
    made = [small.echo(), large.echo(), small.echo(), large.echo()]
    handles = submitted(engine(hold=True), made)
    arrays = [handles[job.run].partition("_")[0] for job in made]
    assert arrays[0] == arrays[2] != arrays[1] == arrays[3]
    said = subprocess.run(
        ["scontrol", "show", "job", "--oneliner", arrays[1]], capture_output=True, text=True, check=True
    ).stdout
    assert "TimeLimit=00:02:00" in said
    assert "CPUs/Task=3" in said
    assert "MinMemoryNode=64M" in said
    engine().cancel(handles.values())


def test_a_gpu_is_given_by_its_type(jobs):
    made = evolve(jobs, resources=Resources(gpus=1)).shell('printf %s "$CUDA_VISIBLE_DEVICES" >gpus')
    submitted(engine(gpu_type="toy"), [made])
    assert ended(engine(), made) == [State.SUCCEEDED]
    assert made.made("gpus") == b"0"


def test_every_option_is_one_that_sbatch_has():
    newer = {"tres-per-task"}  # than the Slurm that Debian has
    for name in {each.name.replace("_", "-") for each in fields(Directives)} - newer:
        argv = ["sbatch", "--test-only", f"--{name}=1", "--wrap=true"]
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
        assert "unrecognized option" not in said, name


def test_what_slurm_refuses_is_told_in_its_words_and_leaves_nothing(jobs):
    made = jobs.echo()
    with pytest.raises(BackendError, match="invalid partition specified: no-such") as refused:
        submitted(engine(partition="no-such"), [made])
    assert "sinfo" in refused.value.hint
    told = status(made.folder, engine())
    assert told.state is State.FAILED
    assert "invalid partition" in told.reason


def test_an_attempt_is_submitted_once(jobs):
    made = jobs.shell("exit 0")
    handles = submitted(engine(hold=True), [made])
    with pytest.raises(BackendError, match="was submitted before"):
        list(engine(hold=True).submit([made.submission]))
    engine().cancel(handles.values())


def test_two_nodes_run_the_command_once_each_with_what_torchrun_needs(jobs):
    script = (
        'printf "%s " "$MASTER_ADDR" "$NNODES" "$NODE_RANK" "$PET_NNODES" "$PET_NODE_RANK" '
        '"$PET_RDZV_BACKEND" "$PET_RDZV_ID" "$(nproc >/dev/null && echo "$@")" >"rank$NODE_RANK"; '
        'test "$PET_RDZV_ENDPOINT" = "$MASTER_ADDR:$MASTER_PORT"'
    )
    made = evolve(jobs, resources=Resources(nodes=2, cpus=2)).shell(script, "it's $HOME")
    submitted(engine(), [made])
    assert ended(engine(), made) == [State.SUCCEEDED]
    for rank in "01":
        expected = f"node1 2 {rank} 2 {rank} c10d {made.run} it's $HOME "
        assert made.made(f"rank{rank}").decode() == expected, made.folder.log.read_text()


def test_a_requeued_job_is_another_attempt_of_its_run(jobs, cluster):
    script = 'echo "$CONFJOB_ATTEMPT$CONFJOB_RESUME" >>attempts; [ "$CONFJOB_ATTEMPT" = 2 ] || exec sleep 600'
    made = jobs.shell(script)
    handle = submitted(engine(), [made])[made.run]
    until(lambda: made.made("attempts"))
    cluster.scontrol("requeue", handle.partition("@")[0])
    until(lambda: status(made.folder, engine()).state is State.QUEUED)
    assert ended(engine(), made) == [State.SUCCEEDED]
    assert made.made("attempts") == b"1\n2preempted\n"
    assert made.folder.attempts == (1, 2)
    assert engine().find({made.run: made.folder.path}) == {made.run: handle}


def test_a_controller_that_is_away_makes_nothing_up_and_knows_all_when_it_is_back(jobs, cluster):
    made = [jobs.echo() for _ in range(3)]
    handles = submitted(engine(hold=True), made)
    cluster.stop_controller()
    try:
        for _ in range(2):
            with pytest.raises(BackendError, match=r"[Uu]nable to contact slurm controller"):
                engine().poll(handles.values())
        told = told_of(engine(), made)
        assert {each.state for each in told.values()} == {State.QUEUED}
        assert all("unknown since" in each.reason and each.as_of is None for each in told.values())
        late = jobs.echo()
        with pytest.raises(BackendError, match=r"[Uu]nable to contact"):
            submitted(engine(), [late])
    finally:
        cluster.start_controller()
    until(lambda: {each.as_of is None for each in told_of(engine(), made).values()} == {False})
    for handle in handles.values():
        cluster.scontrol("release", handle.partition("@")[0])
    assert ended(engine(), *made) == [State.SUCCEEDED] * 3
    assert status(late.folder, engine()).state is State.FAILED


def test_a_job_that_slurm_forgot_is_lost_and_not_running(jobs):
    known = submitted(engine(hold=True), [made := jobs.echo()])[made.run]
    unknown = f"4000000@{commands.config().cluster}"
    told = engine().poll([known, unknown, f"{known.partition('@')[0]}@elsewhere", "4", "x@y"])
    assert {handle: each.state for handle, each in told.items()} == {known: State.QUEUED, unknown: State.LOST}
    engine().cancel([known])


def test_the_check_finds_a_misspelt_partition():
    assert list(engine(partition="main,other").check()) == []
    (problem,) = engine(partition="mian").check()
    assert (problem.message, problem.hint) == ("there is no partition 'mian'", "did you mean 'main'?")


def test_variables_of_the_shell_do_not_change_what_is_submitted(jobs, monkeypatch):
    for name, value in {
        "SBATCH_PARTITION": "no-such",
        "SBATCH_EXPORT": "ALL",
        "SBATCH_COMMENT": "x",
        "SQUEUE_FORMAT": "%j",
        "SQUEUE_STATES": "FAILED",
        "SLURM_EXPORT_ENV": "ALL",
        "LEAKED": "1",
    }.items():
        monkeypatch.setenv(name, value)
    made = jobs.shell('printf "%s" "${LEAKED-no}" >leaked')
    submitted(engine(), [made])
    assert ended(engine(), made) == [State.SUCCEEDED]
    assert made.made("leaked") == b"no"


def test_what_is_submitted_is_what_the_preview_shows(jobs):
    made = [jobs.echo() for _ in range(3)]
    given = engine(hold=True, constraint='a "b" \\ #c')
    (batch,) = batches([job.submission for job in made], given.options, 1001)
    shown = given.preview([job.submission for job in made])
    with pytest.raises(BackendError, match=r"[Ii]nvalid feature"):
        list(given.submit([job.submission for job in made]))
    written = (batch.folder / "batch.sh").read_text()
    assert shown.startswith(written.rstrip("\n"))
    assert all(str(job.submission.script) in shown for job in made)


def test_a_run_beyond_its_time_limit_fails_by_it(overdue):
    assert ended(engine(), overdue) == [State.FAILED]
    assert status(overdue.folder, engine()).reason == "time limit of 1 min 0 s"
