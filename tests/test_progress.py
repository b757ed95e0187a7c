from contextlib import contextmanager

import pytest

from confjob.progress import counted, doing, listening


class Ear:
    def __init__(self):
        self.heard = []

    @contextmanager
    def during(self, activity):
        self.heard.append(("begins", activity.what, activity.total, activity.unit))
        try:
            yield
        finally:
            self.heard.append(("over", activity.what, activity.done))


def fail_after_one():
    with doing("copying", 5) as activity:
        activity.advance()
        raise OSError("full")


def test_without_a_listener_nothing_happens(capsys):
    with doing("copying", 3, unit="files") as activity:
        activity.advance(2)
    assert activity.done == 2
    assert capsys.readouterr() == ("", "")


def test_a_listener_hears_the_beginning_and_the_end_also_of_what_fails():
    ear = Ear()
    with listening(ear.during):
        with doing("outer"):
            assert list(counted("inner", "ab", 2, unit="runs")) == ["a", "b"]
        with pytest.raises(OSError, match="full"):
            fail_after_one()
    with doing("unheard"):
        pass
    assert ear.heard == [
        ("begins", "outer", None, ""),
        ("begins", "inner", 2, "runs"),
        ("over", "inner", 2),
        ("over", "outer", 0),
        ("begins", "copying", 5, ""),
        ("over", "copying", 1),
    ]
