"""The engines that the shared tests run on, and how each is reached.

`tests/engines/NAME/start DIR` starts one and prints the variables by which it is found here, and
`stop DIR` ends it. Without them the engine's tests are skipped, and fail where
CONFJOB_REQUIRE_ENGINES says that nothing may be left out.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import field, frozen

from confjob.testing import ProjectFolder

REPOSITORY = Path(__file__).parents[2]


@frozen(kw_only=True)
class Kind:
    """An engine, as these tests need to know it.

    Args:
        name: Of the backend.
        needs: The variables without which it can't be reached.
        options: Of its target, as TOML has them.
        whole: What a job asks for that leaves room for no other on this machine; empty where
            nothing waits for room.
        limit: The shortest time limit that it knows.
        batch: How many runs are started together.
    """

    name: str
    needs: tuple[str, ...] = ()
    options: Mapping[str, object] = field(factory=dict)
    whole: Mapping[str, object] = field(factory=dict)
    limit: str = "2s"
    batch: int = 20

    @property
    def plugin(self) -> Path | None:
        """The folder of its package; None for what comes with confjob."""
        folder = REPOSITORY / "plugins" / f"confjob-{self.name}"
        return folder if folder.is_dir() else None

    def target(self, **more: object) -> str:
        """Return the table of a target of it."""
        options = {"backend": self.name, **self.options, **more}
        return "\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items())


def kinds() -> list[Kind]:
    """Return all engines; what they are reached by is read when they are asked for."""
    cores = len(os.sched_getaffinity(0))
    image = os.environ.get("CONFJOB_CONTAINER_PYTHON_IMAGE", "")
    address = os.environ.get("CONFJOB_RAY_ADDRESS", "")
    return [
        Kind(name="local", options={"grace": 0.5}, whole={"cpus": cores}),
        # Of the test cluster's partitions this one has a single node of eight cores.
        Kind(
            name="slurm",
            needs=("SLURM_CONF",),
            options={"grace": 2, "partition": "other"},
            whole={"cpus": 8},
            limit="1m",
        ),
        Kind(
            name="ray",
            needs=("CONFJOB_RAY_ADDRESS",),
            options={
                "address": address,
                "python": sys.executable,
                "state": os.environ.get("CONFJOB_RAY_STATE", "/tmp/confjob-ray"),
                "grace": 1,
                "sync": 0.5,
            },
            whole={"cpus": 2},
            batch=5,
        ),
        Kind(
            name="container",
            needs=("CONFJOB_CONTAINER_PYTHON_IMAGE",),
            options={"image": image, "grace": 1, "pull": "never"},
        ),
    ]


@pytest.fixture(params=kinds(), ids=lambda kind: kind.name)
def kind(request):
    """Return one engine after the other; those that are not there are skipped, or fail the test."""
    missing = [name for name in request.param.needs if not os.environ.get(name)]
    if missing:
        why = (
            f"{request.param.name}: {missing[0]} is not set; tests/engines/{request.param.name}/start sets it"
        )
        if os.environ.get("CONFJOB_REQUIRE_ENGINES"):
            pytest.fail(why)
        pytest.skip(why)
    return request.param


@pytest.fixture
def on(kind, project):
    """Return the project of a test, with a target called `there` on the engine."""
    return placed(project, kind)


def placed(project: ProjectFolder, kind: Kind) -> ProjectFolder:
    """Return a project whose confjob knows the engine."""
    if kind.plugin is not None:
        project.install(kind.plugin)
    for name in (*kind.needs, "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"):
        if name in os.environ:
            project.environ[name] = os.environ[name]
    return project
