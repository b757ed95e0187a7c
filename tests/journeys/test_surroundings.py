"""What surrounds a job: where its code is imported from, its interpreter, its environment, git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

SRC = {
    "launch.toml": (
        '[jobs.train]\ncommand = ["python", "-m", "digits.train"]\npython = "{python}"\n'
        'files = [{{ path = "src/digits/config.yaml" }}]\n'
    ),
    "src/digits/__init__.py": "",
    "src/digits/config.yaml": "size: 1  # one\n",
    "src/digits/train.py": (
        "from pathlib import Path\nimport digits\n"
        "here = Path(digits.__file__).parent\n"
        "print('workspace' in here.parts, (here / 'config.yaml').read_text().strip())\n"
    ),
    "pyproject.toml": (
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "digits"\nversion = "1"\n[tool.setuptools.packages.find]\nwhere = ["src"]\n'
    ),
}


@pytest.fixture
def other_python(tmp_path):
    """The interpreter of a virtual environment that has no confjob."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    return tmp_path / "env" / "bin" / "python"


def src_project(project, python):
    return project.write({**SRC, "launch.toml": SRC["launch.toml"].format(python=python)})


def assert_workspace_is_read(project):
    run = project.launch("train", "--set", "size=2")
    output = project.output(run["id"])
    assert (run["state"], output) == ("SUCCEEDED", "True size: 2  # one\n"), output


def test_an_editable_install_imports_the_workspace(project, other_python):
    """`pip install -e .` of a src layout, in another environment than confjob's."""
    src_project(project, other_python)
    # The build backend comes from the tests' own environment: no network after installing.
    environ = {**project.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--python",
        str(other_python),
    ]
    install = [*pip, "install", "--no-deps", "--no-build-isolation", "--no-index", "--editable", "."]
    subprocess.run(install, cwd=project.root, env=environ, check=True)
    seen = subprocess.run(
        [other_python, "-c", "import digits; print(digits.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.startswith(str(project.root / "src")), "the install is not editable"
    assert_workspace_is_read(project)


def test_an_exported_pythonpath_imports_the_workspace(project, other_python):
    """`export PYTHONPATH=$PWD/src` is led to the workspace, too."""
    src_project(project, other_python)
    project.environ["PYTHONPATH"] = str(project.root / "src")
    assert_workspace_is_read(project)


def test_an_install_after_the_first_launch_is_noticed(project, other_python):
    """What the interpreter said of its import paths is not believed for ever."""
    src_project(project, other_python)
    project.environ["PYTHONPATH"] = str(project.root / "src")
    assert_workspace_is_read(project)
    del project.environ["PYTHONPATH"]
    site = subprocess.run(
        [other_python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    (Path(site.stdout.strip()) / "digits.pth").write_text(f"{project.root / 'src'}\n")
    assert_workspace_is_read(project)


PRINTS = {
    "launch.toml": '[jobs.env]\ncommand = ["python", "env.py"]\nenv = { OWN = "a $(b) \'c\'" }\n',
    "env.py": "import json, os\nprint(json.dumps(dict(os.environ)))\n",
}


def test_hostile_variables_arrive_as_they_are(project):
    """Newlines, quotes, `$()`, bytes that are no UTF-8; an exported shell function is left out."""
    hostile = {
        "NEWLINES": "a\nb\n\n",
        "QUOTES": 'it\'s "so" `x` \\ $HOME $(touch /tmp/never)',
        "BYTES": os.fsdecode(b"\xff\xfe"),
        "BASH_FUNC_ls%%": "() { echo no\n}",
        "SLURM_JOB_ID": "1",
    }
    project.write(PRINTS).environ.update(hostile)
    run = project.launch("env", "--set", "env:MORE=x y", "--set", "+env:NEW='")
    seen = json.loads(project.output(run["id"]))
    assert run["state"] == "SUCCEEDED"
    assert {name: seen[name] for name in ("NEWLINES", "QUOTES", "BYTES")} == {
        name: hostile[name] for name in ("NEWLINES", "QUOTES", "BYTES")
    }
    assert seen["OWN"] == "a $(b) 'c'"
    assert seen["MORE"] == "x y"
    assert not {"BASH_FUNC_ls%%", "SLURM_JOB_ID"} & seen.keys()


def test_two_megabytes_of_environment_start(project):
    """As much as a process can have at all: the run starts, and its record is right."""
    project.write(PRINTS)
    project.environ.update({f"LARGE_{number}": "x" * 100_000 for number in range(20)})
    run = project.launch("env")
    seen = json.loads(project.output(run["id"]))
    assert run["state"] == "SUCCEEDED"
    assert sum(len(value) for name, value in seen.items() if name.startswith("LARGE_")) == 2_000_000


def test_the_environment_is_in_no_readable_file(project):
    """Environments hold secrets: only the 0600 file has values of it."""
    project.write(PRINTS).environ["TOKEN"] = "very-secret-value"
    run = project.launch("env", "--set", "env:OWN=x")
    folder = Path(run["dir"])
    holding = [
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and b"very-secret-value" in path.read_bytes()
    ]
    assert sorted(map(str, holding)) == ["env", "output.log"]
    assert (folder / "env").stat().st_mode & 0o777 == 0o600


def test_git_in_the_workspace_shows_the_commit_and_the_patch(project):
    """HEAD is the commit at submit; `git diff HEAD` is the uncommitted work and the patch."""
    asks = (
        "import subprocess\n"
        "git = lambda *words: print(subprocess.check_output(['git', *words], text=True).strip())\n"
        "git('rev-parse', 'HEAD')\ngit('diff', '--stat', 'HEAD')\n"
    )
    table = '[jobs.ask]\ncommand = ["python", "ask.py"]\nfiles = [{ path = "config.yaml" }]\n'
    project.write({"launch.toml": table, "ask.py": asks, "config.yaml": "a: 1\n", "work.py": "1\n"}).commit()
    head = project.git("rev-parse", "HEAD").strip()
    project.write({"work.py": "2\n"})
    run = project.launch("ask", "--set", "a=2")
    shown = project.output(run["id"]).splitlines()
    assert (run["commit"], run["dirty"]) == (head, True)
    assert shown[0] == head
    assert [line.split()[0] for line in shown[1:-1]] == ["config.yaml", "work.py"]
    assert project.git("status", "--porcelain") == " M work.py\n"


def test_outputs_stay_and_the_snapshot_goes(project):
    """After the end the workspace has what the job wrote and the patched file."""
    table = '[jobs.out]\ncommand = ["python", "out.py"]\nfiles = [{ path = "config.yaml" }]\n'
    writes = "import pathlib\npathlib.Path('model').mkdir()\npathlib.Path('model/w.bin').write_text('w')\n"
    project.write({"launch.toml": table, "out.py": writes, "config.yaml": "a: 1\n"}).commit()
    run = project.launch("out", "--set", "a=2")
    workspace = Path(run["dir"]) / "workspace"
    left = {str(path.relative_to(workspace)) for path in workspace.rglob("*") if path.is_file()} - {".git"}
    assert left == {"config.yaml", "model/w.bin"}


def test_linked_folders_are_the_checkouts_own(project):
    """What git ignores is not captured; a linked folder is there all the same."""
    table = '[workspace]\nlink = ["data"]\n[jobs.read]\ncommand = ["python", "read.py"]\n'
    reads = "import os\nprint(open('data/x').read(), os.path.exists('big/y'))\n"
    files = {
        "launch.toml": table,
        "read.py": reads,
        ".gitignore": "data/\nbig/\n",
        "data/x": "x",
        "big/y": "y",
    }
    project.write(files).commit()
    done = project.confjob("launch", "read", "--follow")
    assert done.stdout.splitlines()[1:] == ["x False"]
    assert "big/" in done.stderr
    assert "data/" not in done.stderr


def test_extra_arguments_and_placeholders_reach_the_command(project):
    """`-- EXTRA`, `{config}`, `{run-config:path}`; JSON braces stay; flags are delivered."""
    project.write(
        {
            "launch.toml": """
                [jobs.args]
                command = ["python", "args.py", "--config", "{c}", "--seed={run-config:seed}", '{"a": 1}', "{{x}}"]
                run-config.defaults = { seed = 42 }
                files = [{ name = "c", path = "config.yaml" }]
                [jobs.flags]
                command = ["python", "args.py"]
                deliver = "flags"
                run-config.defaults = { seed = 42, trainer = { lr = 0.1, names = ["a b", "c"] }, none = "" }
            """,
            "config.yaml": "a: 1\n",
            "args.py": "import json, sys\nprint(json.dumps(sys.argv[1:]))\n",
        }
    )
    run = project.launch("args", "--set", "seed=7", "--", "--more", "it's", "--set", "x=1")
    assert json.loads(project.output(run["id"])) == [
        *("--config", "config.yaml", "--seed=7", '{"a": 1}', "{x}"),
        *("--more", "it's", "--set", "x=1"),
    ]
    run = project.launch("flags", "--set", "trainer.lr=1e-3")
    assert json.loads(project.output(run["id"])) == [
        *("--seed", "42", "--trainer.lr", "0.001", "--trainer.names", "a b", "c", "--none", ""),
    ]


def test_variables_with_secret_names_are_hidden(project):
    """`--set env:API_TOKEN=…` reaches the job, and no plan, record or list shows it."""
    project.write(PRINTS)
    sets = ("--set", "+env:API_TOKEN=s3cret", "--set", "+env:MODE=fast")
    shown = project.confjob("plan", "env", *sets).stdout
    run = project.launch("env", *sets)
    assert json.loads(project.output(run["id"]))["API_TOKEN"] == "s3cret"
    lists = project.confjob("runs").stdout + project.confjob("status", run["id"]).stdout
    record = (Path(run["dir"]) / "run.json").read_text()
    assert not any("s3cret" in text for text in (shown, lists, record))
    assert all("(hidden)" in text for text in (shown, lists))
    assert "fast" in shown
