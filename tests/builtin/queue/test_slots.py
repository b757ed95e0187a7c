"""Laws of GPU locks, with real processes: a GPU is one run's, until nothing of that run lives."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from confjob.builtin.local.queue import slots
from confjob.builtin.local.queue.schedule import Holder
from confjob.builtin.local.queue.slots import Slot, holders, lock_folder, seen, taken
from confjob.plugin import BackendError, ProcessId

HEAD = """
import os, sys, time
from pathlib import Path
from confjob.builtin.local.queue.slots import Slot, holders, taken
from confjob.plugin import ProcessId
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the locks of one test are."""
    monkeypatch.setenv("CONFJOB_SLOTS_DIR", str(tmp_path / "slots"))
    return tmp_path / "slots"


@pytest.fixture
def started():
    """Start processes; at the end none of them, and none that they named, is left."""
    processes, pids = [], []

    def start(argv, **kwargs):
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True, **kwargs)
        processes.append(process)
        return process

    start.pids = pids
    yield start
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            pipe.close()


def python(started, code, *arguments, **kwargs):
    return started([sys.executable, "-c", HEAD + textwrap.dedent(code), *map(str, arguments)], **kwargs)


def wait(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def is_free(name):
    found = taken(name)
    if isinstance(found, Slot):
        found.release()
    return isinstance(found, Slot)


def gone(pid):
    try:
        return not ProcessId.of(pid).alive()
    except ProcessLookupError:
        return True


def test_a_free_gpu_is_had_once_and_again_when_it_was_let_go():
    mine = taken("0")
    assert mine.name == "0"
    assert isinstance(taken("0"), Holder)
    assert is_free("1")
    mine.release()
    assert is_free("0")


def test_a_process_that_runs_another_program_does_not_take_the_lock_along(started):
    mine = taken("0")
    started(["sleep", "60"])
    mine.release()
    assert is_free("0")


def test_processes_that_want_one_at_once_never_have_it_at_once(tmp_path, started):
    """Each makes a file while it has the GPU, which must not be there."""
    code = """
        had, until = 0, time.monotonic() + 60
        while had < 15 and time.monotonic() < until:
            found = taken("0")
            if isinstance(found, Slot):
                os.close(os.open(sys.argv[1], os.O_CREAT | os.O_EXCL))
                found.note(str(os.getpid()), sys.argv[1], ProcessId.of(1))
                time.sleep(0.001)
                os.unlink(sys.argv[1])
                os.truncate(found.descriptor, 0)
                found.release()
                had += 1
            time.sleep(0.0005)
        sys.exit(had != 15)
    """
    users = [python(started, code, tmp_path / "used", stderr=subprocess.PIPE) for _ in range(3)]
    said = [(user.communicate()[1], user.returncode) for user in users]
    assert said == [("", 0)] * 3


# The lock is the job's


def test_a_job_holds_it_with_its_last_process_whoever_started_it(started):
    mine = taken("0")
    shell = started(
        ["/bin/sh", "-c", 'sleep 60 & echo $!; kill -9 "$$"'],
        pass_fds=[mine.descriptor],
    )
    mine.release()
    started.pids.append(child := int(shell.stdout.readline()))
    shell.wait()
    assert not is_free("0")
    os.kill(child, signal.SIGKILL)
    wait(lambda: is_free("0"))


def test_a_grandchild_holds_it_too(started):
    mine = taken("0")
    inner = "sleep 60 & echo $!"
    shell = started(["/bin/sh", "-c", f"/bin/sh -c {inner!r}"], pass_fds=[mine.descriptor])
    mine.release()
    started.pids.append(grandchild := int(shell.stdout.readline()))
    shell.wait()
    assert not is_free("0")
    os.kill(grandchild, signal.SIGKILL)
    wait(lambda: is_free("0"))


def test_it_is_free_after_kill_minus_nine_of_who_holds_it(started):
    code = """
        found = taken("0")
        found.note("r", "/never/heard/of", ProcessId.current())
        print("has it", flush=True)
        time.sleep(60)
    """
    holder = python(started, code)
    assert holder.stdout.readline() == "has it\n"
    assert taken("0") == Holder(run="r")
    holder.kill()
    wait(lambda: is_free("0"))


LEAVES = """
    import subprocess
    environ = {**os.environ, **({"CONFJOB_RUN_DIR": sys.argv[2]} if sys.argv[2] else {})}
    worker = subprocess.Popen(["sleep", "60"], env=environ, start_new_session=sys.argv[1] == "leaves")
    print(worker.pid, flush=True)
    time.sleep(60)
"""


def launcher(started, run_dir, how, note=None):
    """Return the worker of a launcher that is dead; the worker closed what it inherited."""
    mine = taken("0")
    process = python(started, LEAVES, how, run_dir if how == "leaves" else "", pass_fds=[mine.descriptor])
    mine.note("7f3a", note or str(run_dir), ProcessId.of(process.pid))
    mine.release()
    started.pids.append(worker := int(process.stdout.readline()))
    process.kill()
    process.wait()
    return worker


@pytest.mark.parametrize("how", ["stays", "leaves"])
def test_a_worker_that_closed_the_lock_keeps_the_gpu_though_its_launcher_is_dead(started, tmp_path, how):
    """In the session of the run, or out of it with the run's folder in its environment."""
    worker = launcher(started, tmp_path / "runs" / "7f3a", how)
    assert taken("0") == Holder(run="7f3a")
    assert seen() == {"0": Holder(run="7f3a")}
    os.kill(worker, signal.SIGKILL)
    wait(lambda: is_free("0"))
    assert seen() == {}


def test_a_worker_of_another_run_keeps_nothing(started, tmp_path):
    launcher(started, tmp_path / "runs" / "abcd", "leaves", note=str(tmp_path / "runs" / "abc"))
    assert is_free("0")


def test_once_nothing_of_a_run_lives_its_name_is_forgotten(started, tmp_path, folder):
    worker = launcher(started, tmp_path / "r", "leaves")
    assert (folder / "gpu-0").read_bytes()
    os.kill(worker, signal.SIGKILL)
    wait(lambda: is_free("0"))
    assert (folder / "gpu-0").read_bytes() == b""


# The files


def test_the_folder_and_the_locks_are_everyones_whatever_the_umask(folder):
    before = os.umask(0o077)
    try:
        assert is_free("0")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert (folder / "gpu-0").stat().st_mode & 0o7777 == 0o666


def test_a_named_folder_is_made_with_all_above_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CONFJOB_SLOTS_DIR", str(tmp_path / "a/b/c"))
    assert lock_folder() == tmp_path / "a/b/c"
    assert is_free("0")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONFJOB_SLOTS_DIR", str(tmp_path / "file/locks"))
    with pytest.raises(BackendError, match="file/locks, can't be made"):
        taken("0")


def test_a_link_in_place_of_a_lock_is_refused_and_not_followed(tmp_path, folder):
    lock_folder()
    (tmp_path / "precious").write_text("precious")
    (folder / "gpu-0").symlink_to(tmp_path / "precious")
    with pytest.raises(BackendError, match="gpu-0, can't be opened"):
        taken("0")
    assert seen() == {}
    (folder / "gpu-1").symlink_to(tmp_path / "absent")
    with pytest.raises(BackendError, match="gpu-1"):
        taken("1")
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "absent").exists()


def test_a_folder_in_place_of_a_lock_is_refused(folder):
    (lock_folder() / "gpu-0").mkdir()
    with pytest.raises(BackendError, match="gpu-0, can't be opened"):
        taken("0")
    assert seen() == {}


def test_a_pipe_in_place_of_a_lock_makes_nobody_wait(folder):
    os.mkfifo(lock_folder() / "gpu-0")
    assert seen() == {}


@pytest.mark.parametrize("replaced", [True, False])
def test_a_lock_that_was_removed_after_it_was_opened_is_not_the_lock(folder, monkeypatch, replaced):
    """Else two would have the GPU: one with the old file, one with the new."""
    opened = []

    def opening(path, really=slots._opened):
        descriptor = really(path)
        opened.append(descriptor)
        if len(opened) == 1:
            path.unlink()
            path.touch() if replaced else None
        return descriptor

    monkeypatch.setattr(slots, "_opened", opening)
    mine = taken("0")
    assert len(opened) == 2
    assert os.fstat(mine.descriptor).st_ino == (folder / "gpu-0").stat().st_ino
    assert isinstance(taken("0"), Holder)
    mine.release()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("0", "gpu-0"),
        ("GPU-8932f937-d72c", "gpu-GPU-8932f937-d72c"),
        ("MIG-GPU-1/7/0", "gpu-MIG-GPU-1_7_0"),
        ("../../x y", "gpu-.._.._x_y"),
        ("ä\udcff", "gpu-__"),
    ],
)
def test_every_name_has_a_lock_in_the_folder(folder, name, file):
    assert is_free(name)
    assert [path.name for path in folder.iterdir()] == [file]


# What is written in them


HERE = ProcessId.current()


def leader(pid, start=HERE.start):
    return "/".join([HERE.host, HERE.machine, HERE.boot, HERE.namespace, str(pid), start])


def noted(**values):
    return json.dumps({"run": "r", "run_dir": "/r", "uid": os.getuid(), "leader": leader(1, "0"), **values})


NOTES = [
    "",
    "x",
    "null",
    "[]",
    "{}",
    '{"run": "r"',
    "\0" * 50,
    "[" * 30_000,
    "\udcff\udcfe",
    noted(leader=""),
    noted(leader="a/b/c"),
    noted(leader=None),
    noted(leader=leader("x")),
    noted(leader=leader(-1)),
    noted(leader=leader(0)),
    noted(leader=leader(10**30)),
    noted(leader=leader("9" * 5000)),
    noted(run_dir=""),
    noted(run_dir=None),
    noted(run_dir="\ud800"),
    noted(run_dir="\0"),
    noted(run_dir=[]),
    noted(leader=str(HERE).replace(HERE.boot, "another-boot") if HERE.boot else ""),
    noted(leader=str(HERE).replace(HERE.namespace, "1") if HERE.namespace else ""),
]


@pytest.mark.parametrize("note", NOTES)
def test_nonsense_in_a_lock_that_nobody_holds_keeps_no_gpu(folder, note):
    (lock_folder() / "gpu-0").write_bytes(note.encode("utf-8", "surrogateescape"))
    assert seen() == {}
    assert is_free("0")


@pytest.mark.parametrize("note", NOTES)
def test_nonsense_in_a_lock_that_is_held_gives_no_gpu(folder, note):
    mine = taken("0")
    os.pwrite(mine.descriptor, note.encode("utf-8", "surrogateescape"), 0)
    assert isinstance(taken("0"), Holder)
    assert seen().keys() == {"0"}
    mine.release()


def test_whoever_says_nothing_is_another_program():
    mine = taken("0")
    assert str(taken("0")) == "run of another program"
    mine.release()


def test_what_another_wrote_cannot_play_with_the_terminal():
    mine = taken("0")
    os.pwrite(mine.descriptor, json.dumps({"run": "\x1b[2Jr\n" + "x" * 500}).encode(), 0)
    assert str(taken("0")) == "run [2Jr" + "x" * 94
    mine.release()


def test_a_note_replaces_the_one_before_and_the_longest_path_fits(started, folder):
    mine = taken("0")
    lives = ProcessId.of(started(["sleep", "60"]).pid)
    longest = "/" + "\udcff" * 4094
    mine.note("first", longest, lives)
    assert json.loads((folder / "gpu-0").read_bytes())["run_dir"] == longest
    mine.note("second", "/r", lives)
    mine.release()
    assert taken("0") == Holder(run="second")


def test_the_longest_note_is_read_again(started):
    mine = taken("0")
    mine.note("first", "/" + "\udcff" * 4094, ProcessId.of(started(["sleep", "60"]).pid))
    mine.release()
    assert taken("0") == Holder(run="first")


def test_a_user_who_is_gone_has_a_number():
    mine = taken("0")
    os.pwrite(mine.descriptor, noted(uid=2_000_000_011).encode(), 0)
    assert str(taken("0")) == "run r of user 2000000011"
    mine.release()


# Looking


def test_holders_are_those_that_cannot_be_had_and_looking_keeps_none(started):
    mine = taken("1")
    mine.note("r", "/r", HERE)
    assert holders(["0", "1", "2"]) == {"1": Holder(run="r")}
    assert holders([]) == {}
    assert is_free("0")
    mine.release()


def test_a_lock_that_cannot_be_opened_is_no_fault_of_the_others(folder):
    """Anyone may put something in its place; the agent must go on."""
    (lock_folder() / "gpu-0").symlink_to("/dev/null")
    assert holders(["0", "1"]) == {"0": Holder(run="of another program")}


def test_a_look_from_afar_makes_nothing(folder):
    assert seen() == {}
    assert not folder.exists()


# Another user


ANOTHER = """
    os.setgid(65534); os.setuid(65534)
    found = taken("0")
    if isinstance(found, Slot):
        found.note("theirs", "/theirs", ProcessId.current())
        print("has it", flush=True)
        sys.stdin.read()
    else:
        print(found)
"""


@pytest.fixture
def common(monkeypatch):
    """A folder of locks that every user can reach."""
    if os.getuid() != 0:
        pytest.skip("only root can be another user as well")
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        monkeypatch.setenv("CONFJOB_SLOTS_DIR", f"{path}/slots")
        yield Path(path) / "slots"


def another(started):
    return python(started, ANOTHER, stdin=subprocess.PIPE)


def test_another_user_can_take_the_free_gpu_of_a_lock_that_somebody_made(common, started):
    assert is_free("0")
    theirs = another(started)
    assert theirs.stdout.readline() == "has it\n"
    assert (common / "gpu-0").stat().st_uid == 0
    assert str(taken("0")).startswith("run theirs of ")
    theirs.communicate()
    wait(lambda: is_free("0"))


def test_the_other_way_round_too(common, started):
    """They made the folder and the file; it is theirs, and everyone's."""
    common.parent.chmod(0o777)
    theirs = another(started)
    assert theirs.stdout.readline() == "has it\n"
    assert ((common / "gpu-0").stat().st_uid, common.stat().st_mode & 0o7777) == (65534, 0o1777)
    theirs.communicate()
    wait(lambda: is_free("0"))


def test_another_user_sees_whose_it_is(common, started):
    mine = taken("0")
    mine.note("mine", "/mine", HERE)
    assert another(started).communicate()[0] == "run mine of root\n"
    mine.release()


def test_another_user_cannot_have_it_while_the_session_of_a_run_lives(common, started, tmp_path):
    worker = launcher(started, tmp_path / "r", "stays")
    assert another(started).communicate()[0] == "run 7f3a of root\n"
    os.kill(worker, signal.SIGKILL)
    wait(lambda: gone(worker))
    assert another(started).communicate()[0] == "has it\n"


def test_a_run_that_was_about_to_start_is_known_by_its_folder(monkeypatch, tmp_path):
    """Whoever started it died before writing down its shell, and its worker has closed the lock."""
    monkeypatch.setenv("CONFJOB_SLOTS_DIR", str(tmp_path / "slots"))
    run_dir = str(tmp_path / "r")
    with subprocess.Popen(["sleep", "60"], env={"CONFJOB_RUN_DIR": run_dir}) as worker:
        # A process that has just begun has another's environment for an instant.
        wait(lambda: run_dir.encode() in Path(f"/proc/{worker.pid}/environ").read_bytes())
        slot = taken("0")
        slot.note("7f3a", run_dir)
        slot.release()
        assert str(taken("0")) == "run 7f3a"
        worker.kill()
    assert is_free("0")
