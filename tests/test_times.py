import pytest

from confjob.times import ago, clock, duration, ran

RUN = {"started": 100.0, "ended": None, "state": "RUNNING"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (7200, "2 h ago"), (86400 * 6.5, "6 d ago")],
)
def test_how_long_ago(seconds, words):
    assert ago(1000, now=1000 + seconds) == words


def test_after_a_week_the_day_is_told():
    assert ago(0.0, now=8 * 86400) in ("1969-12-31", "1970-01-01")


def test_digits_of_a_column_line_up():
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3599, 3600, 86400)] == [
        "0:00",
        "0:59",
        "1:00",
        "59:59",
        "1:00:00",
        "1d 00:00",
    ]


def test_lengths_in_words():
    assert [duration(seconds) for seconds in (-1, 3.21, 250, 7500, 100_000)] == [
        "0.0 s",
        "3.2 s",
        "4 min 10 s",
        "2 h 5 min",
        "1 d 3 h",
    ]


def test_a_run_goes_on_until_its_end_and_a_lost_one_for_nobody_knows_how_long():
    assert ran(RUN, now=130) == 30
    assert ran({**RUN, "ended": 110.0, "state": "SUCCEEDED"}, now=130) == 10
    assert ran({**RUN, "started": None}, now=130) is None
    assert ran({**RUN, "state": "LOST"}, now=130) is None
