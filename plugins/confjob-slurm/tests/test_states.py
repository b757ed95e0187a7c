"""What Slurm prints, recorded from Slurm 22.05, and what confjob makes of it."""

from __future__ import annotations

import random

import pytest
from confjob_slurm.commands import Config, chunks, unreachable
from confjob_slurm.ending import compressed
from confjob_slurm.states import Row, read_sacct, read_squeue
from hypothesis import given
from hypothesis import strategies as st

from confjob.plugin import State

#: `squeue --noheader --array --states=all --Format=…`, with jobs that were made to be so.
RECORDED = """\
15|CANCELLED|0|0|UNLIMITED|None|
8_0|COMPLETED|0|0|365-00:00:00|None|
8_3|FAILED|768|0|365-00:00:00|NonZeroExitCode|
12_0|FAILED|36608|0|365-00:00:00|NonZeroExitCode|
18|FAILED|9|0|365-00:00:00|JobLaunchFailure|
1_5|FAILED|4021|0|3:00|JobLaunchFailure|
21|PENDING|0|0|UNLIMITED|BeginTime|
25|PENDING|0|0|UNLIMITED|Resources|
27_1|PENDING|0|0|UNLIMITED|JobArrayTaskLimit|
29_0|PENDING|0|0|UNLIMITED|JobHeldUser|
24|PENDING|0|0|1:40:00|PartitionTimeLimit|
8_2|PENDING|0|1|UNLIMITED|BeginTime|
16|RUNNING|0|0|1:00|None|
26|SUSPENDED|0|0|365-00:00:00|None|
32|NODE_FAIL|15|0|365-00:00:00|NodeDown|
28|CANCELLED|15|0|365-00:00:00|None|
109|CANCELLED|0|0|UNLIMITED|JobHeldUser|
"""

TOLD = {
    "15": (State.CANCELLED, "cancelled in Slurm", None),
    "8_0": (State.SUCCEEDED, "", 0),
    "8_3": (State.FAILED, "exit code 3", 3),
    "12_0": (State.FAILED, "exit code 143", 143),
    "18": (State.FAILED, "killed by signal 9", None),
    "1_5": (
        State.FAILED,
        "Slurm could not start it (its log's folder, or its user, is not on the node?)",
        None,
    ),
    "21": (State.QUEUED, "not to begin yet (BeginTime)", None),
    "25": (State.QUEUED, "waits for free resources (Resources)", None),
    "27_1": (
        State.QUEUED,
        "as many runs of the array run as may at once (`array-parallel`) (JobArrayTaskLimit)",
        None,
    ),
    "29_0": (State.QUEUED, "held; `scontrol release` lets it go (JobHeldUser)", None),
    "24": (State.QUEUED, "asks for more time than the partition allows (PartitionTimeLimit)", None),
    "8_2": (State.QUEUED, "runs again; not to begin yet (BeginTime)", None),
    "16": (State.RUNNING, "", None),
    "26": (State.RUNNING, "suspended: its nodes were given to others for now", None),
    "32": (State.FAILED, "node failure", None),
    "28": (State.CANCELLED, "cancelled in Slurm", None),
    "109": (State.CANCELLED, "cancelled in Slurm", None),
}


def test_every_recorded_job_is_told_as_it_was():
    rows = read_squeue(RECORDED)
    told = {number: row.status() for number, row in rows.items()}
    assert {number: (each.state, each.reason, each.exit_code) for number, each in told.items()} == TOLD


@pytest.mark.parametrize(
    ("row", "state", "reason"),
    [
        (Row(id="1", state="TIMEOUT", limit="1-02:00:00"), State.FAILED, "time limit of 1 d 2 h"),
        (Row(id="1", state="TIMEOUT", limit="2:30:00"), State.FAILED, "time limit of 2 h 30 min"),
        (Row(id="1", state="TIMEOUT", limit="3:00"), State.FAILED, "time limit of 3 min 0 s"),
        (Row(id="1", state="TIMEOUT", limit="UNLIMITED"), State.FAILED, "time limit"),
        (Row(id="1", state="OUT_OF_MEMORY", exit_code=0, signal=125), State.FAILED, "out of memory"),
        (Row(id="1", state="BOOT_FAIL"), State.FAILED, "its node did not boot"),
        (Row(id="1", state="DEADLINE"), State.FAILED, "not done by its deadline"),
        (Row(id="1", state="PREEMPTED"), State.PREEMPTED, "preempted by Slurm"),
        (Row(id="1", state="CONFIGURING"), State.STARTING, ""),
        (Row(id="1", state="COMPLETING"), State.ENDING, ""),
        (Row(id="1", state="COMPLETING", reason="NonZeroExitCode"), State.ENDING, ""),
        (Row(id="1", state="COMPLETING", reason="TimeLimit"), State.RUNNING, "ending: time limit"),
        (Row(id="1", state="REQUEUED"), State.QUEUED, "Slurm runs it again"),
        (
            Row(id="1", state="PENDING", reason="ReqNodeNotAvail, UnavailableNodes:n[1-2]"),
            State.QUEUED,
            "a node that it needs is not available (ReqNodeNotAvail, UnavailableNodes:n[1-2])",
        ),
        (Row(id="1", state="PENDING", reason="SomeNewReason"), State.QUEUED, "SomeNewReason"),
    ],
)
def test_states_that_cannot_be_made_here_have_words_too(row, state, reason):
    told = row.status()
    assert (told.state, told.reason) == (state, reason)


def test_a_state_that_nobody_knows_is_no_answer():
    assert not read_squeue("1|SOMETHING_NEW|0|0|1:00|None|\n")["1"].known


@given(st.lists(st.text(st.characters(blacklist_characters="|"), max_size=8), max_size=7).map("|".join))
def test_lines_that_are_no_rows_are_left_out(line):
    assert all(
        number.partition("_")[0].isdecimal() for number in read_squeue(f"{line}\n7|RUNNING|0|0|1:00|None|")
    )
    assert "7" in read_squeue(f"{line}\n7|RUNNING|0|0|1:00|None|")


def test_the_accounts_tell_of_what_the_controller_forgot():
    text = (
        "7|COMPLETED|0:0|01:00:00\n8_1|FAILED|3:0|01:00:00\n8_2|CANCELLED by 1000|0:15|01:00:00\n"
        "9|TIMEOUT|0:0|00:01:00\n10|FAILED|0:9|UNLIMITED\n8_[3-9]|PENDING|0:0|UNLIMITED\n11.batch|FAILED|1:0|\n"
    )
    told = {number: row.status() for number, row in read_sacct(text).items()}
    assert {number: (each.state, each.exit_code, each.reason) for number, each in told.items()} == {
        "7": (State.SUCCEEDED, 0, ""),
        "8_1": (State.FAILED, 3, "exit code 3"),
        "8_2": (State.CANCELLED, None, "cancelled in Slurm"),
        "9": (State.FAILED, 0, "time limit of 1 min 0 s"),
        "10": (State.FAILED, None, "killed by signal 9"),
    }


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("MaxArraySize            = 1001\n", 1001),
        ("MaxArraySize = 4001\nSchedulerParameters = bf_interval=1,max_array_tasks=500\n", 500),
        ("MaxArraySize = 1\n", 1),
        ("MaxArraySize = 0\n", 1),
        ("", 1),
    ],
)
def test_an_array_is_as_large_as_the_cluster_says(text, most):
    assert Config(text).most_in_array == most


def test_a_cluster_says_whether_it_keeps_accounts_and_shows_all_jobs():
    bare = Config("AccountingStorageType   = accounting_storage/none\nPrivateData             = none\n")
    assert (bare.accounting, bare.shows_all) == (False, True)
    full = Config("AccountingStorageType   = accounting_storage/slurmdbd\nPrivateData = accounts,jobs\n")
    assert (full.accounting, full.shows_all) == (True, False)


@pytest.mark.parametrize(
    ("words", "nobody_knows"),
    [
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", True),
        ("sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received", True),
        ("sbatch: error: Slurm did not answer in 300 s", True),
        (
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination",
            False,
        ),
        ("sbatch: error: invalid partition specified: no-such", False),
    ],
)
def test_a_lost_answer_is_no_refusal(words, nobody_knows):
    assert unreachable(words) is nobody_knows


IDS = st.sets(
    st.one_of(
        st.integers(1, 99).map(str),
        st.tuples(st.integers(100, 103), st.integers(0, 60)).map(lambda pair: f"{pair[0]}_{pair[1]}"),
    )
)


@given(IDS)
def test_arrays_in_few_words_are_the_same_jobs(ids):
    assert expanded(compressed(random.sample(sorted(ids), len(ids)))) == ids
    assert len({word for word in compressed(ids) if "_" in word}) <= len(
        {each.partition("_")[0] for each in ids}
    )


def expanded(words):
    found = set()
    for word in words:
        job, _, indexes = word.partition("_")
        parts = indexes.strip("[]").split(",") if indexes else []
        for part in parts:
            first, _, last = part.partition("-")
            found |= {f"{job}_{index}" for index in range(int(first), int(last or first) + 1)}
        found |= set() if parts else {job}
    return found


@given(st.lists(st.integers(1, 10**8).map(str), max_size=30_000 // 8))
def test_a_command_line_carries_each_part(words):
    parts = list(chunks(words))
    assert [word for part in parts for word in part] == words
    assert all(len(",".join(part)) <= 100_000 for part in parts)
