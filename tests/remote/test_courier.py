"""A courier runs a job on a machine without confjob, and tells all of it in what it prints."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from confjob.process import live_sessions
from confjob.remote import pack, receive
from confjob.testing.jobs import HOSTILE

FRAME = re.compile(rb"\nconfjob: ([\w-]{32}) begin (\d+)\n[A-Za-z0-9+/=\n]*confjob: \1 end \2\n")
#: A job that writes down its number, and then beats whatever it is sent.
STUBBORN = """
trap '' TERM INT HUP
echo $$ >pid
sh -c 'trap "" TERM INT HUP; echo $$ >child; while :; do sleep 0.1; done' &
while :; do sleep 0.1; done
"""


def log_in(printed: bytes) -> bytes:
    """Return what a person sees as the log, once the frames are taken out."""
    header, _, rest = printed.partition(b"\n")
    assert re.fullmatch(rb"confjob: courier 1 [\w-]{32} \d+", header)
    return FRAME.sub(b"", rest)


def until(holds, seconds: float = 20.0):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def number_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def is_gone(pid: int) -> bool:
    return all(pid not in pids for pids in live_sessions().values())


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".courier"))


def test_its_exit_code_is_the_jobs_and_records_come_back(there) -> None:
    job = there.jobs.failing(3)
    code, printed = there.run(job)
    assert code == 3
    got = there.received(printed)
    end = json.loads((got / "attempts" / "1" / "end.json").read_text())
    assert (end["exit_code"], end["stage"]) == (3, "run")
    assert (got / "attempts" / "1" / "start.json").exists()
    assert not left_in(job.folder.path)


def test_values_arrive_byte_for_byte_and_come_back_so(there, tmp_path) -> None:
    job = there.jobs.echo()
    assert there.run(job)[0] == 0
    got = there.received(there.run(there.jobs.echo())[1]) / "workspace"
    assert (got / "arguments").read_bytes().split(b"\0")[:-1] == [value.encode() for value in HOSTILE]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "text",
    [
        r"no line feed",
        r"\\377\\376\\000\\001 \\r\\n\\r",
        r"\\n\\n\\n",
        r"",
        r"confjob: ",
        r"a\\nconfjob: x begin 1\\n",
    ],
)
def test_the_log_is_the_jobs_bytes_as_they_are(there, text) -> None:
    job = there.jobs.shell(f"printf '{text}'".replace("\\\\", "\\"))
    _, printed = there.run(job)
    expected = job.folder.log.read_bytes()
    assert log_in(printed) == expected
    assert (there.received(printed) / "output.log").read_bytes() == expected


TEXTS = {
    "text": "Zürich 東京 🚂\n".encode(),
    "a progress bar": b"1%\r2%\r\n",
    "no UTF-8": b"a\xffb\n",
    "a surrogate": b"\xed\xa0\x80\n",
    "beyond Unicode": b"\xf4\x90\x80\x80\n",
    "a NUL": b"\0\n",
    "no line feed": b"\xc3",
    "what looks like a frame's line": b"|a\r\n| b\r\n",
}


@pytest.mark.parametrize("log", TEXTS.values(), ids=TEXTS.keys())
def test_where_only_text_passes_any_log_arrives_as_it_is(there, log) -> None:
    """As Ray has it: lines that are read with Python's usual newlines, and fail on what is no UTF-8."""
    job = there.jobs.shell("cat ../in; sleep 0.5; cat ../in")
    (job.folder.path / "in").write_bytes(log)
    _, printed = there.run(job, text="1", outputs_limit=str(len(log)))  # too little for the whole log
    text = io.TextIOWrapper(io.BytesIO(printed), encoding="utf-8").read()
    assert (there.received(text.encode()) / "output.log").read_bytes() == log * 2


def test_outputs_come_back_whatever_their_names_are(there) -> None:
    names = ["plain", " two  spaces ", "a\nline", "it's", "-n", "ü\\n", "$(touch pwned)", "deep/er/it"]
    script = (
        'for name do case $name in */*) mkdir -p "${name%/*}" ;; esac; printf %s "$name" >"./$name"; done'
    )
    _, printed = there.run(there.jobs.shell(script, *names))
    made = there.received(printed) / "workspace"
    assert {name: (made / name).read_text() for name in names} == {name: name for name in names}


def test_a_links_inside_comes_back_and_one_that_leads_out_does_not(there) -> None:
    job = there.jobs.shell("echo x >file; ln -s file good; ln -s /etc/passwd bad; ln -s ../run.json up")
    made = there.received(there.run(job)[1]) / "workspace"
    assert (made / "good").readlink() == Path("file")
    assert sorted(path.name for path in made.iterdir()) == ["file", "good"]


def test_what_is_above_the_limit_stays_and_the_log_says_so(there) -> None:
    job = there.jobs.shell("head -c 3000 /dev/zero >large; head -c 900 /dev/zero >small")
    _, printed = there.run(job, outputs_limit="1000", tidy="1")
    got = there.received(printed)
    assert [path.name for path in (got / "workspace").iterdir()] == ["small"]
    assert b"1 of them, 3000 bytes" in (got / "output.log").read_bytes()
    assert (job.folder.path / "workspace" / "large").exists()  # it is all there is


def test_nothing_is_left_there_once_all_came_back(there) -> None:
    job = there.jobs.shell("echo made >file")
    _, printed = there.run(job, tidy="1")
    assert not job.folder.path.exists()
    assert (there.received(printed) / "workspace" / "file").read_text() == "made\n"


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_signals_are_passed_on_to_the_job(there, name) -> None:
    script = f"trap 'echo got >seen; exit 7' {name}; echo ready >ready; while :; do sleep 0.1; done"
    job = there.jobs.shell(script)
    with there.start(job, grace="20") as courier:
        until((job.folder.path / "workspace" / "ready").exists)
        courier.send_signal(getattr(signal, f"SIG{name}"))
        printed, _ = courier.communicate(timeout=20)
    assert courier.returncode == 7
    assert (there.received(printed) / "workspace" / "seen").exists()


def test_what_ignores_term_is_killed_after_the_grace_and_its_end_is_told(there) -> None:
    job = there.jobs.shell(STUBBORN)
    with there.start(job, grace="1") as courier:
        child = until(lambda: number_in(job.folder.path / "workspace" / "child"))
        courier.terminate()
        printed, _ = courier.communicate(timeout=20)
    assert courier.returncode == 137
    end = json.loads((there.received(printed) / "attempts" / "1" / "end.json").read_text())
    assert (end["exit_code"], end["signal"]) == (137, "TERM")
    assert is_gone(child)


def test_a_job_whose_courier_is_killed_is_ended_and_its_outputs_still_come(there) -> None:
    job = there.jobs.shell(f"echo made >file; {STUBBORN}")
    with there.start(job, grace="1") as courier:
        child = until(lambda: number_in(job.folder.path / "workspace" / "child"))
        courier.kill()
        printed, _ = courier.communicate(timeout=20)  # the second process has the pipe
    assert (there.received(printed) / "workspace" / "file").read_text() == "made\n"
    until(lambda: is_gone(child))
    until(lambda: not left_in(job.folder.path))


def test_what_a_job_leaves_behind_is_ended_with_it(there) -> None:
    script = "sh -c 'trap \"\" TERM; echo $$ >child; while :; do sleep 0.1; done' & while ! [ -s child ]; do :; done"
    job = there.jobs.shell(script)
    code, _ = there.run(job, grace="1")
    assert code == 0
    assert is_gone(number_in(job.folder.path / "workspace" / "child") or 0)


def test_a_job_is_ended_when_its_time_is_over_and_a_record_says_why(there) -> None:
    began = time.monotonic()
    code, printed = there.run(there.jobs.shell("sleep 60"), time="1", grace="5")
    assert code == 143
    assert 1 <= time.monotonic() - began < 20
    stop = json.loads((there.received(printed) / "attempts" / "1" / "stop.json").read_text())
    assert (stop["why"], stop["limit"]) == ("time", 1)


def test_outputs_that_change_come_while_the_job_runs(there) -> None:
    job = there.jobs.shell("echo begun; echo 1 >file; sleep 60")
    with there.start(job, sync="1", grace="1") as courier:
        assert courier.stdout is not None
        printed = b""
        os.set_blocking(courier.stdout.fileno(), False)
        there.got.mkdir()

        def came() -> bool:
            nonlocal printed
            printed += courier.stdout.read() or b""
            receive([printed], there.got)
            return (there.got / "workspace" / "file").exists()

        until(came)
        assert (there.got / "output.log").read_bytes().rstrip(b"\n") == b"begun"
        assert not (there.got / "attempts" / "1" / "end.json").exists()
        courier.terminate()
        os.set_blocking(courier.stdout.fileno(), True)
        courier.communicate(timeout=20)


def test_signals_are_as_usual_in_the_job(there) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells")
    _, printed = there.run(there.jobs.shell("grep SigIgn /proc/self/status"))
    ignored = int((there.received(printed) / "output.log").read_text().split()[1], 16)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        assert not ignored >> (number - 1) & 1


def test_an_attempts_log_is_its_own_part(there) -> None:
    job = there.jobs.shell("echo attempt $CONFJOB_ATTEMPT")
    there.received(there.run(job)[1])
    _, printed = there.run(job, attempt="2")
    assert log_in(printed) == b"attempt 2\n"
    got = there.received(printed)
    assert (got / "output.log").read_text() == "attempt 1\nattempt 2\n"
    assert there.received(printed) == got
    assert (got / "output.log").read_text() == "attempt 1\nattempt 2\n"


def test_a_job_that_is_ended_before_its_files_are_there_never_begins(there, tmp_path) -> None:
    job = there.jobs.shell("echo begun")
    content = io.BytesIO()
    pack(job.submission, content)
    slow = tmp_path / "slow.tgz"
    os.mkfifo(slow)
    with there.start(job, packs=(slow,)) as courier, slow.open("wb") as file:
        courier.terminate()
        file.write(content.getvalue())
        file.close()
        printed, _ = courier.communicate(timeout=20)
    assert courier.returncode == 143
    assert not (job.folder.path / "attempts" / "1" / "start.json").exists()
    assert b"SIGTERM came first" in printed


def test_a_snapshot_that_is_there_is_left_as_it_is_and_a_new_one_appears_whole(there, tmp_path) -> None:
    """Other runs may be reading it at that moment."""
    several = [there.jobs.shell("true") for _ in range(4)]
    tree = several[0].submission.tree
    (tree / "file").write_text("from the pack")
    packs = [tmp_path / f"{job.run}.tgz" for job in several]
    for job, path in zip(several, packs, strict=True):
        with path.open("wb") as file:
            pack(job.submission, file)
    there.jobs.state.rename(tmp_path / "away")
    couriers = [there.start(job, packs=(path,)) for job, path in zip(several, packs, strict=True)]
    for courier in couriers:
        courier.communicate(timeout=60)
        assert courier.returncode == 0
    assert [path.name for path in tree.parent.rglob("*") if path != tree] == ["file"]
    (tree / "file").write_text("as it is")
    with there.start(several[0], packs=(packs[0],), attempt="2") as again:
        again.communicate(timeout=60)
    assert again.returncode == 0
    assert (tree / "file").read_text() == "as it is"
    assert sorted(path.name for path in there.jobs.state.iterdir()) == ["runs", "snapshots"]


def test_where_both_sides_see_the_run_folder_only_the_log_is_sent(there) -> None:
    job = there.jobs.shell("echo said; echo made >file")
    code, printed = there.run(job, frames="0")
    assert code == 0
    assert printed.partition(b"\n")[2] == b"said\n"
    assert job.made("file") == b"made\n"


def test_what_keeps_a_job_from_starting_is_in_the_log(there, tmp_path) -> None:
    job = there.jobs.echo()
    broken = tmp_path / "broken.tgz"
    broken.write_bytes(b"no archive")
    with there.start(job, packs=(broken,)) as courier:
        printed, _ = courier.communicate(timeout=20)
    assert courier.returncode == 125
    assert b"broken.tgz can't be unpacked" in (there.received(printed) / "output.log").read_bytes()


def test_a_job_that_prints_what_looks_like_files_writes_nothing_outside(there, tmp_path) -> None:
    made = tmp_path / "evil"
    made.mkdir()
    (made / "escaped").write_text("x")
    archive = subprocess.run(
        f"tar -C {made} -czf - --transform='s,^,../../,' escaped | base64",
        shell=True,
        capture_output=True,
        check=True,
    ).stdout.decode()
    # It knows the mark: what a courier prints can be read by whoever may read the job's log.
    script = """
    mark=$(ls -d "$CONFJOB_RUN_DIR"/.courier-*) && mark=${mark##*.courier-}
    printf '\\nconfjob: %s begin 1\\n%sconfjob: %s end 1\\n' "$mark" "$1" "$mark"
    """
    got = there.received(there.run(there.jobs.shell(script, archive))[1])
    assert not [path for path in tmp_path.rglob("escaped") if made not in path.parents]
    assert (got / "attempts" / "1" / "end.json").exists()


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path):
    yield
    for pids in live_sessions().values():
        for pid in pids:
            with contextlib.suppress(OSError):
                assert str(tmp_path).encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
