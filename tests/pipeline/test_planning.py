import pytest

from confjob.errors import ConfjobError, InvalidOverrides
from confjob.pipeline import Request, list_jobs, make_plan, read_form
from confjob.project import Project

MANIFEST = """
[jobs.t]
command = ["python", "t.py", "{config}", "--seed", "{run-config:seed}"]
[jobs.t.run-config]
defaults = { seed = 1, private = { key = "k" } }
exclude = ["private"]
[[jobs.t.files]]
name = "config"
path = "c.yaml"
choices = "configs/*.yaml"
[jobs.t.resources]
memory = "1GiB"
[jobs.f]
function = "f:train"
description = "by function"
"""
FUNCTION = "def train(lr: float = 0.1, *, name: str):\n    pass\n"
FILES = {
    "launch.toml": MANIFEST,
    "t.py": "print(1)\n",
    "f.py": FUNCTION,
    "c.yaml": "lr: 0.1 # rate\nnames: [a, b]\nsub:\n  x: 1\n",
    "configs/b.yaml": "lr: 0.5\n",
}


@pytest.fixture
def there(project):
    project.write(FILES)
    return Project.find(project.root, environ=project.environ)


def plan(there, *sets, job="t", **request):
    return make_plan(there, Request(job=job, sets=sets, **request))


def refused(there, *sets, **request):
    with pytest.raises(InvalidOverrides) as caught:
        plan(there, *sets, **request)
    return caught.value.problems


def test_a_plan_decides_everything_and_does_nothing(there, project):
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    made = plan(there, "lr=1e-3", "seed=7", "resources:gpus=0", "env:A=b", extra=("--v",))
    assert made.command == ("python", "t.py", "c.yaml", "--seed", "7", "--v")
    assert made.documents["c.yaml"].tree["lr"] == 0.001
    assert made.documents["run-config"].tree == {"seed": 7, "private": {"key": "k"}}
    assert (made.resources.gpus, made.resources.memory) == (0, 1 << 30)
    assert made.env == {"A": "b"}
    assert [(each.input, str(each.path), each.said) for each in made.changes] == [
        ("c.yaml", "lr", "--set"),
        ("run-config", "seed", "--set"),
        ("resources", "gpus", "--set"),
        ("env", "A", "--set"),
    ]
    assert made.delivery.files[next(iter(made.delivery.files))] == FILES["c.yaml"].replace("0.1", "0.001")
    left = {
        path: path.read_bytes()
        for path in project.root.rglob("*")
        if path.is_file() and ".confjob" not in path.parts
    }
    assert left == before


def test_all_kinds_of_problems_come_at_once(there, tmp_path):
    (tmp_path / "o.yaml").write_text("lr: x\nsub: {y: 2}\n")
    (tmp_path / "bad.yaml").write_text("[\n")
    problems = refused(
        there,
        "a[=1",
        "seed=abc",
        "private.key=x",
        "nowhere=1",
        "resources:memory=4XB",
        "resources:gpus=-1",
        "names[0]=5x",
        inputs=(tmp_path / "o.yaml", tmp_path / "bad.yaml"),
    )
    codes = sorted(problem.code for problem in problems)
    assert codes == sorted(
        [
            "syntax",
            "type",
            "not-an-input",
            "unknown-path",
            "unreadable-value",
            "minimum",
            "type",
            "unknown-path",
            "unreadable",
        ]
    )
    assert any("(asked by o.yaml:1)" in problem.message for problem in problems)


def test_set_wins_over_inputs_and_data_wins_over_both(there, tmp_path):
    from confjob.form import Override
    from confjob.keypath import KeyPath

    (tmp_path / "real.yaml").write_text("config:\n  lr: 0.2\n  sub: {x: 5}\nseed: 3\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "o.yaml").symlink_to(tmp_path / "real.yaml")
    files = (tmp_path / "folder" / "o.yaml",)
    made = plan(there, "lr=0.3", inputs=files)
    assert made.documents["c.yaml"].tree == {"lr": 0.3, "names": ["a", "b"], "sub": {"x": 5}}
    assert {str(each.path): each.said for each in made.changes} == {
        "lr": "--set",
        "sub.x": "o.yaml:3",
        "seed": "o.yaml:4",
    }
    data = Override(path=KeyPath(("lr",)), value=0.4, said="form")
    assert plan(there, "lr=0.3", inputs=files, overrides=(data,)).documents["c.yaml"].tree["lr"] == 0.4


def test_another_file_is_planned_in_place_of_the_declared_one(there):
    made = plan(there, "lr=0.6", files={"config": "configs/b.yaml"})
    assert made.command[2] == "configs/b.yaml"
    assert made.documents["c.yaml"].tree == {"lr": 0.6}
    with pytest.raises(ConfjobError, match="no such file"):
        plan(there, files={"config": "configs/none.yaml"})


def test_a_list_element_deleted_and_a_later_one_set_reach_the_file_as_meant(there):
    made = plan(there, "names[0]-", "names[1]=z")
    assert made.documents["c.yaml"].tree["names"] == ["z"]
    assert "names: [z]" in "".join(made.delivery.files.values())


def test_any_type_is_for_what_is_inferred(there):
    assert plan(there, any_sets=("config:lr=abc",)).documents["c.yaml"].tree["lr"] == "abc"
    assert [problem.code for problem in refused(there, any_sets=("resources:gpus=x",))] == ["type"]


def test_a_parameter_without_a_default_must_be_given(there):
    (problem,) = refused(there, job="f")
    assert (problem.code, str(problem.path), problem.hint) == ("required", "name", "--set name=…")
    made = plan(there, "name=x", job="f")
    assert made.documents["run-config"].tree == {"lr": 0.1, "name": "x"}
    assert "name" in [
        str(field.path) for field in read_form(there, Request(job="f")).fields if field.required
    ]


def test_problems_are_told_once(there):
    schema = 'schema = { properties = { seed = { type = "integer", minimum = 0 } } }\n'
    (there.root / "launch.toml").write_text(
        MANIFEST.replace('exclude = ["private"]\n', f'exclude = ["private"]\n{schema}')
    )
    assert [problem.code for problem in refused(there, "seed=-1")] == ["minimum"]


def test_old_faults_warn_and_a_filter_that_matches_nothing_does(there):
    schema = "schema = { properties = { seed = { minimum = 5 } } }\n"
    (there.root / "launch.toml").write_text(
        MANIFEST.replace('exclude = ["private"]\n', f'exclude = ["private", "privte"]\n{schema}')
    )
    codes = [warning.code for warning in plan(there).warnings]
    assert codes == ["unmatched-prefix", "minimum"]
    assert plan(there, "seed=6").warnings[1:] == ()


def test_a_broken_own_plugin_warns_and_a_hiding_one_is_obeyed(there):
    (there.root / "confjob_plugins.py").write_text("1/0")
    again = Project.find(there.root, environ=there.environ)
    assert "broken-plugin" in [warning.code for warning in plan(again, "lr=1").warnings]
    (there.root / "confjob_plugins.py").write_text(
        "from confjob.plugin import KeyPath, hookimpl\n@hookimpl\ndef confjob_hide(document):\n    return [KeyPath(('lr',))]\n"
    )
    again = Project.find(there.root, environ=there.environ)
    assert [problem.code for problem in refused(again, "lr=1")] == ["not-an-input"]


def test_a_format_that_lies_is_refused(there):
    (there.root / "confjob_plugins.py").write_text(
        "from confjob.plugin import Format, hookimpl, Delivery\n"
        "from confjob.builtin.yaml import FORMAT\n"
        "def deliver(document, changes):\n"
        "    return Delivery(files={document.source.path: 'lr: 9\\n'})\n"
        "@hookimpl\ndef confjob_formats():\n"
        "    yield Format(name='liar', load=FORMAT.load, deliver=deliver)\n"
    )
    (there.root / "launch.toml").write_text(
        MANIFEST.replace('path = "c.yaml"', 'path = "c.yaml"\nformat = "liar"')
    )
    again = Project.find(there.root, environ=there.environ)
    (problem,) = refused(again, "lr=1")
    assert (problem.code, "'liar'" in problem.hint) == ("cannot-patch", True)


def test_jobs_are_listed_without_reading_their_code(there):
    (there.root / "f.py").write_text("syntax error here")
    assert [(job.name, job.runs, job.description) for job in list_jobs(there)] == [
        ("t", "python t.py {config} --seed {run-config:seed}", ""),
        ("f", "f:train", "by function"),
    ]
