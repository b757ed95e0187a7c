"""Laws of the gates: who paused a target is remembered, and failures count in a row."""

import pytest

from confjob.builtin.local.queue.gates import EVERYTHING, Gates
from confjob.plugin import write_record


@pytest.fixture
def gates(tmp_path):
    return Gates(tmp_path)


def test_nothing_is_paused_at_first(gates, tmp_path):
    assert gates.paused() == {}
    assert not gates.resume("a")
    assert list(tmp_path.iterdir()) == []


def test_what_was_paused_is_paused_until_it_is_resumed(gates):
    gates.pause("/p:here", "paused by ann")
    gates.pause(EVERYTHING, "drained")
    assert gates.paused() == {"/p:here": "paused by ann", "*": "drained"}
    assert gates.resume("/p:here")
    assert gates.paused() == {"*": "drained"}
    assert not gates.resume("/p:here")


def test_the_last_reason_counts(gates):
    gates.pause("a", "first")
    gates.pause("a", "second")
    assert gates.paused() == {"a": "second"}


def test_any_path_may_be_in_a_groups_name(gates):
    for group in ("/p/\udcff/ \n:t", "../../x:t", "a" * 5000, ""):
        gates.pause(group, "\udcfe why")
        assert gates.paused() == {group: "\udcfe why"}
        gates.resume(group)


def test_a_group_is_paused_once_so_many_failed_in_a_row(gates):
    gates.failed("a", "r1", 3)
    gates.failed("a", "r2", 3)
    assert gates.paused() == {}
    gates.failed("a", "r3", 3)
    assert gates.paused() == {
        "a": "paused: 3 runs in a row failed (r1, r2, r3); confjob queue resume lets it go on"
    }


def test_one_failure_may_be_enough_and_without_a_limit_none_is(gates):
    for number in range(20):
        gates.failed("a", f"r{number}", None)
    assert gates.paused() == {}
    gates.failed("b", "r", 1)
    assert list(gates.paused()) == ["b"]


def test_a_run_that_ends_well_begins_the_count_anew(gates):
    gates.failed("a", "r1", 2)
    gates.succeeded("a")
    gates.failed("a", "r2", 2)
    assert gates.paused() == {}
    gates.succeeded("never heard of")


def test_a_target_that_is_resumed_has_all_its_failures_again(gates):
    gates.failed("a", "r1", 2)
    gates.failed("a", "r2", 2)
    gates.resume("a")
    gates.failed("a", "r3", 2)
    assert gates.paused() == {}


def test_targets_count_for_themselves(gates):
    gates.failed("a", "r1", 2)
    gates.failed("b", "r2", 2)
    gates.succeeded("b")
    gates.failed("a", "r3", 2)
    assert list(gates.paused()) == ["a"]


def test_a_success_does_not_open_what_somebody_closed(gates):
    gates.pause("a", "by ann")
    gates.succeeded("a")
    assert gates.paused() == {"a": "by ann"}


@pytest.mark.parametrize("most", [5, 150])
def test_any_number_is_counted_and_some_of_the_runs_are_named(gates, most):
    for number in range(most):
        assert gates.paused() == {}
        gates.failed("a", f"r{number}", most)
    assert f"{most} runs in a row failed (r0, r1, r2, r3, …)" in gates.paused()["a"]


def test_failures_that_are_no_longer_counted_are_forgotten(gates, tmp_path):
    for number in range(150):
        gates.failed("a", f"r{number}", None)
    [path] = (tmp_path / "failures").iterdir()
    assert path.read_text().count("r1") < 150
    assert '"r149"' in path.read_text()
    assert '"r0"' not in path.read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"why": "x"}', "\x00", '{"runs": 3}'])
def test_a_file_that_cannot_be_read_closes_nothing_and_counts_nothing(gates, tmp_path, text):
    gates.pause("good", "why")
    gates.failed("a", "r1", 2)
    for path in tmp_path.glob("failures/*"):
        path.write_text(text)
    (tmp_path / "paused" / "odd.json").write_text(text)
    (tmp_path / "paused" / "folder.json").mkdir()
    assert gates.paused() == {"good": "why"}
    gates.failed("a", "r2", 2)
    assert gates.paused() == {"good": "why"}
    gates.failed("a", "r3", 2)
    assert gates.paused().keys() == {"good", "a"}


def test_a_pause_without_a_reason_is_a_pause(gates, tmp_path):
    write_record(tmp_path / "paused" / "x.json", {"group": "a"})
    assert gates.paused() == {"a": "paused"}
