"""The manifests: what the API's own schemas say to them, and what becomes of what a job asks for."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from attrs import evolve
from confjob_kubernetes import KUBERNETES
from confjob_kubernetes.inputs import Inputs
from confjob_kubernetes.manifest import Manifest

from confjob.plugin import BackendError
from confjob.testing.jobs import HOSTILE

#: Kubernetes from when Jobs got all that is used here, to the newest that is known.
VERSIONS = ("1.28", "1.31", kubernetes_validate.latest_version())

EVERYTHING = {
    "namespace": "research",
    "image": "example.com/job@sha256:00",
    "image_pull_policy": "Always",
    "image_pull_secrets": ["registry"],
    "service_account": "trainer",
    "queue": "gpus",
    "priority_class": "high",
    "node_selector": {"zone": "a"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}},
    "gpu_type": "NVIDIA-A100",
    "host_network": True,
    "host_ipc": True,
    "host_pid": True,
    "privileged": True,
    "cap_add": ["SYS_PTRACE"],
    "shm_size": "8GiB",
    "scratch_size": "100GiB",
    "labels": {"team": "vision"},
    "annotations": {"example.com/why": 'because "of" it\n$(X)'},
    "requeue": True,
    "sync": 30,
    "pod_template": {
        "metadata": {"labels": {"more": "yes"}},
        "spec": {
            "runtimeClassName": "nvidia",
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "containers": [
                {"name": "job", "env": [{"name": "NCCL_DEBUG", "value": "INFO"}]},
                {"name": "side", "image": "side:1", "command": ["sleep", "1"]},
            ],
        },
    },
}


def documents(options, submission):
    return list(yaml.safe_load_all(KUBERNETES.open(options).preview([submission])))


def real(options, submission):
    """The objects as they are made."""
    inputs = Inputs.of(submission, packed=options.files == "pack")
    manifest = Manifest(options=options, submission=submission, parts=inputs.count)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": manifest.name, "uid": "1"}
    metadata = {"labels": manifest.labels, "ownerReferences": [owner]}
    return [manifest.job(), *manifest.services(metadata), *inputs.objects(metadata)]


def pod_of(options, submission):
    return documents(options, submission)[0]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("said", "nodes"),
    [
        ({}, 1),
        (EVERYTHING, 1),
        ({**EVERYTHING, "requeue": False}, 3),
        ({"mounts": [], "files": "volume", "volume": {"claim": "state", "path": "/state"}}, 1),
    ],
)
def test_the_apis_own_schemas_accept_every_object(options, jobs, version, said, nodes):
    from confjob_kubernetes.options import StateVolume

    if "volume" in said:
        said = {**said, "volume": StateVolume(**said["volume"])}
    submission = jobs(cpus=1.5, memory=1 << 30, gpus=2, time=3600, nodes=nodes).echo().submission
    made = real(options(**said), submission)
    for each in made:
        kubernetes_validate.validate(each, version, strict=True)
    kinds = [each["kind"] for each in made]
    assert kinds[0] == "Job"
    assert ("Service" in kinds) is (nodes > 1)


def test_resources_are_requests_and_limits_of_each_pod(options, jobs):
    submission = jobs(cpus=1.5, memory=1 << 30, gpus=2).echo().submission
    [container] = pod_of(options(gpu_resource="amd.com/gpu"), submission)["containers"]
    amounts = {"cpu": "1500m", "memory": str(1 << 30), "amd.com/gpu": "2"}
    assert container["resources"] == {"requests": amounts, "limits": amounts}


def test_what_is_not_asked_for_is_not_there(options, jobs):
    pod = pod_of(options(), jobs().echo().submission)
    assert "resources" not in pod["containers"][0]
    assert "securityContext" not in pod["containers"][0]
    assert not {"hostNetwork", "hostPID", "hostIPC", "nodeSelector", "activeDeadlineSeconds"} & pod.keys()
    assert pod["automountServiceAccountToken"] is False


def test_no_gpus_hides_those_of_the_node(options, jobs):
    env = pod_of(options(), jobs(gpus=0).echo().submission)["containers"][0]["env"]
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in env


def test_the_time_limit_is_the_couriers_first_and_counts_from_the_start_of_the_pod(options, jobs):
    job = documents(options(grace=5), jobs(time=60).echo().submission)[0]
    pod = job["spec"]["template"]["spec"]
    env = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert env["CONFJOB_TIME"] == "60"
    assert pod["activeDeadlineSeconds"] > 60 + pod["terminationGracePeriodSeconds"]
    assert "activeDeadlineSeconds" not in job["spec"]  # it would count the time in the queue


def test_several_nodes_find_the_first_by_its_name(options, jobs):
    made = documents(options(), jobs(nodes=3).echo().submission)
    job, service = made[0], made[1]
    spec, name = job["spec"], job["metadata"]["name"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert service["spec"]["clusterIP"] == "None"
    assert spec["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"].items() <= spec["template"]["metadata"]["labels"].items()
    env = {each["name"]: each["value"] for each in spec["template"]["spec"]["containers"][0]["env"]}
    assert env["MASTER_ADDR"] == f"{name}-0.{service['metadata']['name']}"
    assert env["NNODES"] == "3"


def test_a_queue_gets_the_job_suspended_and_lets_it_go_itself(options, jobs):
    shown = KUBERNETES.open(options(queue="gpus")).preview([jobs().echo().submission])
    assert yaml.safe_load_all(shown).__next__()["spec"]["suspend"] is True
    release = shown.splitlines()[-1]
    assert '"kueue.x-k8s.io/queue-name": "gpus"' in release
    assert "suspend" not in release


def test_hostile_names_are_annotations_as_they_are_and_labels_as_they_may_be(options, jobs):
    submission = jobs().echo().submission
    for text in (*HOSTILE, "x" * 3000, "\udcff", "-._"):
        hostile = evolve(submission, job=text, project=text, author=text)
        job = real(options(), hostile)[0]
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)
        shown = text.encode("utf-8", "replace").decode()[:1000]
        assert job["metadata"]["annotations"].get("confjob/job", "") == shown
        for value in job["metadata"]["labels"].values():
            assert re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?", value), value


def test_no_value_of_the_job_is_in_a_command_or_variable_of_the_pod(options, jobs):
    [container] = pod_of(options(), jobs().echo().submission)["containers"]
    words = [*container["command"], *(str(each.get("value")) for each in container["env"])]
    assert not [word for word in words if "pwned" in word or "$" in word]


def test_secrets_are_in_the_secret_alone_and_never_shown(options, jobs, tmp_path):
    job = jobs().shell("true", variables={"TOKEN": "hush-hush"})
    private = job.folder.path / "private"
    private.mkdir(mode=0o700)
    (private / "key").write_text("hush-hush")
    shown = KUBERNETES.open(options()).preview([job.submission])
    assert "hush" not in shown
    [secret] = [each for each in yaml.safe_load_all(shown) if each["kind"] == "Secret"]
    assert re.fullmatch(r"\(\d+ bytes\)", secret["data"]["secret.tgz"])
    inputs = Inputs.of(job.submission, packed=True)
    assert unpacked(inputs.secret, tmp_path / "a") >= {"env", "key"}
    assert not unpacked(b"".join(inputs.pieces), tmp_path / "b") & {"env", "key"}
    assert "hush" not in repr(inputs)


def unpacked(archive, folder):
    import io
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {Path(name).name for name in tar.getnames()}


def test_a_plan_without_a_run_folder_says_where_the_files_will_be(options, jobs):
    submission = evolve(jobs().echo().submission, run="RUN", run_dir=Path("/nowhere/runs/RUN"))
    submission = evolve(submission, tree=Path("/nowhere/snapshots/SNAPSHOT/tree"))
    shown = KUBERNETES.open(options()).preview([submission])
    assert "part: (the run's files)" in shown
    assert "name: confjob-RUN-1" in shown


def test_a_large_run_is_cut_into_config_maps_and_put_together_again(options, jobs):
    import random

    job = jobs().echo()
    content = random.Random(1).randbytes(2 << 20)
    (job.submission.tree / "large").write_bytes(content)
    inputs = Inputs.of(job.submission, packed=True)
    assert len(inputs.pieces) == 3
    made = real(options(), job.submission)
    volumes = made[0]["spec"]["template"]["spec"]["volumes"]
    names = [each["configMap"]["name"] for each in volumes if "configMap" in each]
    assert names == [each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"]
    assert sorted(names) == names  # the pod joins them in the order of names


def test_what_is_too_large_is_refused_with_what_to_do_instead(options, jobs):
    import random

    job = jobs().echo()
    (job.submission.tree / "large").write_bytes(random.Random(1).randbytes(9 << 20))
    with pytest.raises(BackendError, match=r"9\.0 MiB packed.*8 MiB at most") as refused:
        KUBERNETES.open(options()).preview([job.submission])
    assert 'files = "volume"' in refused.value.hint


def test_a_template_adds_to_what_is_there(options, jobs):
    job = documents(options(**EVERYTHING), jobs().echo().submission)[0]
    pod = job["spec"]["template"]["spec"]
    assert pod["runtimeClassName"] == "nvidia"
    assert [each["key"] for each in pod["tolerations"]] == ["gpu", "spot"]
    assert [each["name"] for each in pod["containers"]] == ["job", "side"]
    names = [each["name"] for each in pod["containers"][0]["env"]]
    assert names[0] == "CONFJOB_ATTEMPT"
    assert names[-1] == "NCCL_DEBUG"
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert (labels["more"], labels["team"]) == ("yes", "vision")


def test_a_linked_folder_that_no_mount_shows_is_refused(options, jobs):
    from confjob_kubernetes.options import ClaimMount

    submission = evolve(jobs().echo().submission, links={"data": Path("/big/data")})
    with pytest.raises(BackendError, match="the linked folder 'data' is /big/data here"):
        KUBERNETES.open(options()).preview([submission])
    mounts = [ClaimMount(claim="big", path="/big")]
    assert KUBERNETES.open(options(mounts=mounts)).preview([submission])


@pytest.mark.parametrize("said", [{"requeue": True}, {"files": "volume"}])
def test_several_nodes_are_refused_where_they_would_write_to_one_folder_or_start_alone(options, jobs, said):
    from confjob_kubernetes.options import StateVolume

    if "files" in said:
        said = {**said, "volume": StateVolume(claim="state", path="/state")}
    submission = jobs(nodes=2).echo().submission
    with pytest.raises(BackendError, match="don't go together"):
        KUBERNETES.open(options(**said)).preview([submission])
