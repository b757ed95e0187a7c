"""The table of runs: what it tells, its filter, and what is done with several runs."""

import json
import os
import re
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.model import State
from confjob.store import RunFolder
from confjob.web.runs.files import open_below, read_below
from confjob.web.runs.metrics import metrics_of, number_text, shared_names
from confjob.web.runs.query import Query

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
[[jobs.train.files]]
path = "c.yaml"

[jobs.fail]
command = ["python", "-c", "raise SystemExit(3)"]

[jobs.sleep]
command = ["sleep", "60"]
"""
TRAIN = """
import json, re
lr = float(re.search("lr: (.*)", open("c.yaml").read())[1])
print("training")
json.dump({"accuracy": lr / 2, "nested": {"loss": 1}, "name": "x", "ok": True}, open("metrics.json", "w"))
"""


@pytest.fixture
def train(project):
    return project.write({"launch.toml": MANIFEST, "c.yaml": "lr: 0.5\nnote: a\n", "train.py": TRAIN})


# -- the filter in the address ---------------------------------------------------------------


@given(
    job=st.text(max_size=9),
    text=st.text(max_size=9),
    tags=st.lists(st.text(max_size=5)),
    states=st.sets(st.sampled_from(list(State))),
    limit=st.integers(1, 10_000),
)
def test_the_address_of_a_query_is_that_query(job, text, tags, states, limit):
    pairs = [("job", job), ("q", text), ("limit", str(limit))]
    query = Query.of([*pairs, *(("tag", tag) for tag in tags), *(("state", state.value) for state in states)])
    assert Query.of(parse_qsl(urlsplit(query.address).query)) == query
    assert query.address.startswith("/runs")


@given(pairs=st.lists(st.tuples(st.sampled_from(["limit", "state", "tag", "q"]), st.text(max_size=12))))
def test_no_address_is_too_wrong_for_a_query(pairs):
    query = Query.of(pairs)
    assert 1 <= query.limit <= 10_000
    assert "" not in query.tags


# -- the page --------------------------------------------------------------------------------


def test_a_row_tells_state_changes_metrics_and_what_it_is_called(train, visit):
    run = train.launch("train", "--set", "lr=0.8", "--name", "faster", "--tag", "t1")
    page = visit(train.root).get("/runs")
    assert page.status_code == 200
    for text in ("faster", run["id"], "Succeeded", "lr", "0.8", "t1", "accuracy", "0.4", "nested.loss"):
        assert text in page.text


def test_no_runs_yet_leads_to_the_jobs(train, visit):
    assert "No runs yet" in visit(train.root).get("/runs").text
    assert "No run is like this" in visit(train.root).get("/runs", params={"q": "x"}).text


def test_the_filter_leaves_out_what_is_not_meant(train, visit):
    one = train.launch("train", "--set", "lr=0.25", "--tag", "a")["id"]
    other = train.launch("fail", "--name", "broken", "--tag", "b")["id"]
    site = visit(train.root)

    def listed(**params):
        text = site.get("/runs", params=params).text
        return {run for run in (one, other) if f"/runs/{run}" in text}

    assert listed() == {one, other}
    assert listed(job="fail") == listed(state="FAILED") == listed(tag="b") == listed(q="BROK") == {other}
    assert listed(q="lr=0.25") == listed(state="SUCCEEDED") == {one}
    assert listed(state=["SUCCEEDED", "FAILED"]) == {one, other}
    assert listed(q="broken", tag="a") == set()
    assert listed(state="RUNNING") == set()


def test_a_page_that_has_seen_it_all_is_told_nothing(train, visit):
    train.launch("train")
    site, headers = visit(train.root), {"HX-Request": "true"}
    first = site.get("/runs", headers=headers)
    seen = first.text.partition("seen=")[2].partition('"')[0]
    assert first.status_code == 200
    assert "<html" not in first.text
    answers = {site.get("/runs", params={"seen": seen}, headers=headers).status_code for _ in range(2)}
    assert 204 in answers  # unless a minute has passed between
    train.launch("fail")
    assert site.get("/runs", params={"seen": seen}, headers=headers).status_code == 200


def test_a_limit_shows_the_newest_and_a_way_to_the_rest(train, visit):
    train.launch("fail")
    newest = train.launch("train")["id"]
    text = visit(train.root).get("/runs", params={"limit": 1}).text
    assert text.count("data-item") == 1
    assert f"/runs/{newest}" in text
    assert "/runs?limit=3" in text


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202egnp.exe"


def test_no_name_tag_note_or_value_is_markup(train, visit):
    train.launch(
        *("train", "--name", HOSTILE, "--tag", HOSTILE, "--note", HOSTILE),
        *("--set", f"note={json.dumps(HOSTILE)}"),
    )
    site = visit(train.root)
    run = train.runs()[0]["id"]
    train.launch("fail")
    pages = ["/runs", f"/runs/{run}", f"/runs/{run}/state", f"/runs?q={HOSTILE}", "/queue"]
    pages.append(f"/compare?run={run}&run={train.runs()[0]['id']}")
    for path in pages:
        page = site.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "\u202e" not in re.sub(r"<[^>]*>", "", page.text)  # in an attribute it turns nothing


# -- several at once -------------------------------------------------------------------------


def test_several_runs_are_cancelled_and_the_filter_stays(train, visit):
    runs = [train.json("launch", "sleep")["id"] for _ in range(2)]
    for run in runs:
        train.wait(run, "RUNNING", "QUEUED")
    form = {"run": runs, "back": "job=sleep&x=//evil.example"}
    answer = visit(train.root).post("/runs/cancel", data=form, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/runs?job=sleep"
    assert {train.wait(run)["state"] for run in runs} == {"CANCELLED"}


def test_several_runs_are_tried_again(train, visit):
    runs = [train.launch("fail")["id"] for _ in range(2)]
    answer = visit(train.root).post("/runs/retry", data={"run": runs}, follow_redirects=False)
    assert answer.headers["location"] == "/runs"
    assert [train.wait(run)["attempts"] for run in runs] == [2, 2]


def test_a_run_that_has_succeeded_is_not_tried_again_and_none_of_the_others_is(train, visit):
    well, failed = train.launch("train")["id"], train.launch("fail")["id"]
    answer = visit(train.root).post("/runs/retry", data={"run": [failed, well]})
    assert answer.status_code == 409
    assert "has succeeded" in answer.text
    assert train.json("status", failed)["attempts"] == 1


def test_nothing_chosen_is_said(train, visit):
    answer = visit(train.root).post("/runs/cancel", data={"back": ""})
    assert answer.status_code == 409
    assert "no run is chosen" in answer.text


def test_who_may_only_read_sees_no_button_and_changes_nothing(train, visit):
    run = train.launch("fail")["id"]
    site = visit(train.root, read_only=True)
    for path in ("/runs", f"/runs/{run}", "/queue"):
        text = site.get(path).text
        assert not re.search(r"(?:action|href)=\"[^\"]*/(?:cancel|retry|again|pause|resume|move)\"", text)
    for path in ("/runs/cancel", "/runs/retry", f"/runs/{run}/retry", f"/runs/{run}/cancel", "/queue/pause"):
        assert site.post(path, data={"run": run}).status_code == 403
    assert train.json("status", run)["attempts"] == 1


def test_a_page_elsewhere_changes_nothing(train, visit):
    run = train.launch("fail")["id"]
    site = visit(train.root)
    for path in ("/runs/retry", f"/runs/{run}/retry", "/queue/pause"):
        answer = site.post(path, data={"run": run}, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 403
    assert train.json("status", run)["attempts"] == 1
    assert not train.json("queue")["paused"]


# -- metrics ---------------------------------------------------------------------------------


METRICS = [
    ('{"a": 1, "b": {"c": 0.5}, "d": "x", "e": true, "f": null, "g": [1]}', {"a": 1, "b.c": 0.5}),
    ("[1, 2]", {}),
    ("3", {}),
    ("not json", {}),
    ("[" * 100_000, {}),
    ('{"a": ' + "1" * 300_000 + "}", {}),
    ('{"a": ' + "1" * 5_000 + "}", {}),
]


def test_metrics_are_the_numbers_in_the_file(train):
    run = train.launch("train")
    folder = RunFolder(id=run["id"], path=train.root / ".confjob/runs" / run["id"])
    for text, metrics in METRICS:
        (folder.path / "workspace/metrics.json").write_text(text)
        assert metrics_of(folder) == metrics


def test_a_file_that_the_run_was_given_is_no_result_of_its(train):
    train.write({"metrics.json": '{"a": 1}', "train.py": ""})
    run = train.launch("train")
    assert metrics_of(RunFolder(id=run["id"], path=train.root / ".confjob/runs" / run["id"])) == {}


def test_metrics_behind_a_link_are_not_read(train, tmp_path):
    (tmp_path / "outside.json").write_text('{"secret": 42}')
    train.write({"train.py": f"import os; os.symlink({str(tmp_path / 'outside.json')!r}, 'metrics.json')"})
    run = train.launch("train")
    assert metrics_of(RunFolder(id=run["id"], path=train.root / ".confjob/runs" / run["id"])) == {}


def test_the_commonest_metrics_have_the_columns():
    assert shared_names([{"a": 1, "b": 1}, {"b": 2, "c": 3}, {"b": 1, "c": 1}], 2) == ["b", "c"]


@given(number=st.one_of(st.integers(), st.floats()))
def test_any_number_is_short(number):
    assert len(number_text(number)) <= 13


# -- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../secret", "a/../../secret", "/etc/passwd", "", "link", "folder/x", "pipe", "a", "n\0"]
)
def test_no_path_leads_out_of_a_folder(tmp_path, name):
    top = tmp_path / "top"
    (top / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x").write_text("x")
    (top / "link").symlink_to("../secret")
    (top / "folder").symlink_to("../elsewhere")
    os.mkfifo(top / "pipe")
    assert read_below(top, PurePosixPath(name), limit=10) is None


def test_a_file_inside_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(b"12345")
    with open_below(tmp_path, PurePosixPath("a/b")) as file:
        assert file.read() == b"12345"
    assert read_below(tmp_path, PurePosixPath("a/b"), limit=5) == b"12345"
    assert read_below(tmp_path, PurePosixPath("a/b"), limit=4) is None
