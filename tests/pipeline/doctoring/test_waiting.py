"""Whatever a check does, the others are told, and nobody waits for ever."""

import threading
import time

import pytest

from confjob.errors import InputError
from confjob.pipeline import doctoring
from confjob.pipeline.doctoring import examine, verdict
from confjob.pipeline.doctoring.findings import Finding, check, ok
from confjob.pipeline.doctoring.patient import patient_of
from confjob.pipeline.doctoring.waiting import side_by_side
from confjob.project import Project


@pytest.fixture
def patient(tmp_path):
    return patient_of(Project.find(tmp_path), patience=5)


@check("a", "first")
def fine(_):
    yield ok("first", "well")


@check("b", "second")
def refuses(_):
    yield ok("before", "well")
    raise InputError("no such file", hint="make it")


@check("c", "third")
def fails(_):
    raise ZeroDivisionError("by zero")


def told(findings):
    return [(each.group, each.name, each.mark) for each in findings]


def test_findings_are_in_the_order_of_their_checks_with_their_group(patient):
    found = side_by_side([refuses, fails, fine], patient, 5)
    assert told(found) == [
        ("b", "before", "ok"),
        ("b", "second", "fail"),
        ("c", "third", "warn"),
        ("a", "first", "ok"),
    ]
    assert found[1].hint == "make it"
    assert "by zero" in found[2].detail


def test_a_check_that_never_ends_is_told_as_such(patient):
    for_ever = threading.Event()

    @check("d", "stuck")
    def stuck(_):
        yield ok("begun", "well")
        for_ever.wait()

    started = time.monotonic()
    found = side_by_side([stuck, fine], patient, 0.2)
    for_ever.set()
    assert told(found) == [("d", "begun", "ok"), ("d", "stuck", "warn"), ("a", "first", "ok")]
    assert "no answer within 0.2 s" in found[1].detail
    assert time.monotonic() - started < 30


def test_every_group_has_its_place(tmp_path):
    groups = [finding.group for finding in examine(Project.find(tmp_path))]
    assert groups == sorted(groups, key=doctoring._GROUPS.index)


def test_the_verdict_counts():
    def marked(*marks):
        return [Finding(name="x", mark=mark, detail="") for mark in marks]

    assert verdict(marked("ok", "note")) == "all that this project needs works"
    assert verdict(marked("ok", "warn")) == "all that this project needs works; 1 thing to know of"
    assert verdict(marked("fail", "warn", "warn")) == (
        "1 thing that this project needs is broken; 2 things to know of"
    )
    assert verdict(marked("fail", "fail")) == "2 things that this project needs are broken"
