from pathlib import PurePosixPath

from confjob.project import Project


def test_the_root_is_the_nearest_manifest_upwards(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "launch.toml").touch()
    (tmp_path / "a" / "launch.toml").touch()
    (deep / ".git").mkdir()
    project = Project.find(deep)
    assert project.root == tmp_path / "a"
    assert project.cwd == deep
    assert project.manifest == PurePosixPath("launch.toml")
    assert project.state == tmp_path / "a" / ".confjob"


def test_without_a_manifest_it_is_the_git_root_and_else_the_folder_itself(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert Project.find(deep).root == deep
    (tmp_path / "a" / ".git").write_text("gitdir: elsewhere")
    assert Project.find(deep).root == tmp_path / "a"
    assert Project.find(deep).manifest is None


def test_names_are_read_from_where_the_user_stands(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "launch.toml").touch()
    project = Project.find(tmp_path / "src")
    assert project.relative("train.py") == PurePosixPath("src/train.py")
    assert project.relative("../train.py") == PurePosixPath("train.py")
    assert project.relative("../../train.py") == PurePosixPath("../train.py")


def test_an_empty_environment_is_an_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("A_VARIABLE", "x")
    assert Project.find(tmp_path, environ={}).environ == {}
    assert Project.find(tmp_path).environ["A_VARIABLE"] == "x"


def test_a_manifest_reached_through_a_symlink_has_its_real_root(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "launch.toml").touch()
    (tmp_path / "link").symlink_to("real")
    assert Project.find(tmp_path / "link").root == tmp_path / "real"


def test_a_project_has_its_own_plugins(tmp_path):
    (tmp_path / "confjob_plugins.py").write_text("1/0")
    project = Project.find(tmp_path, blocked=["confjob_plugins"])
    assert project.registry.format("yaml").name == "yaml"
    assert project.store is project.store
