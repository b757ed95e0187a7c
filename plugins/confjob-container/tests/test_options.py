"""What a target may say: checked before anything runs, with the option's name in every refusal."""

import pytest
from attrs import fields
from confjob_container.mounts import Mount, mount_of
from confjob_container.options import ContainerOptions, RunOptions

from confjob.declare.structure import structure_value
from confjob.errors import ManifestError


def read(**options):
    return structure_value({"image": "x", **options}, ContainerOptions, "targets.box")


def refusal(**options):
    with pytest.raises(ManifestError) as refused:
        read(**options)
    return "; ".join(f"{each.message} {each.hint}" for each in refused.value.problems)


def test_a_target_without_an_image_is_refused():
    with pytest.raises(ManifestError) as refused:
        structure_value({}, ContainerOptions, "targets.box")
    assert "image" in refused.value.problems[0].message


def test_unknown_options_are_refused_with_a_suggestion():
    assert "shm-size" in refusal(**{"shm-sise": "1g"})
    assert "cpuset-cpus" in refusal(options={"cpuset-cpu": "0"})


@pytest.mark.parametrize(
    "name", ["env", "env-file", "init", "pid", "restart", "rm", "entrypoint", "volume", "name"]
)
def test_what_the_backend_relies_on_can_not_be_said(name):
    assert name not in {each.name.replace("_", "-") for each in fields(RunOptions)}
    assert repr(name) in refusal(options={name: "x"})


@pytest.mark.parametrize(
    "name", ["mounts", "network", "privileged", "user", "ipc", "cap_add", "devices", "security_opt", "userns"]
)
def test_what_lets_a_job_out_is_an_option_of_its_own_that_a_policy_can_forbid(name):
    assert name in {each.name for each in fields(ContainerOptions)}
    assert name not in {each.name for each in fields(RunOptions)}


HOSTILE = ["", "--privileged", "-v/:/host", "a\nb", "a\0b", " a", "a ", "\x1b[31m"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "name", ["image", "python", "network", "user", "ipc", "shm-size", "engine", "userns"]
)
def test_a_value_that_reads_as_something_else_is_refused_by_name(name, value):
    assert name in refusal(**{name: value})


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["cap-add", "devices", "security-opt", "gpus"])
def test_so_is_one_in_a_list(name, value):
    assert name in refusal(**{name: [value]})


@pytest.mark.parametrize("value", HOSTILE)
def test_so_is_one_of_the_further_options(value):
    assert "hostname" in refusal(options={"hostname": value})
    assert "dns" in refusal(options={"dns": [value]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("engine", "nerdctl"),
        ("engine", "bin/podman"),
        ("engine", "/opt/a:b/podman"),
        ("shm-size", "lots"),
        ("shm-size", -1),
        ("gpus", "0,1"),
        ("gpus", ["0,1"]),
        ("grace", -1),
        ("pull", "sometimes"),
        ("user", "a b"),
        ("user", "0:0:0"),
        ("image", "two words"),
        ("privileged", "yes"),
    ],
)
def test_nonsense_is_refused_by_name(name, value):
    told = refusal(**{name: value})
    assert name in told or "must be" in told


@pytest.mark.parametrize(
    "said",
    [
        "/data",
        "/data:data",
        "/data:/x:rx",
        "/data:/x:ro:z",
        ":/x",
        "/data:",
        "/data:/",
        "/data:/proc",
        "/data:/confjob",
        "/data:/confjob/runs",
        "/data:/x/../confjob/runs",
        "/a\0b:/x",
        {"source": "", "target": "/x"},
        {"source": "/x", "target": "x"},
        {"source": "/x"},
    ],
)
def test_a_mount_that_is_none_is_refused(said):
    told = refusal(mounts=[said])
    assert "mount" in told or "missing key" in told


def test_mounts_are_read_as_text_and_as_tables():
    said = ["/data:/data", "sub/data:/more:ro", {"source": "/a:b", "target": "/c", "read-only": True}]
    read_only = [(str(m.source), str(m.target), m.read_only) for m in read(mounts=said).extra_mounts]
    assert read_only == [("/data", "/data", False), ("sub/data", "/more", True), ("/a:b", "/c", True)]


def test_a_relative_mount_is_in_the_project_and_must_be_there(tmp_path):
    (tmp_path / "data").mkdir()
    mount = mount_of("data:/data")
    assert mount.below(tmp_path).source == tmp_path / "data"
    for project, text in ((None, "data:/data"), (tmp_path, "nothing:/data")):
        with pytest.raises(Exception, match="mounts: "):
            mount_of(text).below(project)


@pytest.mark.parametrize("path", ["/a b", "/it's", '/a "b"', "/a,b", "/$(x)", "/Zürich 東京", "/a\nb"])
def test_a_path_that_an_engine_would_split_one_way_goes_the_other(path):
    (word,) = Mount(source=path, target="/x").argv()
    assert word == f"--volume={path}:/x:rw"
    if not set(path) & set(',"\n'):
        (word,) = Mount(source=f"{path}:", target="/x", read_only=True).argv()
        assert word == f"--mount=type=bind,source={path}:,target=/x,readonly"
    else:
        with pytest.raises(Exception, match="can't mount"):
            Mount(source=f"{path}:", target="/x").argv()
