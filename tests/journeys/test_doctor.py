"""`confjob doctor`: whoever is stuck is told what is wrong here, and the line that mends it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
[[jobs.train.files]]
path = "config.yaml"
"""


@pytest.fixture
def train(project, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    project.environ |= {"HOME": str(home), "SHELL": "/bin/sh"}
    return project.write({"launch.toml": MANIFEST, "train.py": "", "config.yaml": "lr: 0.1\n"})


def findings(project, *arguments, code=0):
    told = project.json(*arguments, "doctor", code=code)
    assert told["ok"] is (code == 0)
    return {(each["group"], each["name"]): each for each in told["findings"]}


def program(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


# -- nothing is wrong ------------------------------------------------------------------


def test_where_nothing_is_wrong_it_says_so_and_leaves_nothing_behind(train):
    before = sorted(train.root.rglob("*"))
    found = findings(train)
    assert not [each for each in found.values() if each["mark"] == "fail"]
    assert found["jobs", "train"]["mark"] == "ok"
    assert str(train.root) in found["project", "root"]["detail"]
    assert found["targets", "local"]["detail"] == "local, the default"
    kept = [path for path in train.root.rglob("*") if ".confjob" not in path.parts]
    assert sorted(kept) == before
    last = train.confjob("doctor").stdout.splitlines()[-1]
    assert last.startswith("all that this project needs works")


def test_it_works_outside_a_project(project):
    found = findings(project)
    assert found["project", "launch.toml"]["hint"] == "confjob init"
    assert found["jobs", "python"]["mark"] == "ok"
    assert list(project.root.iterdir()) == []


def test_a_terminal_without_these_signs_gets_plain_ones(train):
    train.write({"launch.toml": "x = 1\n"})
    env = {**train.environ, "PYTHONIOENCODING": "ascii"}
    lines = train.confjob("doctor", code=1, env=env).stdout.splitlines()
    assert any(line.startswith("  FAIL launch.toml") for line in lines)
    assert any(line.startswith("  ok   root") for line in lines)
    assert not {"✓", "\\"} & set("".join(lines))


# -- the project -----------------------------------------------------------------------


def test_a_broken_manifest_is_told_with_its_lines_and_the_rest_is_looked_at(train):
    train.write({"launch.toml": "[jobs.train]\ncomand = ['x']\n"})
    text = train.confjob("doctor", code=1).stdout
    assert "launch.toml:2:10" in text
    assert "did you mean 'command'?" in text
    assert "file system" in text
    assert "broken" in text.splitlines()[-1]


def test_broken_settings_are_told_with_their_lines(train):
    path = Path(train.environ["XDG_CONFIG_HOME"], "confjob", "config.toml")
    path.parent.mkdir(parents=True)
    path.write_text('[env]\nAPI_TOKEN = "s3cret"\nA = 1\n')
    done = train.confjob("doctor", code=1)
    assert done.stdout.count(f"{path}:3:5") == 1, "once, though every job and target stumbles on it"
    assert "s3cret" not in done.stdout + done.stderr


def test_without_git_it_says_what_that_means(train, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    train.environ["PATH"] = str(tmp_path / "bin")
    found = findings(train)
    assert found["project", "git"]["mark"] == "warn"
    assert found["project", "git"]["hint"] == "install git"


def test_the_repository_and_its_commit_are_told(train):
    assert "no repository" in findings(train)["project", "git"]["detail"]
    train.git("init", "--quiet")
    assert "no commit yet" in findings(train)["project", "git"]["detail"]
    train.commit()
    assert train.git("rev-parse", "--short", "HEAD").strip() in findings(train)["project", "git"]["detail"]


# -- jobs ------------------------------------------------------------------------------


def test_a_python_that_is_not_there_is_broken(train):
    train.write({"launch.toml": MANIFEST.replace("[[jobs", 'python = ".venv/bin/python"\n[[jobs')})
    found = findings(train, code=1)["jobs", "train"]
    assert "does not exist" in found["detail"]
    assert "python -m venv" in found["hint"]


def test_a_python_without_what_the_code_imports_is_broken(train, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    train.write(
        {
            "launch.toml": MANIFEST.replace("[[jobs", f'python = "{bare}"\n[[jobs'),
            "train.py": "import os\nfrom confjob import load_config\nload_config({})\n",
        }
    )
    found = findings(train, code=1)["jobs", "train"]
    assert found["detail"] == "train.py imports confjob, which this Python has not"
    assert found["hint"] == f"{bare}/bin/python -m pip install confjob"
    train.write({"train.py": "import json\n"})
    assert findings(train)["jobs", "train"]["detail"].startswith(f"Python 3.{sys.version_info[1]}")


def test_a_job_whose_declaration_is_wrong_is_told_and_the_others_are_well(train):
    more = '[jobs.other]\nfunction = "gone.py:f"\n'
    train.write({"launch.toml": MANIFEST + more})
    found = findings(train, code=1)
    assert found["jobs", "train"]["mark"] == "ok"
    assert "gone.py" in found["jobs", "other"]["detail"]


# -- where runs are kept ---------------------------------------------------------------


def test_runs_and_their_place_are_told(train):
    train.launch("train")
    found = findings(train)
    assert found["runs", "runs"]["detail"].startswith("1, ")
    assert found["runs", "snapshots"]["detail"].startswith("1, ")
    assert "free of" in found["runs", "disk"]["detail"]
    assert "locks" in found["runs", "file system"]["detail"]


def test_runs_that_were_left_in_the_project_can_be_brought_along(train, tmp_path):
    run = train.launch("train", "--set", "lr=0.2")["id"]
    train.environ["CONFJOB_STATE_DIR"] = str(tmp_path / "a disk")
    found = findings(train)
    assert "(state-dir, CONFJOB_STATE_DIR), made by the first launch" in found["runs", "folder"]["detail"]
    assert found["runs", "left behind"]["mark"] == "warn"
    subprocess.run(["sh", "-c", found["runs", "left behind"]["hint"]], check=True)
    other = train.launch("train")["id"]
    assert {each["id"] for each in train.runs()} == {run, other}
    assert "lr" in train.confjob("diff", run, other).stdout
    assert ("runs", "left behind") not in findings(train)


def test_a_place_that_is_no_folder_is_broken_and_told_by_whoever_needs_it(train, tmp_path):
    (tmp_path / "file").write_text("")
    train.environ["CONFJOB_STATE_DIR"] = str(tmp_path / "file" / "state")
    assert "is no folder" in findings(train, code=1)["runs", "folder"]["detail"]
    assert "is no folder" in train.confjob("runs", code=1).stderr
    train.confjob("jobs")


def test_a_project_that_moved_is_told_where_its_runs_are(train, tmp_path):
    state = tmp_path / "state"
    train.environ["CONFJOB_STATE_DIR"] = str(state)
    run = train.launch("train")["id"]
    moved = tmp_path / "elsewhere" / "project"
    moved.parent.mkdir()
    train.root.rename(moved)
    train.root = moved
    assert train.runs() == []
    gone = findings(train)["runs", "gone"]
    subprocess.run(["sh", "-c", gone["hint"].partition(",")[0]], check=True)
    assert [each["id"] for each in train.runs()] == [run]
    train.launch("train")
    assert ("runs", "gone") not in findings(train)


# -- plugins and targets ---------------------------------------------------------------


def test_what_the_manifest_asks_for_and_nobody_gives_is_broken(train):
    train.write({"launch.toml": MANIFEST + 'format = "nosuch"\n'})
    assert "'nosuch'" in findings(train, code=1)["plugins", "jobs.train"]["detail"]
    train.write({"launch.toml": 'plugins = ["nosuch"]\n' + MANIFEST})
    assert findings(train, code=1)["project", "launch.toml"]["hint"] == "pip install confjob-nosuch"


def test_a_broken_plugin_that_nothing_needs_is_told_and_breaks_nothing(train):
    train.write({"confjob_plugins.py": "1 / 0\n"})
    told = [each for each in findings(train).values() if "ZeroDivisionError" in each["detail"]]
    assert {(each["group"], each["mark"]) for each in told} == {("plugins", "warn")}


def test_a_target_that_jobs_go_to_must_work_and_others_may_not(train):
    targets = '[targets.far]\nbackend = "nosuch"\n[targets.odd]\nbackend = "local"\ngrac = 1\n'
    train.write({"launch.toml": MANIFEST + targets})
    found = findings(train)
    assert found["targets", "far"]["mark"] == found["targets", "odd"]["mark"] == "warn"
    assert found["targets", "odd"]["hint"] == "did you mean 'grace'?"
    train.write({"launch.toml": 'default-target = "far"\n' + MANIFEST + targets})
    assert findings(train, code=1)["targets", "far"]["mark"] == "fail"
    train.write({"launch.toml": MANIFEST.replace("[[jobs", 'target = "nowhere"\n[[jobs')})
    assert "no target is called 'nowhere'" in findings(train, code=1)["targets", "nowhere"]["detail"]


# -- the machine -----------------------------------------------------------------------


def test_what_the_machine_has_is_told_with_the_plugin_that_would_use_it(train, tmp_path):
    tools = tmp_path / "tools"
    program(tools, "nvidia-smi", "printf 'NVIDIA H100, 81559 MiB\\nNVIDIA H100, 81559 MiB\\n'")
    program(tools, "sbatch", "echo slurm 24.05.1")
    program(tools, "kubectl", "echo no cluster >&2; exit 1")
    train.environ["PATH"] = f"{tools}{os.pathsep}{train.environ['PATH']}"
    found = findings(train)
    assert found["this machine", "nvidia-smi"]["detail"].startswith("2 GPUs: NVIDIA H100, 81559 MiB")
    assert "slurm 24.05.1; confjob-slurm" in found["this machine", "sbatch"]["detail"]
    assert found["this machine", "kubectl"]["detail"] == "found, but it says: no cluster"


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_the_shells_completion_is_looked_for(train, shell, tmp_path):
    places = {"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "settings", "BASH_COMPLETION_USER_DIR": "bash"}
    train.environ |= {name: str(tmp_path / place) for name, place in places.items()}
    train.environ["SHELL"] = f"/usr/bin/{shell}"
    told = findings(train)["confjob", "completion"]
    assert told["mark"] == "note"
    assert told["hint"] == "confjob completion --install"
    train.confjob("completion", "--install")
    assert findings(train)["confjob", "completion"]["mark"] == "ok"


def test_completion_in_a_startup_file_counts(train):
    train.environ["SHELL"] = "/bin/bash"
    Path(train.environ["HOME"], ".bashrc").write_text('eval "$(confjob completion bash)"\n')
    assert findings(train)["confjob", "completion"]["mark"] == "ok"


def test_no_secret_is_printed(train):
    train.write({"launch.toml": MANIFEST + '[jobs.train.env]\nAPI_TOKEN = "s3cret"\n'})
    train.environ["HF_TOKEN"] = "s3cret"
    done = train.confjob("doctor")
    assert "s3cret" not in done.stdout + done.stderr + json.dumps(train.json("doctor"))
