"""The command line of a run: whole, quoted once for people, and without a value that others may not see."""

import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from attrs import evolve
from confjob_container.command import run_argv
from confjob_container.options import ContainerOptions, RunOptions

from confjob.errors import BackendError
from confjob.model import Resources, Retry, Submission
from confjob.testing.jobs import HOSTILE


def submission(**changes):
    run_dir = Path("/project/.confjob/runs/abcdefg")
    given = {"resources": Resources(), "there": PurePosixPath("/confjob/runs/abcdefg"), **changes}
    return Submission(run="abcdefg", job="train", run_dir=run_dir, script=run_dir / "job.sh", **given)


def argv(engine="podman", submitted=None, **options):
    return run_argv(ContainerOptions(image="image@sha256:1", **options), engine, submitted or submission())


def needing(engine="podman", options=None, **resources):
    return argv(engine, submission(resources=Resources(**resources)), **(options or {}))


def test_the_run_the_snapshot_and_links_are_where_the_job_expects_them():
    tree = Path("/project/.confjob/snapshots/d1/tree")
    words = argv(submitted=submission(tree=tree, links={"data": Path("/project/data")}))
    assert "--volume=/project/.confjob/runs/abcdefg:/confjob/runs/abcdefg:rw" in words
    assert f"--volume={tree}:/confjob/snapshots/d1/tree:ro" in words
    assert "--volume=/project/data:/project/data:rw" in words


def test_a_run_folder_that_the_job_sees_as_it_is_here_is_mounted_there():
    words = argv(submitted=submission(there=None))
    assert "--volume=/project/.confjob/runs/abcdefg:/project/.confjob/runs/abcdefg:rw" in words


def test_what_follows_the_image_is_the_supervisor_with_what_it_must_know():
    words = argv(
        submitted=submission(attempt=3, resources=Resources(time=60)), grace=1.5, python="/opt/python"
    )
    after = words[words.index("image@sha256:1") + 1 :]
    assert after[:8] == [
        "/confjob/supervise.sh",
        "/confjob/runs/abcdefg",
        "3",
        "1.5",
        "60",
        "/opt/python",
        "1",
        "0",
    ]
    assert "--entrypoint=/bin/sh" in words
    assert "--name=confjob-abcdefg-3" in words


def test_so_is_when_to_run_it_again():
    retry = Retry(attempts=3, backoff=1.5, on=("failure", "exit:7"))
    assert argv(submitted=submission(retry=retry))[-4:] == ["3", "2", "failure", "exit:7"]


@pytest.mark.parametrize("engine", ["podman", "docker", "/opt/bin/podman"])
def test_no_word_carries_a_value_of_the_environment(engine, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    words = argv(engine)
    assert not any(word.startswith(("--env", "-e")) for word in words)
    assert "hunter2" not in " ".join(words)


@pytest.mark.parametrize("text", [*HOSTILE, "a\nb", "x" * 5000, "a=b,c", "--privileged"])
def test_names_of_any_text_are_one_label_each_and_nothing_else(text):
    plain = argv()
    words = argv(submitted=submission(author=text, project=text))
    added = [word for word in words if word not in plain]
    assert all(word.startswith(("--label=confjob.author=", "--label=confjob.project=")) for word in added)
    assert not any("\n" in word or len(word) > 300 for word in added)


def test_a_nul_is_refused():
    with pytest.raises(BackendError, match="NUL"):
        argv(submitted=evolve(submission(), run_dir=Path("/a\0b")))


def test_resources_map_in_full():
    words = needing(cpus=1.5, memory=2_000_000_000)
    assert {"--cpus=1.5", "--memory=2000000000", "--memory-swap=2000000000"} <= set(words)
    assert not [word for word in needing() if word.startswith(("--cpus", "--memory", "--gpus", "--device"))]


def test_more_than_one_node_is_refused():
    assert needing(nodes=1) == needing()
    with pytest.raises(BackendError, match="2 nodes"):
        needing(nodes=2)


@pytest.mark.parametrize(
    ("engine", "gpus", "count", "expected"),
    [
        ("podman", None, 2, ["--device=nvidia.com/gpu=0", "--device=nvidia.com/gpu=1"]),
        ("podman", "all", None, ["--device=nvidia.com/gpu=all"]),
        ("podman", [3, "GPU-1a"], 1, ["--device=nvidia.com/gpu=3"]),
        ("podman", [3, "GPU-1a"], None, ["--device=nvidia.com/gpu=3", "--device=nvidia.com/gpu=GPU-1a"]),
        ("docker", None, 2, ['--gpus="device=0,1"']),
        ("docker", "all", None, ["--gpus=all"]),
        ("docker", [3, "GPU-1a"], 2, ['--gpus="device=3,GPU-1a"']),
        ("docker", "all", 0, ["--env=NVIDIA_VISIBLE_DEVICES=void"]),
        ("podman", None, None, []),
    ],
)
def test_gpus_are_given_in_each_engines_own_way(engine, gpus, count, expected):
    words = needing(engine, {"gpus": gpus}, gpus=count)
    assert [word for word in words if "gpu" in word or "NVIDIA" in word] == expected


def test_more_gpus_than_the_target_has_are_refused():
    with pytest.raises(BackendError, match="3 GPUs are asked for, and the target has 2"):
        needing(options={"gpus": [0, 1]}, gpus=3)


def test_outputs_belong_to_whoever_calls(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1001)
    assert {"--user=1000:1001", "--userns=keep-id"} <= set(argv("podman"))
    assert "--user=1000:1001" in argv("docker")
    assert not [word for word in argv("docker") if word.startswith("--userns")]
    assert {"--user=5:6", "--userns=auto"} <= set(argv("podman", user="5:6", userns="auto"))


def test_podmans_defaults_share_neither_processes_nor_proxies():
    assert {"--pid=private", "--http-proxy=false"} <= set(argv("podman"))
    assert not {"--pid=private", "--http-proxy=false"} & set(argv("docker"))


def test_options_arrive_under_their_own_names():
    further = RunOptions(hostname="box", dns=["1.1.1.1", "8.8.8.8"], pids_limit=100)
    words = argv(
        network="host",
        privileged=True,
        ipc="host",
        shm_size="8g",
        read_only=True,
        cap_add=["SYS_PTRACE"],
        devices=["/dev/fuse"],
        security_opt=["label=disable"],
        pull="never",
        options=further,
    )
    assert {
        *("--network=host", "--privileged=true", "--ipc=host", "--shm-size=8g", "--read-only=true"),
        *("--cap-add=SYS_PTRACE", "--device=/dev/fuse", "--security-opt=label=disable", "--pull=never"),
        *("--hostname=box", "--dns=1.1.1.1", "--dns=8.8.8.8", "--pids-limit=100"),
    } <= set(words)


def test_what_is_not_said_is_not_passed_on():
    names = {word.partition("=")[0] for word in argv("docker") if word.startswith("--")}
    assert names == {
        *("--detach", "--name", "--pull", "--label", "--user", "--volume", "--workdir"),
        *("--stop-timeout", "--entrypoint"),
    }


#: Where the second of two commands begins.
SECOND = "\n'docker' "


def test_a_preview_is_the_exact_command_for_a_shell(engine, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")  # a preview needs no engine
    item = submission(author="it's $(touch pwned)", links={"a": Path('/a "b" $(x)')})
    shown = engine(image="x", engine="docker").preview([item, item])
    said = f"set -- {shown.partition(SECOND)[0]}\nprintf '%s\\0' \"$@\""
    done = subprocess.run(["/bin/sh", "-c", said], capture_output=True, check=True)
    expected = run_argv(ContainerOptions(image="x", engine="docker"), "docker", item)
    assert done.stdout.decode().split("\0")[:-1] == expected
    assert shown.count(SECOND) == 1
    assert engine(image="x").preview([item])


def test_a_mount_in_the_project_needs_no_absolute_path(tmp_path):
    (tmp_path / "data").mkdir()
    run_dir = tmp_path / ".confjob" / "runs" / "abcdefg"
    here = evolve(submission(), run_dir=run_dir)
    assert f"--volume={tmp_path}/data:/data:ro" in argv(submitted=here, mounts=["data:/data:ro"])
    moved = evolve(submission(links={"a/b": tmp_path / "a/b"}), run_dir=Path("/scratch/state/runs/abcdefg"))
    assert f"--volume={tmp_path}/data:/data:ro" in argv(submitted=moved, mounts=["data:/data:ro"])
    with pytest.raises(BackendError, match="can't be told"):
        argv(submitted=evolve(moved, links={}), mounts=["data:/data:ro"])
