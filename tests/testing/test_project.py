"""The folder that plugin authors run confjob in."""

import os
import sys
from pathlib import Path

import pytest

from confjob.errors import ConfjobError
from confjob.testing import ProjectFolder, framework_python

PYPROJECT = '[project]\nname = "confjob-mine"\nversion = "2.0"\n[project.entry-points."confjob.formats"]\nmine = "m"\n'


def test_a_package_is_known_as_if_it_were_installed_and_left_as_it_was(project, tmp_path):
    package = tmp_path / "package"
    ProjectFolder(package).write({"pyproject.toml": PYPROJECT, "m.py": ""})
    before = sorted(package.rglob("*"))
    project.install(package)
    found = [each for each in project.json("plugins", "list") if each["distribution"] == "confjob-mine"]
    assert [(each["name"], each["version"], each["module"]) for each in found] == [("mine", "2.0", "m")]
    assert sorted(package.rglob("*")) == before


@pytest.mark.parametrize("text", ["", "[project", '[project]\nname = "x"\n'])
def test_a_package_that_says_too_little_is_refused(project, tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfjobError, match=r"pyproject\.toml"):
        project.install(tmp_path)


def test_modules_may_lie_in_src(project, tmp_path):
    ProjectFolder(tmp_path / "package").write({"pyproject.toml": PYPROJECT, "src/m.py": ""})
    project.install(tmp_path / "package")
    assert str(tmp_path / "package" / "src") in project.environ["PYTHONPATH"].split(os.pathsep)


def test_the_testers_own_environment_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.setenv("CONFJOB_DISABLE_PLUGINS", "yaml")
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere")
    monkeypatch.setenv("KEPT", "1")
    project = ProjectFolder(tmp_path / "project", variables={"MORE": "2"})
    assert (project.environ["KEPT"], project.environ["MORE"]) == ("1", "2")
    assert not project.environ.keys() & {"CONFJOB_DISABLE_PLUGINS", "VIRTUAL_ENV"}
    assert ProjectFolder(tmp_path, Path("/env/bin/python")).environ["VIRTUAL_ENV"] == "/env"


def test_another_exit_code_shows_what_was_said(project):
    with pytest.raises(AssertionError, match=r"exit code 1, not 0\n\$ show nothing\n(.|\n)*no job"):
        project.confjob("show", "nothing")
    assert project.run(sys.executable, "-c", "exit(3)", code=3).returncode == 3


def test_what_goes_on_is_ended(project):
    project.write({"launch.toml": '[jobs.sleep]\ncommand = ["sleep", "60"]\n'})
    run = project.json("launch", "sleep")["id"]
    project.wait(run, "RUNNING")
    project.end()
    assert project.json("status", run)["state"] == "CANCELLED"
    with pytest.raises(AssertionError, match=r"is CANCELLED after 0\.1 s, not"):
        project.wait(run, "RUNNING", seconds=0.1)


def test_copies_leave_runs_and_caches_behind(copy_project, tmp_path_factory):
    source = ProjectFolder(tmp_path_factory.mktemp("elsewhere") / "source")
    source.write({"a.py": "", "b/c": "", ".confjob/runs/x": "", ".venv/y": "", "b/__pycache__/z": ""})
    copy = copy_project(source.root).root
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*")) == ["a.py", "b", "b/c"]
    assert copy != source.root


def test_a_framework_s_interpreter_is_named_skipped_or_required(monkeypatch):
    monkeypatch.delenv("CONFJOB_REQUIRE_ENGINES", raising=False)
    monkeypatch.setenv("CONFJOB_PYTHON_SECOND", "/env/bin/python")
    assert framework_python("no-such", "second") == Path("/env/bin/python")
    with pytest.raises(pytest.skip.Exception, match="CONFJOB_PYTHON_NO_SUCH name no interpreter"):
        framework_python("no-such")
    monkeypatch.setenv("CONFJOB_REQUIRE_ENGINES", "1")
    with pytest.raises(pytest.fail.Exception):
        framework_python("no-such")
