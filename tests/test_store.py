import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from confjob.errors import RunError
from confjob.process import ProcessId
from confjob.store import RunFolder, Store


@pytest.fixture
def store(tmp_path):
    return Store(state=tmp_path / ".confjob")


def make(store, submitted=None, **files):
    run = store.fresh()
    record = {"id": run.id, "submitted": time.time() if submitted is None else submitted}
    return store.create(run, {"run.json": json.dumps(record), **files})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_run_folder_has_its_files_with_the_permissions_they_need(store):
    run = store.fresh()
    store.create(
        run,
        {
            "run.json": "{}",
            "job.sh": "true",
            "env": b"x",
            "private/a/key": b"\xff",
            "patch/c/d.yaml": "a",
            "git/": b"",
        },
        modes={"patch/c/d.yaml": 0o640},
        links={"imports/src": "../workspace/src"},
    )
    assert [mode(run.path / name) & 0o700 for name in ("env", "private/a/key")] == [0o600, 0o600]
    assert mode(run.path / "env") == mode(run.path / "private/a/key") == 0o600
    assert mode(run.path / "private") == mode(run.path / "job.sh") == 0o700
    assert mode(run.path / "patch/c/d.yaml") == 0o640
    assert (run.path / "private/a/key").read_bytes() == b"\xff"
    assert (run.path / "git").is_dir()
    assert str((run.path / "imports/src").readlink()) == "../workspace/src"


def test_text_keeps_bytes_that_are_not_utf8(store):
    run = make(store, **{"job.sh": os.fsdecode(b"caf\xe9")})
    assert (run.path / "job.sh").read_bytes() == b"caf\xe9"


def test_a_new_run_names_its_launcher_from_the_first_instant(store):
    run = make(store)
    assert run.launch()["launcher"] == str(ProcessId.current())
    assert run.attempts == (1,)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ""])
def test_nothing_is_written_outside_the_run_folder(store, name):
    run = store.fresh()
    with pytest.raises(ValueError):
        store.create(run, {name: "x"})
    assert list(store.folder.iterdir()) == []


def test_ids_are_short_readable_and_unlike_each_other(store):
    ids = {store.fresh().id for _ in range(200)}
    assert len(ids) == 200
    assert all(len(name) == 7 and name[0].isalpha() and not set(name) & set("ilo01") for name in ids)


def test_a_taken_id_is_refused_and_its_run_stays(store):
    run = make(store)
    with pytest.raises(RunError, match="exists already"):
        store.create(run, {"run.json": "{}"})
    assert run.record["id"] == run.id
    assert [path.name for path in store.folder.iterdir()] == [run.id]


def test_one_of_many_at_once_gets_an_id(store):
    run, made, refused = store.fresh(), [], []

    def create(number):
        try:
            made.append(store.create(run, {"run.json": json.dumps({"n": number})}))
        except RunError as error:
            refused.append(error)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (1, 7)
    assert [path.name for path in store.folder.iterdir()] == [run.id]


def test_the_state_folder_ignores_itself_once_and_keeps_an_edited_gitignore(store):
    make(store)
    ignore = store.state / ".gitignore"
    assert ignore.read_text() == "*\n"
    ignore.write_text("mine\n")
    make(store)
    assert ignore.read_text() == "mine\n"


def test_a_shared_scratch_folder_is_not_hidden_from_git(tmp_path):
    (tmp_path / "other").mkdir()
    make(Store(state=tmp_path))
    assert not (tmp_path / ".gitignore").exists()


def test_an_id_may_be_abbreviated_as_long_as_it_is_unique(store):
    for name in ("abc2345", "abd2345", "x234567"):
        store.create(RunFolder(id=name, path=store.folder / name), {"run.json": "{}"})
    assert store.find("x").id == "x234567"
    assert store.find("abd2345").id == "abd2345"
    with pytest.raises(RunError, match="ambiguous") as ambiguous:
        store.find("ab")
    assert ambiguous.value.hint == "it may be abc2345, abd2345"
    with pytest.raises(RunError) as unknown:
        store.find("abx2345")
    assert "did you mean ab" in unknown.value.hint
    for wrong in ("", "../runs", ".new"):
        with pytest.raises(RunError):
            store.find(wrong)


def test_an_id_that_begins_another_is_itself(store):
    for name in ("abc", "abcd"):
        store.create(RunFolder(id=name, path=store.folder / name), {"run.json": "{}"})
    assert store.find("abc").id == "abc"


def test_without_runs_nothing_is_found_and_nothing_made(store):
    assert store.runs() == []
    with pytest.raises(RunError):
        store.find("a")
    assert not store.state.exists()


def test_runs_are_listed_newest_first_without_drafts_and_with_a_warning_for_broken_ones(store, caplog):
    old, new, middle = (make(store, submitted) for submitted in (1.0, 3.0, 2.0))
    broken = make(store)
    (broken.path / "run.json").write_text('{"id": "x", "subm')
    (store.folder / ".new-abc-1").mkdir()
    with caplog.at_level(logging.WARNING):
        assert store.runs() == [new, middle, old]
    assert broken.id in caplog.text
    with pytest.raises(RunError, match="can't be read"):
        _ = broken.record


@pytest.mark.parametrize("content", [b"", b'{"at": 1', b"[1]", b"null", b"\xff\xfe", b'{"at": }'])
def test_a_record_that_cannot_be_read_is_absent(store, content):
    run = make(store)
    for name in ("start", "end"):
        (run.path / f"attempts/1/{name}.json").write_bytes(content)
    (run.path / "cancel.json").write_bytes(content)
    assert (run.start(), run.end(), run.cancel_request) == (None, None, None)


def test_the_latest_attempt_is_what_records_are_read_from(store):
    run = make(store)
    run.record_handle("first")
    assert run.handle == "first"
    for number in (2, 10):
        run.write_json(f"attempts/{number}/start.json", {"at": number})
    assert run.attempts == (1, 2, 10)
    assert run.start() == {"at": 10}
    assert run.start(2) == {"at": 2}
    assert run.handle is None  # that was the first attempt's
    run.record_launch()
    run.record_handle("tenth")
    assert run.handle == "tenth"
    assert run.launch(10)["launcher"] == str(ProcessId.current())


def test_the_first_cancel_request_stands(store):
    run = make(store)
    run.request_cancel("ann")
    run.request_cancel("bob")
    assert run.cancel_request["by"] == "ann"


def test_readers_never_see_half_a_record(store):
    run = make(store)
    run.write_json("x.json", {"n": "a" * 10000})
    stop = threading.Event()

    def write():
        for number in range(60):
            run.write_json("x.json", {"n": str(number) * 10000})
        stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not stop.is_set():
        assert run.read_json("x.json") is not None
    thread.join()
    assert not [path for path in run.path.iterdir() if path.name.startswith(".x")]


_CREATE_FOR_EVER = """
import sys
from pathlib import Path
from confjob.store import Store
store = Store(state=Path(sys.argv[1]))
print("ready", flush=True)
while True:
    run = store.fresh()
    files = {f"patch/{n}": "x" * 1000 for n in range(20)}
    store.create(run, {**files, "run.json": '{"submitted": 1}', "job.sh": "true"})
"""


def test_kill_minus_nine_leaves_only_whole_runs(store):
    for delay in (0.0, 0.01, 0.023, 0.037):
        process = subprocess.Popen(
            [sys.executable, "-c", _CREATE_FOR_EVER, store.state], stdout=subprocess.PIPE
        )
        with process:
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
    assert all(len(list((run.path / "patch").iterdir())) == 20 and run.launch() for run in store.runs())
    assert len(store.runs()) == len(store._ids())
