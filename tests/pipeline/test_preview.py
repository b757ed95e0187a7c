import pytest

from confjob.builtin.local.queue import devices
from confjob.pipeline import Request, make_plan
from confjob.pipeline.preview import preview
from confjob.project import Project

MANIFEST = """
[jobs.t]
command = ["python", "t.py", "{config}"]
[jobs.t.run-config]
defaults = { seed = 1, api = { key = "hunter2", n = 1 }, list = ["hunter2", "open"], hidden = "hunter2" }
exclude = ["hidden"]
secret = ["api.key", "list[0]", "hidden"]
[[jobs.t.files]]
name = "config"
path = "c.yaml"
[[jobs.t.files]]
path = "d.yaml"
exclude = ["token"]
secret = ["token"]
[jobs.f]
function = "f:train"
"""
FILES = {
    "launch.toml": MANIFEST,
    "t.py": "print(1)\n",
    "f.py": "def train(lr: float = 0.1):\n    pass\n",
    "c.yaml": "lr: 0.1 # rate\n",
    "d.yaml": "n: 1\ntoken: hunter2\n",
}


@pytest.fixture
def there(project):
    project.write(FILES)
    return Project.find(project.root, environ=project.environ)


def shown(there, *sets, job="t", **request):
    return preview(there, make_plan(there, Request(job=job, sets=sets, **request)))


def test_a_preview_tells_changes_diffs_command_and_script(there):
    seen = shown(there, "lr=0.5", "seed=2", extra=("it's",))
    assert seen.changes[0] == {
        "input": "c.yaml",
        "path": "lr",
        "before": 0.1,
        "after": 0.5,
        "origin": "--set",
        "where": "c.yaml:1:5",
    }
    assert list(seen.diffs) == ["c.yaml"]
    assert "-lr: 0.1 # rate\n+lr: 0.5 # rate\n" in seen.diffs["c.yaml"]
    assert seen.command == ["python", "t.py", "c.yaml", "it's"]
    assert "RUN" in seen.script
    assert r"'it'\''s'" in seen.script
    assert (seen.job, seen.target) == ("t", "local")


def test_a_preview_makes_no_run_and_no_snapshot(there):
    shown(there, "lr=0.5")
    assert not (there.state / "runs").exists()
    assert not (there.state / "snapshots").exists()


def test_a_function_is_shown_with_its_runner(there):
    assert shown(there, job="f").command == [
        "python",
        "$CONFJOB_RUN_DIR/private/runner.py",
        "$CONFJOB_RUN_DIR/private/function.json",
    ]


@pytest.mark.parametrize(
    "sets",
    [
        (),
        ("seed=2",),
        ("d.yaml:n=2",),
        ("api.key=hunter2x",),
        ("api.key-",),
        ("api={key: hunter2x, n: 2}",),
        ("+run-config:api.key2=1", "api.key=hunter2x"),
        ("list=[hunter2x, other]",),
        ("list[0]-",),
        ("list-",),
    ],
)
def test_no_secret_is_shown_listed_or_not_whatever_is_changed(there, sets):
    seen = shown(there, *sets)
    assert "hunter2" not in str(seen)
    assert "hidden" not in seen.run_config
    assert "key" not in seen.run_config["api"]
    assert seen.run_config["seed"] in (1, 2)


def test_a_file_with_a_secret_is_named_and_not_shown(there):
    assert shown(there, "d.yaml:n=2").diffs == {"d.yaml": "(not shown: it holds a secret)\n"}


def test_a_secret_change_is_told_without_its_values(there):
    (change,) = shown(there, "api.key=x").changes
    assert change["secret"] is True
    assert "before" not in change
    assert "after" not in change


def test_a_job_without_a_run_config_has_none(there):
    (there.root / "launch.toml").write_text('[jobs.t]\ncommand = ["x"]\n')
    assert shown(there).run_config is None


def test_on_a_machine_with_gpus_a_job_that_declares_none_is_told_what_that_means(there, monkeypatch):
    monkeypatch.setattr(devices, "present", lambda: 2)
    [note] = shown(there).warnings
    assert (note.code, note.severity) == ("no-gpus-declared", "note")
    assert "holds no GPU of this machine" in note.message
    for gpus in (0, 1):
        assert not shown(there, f"resources:gpus={gpus}").warnings
    monkeypatch.setattr(devices, "present", lambda: 0)
    assert not shown(there).warnings
