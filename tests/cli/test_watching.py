import time

import pytest

from confjob.cli.tables import cells
from confjob.cli.watching import Pace, Watched, frame, once_in
from confjob.errors import RunError


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")


def run(name, state, **more):
    known = {"job": "train", "name": "", "tags": [], "changes": [], "reason": "", "links": {}}
    times = {"submitted": time.time(), "started": None, "ended": None}
    return {"id": name, "state": state, **known, **times, **more}


def watched(*looks, **options):
    """Watch runs that are as each of `looks` has them, one after the other."""
    answers = iter(looks)

    def look():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return [run(name, state) for name, state in answer.items()]

    return Watched(look=look, pace=Pace(), **options)


def told(watching):
    return [(before, found["id"], found["state"]) for before, found in watching.again()]


def test_first_all_runs_are_told_the_oldest_first_and_then_what_changes():
    watching = watched(
        {"b": "RUNNING", "a": "FAILED"},
        {"b": "RUNNING", "a": "FAILED"},
        {"c": "QUEUED", "b": "SUCCEEDED", "a": "FAILED"},
    )
    assert told(watching) == [(None, "a", "FAILED"), (None, "b", "RUNNING")]
    assert told(watching) == []
    assert told(watching) == [("RUNNING", "b", "SUCCEEDED"), (None, "c", "QUEUED")]
    assert watching.just_changed() == {"b", "c"}
    assert not watching.over


def test_a_run_that_is_removed_is_no_change():
    watching = watched({"a": "RUNNING"}, {})
    watching.again()
    assert told(watching) == []
    assert watching.over


def test_a_run_that_vanishes_while_it_is_read_ends_nothing():
    gone = RunError("its record can't be read")
    watching = watched({"a": "RUNNING"}, gone, gone, gone, {"a": "FAILED"}, gone, gone, gone, gone)
    told(watching)
    assert [told(watching) for _ in range(4)] == [[], [], [], [("RUNNING", "a", "FAILED")]]
    with pytest.raises(RunError):
        [watching.again() for _ in range(4)]


def test_a_project_whose_runs_can_not_be_read_at_all_is_told_at_once():
    with pytest.raises(RunError):
        watched(RunError("no")).again()


def test_looks_become_rare_while_nothing_changes_and_soon_again_after_a_change():
    pace = Pace()
    pauses = [pace.after(changed=False, cost=0) for _ in range(12)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 10
    assert pace.after(changed=True, cost=0) == 0.5


def test_looking_takes_a_tenth_of_the_time_at_most_unless_somebody_said_how_often():
    assert Pace().after(changed=True, cost=2.0) == 18.0
    assert Pace(every=0.1).after(changed=False, cost=2.0) == 0.1


def test_a_run_that_leaves_the_state_one_looks_for_is_shown_on():
    looks = iter(
        [
            [run("a", "RUNNING"), run("z", "FAILED")],
            [run("a", "SUCCEEDED")],
            [run("b", "RUNNING"), run("a", "X")],
        ]
    )
    look = once_in({"RUNNING"}, lambda: next(looks), limit=1)
    assert [[found["id"] for found in look()] for _ in range(3)] == [["a"], ["a"], ["b"]]


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (30, 6), (10, 3), (200, 60)])
def test_a_frame_fits_the_terminal(columns, lines):
    many = {f"run{number:04}": "RUNNING" if number % 3 else "SUCCEEDED" for number in range(100)}
    watching = watched(many)
    watching.again()
    shown = frame(watching, columns, lines)
    assert len(shown) <= lines
    assert max(map(cells, shown)) <= columns


def test_what_goes_on_is_shown_before_what_is_over_and_the_rest_is_counted():
    watching = watched({"new": "SUCCEEDED", "mid": "FAILED", "old": "RUNNING", "older": "FAILED"})
    watching.again()
    text = "\n".join(frame(watching, 80, 6))
    assert "new" in text
    assert "old " in text
    assert "mid" not in text
    assert text.endswith("… 2 more")
    assert "1 running  1 succeeded  2 failed" in text


def test_a_change_is_marked_and_moves_no_column():
    watching = watched({"a": "RUNNING"}, {"a": "SUCCEEDED"})
    watching.again()
    before = frame(watching, 80, 24)
    watching.again()
    after = frame(watching, 80, 24)
    assert "SUCCEEDED *" in after[-1]
    assert before[2] == after[2]


def test_no_runs_yet():
    watching = watched({})
    watching.again()
    assert "no runs" in frame(watching, 80, 24)[-1]
