"""A person's and a machine's settings: what they give, what is stronger, and where it is shown."""

import json
import shutil
from pathlib import Path

import pytest

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
env = { MODE = "project" }
[jobs.train.resources]
cpus = 2
[[jobs.train.files]]
path = "config.yaml"
[targets.here]
backend = "local"
grace = 1
"""
SCRIPT = """
import json, os, pathlib
names = ("MODE", "HF_HOME", "SITE", "API_TOKEN")
print(json.dumps({name: os.environ.get(name) for name in names}))
pathlib.Path("made.txt").write_text("made")
"""
USER = """
default-target = "mine"
[env]
MODE = "user"
HF_HOME = "/data/hf"
API_TOKEN = "s3cret"
[resources]
cpus = 8
time = "4h"
[targets.mine]
backend = "local"
grace = 3
[targets.here]
backend = "local"
grace = 99
"""
SITE = """
state-dir = "/not/used"
default-target = "shared"
[env]
SITE = "site"
HF_HOME = "/site/hf"
[targets.shared]
backend = "local"
[targets.mine]
backend = "local"
slots = 1
"""


class Settings:
    """The settings of the person who uses the project, and of the machine."""

    def __init__(self, project, top: Path) -> None:
        self.user = top / "user" / "confjob" / "config.toml"
        self.site = top / "site" / "confjob" / "config.toml"
        project.environ |= {"XDG_CONFIG_HOME": str(top / "user"), "XDG_CONFIG_DIRS": str(top / "site")}

    def write(self, user: str = "", site: str = "") -> None:
        for path, text in ((self.user, user), (self.site, site)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.fixture
def settings(project, tmp_path):
    project.write({"launch.toml": MANIFEST, "train.py": SCRIPT, "config.yaml": "lr: 0.1\n"})
    return Settings(project, tmp_path / "settings")


def printed(project, run):
    return json.loads(project.output(run["id"]))


# -- what they give --------------------------------------------------------------------


def test_what_every_job_gets_lies_under_what_the_project_says_and_the_users_over_the_sites(project, settings):
    settings.write(user=USER, site=SITE.replace("/not/used", str(project.root.parent / "state")))
    run = project.launch("train")
    assert printed(project, run) == {
        "MODE": "project",
        "HF_HOME": "/data/hf",
        "SITE": "site",
        "API_TOKEN": "s3cret",
    }
    assert run["target"] == "mine"
    record = json.loads((Path(run["dir"]) / "run.json").read_text())
    assert record["options"] == {"grace": 3}, "the user's target, whole: nothing of the site's"


def test_a_function_without_a_manifest_gets_them_too(project, settings):
    (project.root / "launch.toml").unlink()
    project.write({"job.py": "import os\ndef train(lr: float = 1.0):\n    print(os.environ['SITE'])\n"})
    settings.write(site='[env]\nSITE = "here"\n')
    assert project.output(project.launch("job.py:train")["id"]) == "here\n"


def test_what_code_declares_of_its_own_job_is_stronger(project, settings):
    code = """
from confjob import job
@job(env={"SITE": "code"})
def train(lr: float = 1.0):
    import os
    print(os.environ["SITE"], os.environ["MODE"])
"""
    project.write({"job.py": code})
    settings.write(site='[env]\nSITE = "site"\nMODE = "site"\n')
    assert project.output(project.launch("job.py:train")["id"]) == "code site\n"


def test_the_manifests_target_and_default_are_stronger(project, settings):
    settings.write(user=USER)
    project.write({"launch.toml": 'default-target = "here"\n' + MANIFEST})
    plan = project.json("plan", "train")
    assert plan["target"] == "here"
    assert plan["target_where"].startswith("launch.toml:")
    plan = project.json("plan", "train", "--target", "mine")
    assert (plan["target"], plan["target_where"]) == ("mine", f"{settings.user}:10:1")


# -- where it is shown -----------------------------------------------------------------


def test_the_place_of_each_value_is_shown(project, settings):
    settings.write(user=USER, site=SITE)
    project.environ["CONFJOB_STATE_DIR"] = str(project.root.parent / "state")
    shown = {f"{each['input']}:{each['path']}": each for each in project.json("show", "train")["inputs"]}
    assert shown["resources:time"]["where"] == f"{settings.user}:9:8"
    assert shown["env:SITE"]["where"] == f"{settings.site}:5:8"
    assert "value" not in shown["env:API_TOKEN"]
    assert "env:MODE" not in shown, "what the project says itself is not the settings'"
    told = project.confjob("explain", "train", "resources:time").stdout
    assert "the settings, which every job gets" in told
    assert f"{settings.user}:9" in told
    change = project.json("plan", "train", "--set", "resources:time=1h")["changes"][0]
    assert (change["before"], change["where"]) == ("4h", f"{settings.user}:9:8")


def test_under_home_the_place_is_short(project, settings):
    settings.write(user="[env]\nA = 'x'\n")
    project.environ["HOME"] = str(settings.user.parents[2])
    assert project.json("settings")["settings"][0]["where"] == "~/user/confjob/config.toml:2:5"


def test_they_are_listed_with_what_is_used_and_no_secret(project, settings):
    settings.write(user=USER, site=SITE)
    listed = project.json("settings")
    found = {(each["key"], each["owner"]): each for each in listed["settings"]}
    assert [file["exists"] for file in listed["files"]] == [True, True]
    assert found["env.HF_HOME", "user"]["used"]
    assert not found["env.HF_HOME", "site"]["used"]
    assert found["state-dir", "site"]["value"] == "/not/used"
    text = project.confjob("settings").stdout
    assert "s3cret" not in text + json.dumps(listed)
    assert "env.API_TOKEN" in text


def test_without_any_the_places_are_told(project, settings):
    done = project.confjob("settings")
    assert str(settings.user) in done.stdout
    assert "not there" in done.stdout


def test_their_schema_is_printed(project, settings):
    schema = project.confjob("schema", "--settings").stdout
    assert set(json.loads(schema)["properties"]) == {
        *("state-dir", "default-target", "targets", "policy", "env", "resources"),
    }


# -- faults ----------------------------------------------------------------------------


def test_all_faults_of_all_files_are_told_at_once_each_with_its_line(project, settings):
    settings.write(
        user='defualt-target = "x"\nstate-dir = "runs"\n[env]\nA = 1\n[resources]\ngpu = 1\nmemory = "lots"\n',
        site="[targets]\nx = 1\n",
    )
    told = project.json("settings", code=1)["problems"]
    assert {(each["path"], each["where"].rpartition(":")[0]) for each in told} == {
        ("defualt-target", f"{settings.user}:1"),
        ("state-dir", f"{settings.user}:2"),
        ("env.A", f"{settings.user}:4"),
        ("resources.gpu", f"{settings.user}:6"),
        ("resources.memory", f"{settings.user}:7"),
        ("targets.x", f"{settings.site}:2"),
    }
    hints = {each["path"]: each["hint"] for each in told}
    assert hints["defualt-target"] == "did you mean 'default-target'?"
    assert hints["resources.gpu"] == "did you mean 'gpus'?"


@pytest.mark.parametrize("verb", ["settings", "doctor", "jobs"])
def test_a_fault_in_a_secret_is_told_without_it(project, settings, verb):
    faulty = "API_TOKEN = 31415926\n"
    settings.write(user=f"[env]\n{faulty}" if verb != "jobs" else "")
    if verb == "jobs":
        project.write({"launch.toml": f"{MANIFEST}[jobs.other]\ncommand = ['x']\n[jobs.other.env]\n{faulty}"})
    done = project.confjob(verb, code=1)
    assert "must be text" in done.stdout + done.stderr
    assert "31415926" not in done.stdout + done.stderr


def test_secrets_of_targets_are_masked(project, settings):
    settings.write(user="[targets.x]\nbackend = 'nosuch'\n[targets.x.login]\npassword = 's3cret'\n")
    assert "s3cret" not in project.confjob("settings").stdout
    assert project.json("settings")["settings"][0]["value"]["login"]["password"] == "••••••"


def test_an_unknown_default_is_told_with_the_line_that_names_it(project, settings):
    settings.write(user='default-target = "hree"\n')
    told = project.json("plan", "train", code=1)["problems"][0]
    assert told["where"] == f"{settings.user}:1:18"
    assert told["hint"] == "did you mean 'here'?"


@pytest.mark.parametrize("fault", ["[env\n", "[env]\nA = 1\n", 'targts = 1\n[env]\nA = "x'])
def test_a_broken_file_hurts_only_what_needs_it(project, settings, tmp_path, fault):
    state = f'state-dir = "{tmp_path / "state"}"\n'
    settings.write(user=state)
    run = project.launch("train")
    settings.write(user=state + fault)
    for needs in (("plan", "train"), ("launch", "train"), ("show", "train"), ("settings",)):
        assert str(settings.user) in project.confjob(*needs, code=1).stderr
    project.confjob("jobs")
    assert project.json("status", run["id"])["state"] == "SUCCEEDED"
    assert "MODE" in project.output(run["id"])
    assert [each["id"] for each in project.runs()] == [run["id"]]
    project.confjob("cancel", run["id"])
    project.confjob("outputs", run["id"])


def test_where_state_dir_cant_be_read_nothing_is_guessed(project, settings):
    settings.write(user='state-dir = "/scratch\n[env]\nA = "x"\n')
    assert f"{settings.user}:1" in project.confjob("runs", code=1).stderr
    settings.write(user='state-dir = "$SCRATCH/confjob"\n')
    assert "variables are not replaced" in project.confjob("runs", code=1).stderr
    project.environ["CONFJOB_STATE_DIR"] = "runs"
    refused = project.confjob("runs", code=1).stderr
    assert "CONFJOB_STATE_DIR" in refused
    assert "relative" in refused


# -- state-dir -------------------------------------------------------------------------


def other_disk(tmp_path):
    """A folder on another disk than the project's, where this machine has one."""
    memory = Path("/dev/shm")  # the one that most machines have
    if memory.is_dir() and memory.stat().st_dev != tmp_path.stat().st_dev:
        return memory / f"confjob-test-{tmp_path.parent.name}-{tmp_path.name}"
    return None


@pytest.fixture(params=["a folder", "another disk"])
def scratch(request, tmp_path):
    folder = tmp_path / "a scratch disk" if request.param == "a folder" else other_disk(tmp_path)
    if folder is None:
        folder = tmp_path / "no other disk here"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_runs_live_elsewhere(project, settings, scratch):
    """All that is done with runs is done there; the project's own folder stays as it was."""
    big = bytes(range(256)) * 8192
    project.write(
        {"big.bin": big, "train.py": SCRIPT + "assert len(open('big.bin','rb').read()) == 1 << 21\n"}
    )
    settings.write(user=f'state-dir = "{scratch}"\n')
    first = project.launch("train")
    second = project.launch("train", "--set", "lr=0.2")
    assert first["state"] == second["state"] == "SUCCEEDED", project.output(first["id"])
    home = Path(first["dir"]).parents[1]
    assert home.parent == scratch
    assert home.name.startswith("project-")
    assert json.loads((home / "project.json").read_text())["project"] == str(project.root)
    assert [each["path"] for each in project.json("outputs", first["id"])] == ["made.txt"]
    assert "lr" in project.confjob("diff", first["id"], second["id"]).stdout
    project.confjob("rm", first["id"], "--outputs", "--yes")
    assert [run["id"] for run in project.runs()] == [second["id"]]
    assert not (project.root / ".confjob").exists()
    assert (project.root / "big.bin").read_bytes() == big


def test_projects_of_one_name_share_nothing(project, settings, tmp_path):
    settings.write(user=f'state-dir = "{tmp_path / "state"}"\n')
    run = project.launch("train")
    project.confjob("launch", "job.py:train", cwd=".", code=1)
    other = tmp_path / "other" / "project"
    other.mkdir(parents=True)
    (other / "launch.toml").write_text("")
    assert project.confjob("-C", str(other), "runs", "--json").stdout.strip() == "[]"
    assert [each["id"] for each in project.runs()] == [run["id"]]


def test_the_variable_wins_over_the_files(project, settings, tmp_path):
    settings.write(user=f'state-dir = "{tmp_path / "file"}"\n')
    project.environ["CONFJOB_STATE_DIR"] = str(tmp_path / "variable")
    assert Path(project.launch("train")["dir"]).is_relative_to(tmp_path / "variable")
    assert not (tmp_path / "file").exists()
    known = [each for each in project.json("settings")["settings"] if each["key"] == "state-dir"]
    assert [(each["where"].partition(":")[0], each["used"]) for each in known] == [
        ("CONFJOB_STATE_DIR", True),
        (str(settings.user), False),
    ]


def test_runs_that_were_left_in_the_project_are_told(project, settings, tmp_path):
    project.launch("train")
    settings.write(user=f'state-dir = "{tmp_path / "state"}"\n')
    done = project.confjob("runs")
    assert "1 run lies in" in done.stderr
    assert ".confjob" in done.stderr
    project.launch("train")
    assert ".confjob" not in project.confjob("runs").stderr
