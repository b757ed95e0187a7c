"""Launching from Python is launching: the same checks, the same runs."""

from pathlib import Path

import pytest

import confjob

MANIFEST = '[jobs.train]\ncommand = ["cat", "{c}"]\n[[jobs.train.files]]\nname = "c"\npath = "c.yaml"\n'


@pytest.fixture
def there(project):
    project.write({"launch.toml": MANIFEST, "c.yaml": "lr: 0.1\nm: {n: 2, p: x}\n", "d.yaml": "lr: 1.5\n"})
    return project.root


def test_a_launch_is_waited_for_and_read(there):
    run = confjob.launch("train", {"lr": 0.5, "c.yaml": {"m": {"n": 3}}}, project=there, name="n", tags=["t"])
    ended = run.wait(timeout=60)
    assert (ended["state"], ended["name"], ended["tags"]) == ("SUCCEEDED", "n", ["t"])
    assert run.state == "SUCCEEDED"
    assert run.logs() == "lr: 0.5\nm: {n: 3, p: x}\n"
    assert run.outputs() == []
    assert "SUCCEEDED" in run._repr_html_()


def test_a_plan_does_nothing_and_may_be_launched(there):
    planned = confjob.plan("train", {"m.p": "<b>"}, project=there)
    assert not (there / ".confjob" / "runs").exists()
    assert [change["after"] for change in planned.preview.changes] == ["<b>"]
    assert "&lt;b&gt;" in planned._repr_html_()
    assert "<b>x" not in planned._repr_html_()
    assert planned.launch().wait(timeout=60)["state"] == "SUCCEEDED"


def test_all_problems_come_at_once_and_nothing_is_created(there):
    with pytest.raises(confjob.InvalidOverrides) as refused:
        confjob.launch("train", {"lr": "fast", "x": 1}, project=there)
    assert sorted(str(problem.path) for problem in refused.value.problems) == ["lr", "x"]
    assert not (there / ".confjob" / "runs").exists()


def test_python_s_own_values_are_taken(there):
    numpy = pytest.importorskip("numpy")
    changes = {"lr": numpy.float32(0.5), "m.p": Path("a/b"), "m.n": numpy.int64(4)}
    planned = confjob.plan("train", changes, project=there)
    assert [type(each["after"]) for each in planned.preview.changes] == [float, str, int]


def test_waiting_ends_at_the_time_limit_and_the_run_goes_on_until_it_is_cancelled(project):
    project.write({"launch.toml": '[jobs.s]\ncommand = ["sleep", "60"]\n'})
    run = confjob.launch("s", project=project.root)
    with pytest.raises(TimeoutError, match=run.id):
        run.wait(timeout=0.2)
    run.cancel()
    assert run.wait(timeout=30)["state"] == "CANCELLED"
