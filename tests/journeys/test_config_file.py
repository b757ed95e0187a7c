"""A team's config.yaml: one value is changed for one run, and nothing else anywhere."""

from __future__ import annotations

import pytest

CONFIG = """\
# Our notebook. Do not lose these remarks!
learning_rate: 0.01   # tried 0.1: diverges
batch_size: 32
model: 'resnet'       # quoted by hand
dataset: cifar10
"""

READS = """\
import json
from pathlib import Path

import yaml

print("by file", json.dumps(yaml.safe_load((Path(__file__).resolve().parent / "config.yaml").read_text())))
print("by cwd", json.dumps(yaml.safe_load(Path("config.yaml").read_text())))
"""

MANIFEST = """\
[jobs.script]
command = ["python", "train.py"]
files = [{ path = "config.yaml" }]

[jobs.module]
command = ["python", "-m", "pkg"]
files = [{ path = "config.yaml" }]

[jobs.packaged]
command = ["python", "-m", "pkg.inner"]
files = [{ path = "pkg/config.yaml" }]
"""

FILES = {
    "launch.toml": MANIFEST,
    "config.yaml": CONFIG,
    "train.py": READS,
    "pkg/__init__.py": "",
    "pkg/__main__.py": "import train\n",
    "pkg/config.yaml": CONFIG,
    "pkg/inner.py": READS.replace('Path("config.yaml")', 'Path("pkg/config.yaml")'),
}


def test_the_plan_is_one_line_and_the_job_reads_it(project):
    """The diff is one line; the job reads the new value; comments are kept; the original is untouched."""
    project.write(FILES)
    plan = project.json("plan", "script", "--set", "config.yaml:learning_rate=1e-3")
    diff = plan["files"]["config.yaml"]["diff"].splitlines()
    changed = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == [
        "-learning_rate: 0.01   # tried 0.1: diverges",
        "+learning_rate: 0.001   # tried 0.1: diverges",
    ]
    assert plan["changes"] == [
        {
            "input": "config.yaml",
            "path": "learning_rate",
            "before": 0.01,
            "after": 0.001,
            "origin": "--set",
            "where": "config.yaml:2:16",
        }
    ]
    done = project.confjob("launch", "script", "--set", "config.yaml:learning_rate=1e-3", "--follow")
    run = done.stdout.splitlines()[0]
    assert done.stdout.count('"learning_rate": 0.001') == 2
    copy = project.root / ".confjob" / "runs" / run / "workspace" / "config.yaml"
    assert copy.read_text() == CONFIG.replace("0.01 ", "0.001 ")
    assert (project.root / "config.yaml").read_text() == CONFIG


@pytest.mark.parametrize(
    ("job", "name"), [("script", "config.yaml"), ("module", "config.yaml"), ("packaged", "pkg/config.yaml")]
)
def test_every_way_to_open_the_file_sees_the_patch(project, job, name):
    """By the script's own folder, by the working directory, and under `python -m`."""
    project.write(FILES)
    run = project.launch(job, "--set", f"{name}:batch_size=64")
    lines = project.output(run["id"]).splitlines()
    assert run["state"] == "SUCCEEDED"
    assert [line.partition(" {")[0] for line in lines] == ["by file", "by cwd"]
    assert all('"batch_size": 64' in line for line in lines)
    assert (project.root / name).read_text() == CONFIG


def test_a_file_edited_after_the_launch_is_read_as_it_was(project):
    """A run sees config and code as of submit, whatever happens in the checkout meanwhile."""
    waits = "import pathlib, time\nwhile not pathlib.Path(GO).exists(): time.sleep(0.02)\n"
    go = project.root / "go"
    project.write({**FILES, "train.py": f"GO = {str(go)!r}\n" + waits + READS})
    run = project.json("launch", "script")["id"]
    project.write({"config.yaml": "learning_rate: 99\n", "train.py": "print('wrong')\n"})
    go.touch()
    assert project.wait(run)["state"] == "SUCCEEDED"
    assert project.output(run).count('"learning_rate": 0.01') == 2


def test_what_a_job_writes_harms_neither_checkout_nor_later_runs(project):
    """A job that appends to every file of its workspace, large ones too, is alone with it."""
    appends = (
        "import os, pathlib\n"
        "for path in map(pathlib.Path, ('config.yaml', 'train.py', 'big.bin', 'pkg/inner.py')):\n"
        "    print(path, path.stat().st_size)\n"
        "    os.chmod(path, 0o644)\n"
        "    with path.open('ab') as file:\n"
        "        file.write(b'# edited')\n"
    )
    project.write({**FILES, "train.py": appends, "big.bin": b"x" * 1_500_000}).commit()
    first = project.launch("script", "--set", "batch_size=64")
    second = project.launch("script", "--set", "batch_size=64")
    assert (first["state"], second["state"]) == ("SUCCEEDED", "SUCCEEDED")
    assert project.output(first["id"]) == project.output(second["id"])
    assert project.git("status", "--porcelain") == ""


def test_files_outside_the_project_are_refused(project):
    """`..`, an absolute path and a symlink that leads out; `a..b.yaml` is a fine name."""
    outside = project.root.parent / "x.yaml"
    outside.write_text("a: 1\n")
    (project.root / "link.yaml").symlink_to(outside)
    project.write({"a..b.yaml": "a: 1\n", "train.py": "print(open('a..b.yaml').read())\n"})
    for name in ("../x.yaml", str(outside), "link.yaml"):
        table = f'[jobs.t]\ncommand = ["python", "train.py"]\nfiles = [{{ path = "{name}" }}]\n'
        project.write({"launch.toml": table})
        refused = project.json("launch", "t", code=1)
        assert name in refused["error"]
    project.write({"launch.toml": table.replace("link.yaml", "a..b.yaml")})
    run = project.launch("t", "--set", "a=2")
    assert project.output(run["id"]) == "a: 2\n\n"
    assert not (project.root / ".confjob" / "runs" / "link.yaml").exists()


def test_another_file_may_be_picked(project):
    """`--file` brings one of the declared choices: by placeholder, or under the fixed name."""
    project.write(
        {
            "launch.toml": """
                [jobs.fixed]
                command = ["python", "train.py"]
                files = [{ name = "config", path = "config.yaml", choices = "configs/*.yaml" }]
                [jobs.named]
                command = ["python", "-c", "import sys; print(sys.argv[1], open(sys.argv[1]).read())", "{config}"]
                files = [{ name = "config", path = "config.yaml", choices = "configs/*.yaml" }]
            """,
            "config.yaml": "size: 1\n",
            "configs/b.yaml": "size: 2  # two\n",
            "train.py": "print(open('config.yaml').read())\n",
        }
    )
    picked = project.launch("fixed", "--file", "config=configs/b.yaml")
    assert project.output(picked["id"]) == "size: 2  # two\n\n"
    patched = project.launch("named", "--file", "config=configs/b.yaml", "--set", "size=3")
    assert project.output(patched["id"]) == "configs/b.yaml size: 3  # two\n\n"
    (problem,) = project.json("plan", "fixed", "--file", "config=configs/c.yaml", code=1)["problems"]
    assert problem["hint"] == "did you mean 'configs/b.yaml'?"
    (problem,) = project.json("plan", "fixed", "--file", "config=config.yaml", code=1)["problems"]
    assert problem["code"] == "not-a-choice"


def test_a_file_behind_a_symlink_is_patched_where_the_link_leads(project):
    """`conf -> configs`: both names see the patch, as they see the same file in the checkout."""
    project.write(
        {
            "launch.toml": '[jobs.t]\ncommand = ["python", "t.py"]\nfiles = [{ path = "conf/a.yaml" }]\n',
            "configs/a.yaml": "a: 1\n",
            "t.py": "print(open('conf/a.yaml').read() + open('configs/a.yaml').read())\n",
        }
    )
    (project.root / "conf").symlink_to("configs")
    run = project.launch("t", "--set", "a=2")
    assert project.output(run["id"]) == "a: 2\na: 2\n\n"
