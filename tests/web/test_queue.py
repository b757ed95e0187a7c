"""The queue's page: what runs, what waits and why, and its order."""

import re

import pytest

from confjob.project import Project
from confjob.web.runs.queueview import queue_of

MANIFEST = """
[jobs.sleep]
command = ["sleep", "60"]

[targets.one]
backend = "local"
parallel = 1
"""


@pytest.fixture
def busy(project):
    return project.write({"launch.toml": MANIFEST})


def launched(project):
    """Return one run that runs, and two that wait for it."""
    runs = [project.json("launch", "sleep", "--target", "one")["id"] for _ in range(3)]
    project.wait(runs[0], "RUNNING")
    return runs


def view_of(project):
    return queue_of(Project.find(project.root, environ=project.environ))


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.text))


def test_an_empty_queue_says_so(busy, visit):
    assert "Nothing runs or waits." in visit(busy.root).get("/queue").text


def test_what_runs_stands_before_what_waits_each_with_its_reason(busy, visit):
    first, second, third = launched(busy)
    view = view_of(busy)
    assert [member.entry.ticket.run for member in view.running] == [first]
    assert [(member.place, member.entry.ticket.run) for member in view.waiting] == [(1, second), (2, third)]
    assert all(member.ours for member in (*view.running, *view.waiting))
    busy.wait(second, "QUEUED")
    told = {run["id"]: run["reason"] for run in busy.json("queue")["runs"]}
    page = text_of(visit(busy.root).get("/queue"))
    assert told[second]
    assert told[second] in page


def test_the_cores_that_are_taken_are_those_of_what_runs(busy):
    assert view_of(busy).cpus[0] == 0
    launched(busy)
    taken, room = view_of(busy).cpus
    assert taken == 1
    assert room >= 1


def test_a_run_of_another_project_is_told_and_leads_nowhere(busy, visit, tmp_path):
    run = launched(busy)[0]
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / "launch.toml").write_text("")
    text = visit(elsewhere).get("/queue").text
    assert run in text
    assert f'href="/runs/{run}"' not in text


def test_another_priority_changes_the_order(busy, visit):
    _, second, third = launched(busy)
    answer = visit(busy.root).post(
        "/queue/move", data={"run": third, "priority": "high"}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    assert [member.entry.ticket.run for member in view_of(busy).waiting] == [third, second]


@pytest.mark.parametrize(
    "form", [{}, {"run": "zzzzzzz", "priority": "high"}, {"run": "x", "priority": "highest"}]
)
def test_a_move_that_makes_no_sense_is_refused(busy, visit, form):
    assert visit(busy.root).post("/queue/move", data=form).status_code == 409


def test_a_run_that_runs_is_not_moved(busy, visit):
    first, *_ = launched(busy)
    answer = visit(busy.root).post("/queue/move", data={"run": first, "priority": "high"})
    assert answer.status_code == 409
    assert "does not wait" in answer.text


def test_a_pause_is_told_and_ends(busy, visit):
    site = visit(busy.root)
    site.post("/queue/pause")
    assert busy.json("queue")["paused"][0]["target"] == "*"
    assert "Everything: paused by" in text_of(site.get("/queue"))
    site.post("/queue/resume")
    assert busy.json("queue")["paused"] == []
    assert "paused by" not in site.get("/queue").text


def test_a_page_that_has_seen_it_all_is_told_nothing(busy, visit):
    site, part = visit(busy.root), {"HX-Request": "true"}
    seen = re.search(r"seen=(\w+)", site.get("/queue", headers=part).text)[1]
    answers = {site.get("/queue", params={"seen": seen}, headers=part).status_code for _ in range(2)}
    assert 204 in answers  # unless a minute has passed between
    site.post("/queue/pause")
    assert site.get("/queue", params={"seen": seen}, headers=part).status_code == 200


def test_gpus_are_told_with_who_has_them(busy, visit):
    busy.write(
        {
            "launch.toml": '[jobs.g]\ncommand = ["sleep", "60"]\nresources = { gpus = 1 }\n'
            '[targets.t]\nbackend = "local"\nslots = ["0", "1"]\n'
        }
    )
    run = busy.json("launch", "g", "--target", "t")["id"]
    busy.wait(run, "RUNNING")
    gpus = {gpu.name: gpu.holder for gpu in view_of(busy).gpus}
    assert sorted(gpus.values()) == ["", run]
    assert "1 of 2" in text_of(visit(busy.root).get("/queue"))
