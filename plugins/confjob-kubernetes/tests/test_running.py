"""Pods that run for real, by `podman kube play`: what is in a manifest does what it says."""

from __future__ import annotations

import time
from pathlib import PurePosixPath

import pytest
from attrs import evolve
from confjob_kubernetes import KUBERNETES
from confjob_kubernetes.options import StateVolume
from podman_kubelet import podman

from confjob.plugin import State, receive
from confjob.testing import check_backend
from confjob.testing.jobs import HOSTILE, JobFolder


def ended(job, engine, handle, seconds=60):
    """How a run ended, as `confjob status` tells it."""
    deadline = time.monotonic() + seconds
    while not (told := job.told(engine, handle)).state.final:
        assert time.monotonic() < deadline, told
        time.sleep(0.3)
    return told


def submitted(engine, *jobs):
    return {
        run: handle
        for chunk in engine.submit([job.submission for job in jobs])
        for run, handle in chunk.items()
    }


def test_it_keeps_the_contract_of_a_backend(running, played, tmp_path):
    options = {
        "image": played,
        "kubeconfig": str(tmp_path / "kubeconfig"),
        "image-pull-policy": "IfNotPresent",
        "grace": 1,
        "sync": 1,
    }
    folder = tmp_path / "checked"
    folder.mkdir()
    check_backend(KUBERNETES, options, folder, runs=2, seconds=60, pause=0.3)


def test_a_pod_of_the_documents_brings_back_log_records_and_outputs(played, stand_in, engine, jobs, tmp_path):
    """Podman itself makes the ConfigMap's volume; the Secret's is laid out, since it hands on base64."""
    import yaml
    from podman_kubelet import PodmanKubelet

    job = jobs(cpus=0.5, memory=128 << 20).echo()
    submitted(engine(image=played), job)
    made = stand_in.add_pod(f"confjob-{job.run}-1", phase="Pending")
    kubelet = PodmanKubelet(tmp_path / "kubelet")
    pod = kubelet.played(made, stand_in.objects)
    own = {each["name"]: each["configMap"] for each in made["spec"]["volumes"] if "configMap" in each}
    for volume in pod["spec"]["volumes"]:
        if volume["name"] in own:
            del volume["hostPath"]
            volume["configMap"] = own[volume["name"]] | {"optional": False}
    config = [
        {key: value for key, value in each.items() if key != "immutable"}
        for each in stand_in.of("configmaps")
    ]
    try:
        text = yaml.safe_dump_all([*config, pod])
        podman("kube", "play", "--quiet", "--network=host", "-", given=text)
        podman("wait", f"{made['metadata']['name']}-job")
        receive([kubelet.log(made)], job.folder.path)
    finally:
        kubelet.remove(made)
        podman("volume", "rm", "--force", *(each["metadata"]["name"] for each in config), check=False)
    assert job.folder.end()["exit_code"] == 0
    assert job.folder.log.read_bytes() == b"written\n"
    assert job.made("arguments").split(b"\0")[:-1] == [value.encode() for value in HOSTILE]


def test_a_time_limit_ends_a_run_with_its_log_and_its_reason(running, engine, played, jobs):
    job = jobs(time=1).shell("echo begun; trap '' TERM; while :; do sleep 0.1; done")
    opened = engine(image=played, grace=1)
    [handle] = submitted(opened, job).values()
    end = ended(job, opened, handle)
    assert (end.state, end.reason) == (State.FAILED, "time limit of 1.0 s")
    assert job.folder.log.read_bytes().startswith(b"begun\n")


def test_a_run_that_is_cancelled_keeps_its_log_and_what_it_made(running, engine, played, jobs):
    job = jobs().shell("echo begun; trap 'echo last >made; exit 1' TERM; while :; do sleep 0.1; done")
    opened = engine(image=played, grace=5)
    [handle] = submitted(opened, job).values()
    deadline = time.monotonic() + 60
    while job.told(opened, handle).state is not State.RUNNING or not job.folder.log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    job.folder.request_cancel("ann")
    opened.cancel([handle])
    assert ended(job, opened, handle).state is State.CANCELLED
    assert job.folder.log.read_bytes().startswith(b"begun\n")
    assert job.made("made") == b"last\n"


def test_each_of_several_nodes_runs_the_command_with_what_torchrun_needs(running, engine, played, jobs):
    names = "MASTER_ADDR MASTER_PORT NNODES NODE_RANK PET_NNODES PET_NODE_RANK PET_RDZV_ENDPOINT PET_RDZV_ID"
    job = jobs(nodes=2).shell(
        f'for name in {names}; do eval echo "$name=\\$$name"; done; [ $NODE_RANK = 0 ] || sleep 4; exit $NODE_RANK'
    )
    opened = engine(image=played)
    [handle] = submitted(opened, job).values()
    # Once the other one has failed, the cluster removes this pod with its log.
    ended(job, opened, handle)
    said = dict(line.split("=", 1) for line in job.folder.log.read_text().splitlines())
    address = f"confjob-{job.run}-1-0.confjob-{job.run}-1"
    assert said["MASTER_ADDR"] == address
    assert said["PET_RDZV_ENDPOINT"] == f"{address}:29500"
    assert (said["NNODES"], said["PET_NNODES"], said["PET_RDZV_ID"]) == ("2", "2", job.run)
    assert said["NODE_RANK"] == said["PET_NODE_RANK"] == "0"
    deadline = time.monotonic() + 60  # node 0 may have ended long before
    while not (status := opened.poll([handle])[handle]).state.final:
        assert time.monotonic() < deadline, status
        time.sleep(0.2)
    assert (status.state, status.reason) == (State.FAILED, "on node 1: exit code 1")


def test_on_a_shared_volume_the_run_writes_where_we_look(running, engine, played, tmp_path):
    options = {"image": played, "files": "volume", "volume": StateVolume(claim="state", path="/mnt/state")}
    elsewhere = KUBERNETES.elsewhere(KUBERNETES.options(**options))
    assert elsewhere.state == PurePosixPath("/mnt/state")
    folder = JobFolder(state=tmp_path / "shared", elsewhere=elsewhere)
    running.kubelet.claims["state"] = tmp_path / "shared"
    opened = engine(**options)
    job = folder.echo()
    [handle] = submitted(opened, job).values()
    assert not running.of("secrets")
    assert ended(job, opened, handle).state is State.SUCCEEDED
    assert job.made("arguments").split(b"\0")[:-1] == [value.encode() for value in HOSTILE]
    assert job.folder.log.read_bytes().startswith(b"written\n")
    again = evolve(job, submission=evolve(job.submission, attempt=1))
    # A pod that the cluster makes anew is the next attempt: the first one's records stand there.
    running.objects.pop(("jobs", f"confjob-{job.run}-1"))
    [handle] = submitted(opened, again).values()
    deadline = time.monotonic() + 60
    while job.folder.end(2) is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("size", [3 << 20])
def test_a_large_project_arrives_whole(running, engine, played, jobs, size):
    import hashlib
    import random

    job = jobs().shell('sha256sum <"$CONFJOB_RUN_DIR/../../snapshots/check/tree/large"')
    content = random.Random(2).randbytes(size)
    (job.submission.tree / "large").write_bytes(content)
    opened = engine(image=played)
    [handle] = submitted(opened, job).values()
    assert ended(job, opened, handle).state is State.SUCCEEDED
    assert hashlib.sha256(content).hexdigest() in job.folder.log.read_text()
