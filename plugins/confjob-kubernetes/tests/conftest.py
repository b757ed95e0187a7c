"""What the tests share: a stand-in for a cluster, jobs that go there, and Podman for those that run."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, cluster
from confjob_kubernetes import KUBERNETES
from confjob_kubernetes.engine import KubernetesEngine
from podman_kubelet import PodmanKubelet, podman

from confjob.model import Resources
from confjob.testing.jobs import JobFolder

pytest_plugins = ["confjob.testing.plugin"]


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster without a node: pods are as tests say."""
    with cluster(tmp_path) as state:
        yield state


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., Any]:
    """A function that returns a target's options, with attributes as said."""

    def made(**said: Any) -> Any:
        given = {"image": "example.com/job:1", "kubeconfig": str(tmp_path / "kubeconfig"), **said}
        return KUBERNETES.options(**given)

    return made


@pytest.fixture
def engine(options: Callable[..., Any]) -> Callable[..., KubernetesEngine]:
    """A function that opens the engine, as another process would."""
    return lambda **said: KUBERNETES.open(options(**said))


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[..., JobFolder]:
    """A function that returns where jobs are made, with what they ask for."""

    def folder(**resources: Any) -> JobFolder:
        elsewhere = KUBERNETES.elsewhere(KUBERNETES.options(image="any"))
        state = tmp_path / "a project" / ".confjob"
        return JobFolder(state=state, resources=Resources(**resources), elsewhere=elsewhere)

    return folder


@pytest.fixture(scope="session")
def image() -> str:
    """A small image with sh that Podman has."""
    name = os.environ.get("CONFJOB_CONTAINER_IMAGE")
    if not name:
        reason = "CONFJOB_CONTAINER_IMAGE names no image; tests/engines/container/start makes one"
        (pytest.fail if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1" else pytest.skip)(reason)
    return str(name)


@pytest.fixture(scope="session")
def played(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, where Podman can play pods: it needs another image for what holds a pod together."""
    folder, name = tmp_path_factory.mktemp("podman"), f"confjob-pause-{uuid.uuid4().hex[:8]}"
    holds = "trap 'exit 0' TERM; while :; do sleep 0.2; done"
    podman("create", f"--name={name}", image, "true")
    command = json.dumps(["/bin/sh", "-c", holds])
    podman("commit", "--quiet", f"--change=CMD {command}", name, f"localhost/{name}:latest")
    podman("rm", name)
    configured = Path(os.environ["CONTAINERS_CONF"]).read_text() if "CONTAINERS_CONF" in os.environ else ""
    lines = configured.replace("[engine]\n", "") if configured.startswith("[engine]\n") else configured
    conf = folder / "containers.conf"
    conf.write_text(f'[engine]\ninfra_image = "localhost/{name}:latest"\n{lines}')
    before = os.environ.get("CONTAINERS_CONF")
    os.environ["CONTAINERS_CONF"] = str(conf)
    try:
        yield image
    finally:
        subprocess.run(
            ["podman", "rmi", "--force", f"localhost/{name}:latest"], capture_output=True, check=False
        )
        os.environ.pop("CONTAINERS_CONF")
        if before is not None:
            os.environ["CONTAINERS_CONF"] = before


@pytest.fixture
def running(played: str, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose pods run."""
    with cluster(tmp_path, PodmanKubelet(tmp_path / "kubelet")) as state:
        yield state
