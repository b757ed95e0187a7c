"""Laws of asking on top of an earlier run: one sees the run's own inputs, and its secrets are asked for."""

from pathlib import PurePosixPath

import pytest

from confjob.form import Override
from confjob.keypath import KeyPath
from confjob.model import InputSpec, JobSpec
from confjob.override import on_top, parse_set
from confjob.tree import MISSING

FILE = InputSpec(name="config", kind="file", path=PurePosixPath("c.yaml"))
JOB = JobSpec(name="train", command=("x",), inputs=(FILE, InputSpec(name="run-config", kind="run-config")))


def earlier(path, value=MISSING, operation="set"):
    return Override(
        input="c.yaml", path=KeyPath.parse(path), value=value, operation=operation, earlier=True, said="--set"
    )


def layered(before, *texts):
    asked, problems = on_top(JOB, before, [parse_set(text) for text in texts])
    assert not problems
    return [(each.operation, each.input, str(each.path), each.text or each.value) for each in asked]


def test_what_was_asked_stays_and_what_is_asked_comes_after_it():
    before = [earlier("lr", 0.5), earlier("new", 1, "add")]
    assert layered(before, "depth=3") == [
        ("set", "c.yaml", "lr", 0.5),
        ("add", "c.yaml", "new", 1),
        ("set", None, "depth", "3"),
    ]


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        (earlier("lr", 0.5), "lr=2", [("set", None, "lr", "2")]),
        (earlier("lr", 0.5), "config:lr=2", [("set", "config", "lr", "2")]),
        (earlier("new", 1, "add"), "new=2", [("add", "c.yaml", "new", "2")]),
        (earlier("new", 1, "add"), "new-", []),
        (earlier("new", 1, "add"), "+new=2", [("add", None, "new", "2")]),
        (earlier("lr", operation="delete"), "lr=2", [("set", None, "lr", "2")]),
        (earlier("lr", operation="delete"), "+lr=2", [("set", None, "lr", "2")]),
        (earlier("layers[0].lr", 1), "layers.0.lr=2", [("set", None, "layers.0.lr", "2")]),
    ],
)
def test_a_request_for_the_same_place_takes_its_turn(before, text, after):
    assert layered([before], text) == after


def test_within_what_was_added_there_is_what_was_added():
    before = earlier("new", {"a": 1}, "add")
    assert layered([before], "new.a=2") == [
        ("add", "c.yaml", "new", {"a": 1}),
        ("add", "c.yaml", "new.a", "2"),
    ]
    assert layered([before], "new.b=2")[1] == ("set", None, "new.b", "2")


def test_another_input_of_the_same_path_is_another_place():
    before = earlier("new", 1, "add")
    assert layered([before], "run-config:new=2") == [
        ("add", "c.yaml", "new", 1),
        ("set", "run-config", "new", "2"),
    ]


def test_a_secret_is_asked_for_unless_it_or_what_it_stands_in_is_given():
    before = [earlier("auth.token"), earlier("lr", 0.5)]
    asked, problems = on_top(JOB, before, [])
    assert [str(each.path) for each in asked] == ["lr"]
    assert [(each.input, str(each.path), each.hint) for each in problems] == [
        ("c.yaml", "auth.token", "give it again: --set c.yaml:auth.token=…")
    ]
    assert layered(before, "auth.token=x")[-1] == ("set", None, "auth.token", "x")
    assert layered(before, "auth={token: x}")[-1] == ("set", None, "auth", "{token: x}")
