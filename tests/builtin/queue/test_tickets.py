"""Laws of tickets: they survive the disk, and all who look agree on what comes after an attempt."""

import json
import os
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from confjob.builtin.local.queue.tickets import PRIORITIES, TICKET, Facts, Ticket, ending, next_attempt
from confjob.plugin import Retry, write_record

NOW = 5000.0


def ticket(**values):
    given = {"run": "r", "run_dir": "/p/.confjob/runs/r", "place": "here", "group": "g", "queued": 1.0}
    return Ticket(**{**given, **values})


def facts(end=None, *, start=None, stop=None, cancel=None):
    return Facts(start=start, end=end, stop=stop, cancel=cancel)


def ended(code=0, signal=None, stage="run", at=4000.0):
    return {"exit_code": code, "stage": stage, "signal": signal, "cancelled": False, "at": at}


#: What the system may have in a path or an environment: any bytes but NUL.
system_text = st.binary(max_size=12).filter(lambda raw: b"\0" not in raw).map(os.fsdecode)
numbers = st.floats(min_value=0, max_value=1e12, allow_nan=False)

tickets = st.builds(
    Ticket,
    run=st.text("abc234", min_size=1),
    run_dir=system_text.map(lambda text: f"/{text}"),
    place=system_text,
    group=system_text,
    queued=numbers,
    job=st.text(max_size=5),
    attempt=st.integers(1, 1000),
    resume=st.sampled_from(["", "failure", "lost"]),
    priority=st.sampled_from(PRIORITIES),
    not_before=numbers,
    cpus=numbers,
    memory=st.integers(0, 2**60),
    gpus=st.integers(0, 16),
    slots=st.lists(system_text, max_size=3).map(tuple),
    time=st.none() | numbers,
    grace=numbers,
    parallel=st.none() | st.integers(1, 9),
    retry=st.builds(
        Retry, attempts=st.integers(1, 9), backoff=numbers, on=st.lists(st.text(max_size=5)).map(tuple)
    ),
    most_failures=st.none() | st.integers(1, 9),
    environment=st.dictionaries(system_text, system_text, max_size=3),
    umask=st.integers(0, 0o777),
)


@settings(max_examples=40)
@given(tickets)
def test_what_is_written_is_read_again_whatever_bytes_are_in_paths_and_environment(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("runs")
    evolve(written, run_dir=str(folder)).write()
    assert Ticket.read(folder) == evolve(written, run_dir=str(folder))


@given(tickets)
def test_the_text_form_is_read_again(written):
    assert Ticket.parse(json.dumps(written.as_record())) == written


def test_a_folder_with_a_name_that_is_no_text_has_its_ticket(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff\xe4"))
    folder.mkdir()
    written = ticket(run_dir=str(folder), environment={"HOME": str(folder)})
    written.write()
    assert Ticket.read(folder) == written


def test_a_folder_that_was_moved_is_where_it_is_now(tmp_path):
    (tmp_path / "old").mkdir()
    ticket(run_dir=str(tmp_path / "old")).write()
    (tmp_path / "old").rename(tmp_path / "new")
    found = Ticket.read(tmp_path / "new")
    assert found.folder == tmp_path / "new"
    assert found.records == tmp_path / "new" / "attempts" / "1"


def test_a_ticket_is_for_its_owner_only(tmp_path):
    ticket(run_dir=str(tmp_path)).write()
    assert (tmp_path / TICKET).stat().st_mode & 0o777 == 0o600


RECORD = ticket().as_record()


def without(key):
    return {name: value for name, value in RECORD.items() if name != key}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        "{",
        "{}",
        json.dumps(RECORD)[:-1],
        json.dumps(RECORD)[: len(json.dumps(RECORD)) // 2],
        json.dumps({**RECORD, "version": 2}),
        json.dumps(without("version")),
        json.dumps(without("run")),
        json.dumps(without("retry")),
        json.dumps(without("slots")),
        json.dumps({**RECORD, "unheard": 1}),
        json.dumps({**RECORD, "retry": None}),
        json.dumps({**RECORD, "retry": []}),
        json.dumps({**RECORD, "retry": {"on": [], "unheard": 1}}),
        json.dumps({**RECORD, "slots": 3}),
        json.dumps({**RECORD, "priority": "urgent"}),
        "[" * 100_000,
        "\x00" * 100,
    ],
)
def test_what_is_no_whole_ticket_of_this_version_is_none(tmp_path, text):
    (tmp_path / TICKET).write_text(text)
    assert Ticket.read(tmp_path) is None


@given(st.binary(max_size=60))
def test_no_bytes_are_mistaken_for_a_ticket(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("run")
    (folder / TICKET).write_bytes(raw)
    assert Ticket.read(folder) is None


def test_an_absent_ticket_or_folder_and_a_folder_in_its_place_are_none(tmp_path):
    assert Ticket.read(tmp_path) is None
    assert Ticket.read(tmp_path / "absent") is None
    (tmp_path / TICKET).mkdir()
    assert Ticket.read(tmp_path) is None


def test_a_disk_that_refuses_says_so_and_leaves_what_was_there(tmp_path):
    old = ticket(run_dir=str(tmp_path))
    old.write()
    with pytest.raises(UnicodeEncodeError):
        evolve(old, place="\ud800").write()
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        ticket(run_dir=str(tmp_path / "file")).write()
    assert Ticket.read(tmp_path) == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", TICKET]


def test_the_stronger_come_first_and_then_the_earlier():
    low, early, late = ticket(priority="low"), ticket(queued=0.5), ticket(queued=0.7)
    strong = ticket(priority="critical", queued=9.0)
    high = ticket(priority="high", queued=9.0)
    order = sorted([low, late, high, early, strong], key=lambda each: each.rank)
    assert order == [strong, high, early, late, low]


# What comes after an attempt

ENDS = {
    "success": facts(ended(0)),
    "success despite a signal": facts(ended(0, signal="TERM")),
    "failure": facts(ended(3)),
    "prepare": facts(ended(1, stage="prepare")),
    "137": facts(ended(137)),
    "submit": facts(ended(126, stage="submit")),
    "preempted": facts(ended(143, signal="TERM")),
    "interrupted": facts(ended(130, signal="INT")),
    "timeout": facts(ended(143, signal="TERM"), stop={"why": "time", "at": 1.0}),
    "timeout, an exit code of its own": facts(ended(5), stop={"why": "time", "at": 1.0}),
    "timeout, no end": facts(None, stop={"why": "time", "at": 1.0}),
    "timeout, and it ended well just then": facts(ended(0), stop={"why": "time", "at": 1.0}),
    "timeout, saved and exited with 0": facts(ended(0, signal="TERM"), stop={"why": "time", "at": 1.0}),
    "lost": facts(None, start={"at": 1.0}),
    "never started": facts(None),
}
AGAIN = {
    "failure": {"failure", "prepare", "137"},
    "exit:137": {"137"},
    "exit:3": {"failure"},
    "exit:0": set(),
    "exit:143": set(),
    "preempted": {"preempted", "interrupted"},
    "timeout": {
        "timeout",
        "timeout, an exit code of its own",
        "timeout, no end",
        "timeout, saved and exited with 0",
    },
    "lost": {"lost", "never started"},
    "something else": set(),
}


@pytest.mark.parametrize("on", AGAIN)
@pytest.mark.parametrize("end", ENDS)
def test_an_attempt_is_followed_by_another_after_the_ends_that_are_named_and_no_others(end, on):
    first = ticket(retry=Retry(attempts=3, on=(on,)))
    again = next_attempt(first, ENDS[end], NOW)
    assert (again is not None) == (end in AGAIN[on])


def test_by_default_failed_preempted_and_lost_ones_are_run_again_if_attempts_are_allowed():
    meant = {end for end in ENDS if next_attempt(ticket(retry=Retry(attempts=2)), ENDS[end], NOW)}
    assert meant == AGAIN["failure"] | AGAIN["preempted"] | AGAIN["lost"]
    assert not any(next_attempt(ticket(), found, NOW) for found in ENDS.values())


@pytest.mark.parametrize("end", ENDS)
def test_whoever_was_cancelled_is_never_run_again(end):
    first = ticket(retry=Retry(attempts=9, on=tuple(AGAIN)))
    assert next_attempt(first, evolve(ENDS[end], cancel={"at": 1.0}), NOW) is None


def test_the_last_attempt_is_the_last():
    retry = Retry(attempts=3)
    assert next_attempt(ticket(attempt=2, retry=retry), ENDS["failure"], NOW).attempt == 3
    assert next_attempt(ticket(attempt=3, retry=retry), ENDS["failure"], NOW) is None


def test_the_wait_doubles_from_the_end_on_up_to_a_day():
    retry = Retry(attempts=10**9, backoff=30.0)
    waits = [
        next_attempt(ticket(attempt=number, retry=retry), ENDS["failure"], NOW).not_before - 4000.0
        for number in (1, 2, 3, 10, 11, 12, 13, 2000, 10**8)
    ]
    assert waits == [30, 60, 120, 15360, 30720, 61440, 86400, 86400, 86400]


def test_without_a_wait_it_may_start_at_once_but_behind_those_that_came_before_its_end():
    for number in (1, 2000):
        first = ticket(attempt=number, retry=Retry(attempts=9999))
        again = next_attempt(first, ENDS["failure"], NOW)
        assert (again.queued, again.not_before) == (4000.0, 0.0)


def test_all_else_of_the_ticket_stays():
    first = ticket(retry=Retry(attempts=2), slots=("a",), gpus=1, environment={"A": "b"})
    again = next_attempt(first, ENDS["failure"], NOW)
    assert again == evolve(first, attempt=2, queued=4000.0, resume="failure")


WORDS = {
    "success": "",
    "success despite a signal": "",
    "failure": "failure",
    "prepare": "failure",
    "137": "failure",
    "submit": "",
    "preempted": "preempted",
    "interrupted": "preempted",
    "timeout": "timeout",
    "timeout, an exit code of its own": "timeout",
    "timeout, no end": "timeout",
    "timeout, and it ended well just then": "",
    "timeout, saved and exited with 0": "timeout",
    "lost": "lost",
    "never started": "lost",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_next_attempt_is_told_how_the_one_before_ended(end):
    assert ending(ENDS[end]) == WORDS[end]
    again = next_attempt(ticket(retry=Retry(attempts=2, on=tuple(AGAIN))), ENDS[end], NOW)
    assert (again.resume if again else "") == WORDS[end]


@given(st.sampled_from(sorted(ENDS)), numbers, numbers)
def test_whenever_somebody_looks_the_answer_is_the_same(end, early, late):
    """But for one that left no end: nobody knows when that was."""
    first = ticket(retry=Retry(attempts=2, backoff=5.0, on=tuple(AGAIN)))
    answers = [next_attempt(first, ENDS[end], now) for now in (early, late)]
    if ENDS[end].end is None:
        assert [each.not_before for each in answers] == [early + 5, late + 5]
        answers = [evolve(each, queued=0.0, not_before=0.0) for each in answers]
    assert answers[0] == answers[1]


def test_an_end_whose_time_cannot_be_read_was_now():
    end = {**ended(1), "at": None}
    assert next_attempt(ticket(retry=Retry(attempts=2)), facts(end), NOW).queued == NOW


# The facts themselves


def test_facts_are_the_records_of_this_attempt_and_the_request_of_the_run(tmp_path):
    second = ticket(run_dir=str(tmp_path), attempt=2)
    for attempt in (1, 2):
        for name in ("start", "stop", "end"):
            write_record(tmp_path / f"attempts/{attempt}/{name}.json", {"name": name, "attempt": attempt})
    write_record(tmp_path / "cancel.json", {"name": "cancel"})
    found = Facts.of(second)
    assert found == facts(
        {"name": "end", "attempt": 2},
        start={"name": "start", "attempt": 2},
        stop={"name": "stop", "attempt": 2},
        cancel={"name": "cancel"},
    )


def test_records_that_cannot_be_read_are_absent(tmp_path):
    records = tmp_path / "attempts" / "1"
    records.mkdir(parents=True)
    (records / "start.json").write_text('{"process": "a')
    (records / "stop.json").write_bytes(b"\xff\xfe\x00")
    (records / "end.json").mkdir()
    assert Facts.of(ticket(run_dir=str(tmp_path))) == facts()


@pytest.mark.parametrize(("code", "read"), [(0, 0), (137, 137), (None, None), ("1", None)])
def test_an_exit_code_is_a_number_or_unknown(code, read):
    assert facts({"exit_code": code}).exit_code == read
    assert facts().exit_code is None
