"""The plugin as its users meet it: found by its entry point, cheap to import, seen in a plan."""

from __future__ import annotations

from pathlib import Path

import confjob_kubernetes

from confjob.testing import check_light

PACKAGE = Path(__file__).parents[1]
MANIFEST = """\
[jobs.train]
command = ["python", "train.py"]
resources = { cpus = 2, gpus = 1 }

[targets.cluster]
backend = "kubernetes"
image = "example.com/job:1"
queue = "gpus"
"""


def test_importing_it_is_cheap_and_does_nothing():
    check_light(confjob_kubernetes)


def test_a_plan_shows_the_manifests_and_asks_no_cluster(project):
    project.install(PACKAGE).write({"launch.toml": MANIFEST, "train.py": "print(1)\n"})
    told = project.told("plan", "train", "--target", "cluster")
    assert "nvidia.com/gpu: '1'" in told
    assert "kueue.x-k8s.io/queue-name" in told


def test_an_unknown_option_is_refused_with_a_suggestion(project):
    project.install(PACKAGE).write({"launch.toml": MANIFEST + 'qeue = "x"\n', "train.py": ""})
    told = project.told("plan", "train", "--target", "cluster", code=1)
    assert "'queue'" in told
