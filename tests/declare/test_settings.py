import pytest

from confjob.declare import known_targets, read_project
from confjob.declare.settings import list_settings, read_settings, settings_schema, with_settings
from confjob.declare.targets import find_target
from confjob.errors import ConfjobError, ManifestError
from confjob.keypath import KeyPath
from confjob.model import InputSpec, JobSpec, Node
from confjob.project import Project
from confjob.settings import Settings, SettingsFile
from confjob.validation import Validator, check_schema

FULL = """
state-dir = "/scratch"
default-target = "far"
[env]
A = "1"
[resources]
cpus = 1.5
memory = "16GiB"
gpus = 1
nodes = 1
time = "4h"
[targets.far]
backend = "local"
grace = 1
"""


@pytest.fixture
def places(tmp_path):
    def write(user=None, site=None):
        files = []
        for owner, text in (("user", user), ("site", site)):
            path = tmp_path / f"{owner}.toml"
            if text is not None:
                path.write_text(text)
            files.append(SettingsFile(owner=owner, path=path))
        return Settings(files=tuple(files))

    return write


def test_the_schema_is_one_and_accepts_what_the_reader_accepts(places):
    import tomlkit

    schema = settings_schema()
    assert check_schema(schema) == []
    assert Validator(schema).is_valid(tomlkit.parse(FULL).unwrap())
    assert not Validator(schema).is_valid({"targts": {}})
    assert len(read_settings(places(user=FULL)).read) == 1


def test_files_that_are_not_there_say_nothing(places):
    settings = read_settings(places())
    assert settings.read == ()
    assert settings.default_target is None
    assert settings.targets == {}


def test_values_are_merged_key_by_key_each_with_its_place(places, tmp_path):
    settings = read_settings(places(user="[env]\nA = 'user'\n", site="[env]\nB = 'site'\nA = 'site'\n"))
    nodes = settings.nodes("env")
    assert nodes[KeyPath()].value == {"A": "user", "B": "site"}
    assert str(nodes[KeyPath(("A",))].where) == f"{tmp_path}/user.toml:2:5"
    assert str(nodes[KeyPath(("B",))].where) == f"{tmp_path}/site.toml:2:5"


def test_what_the_job_says_is_stronger(places):
    declared = {KeyPath(): Node(value={"A": "job"}), KeyPath(("A",)): Node(value="job")}
    specs = (InputSpec(name="env", kind="env", defaults=declared), InputSpec(name="c.yaml", kind="file"))
    job = with_settings(
        JobSpec(name="train", command=("true",), inputs=specs),
        read_settings(places(user="[env]\nA = 'user'\nB = 'user'\n")),
    )
    assert job.inputs[0].defaults[KeyPath()].value == {"A": "job", "B": "user"}
    assert job.inputs[1] is specs[1]


def test_a_target_is_taken_whole_from_the_strongest(places, tmp_path):
    (tmp_path / "launch.toml").write_text('[targets.mine]\nbackend = "local"\ngrace = 1\n')
    user = '[targets.mine]\nslots = 1\n[targets.yours]\nbackend = "local"\ngrace = 2\n'
    site = '[targets.yours]\nslots = 7\n[targets.ours]\nbackend = "local"\n'
    project = Project.find(tmp_path)
    project = Project(
        root=project.root, cwd=project.cwd, registry=project.registry, settings=places(user=user, site=site)
    )
    declared = read_project(project)
    assert find_target(project, declared, "mine").options == {"grace": 1}
    assert find_target(project, declared, "yours").options == {"grace": 2}
    known = known_targets(project, declared)
    assert {name: where and where.file.name for name, where in known.items()} == {
        "local": None,
        "mine": "launch.toml",
        "yours": "user.toml",
        "ours": "site.toml",
    }


def test_every_fault_of_every_file_is_told_and_one_file_speaks_for_itself(places, tmp_path):
    with pytest.raises(ManifestError) as refused:
        read_settings(places(user="x = 1\n[env]\n'a b' = 'c'\n", site="[resources]\ntime = 'soon'\n"))
    told = [(str(problem.path), str(problem.where)) for problem in refused.value.problems]
    assert told == [
        ("x", f"{tmp_path}/user.toml:1:5"),
        ("env.a b", f"{tmp_path}/user.toml:3:9"),
        ("resources.time", f"{tmp_path}/site.toml:2:8"),
    ]
    with pytest.raises(ConfjobError) as refused:
        read_settings(places(user="x = 1\n", site="[env\n"))
    assert len(refused.value.problems) == 2
    with pytest.raises(ManifestError) as refused:
        read_settings(places(user="x = 1\n", site=""))
    assert refused.value.message == f"{tmp_path}/user.toml: 1 problem"


def test_a_list_tells_which_values_are_used(places):
    listed = list_settings(places(user=FULL, site="state-dir = '/site'\n[env]\nB = '2'\n"))
    assert [(str(each.key), each.owner, each.used) for each in listed] == [
        ("state-dir", "user", True),
        ("state-dir", "site", False),
        ("default-target", "user", True),
        ("targets.far", "user", True),
        ("resources.cpus", "user", True),
        ("resources.gpus", "user", True),
        ("resources.memory", "user", True),
        ("resources.nodes", "user", True),
        ("resources.time", "user", True),
        ("env.A", "user", True),
        ("env.B", "site", True),
    ]
