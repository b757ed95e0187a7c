import pytest

from confjob.declare import declare, find_target, open_engine, read_project
from confjob.errors import ConfjobError, InputError, ManifestError, PluginError
from confjob.keypath import KeyPath, PathFilter
from confjob.project import Project

COMMAND = '[jobs.t]\ncommand = ["python", "t.py", "{config}"]\n'
FILE = '[[jobs.t.files]]\nname = "config"\npath = "c.yaml"\n'


@pytest.fixture
def job(project):
    """A function that declares a job of a project with this manifest, and returns its JobSpec."""

    def make(manifest, name="t", **files):
        named = {path.replace("__", "."): text for path, text in files.items()}
        project.write({"launch.toml": manifest, "t.py": "print(1)\n", "c.yaml": "a: 1\n", **named})
        there = Project.find(project.root, environ=project.environ)
        return declare(there, read_project(there), name)

    return make


def refused(job, *arguments, **files):
    with pytest.raises(ConfjobError) as caught:
        job(*arguments, **files)
    return [
        (str(problem.path), problem.where and problem.where.line, problem.message)
        for problem in caught.value.problems
    ]


def inputs(spec):
    return {each.input: each for each in spec.inputs}


def defaults(spec):
    return spec.defaults[KeyPath()].value


def test_a_job_by_command_has_what_its_table_says(job):
    spec = job(
        COMMAND
        + "env = { A = 'x' }\ntarget = 'here'\n"
        + FILE
        + 'exclude = ["a"]\nsecret = "b"\n[workspace]\nlink = ["data"]\nmax-size = "1MiB"'
    )
    assert spec.command == ("python", "t.py", "{config}")
    assert (spec.target, spec.links, spec.snapshot_limit, spec.where.line) == ("here", ("data",), 1 << 20, 1)
    assert list(inputs(spec)) == ["c.yaml", "resources", "env"]
    config = inputs(spec)["c.yaml"]
    assert (config.name, config.by_command, config.filter) == ("config", True, PathFilter(exclude="a"))
    assert config.secrets == (KeyPath(("b",)),)
    assert defaults(inputs(spec)["env"]) == {"A": "x"}


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("{config}", True),
        ("--c={c.yaml}", True),
        ("{{config}}", False),
        ("config", False),
        ("{{config}}{config}", True),
    ],
)
def test_a_command_names_a_file_by_its_name_or_path(job, word, named):
    assert inputs(job(f'[jobs.t]\ncommand = ["x", "{word}"]\n{FILE}'))["c.yaml"].by_command is named


SCRIPT = """
import confjob
confjob.manage_config_file("c.yaml", include=["a", "p"], exclude=["p"], schema={"type": "object"})
"""


def test_the_manifest_wins_over_the_code_key_by_key(job):
    plain = inputs(job(COMMAND, t__py=SCRIPT))["c.yaml"]
    assert plain.filter == PathFilter(["a", "p"], ["p"])
    named = inputs(job(COMMAND + FILE, t__py=SCRIPT))["c.yaml"]
    assert (named.name, named.filter, named.schema) == ("config", plain.filter, plain.schema)
    narrowed = inputs(job(COMMAND + FILE + 'include = "a"\nschema = { minimum = 1 }', t__py=SCRIPT))["c.yaml"]
    assert narrowed.filter == PathFilter(["a"], ["p"])
    assert narrowed.schema == {"minimum": 1}


FUNCTION = """
from confjob import job

@job(resources={"gpus": 1, "cpus": 2}, env={"A": "code"})
def train(lr: float = 0.1, epochs: int = 3, *, name: str):
    pass
"""


def test_defaults_of_manifest_and_signature_are_one_tree(job):
    manifest = '[jobs.t]\nfunction = "t:train"\n[jobs.t.run-config]\ndefaults = { epochs = 5 }\n[jobs.t.resources]\ngpus = 0\n'
    spec = inputs(job(manifest, t__py=FUNCTION))
    run_config = spec["run-config"]
    assert defaults(run_config) == {"lr": 0.1, "epochs": 5}
    assert [str(path) for path in run_config.required] == ["name"]
    assert str(run_config.defaults[KeyPath(("epochs",))].where).startswith("launch.toml:4:")
    assert str(run_config.defaults[KeyPath(("lr",))].where).startswith("t.py:5:")
    assert defaults(spec["resources"]) == {"gpus": 0, "cpus": 2}
    assert defaults(spec["env"]) == {"A": "code"}


def test_a_function_needs_no_manifest_and_keeps_the_workspace_of_one(job):
    spec = job('[workspace]\nlink = ["data"]\nmax-size = 5\n', "t.py:train", t__py=FUNCTION)
    assert (spec.function.module, spec.function.function, spec.links, spec.snapshot_limit) == (
        "t",
        "train",
        ("data",),
        5,
    )
    script = job("", "t.py", t__py=SCRIPT)
    assert script.command == ("python", "t.py")
    assert list(inputs(script)) == ["c.yaml", "resources", "env"]


def test_resources_and_environment_of_a_manifest_are_checked_where_they_stand(job):
    found = refused(
        job,
        COMMAND + '[jobs.t.resources]\ngpus = -1\ncpus = 0\nnodes = 0\n[jobs.t.env]\n"A-B" = "x"\nOK = "y"\n',
    )
    assert [(path, line) for path, line, _ in found] == [
        ("jobs.t.resources.gpus", 4),
        ("jobs.t.resources.cpus", 5),
        ("jobs.t.resources.nodes", 6),
        (r"jobs.t.env.A-B", 8),
    ]
    for text in ('memory = "16XB"', 'time = "soon"', 'memory = "-1"'):
        ((path, _, message),) = refused(job, COMMAND + f"[jobs.t.resources]\n{text}\n")
        assert path.startswith("jobs.t.resources")
        assert "such as" in message


def test_resources_of_a_decorator_are_checked_as_well(job):
    wrong = FUNCTION.replace('"gpus": 1', '"gpus": -1, "gpuz": 2')
    assert [path for path, _, _ in refused(job, '[jobs.t]\nfunction = "t:train"\n', t__py=wrong)] == [
        "jobs.t.resources.gpus",
        "jobs.t.resources.gpuz",
    ]
    assert {path for path, _, _ in refused(job, "", "t.py:train", t__py=wrong)} == {
        "resources.gpus",
        "resources.gpuz",
    }


def test_all_faults_of_one_job_are_told_at_once(job):
    manifest = (
        COMMAND
        + FILE
        + 'include = ["a[", "ok", "b\\\\x"]\nschema = "none.json"\nsecret = ["*"]\n'
        + '[[jobs.t.files]]\npath = "./c.yaml"\n[[jobs.t.files]]\nname = "env"\npath = "d.yaml"\n'
        + "[jobs.t.resources]\ngpus = -1\n"
    )
    found = refused(job, manifest)
    assert [path for path, _, _ in found] == [
        "jobs.t.files",
        "jobs.t.files[0].include[0]",
        "jobs.t.files[0].include[2]",
        "jobs.t.files[0].schema",
        "jobs.t.files[0].secret",
        "jobs.t.files[1].path",
        "jobs.t.resources.gpus",
    ]
    assert "two inputs are called 'env'" in found[0][2]
    assert "declared twice" in found[5][2]


@pytest.mark.parametrize(
    "files",
    [
        '[[jobs.t.files]]\nname = "x"\npath = "a.yaml"\n[[jobs.t.files]]\nname = "x"\npath = "b.yaml"\n',
        '[[jobs.t.files]]\nname = "b.yaml"\npath = "a.yaml"\n[[jobs.t.files]]\npath = "b.yaml"\n',
        '[[jobs.t.files]]\nname = "run-config"\npath = "a.yaml"\n',
        '[[jobs.t.files]]\nname = "x"\npath = "resources"\n',
    ],
)
def test_two_inputs_can_not_answer_to_one_name(job, files):
    ((path, _, message),) = refused(job, COMMAND + files)
    assert path == "jobs.t.files"
    assert "two inputs are called" in message


def test_a_broken_job_hurts_no_other(job):
    manifest = '[jobs.t]\ncommand = ["x"]\n[jobs.bad]\nfunction = "none:train"\n[jobs.worse]\ncommand = ["x"]\n[jobs.worse.run-config]\ninclude = ["["]\n'
    assert job(manifest).command == ("x",)
    with pytest.raises(InputError):
        job(manifest, "bad")
    with pytest.raises(ManifestError):
        job(manifest, "worse")


def test_an_unknown_job_is_refused_with_the_known_ones(job):
    with pytest.raises(InputError, match=r"no job is called 'tt' \(jobs: t\)") as caught:
        job(COMMAND, "tt")
    assert caught.value.hint == "a script is named by its path: train.py:train" or "'t'" in caught.value.hint
    with pytest.raises(InputError, match=r"has no launch.toml with jobs"):
        job("", "none")
    with pytest.raises(InputError, match=r"no job is called 'none.py:f'"):
        job("", "none.py:f")


def test_a_script_outside_the_project_is_refused(job, project):
    (project.root.parent / "out.py").write_text("def train(lr: float = 1): pass\n")
    for name in ("../out.py:train", "../out.py", str(project.root.parent / "out.py")):
        with pytest.raises(ConfjobError):
            job("", name)


TARGETS = 'default-target = "here"\n[targets.here]\nbackend = "local"\n[targets.typo]\nbackend = "local"\nslotz = 1\n[targets.none]\nbackend = "nowhere"\n[targets.odd]\nbackend = 5\n'


def test_targets_are_found_by_name_or_default(project):
    project.write({"launch.toml": TARGETS})
    there = Project.find(project.root)
    declared = read_project(there)
    assert find_target(there, declared, None).name == "here"
    assert find_target(there, declared, "local").backend == "local"
    open_engine(there, find_target(there, declared, "here"))
    with pytest.raises(ManifestError, match=r"no target is called 'her' \(known: here, local") as caught:
        find_target(there, declared, "her")
    assert "here" in caught.value.hint
    with pytest.raises(PluginError, match="no backend is called 'nowhere'"):
        find_target(there, declared, "none")
    for name, path, line in (("typo", "targets.typo.slotz", 6), ("odd", "targets.odd.backend", 10)):
        with pytest.raises(ManifestError) as caught:
            find_target(there, declared, name)
        assert [(str(each.path), each.where.line) for each in caught.value.problems] == [(path, line)]


def test_a_manifest_that_is_no_toml_is_refused_at_its_place(job):
    with pytest.raises(InputError, match=r"launch\.toml:1:\d+"):
        job("jobs = [")
