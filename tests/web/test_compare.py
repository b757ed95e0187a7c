"""Runs beside each other: what they were given that differs, how they ended, and no secret."""

import re

import pytest

from confjob.project import Project
from confjob.web.runs.diffs import diff_lines
from confjob.web.runs.together import together

MANIFEST = """
[jobs.train]
command = ["python", "train.py"]
[[jobs.train.files]]
path = "c.yaml"
[[jobs.train.files]]
path = "s.yaml"
secret = ["token"]
"""
TRAIN = """
import json, re
lr = float(re.search("lr: (.*)", open("c.yaml").read())[1])
json.dump({"accuracy": lr}, open("metrics.json", "w"))
"""


@pytest.fixture
def train(project):
    files = {
        "launch.toml": MANIFEST,
        "c.yaml": "lr: 0.5\nseed: 1\n",
        "s.yaml": "token: x\n",
        "train.py": TRAIN,
    }
    return project.write(files)


def compared(train, *runs, **options):
    return together(Project.find(train.root, environ=train.environ), runs, **options)


def rows_of(found, title):
    groups = {group.title: group for group in found.groups}
    rows = groups[title].rows if title in groups else ()
    return {row.label: [(cell.kind, cell.text, cell.differs) for cell in row.cells] for row in rows}


def test_inputs_are_told_where_they_differ_with_the_default_that_others_changed(train):
    base = train.launch("train", "--set", "seed=7")["id"]
    other = train.launch("train", "--set", "seed=7", "--set", "lr=0.8")["id"]
    found = compared(train, base, other)
    assert rows_of(found, "Inputs") == {"c.yaml:lr": [("default", "0.5", False), ("value", "0.8", True)]}
    everything = rows_of(compared(train, base, other, everything=True), "Inputs")
    assert everything["c.yaml:seed"] == [("value", "7", False), ("value", "7", False)]


def test_each_of_three_is_compared_with_the_first(train):
    runs = [train.launch("train", "--set", f"lr={lr}")["id"] for lr in (0.1, 0.2, 0.1)]
    differing = rows_of(compared(train, *runs), "Inputs")["c.yaml:lr"]
    assert [cell[2] for cell in differing] == [False, True, False]
    turned = rows_of(compared(train, runs[1], runs[0], runs[2]), "Inputs")["c.yaml:lr"]
    assert [cell[2] for cell in turned] == [False, True, True]


def test_how_they_ended_and_what_they_measured_is_told_always(train):
    runs = [train.launch("train", "--set", f"lr={lr}")["id"] for lr in (0.1, 0.25)]
    outcome = rows_of(compared(train, *runs), "Outcome")
    assert [cell[1] for cell in outcome["accuracy"]] == ["0.1", "0.25"]
    assert [cell[1] for cell in outcome["state"]] == ["Succeeded", "Succeeded"]


def test_code_and_files_are_told_line_by_line(train):
    base = train.launch("train")["id"]
    train.write({"train.py": TRAIN + "print('more')\n", "new.bin": b"\xff\x00"})
    other = train.launch("train", "--set", "lr=0.8")["id"]
    files = {file.name: file for file in compared(train, base, other).sides[1].files}
    assert set(files) == {"c.yaml", "new.bin", "train.py"}
    assert [line.text for line in files["train.py"].lines if line.mark == "+"] == ["+print('more')"]
    assert {line.text for line in files["c.yaml"].lines if line.mark in ("+", "-")} == {
        "-lr: 0.5",
        "+lr: 0.8",
    }
    assert files["new.bin"].words


def test_names_in_environments_are_told_and_no_values(train, visit):
    base = train.launch("train")["id"]
    train.environ["MORE"] = "quiet-value"
    other = train.launch("train")["id"]
    assert rows_of(compared(train, base, other), "Given")["env:MORE"] == [
        ("none", "", False),
        ("value", "set", True),
    ]
    assert "quiet-value" not in visit(train.root).get(f"/compare?run={base}&run={other}&all=1").text


def test_no_secret_is_told(train, visit):
    base = train.launch("train", "--set", "token=correcthorse")["id"]
    train.write({"s.yaml": "token: batterystaple\n"})
    other = train.launch("train")["id"]
    for address in (f"/compare?run={base}&run={other}", f"/compare?run={base}&run={other}&all=1"):
        text = visit(train.root).get(address).text
        assert "correcthorse" not in text
        assert "batterystaple" not in text
        assert "••••••" in text


def test_the_same_twice_says_so(train, visit):
    runs = [train.launch("train")["id"] for _ in range(2)]
    assert not compared(train, *runs).differ
    assert "They were given the same" in visit(train.root).get(f"/compare?run={runs[0]}&run={runs[1]}").text


def test_another_base_and_one_less_are_a_link_away(train, visit):
    a, b, c = (train.launch("train")["id"] for _ in range(3))
    page = visit(train.root).get(f"/compare?run={a}&run={b}&run={c}").text
    links = re.findall(r'href="(/compare\?[^"]*)"', page)
    assert f"/compare?run={b}&amp;run={a}&amp;run={c}" in links
    assert f"/compare?run={a}&amp;run={b}" in links
    assert f"/compare?run={a}&amp;run={b}&amp;run={c}&amp;all=1" in links


def test_too_few_too_many_and_unknown_runs_are_refused_in_words(train, visit):
    run, site = train.launch("train")["id"], visit(train.root)
    assert "two runs are needed" in site.get("/compare").text
    once = site.get(f"/compare?run={run}&run={run}")
    assert (once.status_code, "two runs are needed" in once.text) == (409, True)
    assert site.get(f"/compare?run={run}&run=zzzzzzz").status_code == 404
    many = [train.launch("train")["id"] for _ in range(8)]
    answer = site.get("/compare", params={"run": [run, *many]})
    assert (answer.status_code, "at most 8 runs" in answer.text) == (409, True)


def test_names_of_files_and_their_lines_are_no_markup(train, visit):
    base = train.launch("train")["id"]
    train.write({"<img src=x>.txt": "<script>alert(1)</script>\u202e\n"})
    other = train.launch("train")["id"]
    text = visit(train.root).get(f"/compare?run={base}&run={other}").text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("count", [0, 5, 6, 100])
def test_a_long_diff_is_cut_and_says_by_how_much(count):
    text = "--- a\n+++ b\n" + "".join(f"+{number}\n" for number in range(count))
    lines = diff_lines(text, 5)
    assert [line.text for line in lines[:5]] == [f"+{number}" for number in range(min(count, 5))]
    assert [line.text for line in lines[5:]] == ([f"… {count - 5} lines more"] if count > 5 else [])
