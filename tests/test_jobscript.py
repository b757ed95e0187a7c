import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from confjob.jobscript import script
from confjob.process import ProcessId
from confjob.quote import quote

CANDIDATES = {
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "sh"],
    "mksh": ["mksh"],
}
SHELLS = {name: argv for name, argv in CANDIDATES.items() if shutil.which(argv[0])} or {"sh": ["/bin/sh"]}

BARE = {"PATH": os.environ["PATH"]}


@pytest.fixture(autouse=True)
def usual_sigint():
    """Started with `&`, pytest itself would ignore it, and so would what it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(params=SHELLS)
def shell(request):
    return SHELLS[request.param]


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / 'it\'s a $(folder) with "quotes"\n' / "run"
    folder.mkdir(parents=True)
    (folder / "env").write_text("")
    return folder


def make(run_dir, argv, unpack="mkdir -p workspace", **kwargs):
    text = script(
        run_dir=run_dir, run_id="abc2345", unpack=unpack, cwd=kwargs.pop("cwd", ""), argv=argv, **kwargs
    )
    (run_dir / "job.sh").write_bytes(text.encode("utf-8", "surrogateescape"))
    return run_dir / "job.sh"


def run(shell, path, env=None, **kwargs):
    return subprocess.run(
        [*shell, path], env={**BARE, **(env or {})}, check=False, capture_output=True, timeout=60, **kwargs
    )


def record(run_dir, name, attempt=1):
    return json.loads((run_dir / f"attempts/{attempt}/{name}.json").read_text())


def hostile():
    """Over 600 byte strings that shells have been known to trip over."""
    random.seed(7)
    fixed = [
        b"",
        b" ",
        b"\n",
        b"'",
        b'"',
        b"\\",
        b"$",
        b"`",
        b"$(touch x)",
        b"`touch x`",
        b"${IFS}",
        b"~",
        b"*",
        b"-n",
    ]
    fixed += [
        b"!",
        b"!!",
        b"\\'",
        b"'\\''",
        b"a\n\nb\n",
        b"\n\n",
        b"\r\n",
        b"\t",
        b"#x",
        b"&",
        b";",
        b"|",
        b"%s",
        b"%",
    ]
    single = [bytes([number]) for number in range(1, 256)]
    around = [b"a" + one + b"'" for one in single]
    noise = [bytes(random.choices(range(1, 256), k=random.randrange(40))) for _ in range(100)]
    return [*fixed, *single, *around, *noise]


def test_every_argument_and_variable_arrives_byte_for_byte(shell, run_dir):
    values = hostile()
    texts = [os.fsdecode(value) for value in values]
    env = "".join(f"V{n}={quote(text)}; export V{n}\n" for n, text in enumerate(texts))
    (run_dir / "env").write_bytes(env.encode("utf-8", "surrogateescape"))
    path = make(run_dir, ["printf", "%s\\0", *texts], variables={"EXTRA": texts[-1]})
    assert run(shell, path).returncode == 0
    assert (run_dir / "output.log").read_bytes().split(b"\0")[:-1] == values
    (run_dir / "output.log").unlink()
    path = make(run_dir, ["env", "-0"], variables={"EXTRA": texts[-1]})
    assert run(shell, path, {"CONFJOB_ATTEMPT": "2"}).returncode == 0  # an attempt runs once
    seen = dict(item.split(b"=", 1) for item in (run_dir / "output.log").read_bytes().split(b"\0")[:-1])
    assert [seen[b"V%d" % n] for n in range(len(values))] == values
    assert seen[b"EXTRA"] == values[-1]
    assert not list(run_dir.rglob("x"))


def test_why_an_attempt_follows_another_is_said_by_whoever_starts_it_and_by_nobody_else(shell, run_dir):
    (run_dir / "env").write_text("CONFJOB_RESUME='of the job that launches'; export CONFJOB_RESUME\n")
    path = make(run_dir, ["sh", "-c", 'echo "${CONFJOB_RESUME-unset}"'])
    run(shell, path)
    run(shell, path, {"CONFJOB_ATTEMPT": "2", "CONFJOB_RESUME": "timeout"})
    assert (run_dir / "output.log").read_text() == "unset\ntimeout\n"


def test_the_start_record_names_the_shell_itself(shell, run_dir):
    path = make(run_dir, ["sleep", "60"])
    process = subprocess.Popen([*shell, path], env=BARE, start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while not (run_dir / "attempts/1/start.json").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        start = record(run_dir, "start")
        assert start["process"] == str(ProcessId.of(process.pid))
        assert abs(start["at"] - time.time()) < 60
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_the_exit_code_is_the_commands(shell, run_dir, code):
    done = run(shell, make(run_dir, ["sh", "-c", f"exit {code}"]))
    assert done.returncode == code
    end = record(run_dir, "end")
    assert (end["exit_code"], end["stage"], end["signal"], end["cancelled"]) == (code, "run", None, False)
    assert end["at"] >= record(run_dir, "start")["at"]


def test_a_command_killed_by_a_signal_is_told_as_shells_do(shell, run_dir):
    run(shell, make(run_dir, ["sh", "-c", "kill -9 $$"]))
    assert record(run_dir, "end")["exit_code"] in (137, 256 + 9, 384 + 9)


def test_a_missing_command_fails_in_the_log(shell, run_dir):
    run(shell, make(run_dir, ["no-such-program-here"]))
    assert record(run_dir, "end")["exit_code"] == 127
    assert b"no-such-program-here" in (run_dir / "output.log").read_bytes()


def test_the_command_runs_below_the_workspace_with_its_variables(shell, run_dir):
    unpack = "mkdir -p 'workspace/a b'"
    argv = [
        "sh",
        "-c",
        'pwd; echo "$CONFJOB_RUN_DIR|$CONFJOB_RUN_ID|$CONFJOB_ATTEMPT|${CONFJOB_FOREGROUND-unset}"',
    ]
    run(shell, make(run_dir, argv, unpack, cwd="a b"))
    assert (run_dir / "output.log").read_text() == f"{run_dir}/workspace/a b\n{run_dir}|abc2345|1|unset\n"


def test_nothing_of_the_script_leaks_into_the_job(shell, run_dir):
    run(shell, make(run_dir, ["env"]), env={"LEAK": "1"})
    assert "confjob_" not in (run_dir / "output.log").read_text()


def test_a_failing_unpack_is_told_and_the_command_does_not_run(shell, run_dir):
    done = run(shell, make(run_dir, ["echo", "ran"], "set -e\necho unpacking\nfalse\necho on"))
    assert done.returncode == record(run_dir, "end")["exit_code"] == 1
    assert record(run_dir, "end")["stage"] == "prepare"
    assert (run_dir / "output.log").read_text() == "unpacking\n"


def test_unpack_may_hold_a_here_document_and_its_variables_stay_inside(shell, run_dir):
    unpack = "mkdir workspace; confjob_code=7; cat >workspace/x <<'E'\na'b\nE\n"
    assert run(shell, make(run_dir, ["cat", "x"], unpack)).returncode == 0
    assert (run_dir / "output.log").read_text() == "a'b\n"


def test_records_are_private_and_the_jobs_files_have_the_users_umask(shell, run_dir):
    run(shell, make(run_dir, ["touch", "made"]), umask=0o027)
    assert (run_dir / "workspace/made").stat().st_mode & 0o777 == 0o640
    assert (run_dir / "attempts/1/end.json").stat().st_mode & 0o777 == 0o600


def test_tidying_comes_after_the_end_record_and_cannot_change_it(shell, run_dir):
    tidy = [
        "sh",
        "-c",
        f"cat {quote(str(run_dir))}/attempts/1/end.json >{quote(str(run_dir))}/seen; echo noise; exit 9",
    ]
    done = run(shell, make(run_dir, ["sh", "-c", "exit 3"], tidy=tidy))
    assert done.returncode == 3
    assert (run_dir / "seen").read_text() == (run_dir / "attempts/1/end.json").read_text()
    assert done.stdout == done.stderr == b""


def test_a_later_attempt_has_records_of_its_own(shell, run_dir):
    path = make(run_dir, ["sh", "-c", "exit $CONFJOB_ATTEMPT"])
    assert run(shell, path, env={"CONFJOB_ATTEMPT": "2"}).returncode == 2
    assert record(run_dir, "end", 2)["exit_code"] == 2
    assert run(shell, path, env={"CONFJOB_ATTEMPT": "../../x"}).returncode == 1


def test_in_the_foreground_the_output_and_input_are_the_terminals(shell, run_dir):
    path = make(run_dir, ["cat"], "cat >taken; mkdir -p workspace")
    done = run(shell, path, env={"CONFJOB_FOREGROUND": "1"}, input=b"typed\n")
    assert done.stdout == b"typed\n"
    assert not (run_dir / "output.log").exists()


def test_the_log_is_appended_to_and_stdin_is_empty(shell, run_dir):
    (run_dir / "output.log").write_text("before\n")
    run(shell, make(run_dir, ["sh", "-c", "cat; echo out; echo err >&2"]), input=b"typed\n")
    assert (run_dir / "output.log").read_text() == "before\nout\nerr\n"


def test_a_cancel_request_before_the_start_keeps_the_command_from_running(shell, run_dir):
    (run_dir / "cancel.json").write_text("{}")
    run(shell, make(run_dir, ["echo", "ran"]))
    assert not (run_dir / "workspace").exists()
    assert record(run_dir, "end")["cancelled"] is True


def test_a_cancel_request_before_the_end_is_seen_whatever_the_clocks_say(shell, run_dir):
    run(shell, make(run_dir, ["sh", "-c", 'echo {} >"$CONFJOB_RUN_DIR/cancel.json"']))
    assert record(run_dir, "end")["cancelled"] is True


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_to_the_group_reaches_the_command_once_and_is_noted(shell, run_dir, name):
    code = f'trap "echo got; exit 5" {name}; echo up; while :; do sleep 0.02; done'
    process = subprocess.Popen([*shell, make(run_dir, ["sh", "-c", code])], env=BARE, start_new_session=True)
    try:
        wait_for(run_dir / "output.log", b"up")
        os.killpg(process.pid, getattr(signal, f"SIG{name}"))
        assert process.wait(30) == 5
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    end = record(run_dir, "end")
    assert (end["exit_code"], end["signal"], end["stage"]) == (5, name, "run")
    assert (run_dir / "output.log").read_bytes().count(b"got") == 1


def test_signals_have_their_default_action_in_the_command(shell, run_dir):
    process = subprocess.Popen(
        [*shell, make(run_dir, ["sh", "-c", "echo up; exec sleep 60"])], env=BARE, start_new_session=True
    )
    try:
        wait_for(run_dir / "output.log", b"up")
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(30) == 143 or shell[0] not in ("dash", "bash", "busybox")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert record(run_dir, "end")["signal"] == "TERM"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the limit is Linux's")
def test_an_environment_of_two_megabytes_starts(shell, run_dir):
    value = "x" * 100_000
    (run_dir / "env").write_text("".join(f"BIG{n}='{value}'; export BIG{n}\n" for n in range(24)))
    argv = ["sh", "-c", "echo ${#BIG23}"]
    assert run(shell, make(run_dir, argv, raise_stack=True)).returncode == 0
    assert (run_dir / "output.log").read_text() == "100000\n"


def test_a_higher_stack_limit_is_left_alone(shell, run_dir):
    path = make(run_dir, ["sh", "-c", "ulimit -S -s"], raise_stack=True)
    subprocess.run(["bash", "-c", 'ulimit -S -s 65536; exec "$@"', "x", *shell, path], env=BARE, check=True)
    assert (run_dir / "output.log").read_text() == "65536\n"


@pytest.mark.parametrize(
    "wrong",
    [{"argv": []}, {"argv": ["a\0b"]}, {"variables": {"A B": "x"}}, {"variables": {"A;touch x": "x"}}],
)
def test_what_no_shell_can_carry_is_refused(run_dir, wrong):
    with pytest.raises(ValueError):
        make(run_dir, **{"argv": ["true"], **wrong})


def test_without_room_for_the_start_record_nothing_runs(shell, run_dir):
    (run_dir / "attempts").write_text("in the way")
    assert run(shell, make(run_dir, ["touch", str(run_dir / "ran")])).returncode == 125
    assert not (run_dir / "ran").exists()


def wait_for(path, content, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and content in path.read_bytes():
            return
        time.sleep(0.01)
    raise AssertionError(f"{content!r} never came in {path}")


def test_it_does_not_wait_for_a_disk_whose_folder_is_gone(shell, run_dir):
    """What can't be written down any more is not tried for ever."""
    path = make(run_dir, ["rm", "-rf", str(run_dir)])
    assert run(shell, path).returncode == 0
    assert not run_dir.exists()
