"""One story over every engine: the same job, unchanged, with nothing but another target."""

import json
import shutil
import sys
import time

import pytest

from confjob.testing import ProjectFolder
from confjob.testing.jobs import HOSTILE

from .conftest import REPOSITORY, placed

JOB = """
import json, os, sys, time
from pathlib import Path

config = json.loads(Path("config.json").read_text())
print("begun", config["number"], flush=True)
said = {"argv": sys.argv[1:], "config": config, "env": os.environ.get("HOSTILE"), "bytes": Path("config.json").read_text()}
Path("said.json").write_text(json.dumps(said))
if config["fails_before"] > int(os.environ["CONFJOB_ATTEMPT"]):
    sys.exit(3)
deadline = time.time() + config["seconds"]
while time.time() < deadline:
    Path("beat").write_text(str(time.time()))
    time.sleep(0.1)
print("done", flush=True)
"""
CONFIG = '{\n  "number":  1,\n  "text": "",\n  "seconds": 0,\n  "fails_before": 0\n}\n'
PATIENCE = 240


@pytest.fixture
def job(on, kind):
    """Return the project with one job, whose target is the engine."""

    def written(resources=None, **options):
        asked = f"resources = {_inline(resources)}\n" if resources else ""
        on.write(
            {
                "job.py": JOB,
                "config.json": CONFIG,
                "launch.toml": f"""
default-target = "there"
[jobs.job]
command = ["python", "job.py"]
env = {{ HOSTILE = "" }}
{asked}
[[jobs.job.files]]
path = "config.json"
[targets.there]
{kind.target(**options)}
""",
            }
        )
        return on

    return written


def _inline(table):
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) + " }"


def launched(project, *options):
    return project.json("launch", "job", *options)["id"]


def over(project, run):
    """Wait until a run is over; returns how `status` tells it."""
    return project.wait(run, seconds=PATIENCE)


def said(project, run):
    """Return what the job wrote down, as `confjob outputs` has it."""
    folder = project.root.parent / f"outputs-{run}"
    project.confjob("outputs", run, "--copy", str(folder))
    return json.loads((folder / "said.json").read_text())


def test_a_run_is_followed_to_its_end_and_saw_its_patched_file(job):
    project = job()
    done = project.confjob("launch", "job", "--set", "number=7", "--follow")
    run = done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[1:] == ["begun 7", "done"]
    assert f"{run} SUCCEEDED" in done.stderr
    assert said(project, run)["bytes"] == CONFIG.replace("1", "7", 1)
    assert project.confjob("logs", run).stdout == "begun 7\ndone\n"
    assert (project.root / "config.json").read_text() == CONFIG


def test_a_failure_is_told_with_its_exit_code_and_a_retry_begins_another_attempt(job):
    project = job()
    assert project.confjob("launch", "job", "--set", "fails_before=2", "--follow", code=4).stdout
    run = project.json("runs")[0]["id"]
    told = over(project, run)
    assert (told["state"], told["exit_code"], told["attempts"]) == ("FAILED", 3, 1)
    project.confjob("retry", run)
    told = over(project, run)
    assert (told["state"], told["attempts"]) == ("SUCCEEDED", 2)


def test_hostile_values_arrive_byte_for_byte(job):
    project = job()
    text = "".join(HOSTILE)
    project.write({"hostile.py": _HOSTILE})
    run = project.run(sys.executable, "hostile.py").stdout.strip()
    assert over(project, run)["state"] == "SUCCEEDED", project.output(run)
    told = said(project, run)
    assert told["config"]["text"] == text
    assert told["env"] == text
    assert told["argv"] == list(HOSTILE)


_HOSTILE = """
from confjob.pipeline import Request, launching, make_plan
from confjob.project import Project
from confjob.testing.jobs import HOSTILE
text = "".join(HOSTILE)
project = Project.find()
values = {"config.json": {"text": text}, "env": {"HOSTILE": text}}
plan = make_plan(project, Request(job="job", values=values, extra=HOSTILE))
print(*launching.start_all([launching.launch(project, plan)]))
"""


def test_a_running_job_is_cancelled_and_nothing_of_it_goes_on(job):
    project = job()
    run = launched(project, "--set", "seconds=600")
    project.wait(run, "RUNNING", seconds=PATIENCE)
    project.confjob("cancel", run)
    told = over(project, run)
    assert told["state"] == "CANCELLED", told
    assert "cancelled by" in told["reason"]
    beat = project.root / ".confjob" / "runs" / run / "workspace" / "beat"
    before = beat.read_text() if beat.exists() else ""
    time.sleep(1)
    assert (beat.read_text() if beat.exists() else "") == before


def test_a_queued_job_is_cancelled_and_never_starts(job, kind):
    project = job(resources=dict(kind.whole))
    first = launched(project, "--set", "seconds=600")
    if kind.whole:
        project.wait(first, "RUNNING", seconds=PATIENCE)
    second = launched(project, "--set", "seconds=600")
    if kind.whole:
        assert project.wait(second, "QUEUED", seconds=PATIENCE)["reason"], "why it waits"
    project.confjob("cancel", second)
    assert over(project, second)["state"] == "CANCELLED"
    if kind.whole:
        assert not list((project.root / ".confjob/runs" / second).glob("attempts/*/start.json"))
        assert (told := project.json("status", first))["state"] == "RUNNING", told
    project.confjob("cancel", first)
    assert over(project, first)["state"] == "CANCELLED"


def test_a_time_limit_ends_a_run_and_is_told(job, kind):
    project = job()
    run = launched(project, "--set", "seconds=600", "--set", f"resources:time={kind.limit}")
    told = over(project, run)
    assert told["state"] == "FAILED"
    assert "time limit" in told["reason"], told


def test_many_runs_are_handed_over_together_and_each_has_its_own_values(job, kind):
    project = job()
    project.write({"many.py": _MANY})
    runs = project.run(sys.executable, "many.py", str(kind.batch)).stdout.split()
    assert len(set(runs)) == kind.batch
    for number, run in enumerate(runs):
        assert over(project, run)["state"] == "SUCCEEDED"
        assert said(project, run)["config"]["number"] == number


_MANY = """
import sys
from confjob.pipeline import Request, launching, make_plan
from confjob.project import Project
project = Project.find()
plans = [make_plan(project, Request(job="job", sets=(f"number={n}",))) for n in range(int(sys.argv[1]))]
print(*launching.start_all([launching.launch(project, plan) for plan in plans]))
"""


@pytest.fixture(scope="session")
def metrics_here(tmp_path_factory):
    """Return the metrics of the example on this machine, without confjob."""
    folder = tmp_path_factory.mktemp("digits") / "digits"
    project = ProjectFolder.copy_of(REPOSITORY / "examples" / "digits", folder)
    project.run(sys.executable, "train.py")
    return json.loads((folder / "metrics.json").read_text())


def test_the_digits_example_runs_unchanged_and_its_metrics_are_equal(kind, project, metrics_here, tmp_path):
    digits = placed(project, kind)
    for file in (REPOSITORY / "examples" / "digits").iterdir():
        if file.is_file():
            shutil.copy(file, digits.root)
    config = tmp_path / "config" / "confjob" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f"[targets.there]\n{kind.target()}\n")
    digits.environ["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    run = digits.json("launch", "train", "--target", "there")["id"]
    told = over(digits, run)
    assert told["state"] == "SUCCEEDED", digits.confjob("logs", run).stdout
    digits.confjob("outputs", run, "--copy", str(tmp_path / "made"))
    assert json.loads((tmp_path / "made" / "metrics.json").read_text()) == metrics_here
