from pathlib import PurePosixPath

import pytest

from confjob.errors import InputError, PluginError
from confjob.keypath import KeyPath
from confjob.load import choose, format_of, load
from confjob.model import InputSpec, JobSpec, Node
from confjob.project import Project
from confjob.tree import walk


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "project"
    (root / "configs").mkdir(parents=True)
    (tmp_path / "out.yaml").write_text("a: 1\n")
    (root / "c.yaml").write_text("a: 1\nb:\n  - 2\n")
    (root / "configs" / "b.yaml").write_text("a: 5\n")
    (root / "configs" / "out.yaml").symlink_to(tmp_path / "out.yaml")
    return root


def file(path, name=None, **more):
    return InputSpec(name=name or path, kind="file", path=PurePosixPath(path), **more)


def job(*specs):
    return JobSpec(name="j", inputs=specs, command=("x", "y"))


def loaded(root, *specs):
    return load(Project.find(root), job(*specs), None)


def test_every_value_of_a_file_has_a_place(root):
    document = loaded(root, file("c.yaml"))["c.yaml"]
    assert document.tree == {"a": 1, "b": [2]}
    assert str(document.where(KeyPath(("b", 0)))) == "c.yaml:3:5"
    assert document.source.command == ("x", "y")


def test_declared_values_need_no_file(root):
    nodes = {path: Node(value=value) for path, value in walk({"x": 1})}
    documents = loaded(
        root,
        InputSpec(name="run-config", kind="run-config", defaults=nodes),
        InputSpec(name="env", kind="env", defaults={}),
    )
    assert documents["run-config"].tree == {"x": 1}
    assert documents["env"].tree == {}


def test_defaults_may_stand_in_a_file_over_what_the_code_declares(root):
    nodes = {path: Node(value=value) for path, value in walk({"a": 7, "kept": {"x": 1}})}
    spec = InputSpec(name="run-config", kind="run-config", source=PurePosixPath("c.yaml"), defaults=nodes)
    document = loaded(root, spec)["run-config"]
    assert document.tree == {"a": 1, "kept": {"x": 1}, "b": [2]}
    assert document.source.path is None
    assert str(document.where(KeyPath(("a",)))) == "c.yaml:1:4"


def test_defaults_must_be_a_mapping(root):
    (root / "l.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match="must be a mapping"):
        loaded(root, InputSpec(name="run-config", kind="run-config", source=PurePosixPath("l.yaml")))


def test_a_file_that_can_not_be_read_is_named_with_the_place(root):
    (root / "bad.yaml").write_text("a: 1\nb: [\n")
    (root / "latin.yaml").write_bytes(b"a: \xe9\n")
    (root / "twice.json").write_text('{"a": 1, "a": 2}')
    for path, why in [
        ("none.yaml", "none.yaml: no such file"),
        ("bad.yaml", r"bad.yaml:\d:\d"),
        ("latin.yaml", "latin.yaml:1:4: byte 0xe9"),
        ("../out.yaml", "outside the project"),
        ("configs/out.yaml", "outside the project through a symlink"),
        ("configs", "not a file"),
    ]:
        with pytest.raises(InputError, match=why):
            loaded(root, file(path, format="yaml"))


def test_all_inputs_that_can_not_be_read_are_told_at_once(root):
    with pytest.raises(InputError) as caught:
        loaded(root, file("none.yaml"), file("c.yaml"), file("x.acme"), file("../out.yaml"))
    (root / "x.acme").write_text("")
    assert [problem.message.partition(":")[0] for problem in caught.value.problems] == [
        "none.yaml",
        "x.acme",
        "../out.yaml",
    ]
    with pytest.raises(PluginError, match="no format has this suffix"):
        loaded(root, file("x.acme"))


def test_a_format_is_the_declared_one_else_by_suffix(root):
    project = Project.find(root)
    assert format_of(project, file("c.yaml")).name == "yaml"
    assert format_of(project, file("c.conf", format="toml")).name == "toml"
    assert format_of(project, file("c.yaml", source=PurePosixPath("c.json"))).name == "json"


CHOICES = {"choices": "configs/*.yaml"}


def picked(root, spec, **files):
    return choose(
        Project.find(root), job(spec, InputSpec(name="run-config", kind="run-config")), files
    ).inputs[0]


def test_another_file_can_be_picked_among_the_choices(root):
    spec = file("c.yaml", "config", **CHOICES)
    for path in ("configs/b.yaml", "./configs/b.yaml"):
        chosen = picked(root, spec, config=path)
        assert (chosen.source, chosen.path) == (PurePosixPath("configs/b.yaml"), PurePosixPath("c.yaml"))
    assert picked(root, spec) == spec
    assert choose(Project.find(root), job(spec), {"c.yaml": "configs/b.yaml"}).inputs[0].source is not None


@pytest.mark.parametrize(
    ("name", "path", "why", "hint"),
    [
        ("config", "configs/none.yaml", "no such file", "configs/b.yaml"),
        ("config", "c.yaml", "not one of config's choices", "configs/b.yaml"),
        ("config", "configs/out.yaml", "outside", ""),
        ("config", "/etc/passwd", "absolute", ""),
        ("config", "configs/" + "x" * 300, "", ""),
        ("confg", "configs/b.yaml", "no file input is called 'confg'", "did you mean 'config'?"),
        ("run-config", "configs/b.yaml", "no file input", "'config'"),
    ],
)
def test_a_file_that_is_no_choice_is_refused(root, name, path, why, hint):
    with pytest.raises(InputError) as caught:
        picked(root, file("c.yaml", "config", **CHOICES), **{name: path})
    (problem,) = caught.value.problems
    assert why in problem.message
    assert hint in problem.hint


def test_a_file_without_choices_stays(root):
    with pytest.raises(InputError) as caught:
        picked(root, file("c.yaml", "config"), config="configs/b.yaml")
    assert "choices = " in caught.value.hint


@pytest.mark.parametrize("choices", ["", "/etc/*", "**x/*.yaml"])
def test_choices_that_are_no_pattern_are_refused(root, choices):
    with pytest.raises(InputError):
        picked(root, file("c.yaml", "config", choices=choices), config="configs/b.yaml")


def test_all_wrong_picks_are_told_at_once(root):
    with pytest.raises(InputError) as caught:
        picked(root, file("c.yaml", "config", **CHOICES), config="x.yaml", other="y.yaml")
    assert [problem.code for problem in caught.value.problems] == ["unreadable", "unknown-input"]


def test_a_picked_file_must_have_the_format_of_the_file_it_replaces(root):
    """Its text lands where the job opens it, unless the command names the picked file itself."""
    (root / "configs" / "b.toml").write_text("a = 5\n")
    spec = file("c.yaml", "config", choices="configs/*.toml")
    with pytest.raises(InputError, match=r"b\.toml is toml, but the job opens c\.yaml, which is yaml"):
        picked(root, spec, config="configs/b.toml")
    named = file("c.yaml", "config", choices="configs/*.toml", by_command=True)
    assert picked(root, named, config="configs/b.toml").source == PurePosixPath("configs/b.toml")


def test_folders_are_no_choices(root):
    (root / "configs" / "folder").mkdir()
    with pytest.raises(InputError) as caught:
        picked(root, file("c.yaml", "config", choices="configs/*"), config="configs/folder")
    assert "folder'" not in caught.value.hint
