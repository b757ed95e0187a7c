"""Whoever writes a plugin: from a file beside launch.toml to a package of their own."""

import sys

import pytest

from confjob.testing import ProjectFolder

INLINE = """
from confjob.plugin import hookimpl


@hookimpl
def confjob_hide(document):
    return [path for path in document.nodes if path and path[-1] == "token"]
"""
SYNC = {
    "launch.toml": '[jobs.sync]\ncommand = ["cat", "config.toml"]\n[[jobs.sync.files]]\npath = "config.toml"\n',
    "config.toml": 'host = "example.org"\ntoken = "s3cret"\n',
}


def shown(project):
    return [each["path"] for each in project.json("show", "sync")["inputs"]]


# -- the file beside launch.toml -------------------------------------------------------


def test_a_file_beside_the_manifest_is_a_plugin(project):
    project.write({**SYNC, "confjob_plugins.py": INLINE})
    assert shown(project) == ["host"]
    told = project.told("plan", "sync", "--set", "token=x", code=1)
    assert "a plugin hides it" in told


def test_it_is_listed_first_and_not_imported_for_that(project):
    project.write({**SYNC, "confjob_plugins.py": INLINE + "open('imported', 'w').close()\n"})
    first = project.json("plugins", "list")[0]
    assert (first["kind"], first["name"], first["state"]) == ("plugins", "confjob_plugins", "ok")
    assert "confjob_plugins.py" in project.confjob("plugins", "list").stdout.splitlines()[1]
    assert not (project.root / "imported").exists()
    assert "confjob_plugins" not in project.confjob("-p", "no:confjob_plugins", "plugins", "list").stdout


def test_it_is_found_from_a_folder_below_and_can_be_blocked(project):
    project.write({**SYNC, "confjob_plugins.py": INLINE, "below/x": ""})
    assert "token" not in project.confjob("show", "sync", cwd="below").stdout
    assert "token" in project.confjob("-p", "no:confjob_plugins", "show", "sync").stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("def confjob_hide(:", "confjob_plugins.py"),
        (INLINE.replace("(document)", "(documnt)"), "documnt"),
        (INLINE.replace("path[-1]", "path[7]"), "IndexError"),
    ],
)
def test_a_broken_one_is_one_message_with_the_cause(project, text, told):
    project.write({**SYNC, "confjob_plugins.py": text})
    shown = project.told("show", "sync", code=None)
    assert told in shown
    assert "Traceback" not in shown
    checked = project.told("plugins", "check", code=None)
    assert told in checked or "IndexError" in told


def test_what_it_says_is_traced(project):
    project.write({**SYNC, "confjob_plugins.py": INLINE})
    quiet = project.told("show", "sync")
    project.environ["CONFJOB_TRACE_PLUGINS"] = "1"
    done = project.confjob("show", "sync")
    assert done.stdout in quiet
    lines = [line for line in done.stderr.splitlines() if "confjob_hide" in line]
    assert any("config.toml" in line for line in lines), done.stderr
    assert any("confjob_plugins" in line and "token" in line for line in lines), done.stderr
    assert "s3cret" not in done.stderr


# -- plugins new -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["format", "backend", "hooks"])
def test_a_new_package_passes_its_own_tests_and_our_check(project, kind):
    made = project.json("plugins", "new", "my-own", "--kind", kind)
    package = ProjectFolder(project.root / "confjob-my-own")
    assert {"README.md", "pyproject.toml", "tests/test_plugin.py"} <= set(made["files"])
    assert made["dir"] == str(package.root)
    passed = package.run(sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert " passed" in passed.stdout
    (found,) = project.json("plugins", "check", "confjob-my-own")
    assert (found["plugin"], found["problems"]) == ("confjob-my-own", [])
    assert not [path for path in package.root.rglob("*") if "{{" in path.name or path.suffix == ".tmpl"]
    assert "{{" not in "".join(
        path.read_text() for path in package.root.rglob("*.*") if path.suffix != ".pyc"
    )


def test_a_new_package_is_used_once_it_is_installed(project):
    project.confjob("plugins", "new", "props")
    project.install(project.root / "confjob-props")
    assert ["formats", "props"] in [
        [each["kind"], each["name"]] for each in project.json("plugins", "list") if each["state"] == "ok"
    ]
    assert "format props (.props)" in project.told("plugins", "check", "props")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["My Format"], 1, "can't be the name of a plugin"),
        (["../up"], 1, "can't be the name of a plugin"),
        (["yaml"], 1, "built into confjob"),
        (["local", "--kind", "backend"], 1, "built into confjob"),
        (["taken"], 1, "confjob-taken exists"),
        (["other", "--dir", "file"], 2, "is a file"),
        (["other", "--dir", "file/below"], 1, "can't write"),
        (["other", "--kind", "sampler"], 2, "is not one of"),
    ],
)
def test_what_can_not_be_made_is_refused_and_leaves_nothing(project, arguments, code, told):
    project.write({"confjob-taken/mine": "", "file": ""})
    before = sorted(project.root.rglob("*"))
    assert told in project.told("plugins", "new", *arguments, code=code)
    assert sorted(project.root.rglob("*")) == before


def test_the_name_may_have_our_prefix_and_the_folder_be_another(project):
    project.confjob("plugins", "new", "confjob-own", "--dir", "plugins/own")
    assert (project.root / "plugins" / "own" / "confjob_own" / "__init__.py").is_file()


# -- plugins check ---------------------------------------------------------------------

PYPROJECT = """
[project]
name = "confjob-mine"
version = "1.0"
[project.entry-points."confjob.formats"]
mine = "confjob_mine"
".mine" = "confjob_mine"
"""
MINE = """
from confjob.plugin import Backend, Calls, hookimpl, text_format

@hookimpl
def confjob_formats():
    yield text_format("mine", (".mine",), parse=lambda text, file: {}, edit=lambda document, text, changes: text)
"""


def problems(project, module=MINE, pyproject=PYPROJECT):
    project.write({"mine/pyproject.toml": pyproject, "mine/confjob_mine.py": module})
    (found,) = project.json("plugins", "check", "mine", code=None)
    return " | ".join(f"{each['message']} -> {each['hint']}" for each in found["problems"])


def test_a_sound_plugin_has_no_problem_and_each_thing_is_told(project):
    assert problems(project) == ""
    told = project.told("plugins", "check", "mine")
    assert "confjob-mine 1.0" in told
    for verified in ("confjob_mine can be imported", "hooks: confjob_formats", "format mine (.mine)"):
        assert f"ok  {verified}" in told


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("def confjob_formats", "def confjob_fromats", "there is no hook 'confjob_fromats' -> did you mean"),
        ("@hookimpl", "", "confjob_formats is not marked as a hook"),
        ("formats()", "formats(documents)", "confjob_formats takes 'documents'"),
        ('"mine", (".mine",)', '"mine", (".mine", ".my")', "'.my' has no entry point"),
        ('"mine", (".mine",)', '"mine", ()', "the entry point '.mine' names what the module does not give"),
        ('"mine", (".mine",)', '"Mine", (".mine",)', "name is 'Mine'"),
        ("yield text_format", "yield 1; text_format", "which is no Format"),
        ("yield text_format", "yield 1 / 0; text_format", "ZeroDivisionError"),
        ("@hookimpl", "import hypothesis\n@hookimpl", "it imports hypothesis"),
        ("@hookimpl", "print(1)\n@hookimpl", "prints '1'"),
        ("@hookimpl", "import nosuch\n@hookimpl", "No module named 'nosuch'"),
        ("@hookimpl", "@hookimpl\ndef confjob_hide(document): ...\n@hookimpl", "confjob.plugins alone"),
        ("@hookimpl", "@hookimpl\ndef confjob_backends(): ...\n@hookimpl", "confjob.backends alone"),
    ],
)
def test_each_mistake_is_named(project, old, new, problem):
    assert problem in problems(project, MINE.replace(old, new))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ('Backend(name="mine", summary="", options=dict, open=print)', "summary is ''"),
        ('Backend(name="mine", summary="s", options=dict, open=print)', "not an attrs class"),
        ('Backend(name="mine", summary="s", options=dict, open=lambda: 1)', "open can't be called with 1"),
        (
            'Backend(name="mine", summary="s", options=dict, open=print, honours={"gpu"})',
            "honours 'gpu', which is no resource; did you mean 'gpus'",
        ),
        (
            'Backend(name="mine", summary="s", options=make_class("O", {}), open=lambda options: 1)',
            "the engine's preview is None",
        ),
    ],
)
def test_each_mistake_of_a_backend_is_named(project, record, problem):
    module = f"from attrs import make_class\n{MINE.replace('formats', 'backends')}"
    module = module[: module.index("    yield")] + f"    yield {record}\n"
    found = problems(project, module, PYPROJECT.replace("formats", "backends").replace('".mine"', '"other"'))
    assert problem in found


def test_a_package_without_entry_points_and_a_built_in_name_are_told(project):
    assert "no entry point of confjob's" in problems(project, pyproject='[project]\nname = "confjob-mine"\n')
    yaml = PYPROJECT + '".yaml" = "confjob_mine"\n'
    assert "'.yaml' is built into confjob" in problems(
        project, MINE.replace('".mine",', '".mine", ".yaml"'), yaml
    )


def test_the_exit_code_tells(project):
    project.write({"mine/pyproject.toml": PYPROJECT, "mine/confjob_mine.py": ""})
    assert "it implements no hook" in project.told("plugins", "check", "mine", code=1)
    told = project.told("plugins", "check", "mien", code=1)
    assert "no plugin, file or folder is called 'mien'" in told
    assert "built in" in project.told("plugins", "check", "local")
    assert "did you mean 'local'" in project.told("plugins", "check", "lokal", code=1)


def test_without_a_name_the_projects_own_file_is_checked(project):
    project.write({"confjob_plugins.py": INLINE})
    found = project.json("plugins", "check", code=None)[0]
    assert (found["plugin"], found["problems"]) == ("confjob_plugins.py", [])
    assert "hooks: confjob_hide" in found["verified"]
    project.write({"confjob_plugins.py": INLINE.replace("confjob_hide", "confjob_hid")})
    assert "did you mean 'confjob_hide'" in project.told("plugins", "check", "confjob_plugins.py", code=1)


def test_nothing_is_left_behind_by_a_check(project):
    project.write({"mine/pyproject.toml": PYPROJECT, "mine/confjob_mine.py": MINE})
    before = sorted(project.root.rglob("*"))
    project.confjob("plugins", "check", "mine")
    assert sorted(project.root.rglob("*")) == before


def test_the_hooks_are_told_also_as_json(project):
    found = {each["hook"]: each["doc"] for each in project.json("plugins", "hooks")}
    assert "confjob_hide(document)" in found
    assert "When:" in found["confjob_hide(document)"]
