"""Process 1 of a container, in a namespace of its own: every shell that images have, and no engine."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import confjob_container
import pytest

SUPERVISOR = Path(confjob_container.__file__).with_name("supervise.sh")
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def unavailable(shell):
    if shutil.which(SHELLS[shell][0]) is None:
        return f"there is no {shell} here"
    tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, check=False)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


class Run:
    def __init__(self, shell, folder):
        self.shell, self.folder = SHELLS[shell], folder
        self.records = folder / "attempts" / "2"
        self.records.mkdir(parents=True)

    def start(self, text, *, grace="0.5", limit="", last="1", backoff="0", on=()):
        (self.folder / "job.sh").write_text(text)
        given = [str(self.folder), "2", grace, limit, "python3", last, backoff, *on]
        words = [*NAMESPACE, *self.shell, str(SUPERVISOR), *given]
        self.process = subprocess.Popen(words, cwd=self.folder, stdin=subprocess.DEVNULL)
        return self.process

    def ends(self, text, **options):
        return self.start(text, **options).wait(timeout=20)

    def term(self):
        """Send TERM to process 1, as an engine does."""
        (child,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)

    def has(self, name):
        until = time.monotonic() + 10
        while not (self.folder / name).exists():
            assert time.monotonic() < until, f"no {name}"
            time.sleep(0.02)


@pytest.fixture(params=SHELLS)
def run(request, tmp_path):
    if reason := unavailable(request.param):
        (pytest.fail if os.environ.get("CONFJOB_REQUIRE_ENGINES") == "1" else pytest.skip)(reason)
    made = Run(request.param, tmp_path / "it's $(a) run")
    yield made
    if getattr(made, "process", None) is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


@pytest.mark.parametrize("code", [0, 3, 137])
def test_the_jobs_exit_code_is_the_containers(run, code):
    assert run.ends(f"exit {code}\n") == code
    assert not (run.records / "stop.json").exists()


def test_the_attempt_is_told_to_the_job(run):
    assert run.ends('printf %s "$CONFJOB_ATTEMPT" >told\n') == 0
    assert (run.folder / "told").read_text() == "2"


def test_term_reaches_every_process_and_the_job_writes_its_end(run):
    run.start(
        "trap 'signal=TERM' TERM\n"
        "(trap 'echo child >child; exit' TERM; : >ready; while :; do sleep 0.05; done)\n"
        'echo "$signal" >ended\nexit 143\n'
    )
    run.has("ready")
    run.term()
    assert run.process.wait(timeout=20) == 143
    assert (run.folder / "child").exists()
    assert (run.folder / "ended").read_text() == "TERM\n"


def test_what_ignores_term_is_killed_after_the_grace_and_the_job_still_writes_its_end(run):
    run.start(
        "trap 'signal=TERM' TERM\n"
        "sh -c \"trap '' TERM HUP INT; : >ready; while :; do sleep 0.05; done\"\n"
        'echo "$signal $?" >ended\nexit 137\n'
    )
    run.has("ready")
    began = time.monotonic()
    run.term()
    assert run.process.wait(timeout=20) == 137
    assert 0.4 < time.monotonic() - began < 4
    assert (run.folder / "ended").read_text() == "TERM 137\n"


def test_a_job_that_does_not_end_at_all_is_killed_as_well(run):
    run.start("trap '' TERM\n: >ready\nwhile :; do sleep 0.05; done\n", grace="0.1")
    run.has("ready")
    run.term()
    assert run.process.wait(timeout=20) == 137


def test_a_stopped_process_gets_its_term(run):
    run.start("trap : TERM\nsh -c 'trap \"echo got >got; exit\" TERM; : >ready; kill -s STOP $$; sleep 60'\n")
    run.has("ready")
    time.sleep(0.2)
    run.term()
    run.process.wait(timeout=20)
    assert (run.folder / "got").exists()


def test_the_time_limit_is_noted_and_ends_the_job(run):
    began = time.monotonic()
    assert run.ends("trap : TERM\nsleep 60\nexit 143\n", limit="1") == 143
    assert 0.9 < time.monotonic() - began < 10
    noted = json.loads((run.records / "stop.json").read_text())
    assert (noted["why"], noted["limit"]) == ("time", 1)
    assert abs(noted["at"] - time.time()) < 30


def test_a_job_within_its_limit_is_left_alone(run):
    assert run.ends("exit 0\n", limit="60") == 0
    assert not (run.records / "stop.json").exists()


#: A job that says which attempt it is and why, and fails with 3; its end record is as job.sh's.
FAILING = (
    'records=attempts/$CONFJOB_ATTEMPT; echo "$CONFJOB_ATTEMPT $CONFJOB_RESUME" >>told\n'
    "echo {} >$records/end.json\n(while :; do echo beat >>beats$CONFJOB_ATTEMPT; sleep 0.05; done) &\n"
    "sleep 0.2; exit 3\n"
)


def attempts(run):
    return sorted(path.name for path in (run.folder / "attempts").iterdir())


def test_a_failed_job_is_run_again_up_to_the_last_attempt(run):
    assert run.ends(FAILING, last="4", on=["failure"]) == 3
    assert (run.folder / "told").read_text() == "2 \n3 failure\n4 failure\n"
    assert attempts(run) == ["2", "3", "4"]
    assert json.loads((run.folder / "attempts/4/container.json").read_text()) == {"first": 2}
    assert (run.records / "again.json").exists()
    assert not (run.folder / "attempts/4/again.json").exists()


def test_nothing_of_an_attempt_meets_the_next_one(run):
    text = "[ $CONFJOB_ATTEMPT = 2 ] || cp beats2 then\n" + FAILING + "\n"
    text = text.replace("sleep 0.2", "sleep 0.5")
    assert run.ends(text, last="3", on=["failure"]) == 3
    assert (run.folder / "beats2").read_bytes() == (run.folder / "then").read_bytes()


@pytest.mark.parametrize(
    ("on", "again"),
    [
        (["exit:3"], True),
        (["exit:4"], False),
        (["lost"], False),
        (["timeout", "exit:4", "failure"], True),
        ([], False),
    ],
)
def test_only_the_ends_that_are_named_are_followed_by_another_attempt(run, on, again):
    run.ends(FAILING, last="3", on=on)
    assert attempts(run) == (["2", "3"] if again else ["2"])


def test_a_job_that_is_killed_without_an_end_record_was_lost(run):
    run.ends("echo x >>told; kill -s KILL $$\n", last="3", on=["lost"])
    assert (run.folder / "told").read_text() == "x\nx\n"


def test_a_job_over_its_time_is_run_again_where_that_is_named(run):
    run.ends("echo x >>told; sleep 60\n", limit="1", last="3", on=["timeout"])
    assert (run.folder / "told").read_text() == "x\nx\n"
    assert (run.folder / "attempts/3/stop.json").exists()


def test_a_job_that_succeeds_is_not_run_again(run):
    assert run.ends("echo x >>told; exit 0\n", last="9", on=["failure", "lost", "exit:0"]) == 0
    assert (run.folder / "told").read_text() == "x\n"


def test_whoever_ends_it_while_it_waits_ends_it_for_good(run):
    run.start(FAILING, last="3", backoff="60", on=["failure"])
    run.has("attempts/2/again.json")
    run.term()
    assert run.process.wait(timeout=10) == 3
    assert attempts(run) == ["2"]


def test_a_run_that_is_to_be_cancelled_is_not_run_again(run):
    assert run.ends("echo {} >cancel.json\n" + FAILING, last="3", on=["failure"]) == 3
    assert attempts(run) == ["2"]


def test_what_the_job_leaves_behind_ends_with_it(run):
    text = "sh -c \"trap '' TERM; while :; do echo beat >>beats; sleep 0.05; done\" &\nsleep 0.3\nexit 0\n"
    assert run.ends(text) == 0
    size = (run.folder / "beats").stat().st_size
    time.sleep(0.3)
    assert (run.folder / "beats").stat().st_size == size > 0


def test_orphans_are_reaped(run):
    text = (
        "for i in 1 2 3 4 5; do sh -c 'sleep 0.1 &'; done\nsleep 0.6\n"
        "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^.*) //' | grep -c '^Z' >zombies\nexit 0\n"
    )
    assert run.ends(text) == 0
    assert (run.folder / "zombies").read_text().strip() == "0"


def test_the_job_can_be_interrupted_where_the_image_has_coreutils_or_python(run):
    text = "sh -c 'kill -s INT $$; echo ignored >ignored'\nexit 0\n"
    assert run.ends(text) == 0
    assert not (run.folder / "ignored").exists()


def test_it_refuses_to_signal_processes_that_are_not_the_runs(tmp_path):
    words = ["sh", str(SUPERVISOR), str(tmp_path), "1", "1", "", "python3", "1", "0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert "shares its processes" in done.stderr
