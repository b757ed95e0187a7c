"""`launcher = "torchrun"` with the real one: the environment that has torchtune has torch, too."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confjob.testing import ProjectFolder, framework_python

SCRIPT = """
import os

import torch
import torch.distributed as distributed

distributed.init_process_group("gloo")
total = torch.ones(1)
distributed.all_reduce(total)
# One write: the processes share the log.
os.write(1, f"rank {distributed.get_rank()} sum {total.item()}\\n".encode())
distributed.destroy_process_group()
"""
MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
launcher = "torchrun"
resources = {{ gpus = 2{more} }}
[targets.local]
backend = "local"
slots = ["0", "1"]
"""
#: What an engine with two nodes does, here on one machine.
TWO_NODES = """#!/bin/sh
export MASTER_ADDR=127.0.0.1 MASTER_PORT={port} NNODES=2
export PET_RDZV_BACKEND=c10d PET_RDZV_ENDPOINT=127.0.0.1:{port} PET_RDZV_ID=k3fm2qa
NODE_RANK=0 "$@" & first=$!
NODE_RANK=1 "$@" & second=$!
wait "$first" && wait "$second"
"""


def ranks(text: str) -> list[tuple[str, str]]:
    """Return what each process printed, in order."""
    return sorted(re.findall(r"rank (\d) sum ([\d.]+)", text))


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Callable[[str], ProjectFolder]]:
    """Return a function that writes the job, asking for more than GPUs."""
    project = ProjectFolder(tmp_path / "project", framework_python("torchtune"))

    def written(more: str) -> ProjectFolder:
        return project.write({"train.py": SCRIPT, "launch.toml": MANIFEST.format(more=more)})

    yield written
    project.end()


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def test_on_one_node_a_process_is_started_for_each_gpu(job: Callable[[str], ProjectFolder]) -> None:
    done = job("").confjob("launch", "train", "--follow")
    assert ranks(done.stdout) == [("0", "2.0"), ("1", "2.0")]


def test_on_two_nodes_all_processes_find_one_another(job: Callable[[str], ProjectFolder]) -> None:
    project = job("")
    line = project.json("plan", "train")["command"]
    several = [word.replace("--nnodes=1", "--nnodes=2") for word in line if word != "--standalone"]
    starter = project.root / "two-nodes"
    starter.write_text(TWO_NODES.format(port=free_port()))
    starter.chmod(0o755)
    python = project.environ["VIRTUAL_ENV"] + "/bin/python"
    done = project.run(str(starter), python, *several[1:])
    assert ranks(done.stdout) == [(str(rank), "4.0") for rank in range(4)]


def test_this_machine_alone_has_not_two_nodes(job: Callable[[str], ProjectFolder]) -> None:
    refused = job(", nodes = 2").confjob("plan", "train", code=1).stderr
    assert "backend local can't give a job 2 nodes" in refused
