"""Jobs that are functions: types from the signature, no manifest, and never their main part."""

from __future__ import annotations

import json
import venv

SCRIPT = '''\
import json
import pathlib
from confjob import job

pathlib.Path(__file__).with_name("imported").touch()


@job
def train(size: int, rate: float = 0.1, names: list[str] = ("a", "b"), note: str | None = None) -> None:
    """Train a little."""
    print(json.dumps([size, rate, list(names), note]))


if __name__ == "__main__":
    pathlib.Path(__file__).with_name("ran").touch()
    train(1)
'''


def test_a_decorated_function_needs_no_manifest(project):
    """`train.py:train`: shown without importing it, launched by its own signature."""
    project.write({"train.py": SCRIPT})
    shown = project.json("show", "train.py:train")
    assert [(field["path"], field["type"], field.get("value")) for field in shown["inputs"]] == [
        ("size", "int", None),
        ("rate", "float", 0.1),
        ("names", "list[str]", ["a", "b"]),
        ("note", "str | null", None),
    ]
    assert shown["inputs"][1]["where"] == "train.py:9:36"
    assert not (project.root / "imported").exists()
    assert not (project.root / "ran").exists()
    run = project.launch("train.py:train", "--set", "size=3", "--set", "names[1]=x", "--set", "note=1.10")
    assert json.loads(project.output(run["id"])) == [3, 0.1, ["a", "x"], "1.10"]
    assert not list(project.root.rglob("ran"))


def test_a_parameter_without_default_must_be_set(project):
    """It is listed as required, and its absence is refused with the way to give it."""
    project.write({"train.py": SCRIPT})
    assert project.json("show", "train.py:train")["inputs"][0]["required"] is True
    (problem,) = project.json("launch", "train.py:train", code=1)["problems"]
    assert (problem["path"], problem["hint"]) == ("size", "--set size=…")


def test_a_function_without_confjob_in_its_environment(project, tmp_path):
    """Only code that itself says `import confjob` needs it in the job's interpreter."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    project.write(
        {
            "launch.toml": (
                f'[jobs.t]\nfunction = "pkg.train:main"\npython = "{tmp_path}/env/bin/python"\n'
                'run-config.exclude = ["seed"]\n'
            ),
            "src/pkg/__init__.py": "",
            "src/pkg/train.py": "def main(lr: float = 0.1, seed: int = 1):\n    print(lr, seed)\n",
        }
    )
    run = project.launch("t", "--set", "lr=1e-3")
    assert (run["state"], project.output(run["id"])) == ("SUCCEEDED", "0.001 1\n")
    project.confjob("plan", "t", "--set", "seed=2", code=1)


def test_a_function_that_takes_the_whole_config(project):
    """The `config: dict` form, with its defaults in the decorator."""
    project.write(
        {
            "train.py": (
                "from confjob import job\n"
                "@job(defaults={'model': {'depth': 3}, 'seed': 1}, exclude='seed')\n"
                "def train(config: dict):\n    print(config)\n"
            )
        }
    )
    run = project.launch("train.py:train", "--set", "model.depth=4")
    assert project.output(run["id"]) == "{'model': {'depth': 4}, 'seed': 1}\n"


def test_called_by_hand_it_is_a_plain_function(project):
    """The decorator changes nothing outside a launched run."""
    import subprocess
    import sys

    project.write({"train.py": SCRIPT})
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=project.root, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [1, 0.1, ["a", "b"], None]


def test_overrides_from_a_file(project):
    """`--inputs`: by input, by path, and in W&B Launch's layout; `--set` wins over it."""
    table = (
        '[jobs.t]\ncommand = ["python", "t.py"]\nrun-config.defaults = { lr = 0.1, deep = { n = 1, keep = 2 } }\n'
        'files = [{ path = "config.yaml" }]\n'
    )
    reads = "import confjob\nprint(confjob.load_config(), open('config.yaml').read())\n"
    project.write({"launch.toml": table, "config.yaml": "size: 1\n", "t.py": reads})
    layouts = {
        "a.yaml": "run-config: {lr: 0.2, deep: {n: 5}}\nconfig.yaml:\n  size: 7\n",
        "b.json": '{"run-config:lr": 0.2, "deep.n": 5, "config.yaml:size": 7}',
        "c.json": '{"overrides": {"run_config": {"lr": 0.2, "deep": {"n": 5}}, "files": {"config.yaml": {"size": 7}}}}',
        "d.toml": '"config.yaml:size" = 7\n[run-config]\nlr = 0.2\ndeep.n = 5\n',
    }
    project.write(layouts)
    for name in layouts:
        run = project.launch("t", "--inputs", name, "--set", "lr=0.3")
        assert project.output(run["id"]) == "{'lr': 0.3, 'deep': {'n': 5, 'keep': 2}} size: 7\n\n", name
    project.write({"e.yaml": "run-config:\n  deep:\n    m: 5\n"})
    (problem,) = project.json("plan", "t", "--inputs", "e.yaml", code=1)["problems"]
    assert "e.yaml:3" in problem["message"]
