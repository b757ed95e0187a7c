"""`confjob init`: a folder without a manifest gets one that works at once."""

from __future__ import annotations

import pytest

READS = "import yaml\n\n\ndef main():\n    print(yaml.safe_load(open({name!r})))\n\n\nif __name__ == '__main__':\n    main()\n"


def test_a_script_and_its_config_can_be_launched_at_once(project):
    """One script that names one YAML: init, show, launch with a change."""
    project.write({"train.py": READS.format(name="config.yaml"), "config.yaml": "lr: 0.1  # step\n"})
    written = project.confjob("init")
    assert "train.py names it" in written.stdout
    run = project.launch("train", "--set", "lr=0.2")
    assert project.output(run["id"]) == "{'lr': 0.2}\n"


def test_an_existing_manifest_is_never_overwritten(project):
    """It is refused; --print shows what would be written."""
    project.write({"launch.toml": "# mine\n", "train.py": READS.format(name="c.json"), "c.json": '{"a": 1}'})
    assert "exists already" in project.confjob("init", code=1).stderr
    assert "[jobs.train]" in project.confjob("init", "--print").stdout
    assert (project.root / "launch.toml").read_text() == "# mine\n"


def test_a_folder_inside_another_project_gets_its_own(project):
    """Paths are of the folder where the manifest is written, not of the project around it."""
    project.write(
        {
            "launch.toml": "",
            "sub/train.py": READS.format(name="config.yaml"),
            "sub/config.yaml": "lr: 0.1\n",
        }
    )
    assert "not ready" not in project.confjob("init", cwd="sub").stderr
    assert project.confjob("show", "train", cwd="sub").stdout.count("config.yaml") == 2


FOLDERS = {
    "yaml": ({"train.py": READS.format(name="config.yaml"), "config.yaml": "a: 1\n"}, ["train"]),
    "json": ({"run.py": READS.format(name="conf/c.json"), "conf/c.json": '{"a": 1}'}, ["run"]),
    "toml": ({"fit.py": READS.format(name="c.toml"), "c.toml": "a = 1\n"}, ["fit"]),
    "unnamed": ({"train.py": "if __name__ == '__main__':\n    pass\n", "a.yaml": "a: 1\n"}, ["train"]),
    "flag": (
        {
            "train.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--config', default='c.yaml')\n"
            "if __name__ == '__main__':\n    print(p.parse_args().config)\n",
            "c.yaml": "a: 1\n",
        },
        ["train"],
    ),
    "function": ({"t.py": "from confjob import job\n@job\ndef fit(lr: float = 0.1): ...\n"}, ["fit"]),
    "src": (
        {
            "src/pkg/__init__.py": "",
            "src/pkg/t.py": "from confjob import job\n@job\ndef fit(n: int = 1): ...\n",
        },
        ["fit"],
    ),
    "calls": ({"t.py": "import confjob\nconfjob.manage_config(defaults={'a': 1})\n"}, ["t"]),
    "two scripts": (
        {
            "a.py": READS.format(name="a.yaml"),
            "b.py": READS.format(name="b.yaml"),
            "a.yaml": "x: 1\n",
            "b.yaml": "x: 1\n",
        },
        ["a", "b"],
    ),
    "many configs": (
        {"train.py": "if __name__ == '__main__':\n    pass\n", "c/1.yaml": "a: 1\n", "c/2.yaml": "a: 1\n"},
        ["train"],
    ),
    "notebook": ({"n.ipynb": '{"cells": []}', "c.yaml": "a: 1\n"}, []),
    "nothing": ({}, []),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_each_kind_of_folder_gets_a_manifest_that_loads(project, kind):
    """Every job of it can be shown and planned, or it says what is missing."""
    files, jobs = FOLDERS[kind]
    project.write(files)
    project.confjob("init")
    assert [job["job"] for job in project.json("jobs")] == jobs
    for job in jobs:
        project.json("show", job)
        project.json("plan", job)


def test_nothing_is_run_and_what_git_ignores_is_proposed(project):
    """Looking is not running; ignored folders are named, to be linked."""
    project.write(
        {
            "train.py": "open('ran', 'w')\nif __name__ == '__main__':\n    pass\n",
            ".gitignore": "data/\n",
            "data/x": "x",
            "tests/test_x.py": "if __name__ == '__main__':\n    pass\n",
        }
    ).commit()
    project.confjob("init")
    assert not (project.root / "ran").exists()
    assert '# link = ["data"]' in (project.root / "launch.toml").read_text()
    assert [job["job"] for job in project.json("jobs")] == ["train"]
